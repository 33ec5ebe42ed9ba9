"""The controls as traits, and what travels to the page beside them."""

from __future__ import annotations

from types import new_class
from typing import Any

import anywidget
import ipywidgets
import traitlets

from daam_nb.errors import DaamError
from daam_nb.show.explorer.controls import CONTROLS, Control, of_choice, one_or_several

MEASURED = ("iou", "iod", "ioh", "peak", "status")  # read only


class ControlTrait(traitlets.TraitType[Any, Any]):
    """A control of the table as a trait that the page knows too; its kind reads the values."""

    def __init__(self, control: Control) -> None:
        super().__init__(control.default)
        self.kind, self.info_text = control.kind, control.kind.values
        self.tag(sync=True, to_json=self._for_page, from_json=self._of_page)

    def validate(self, obj: Any, value: Any) -> Any:
        try:
            read = self.kind.read(value, obj.subject)
        except DaamError as error:
            raise traitlets.TraitError(of_choice(self.name or "", error)) from error
        if obj._complete:
            obj.list_entries()  # before the choice of what is new is sent
        return read

    def _for_page(self, value: Any, explorer: Any = None) -> Any:
        engine = getattr(explorer, "_engine", None)  # None once it was closed
        return self.kind.for_page(value, engine and engine.subject)

    def _of_page(self, value: Any, obj: Any) -> Any:
        try:
            return self.kind.of_page(value, obj.subject)
        except DaamError as error:
            raise traitlets.TraitError(of_choice(self.name or "", error)) from error


def completed(choices: dict[str, Any]) -> dict[str, Any]:
    """Choices with what they let go of: `one_or_several`."""
    try:
        return one_or_several(choices)
    except DaamError as error:
        raise traitlets.TraitError(of_choice("heads", error)) from error


def _shared(trait: Any) -> Any:
    """Mark a trait as one that the browser knows too."""
    return trait.tag(sync=True)


_TRAITS = {control.name: ControlTrait(control) for control in CONTROLS}
_Controls: Any = new_class(
    "_Controls", (anywidget.AnyWidget,), exec_body=lambda namespace: namespace.update(_TRAITS)
)


class Choices(_Controls):  # type: ignore[misc]
    """The traits of an explorer: every control of `daam_nb.show.explorer.controls`, and these.

    Attributes
    ----------
    iou, iod, ioh
        Of the masks of `word` (the head word) and `word_b` (the dependent) at the threshold, on the
        latent grid, exact; None without `word_b`. Read only.
    peak
        Largest value of the exact map of `word`. Read only.
    status
        What is shown, in one sentence. Read only.
    """

    iou = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    iod = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    ioh = _shared(traitlets.Float(None, allow_none=True, read_only=True))
    peak = _shared(traitlets.Float(0.0, read_only=True))
    status = _shared(traitlets.Unicode("", read_only=True))

    # Of two recordings, A's: B's explorer, which this one's page shows too; what both choose
    # together; and what is said of the pair.
    _other = traitlets.Any(None).tag(sync=True, **ipywidgets.widget_serialization)
    _linked = _shared(traitlets.List())
    _note = _shared(traitlets.Unicode(""))

    _facts = _shared(traitlets.Dict())
    _images = _shared(traitlets.Bytes())  # the image and the strip: `container`
    _first = _shared(traitlets.Bytes())  # the maps of one selection, to be painted first


assert Choices.__doc__ is not None
Choices.__doc__ += "\n    Controls\n    --------\n" + "".join(
    f"    {control.name}\n        {control.about[0].upper()}{control.about[1:]}: "
    f"{control.kind.values}.\n"
    for control in CONTROLS
)
