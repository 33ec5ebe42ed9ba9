"""What an explorer has in Python, of two recordings: choices that both follow, results of both."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import new_class
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from PIL import Image

from daam_nb.errors import ReadOnlyError, UnknownOptionError, unknown_names_message
from daam_nb.show.explorer.controls import CHOICES, CONTROLS, check_names
from daam_nb.show.explorer.export.handout import MAX_BYTES
from daam_nb.show.explorer.export.png import free_path, png_of
from daam_nb.show.explorer.export.still import side_by_side
from daam_nb.show.explorer.page.callbacks import Stop
from daam_nb.show.explorer.page.choices import MEASURED
from daam_nb.storage import write_file

if TYPE_CHECKING:
    from daam_nb.recording import Recording
    from daam_nb.show.explorer.export.animation import Moving
    from daam_nb.show.explorer.export.frame import Rows
    from daam_nb.show.explorer.export.png import Drawn
    from daam_nb.show.explorer.export.snapshot import Look
    from daam_nb.show.explorer.model.engine import Engine
    from daam_nb.show.explorer.model.entries import Entry
    from daam_nb.show.explorer.model.ranking import Polygon, Ranked
    from daam_nb.show.explorer.model.selection import Selected
    from daam_nb.show.explorer.model.subject import Subject
    from daam_nb.show.explorer.page.widget import Explorer
    from daam_nb.show.explorer.redrawing.result import WhatIf
    from daam_nb.show.figures.figure import Figure

SIDES = ("A", "B")


class ChoiceOfBoth(traitlets.TraitType[Any, Any]):
    """A choice of two recordings: set on A, which reads and checks it, and B follows."""

    def validate(self, obj: Any, value: Any) -> Any:
        return obj._chosen(self.name, value)


_TRAITS: dict[str, Any] = {
    **{control.name: ChoiceOfBoth(control.default) for control in CONTROLS},
    **{name: traitlets.Any(None, read_only=True) for name in MEASURED},
}
_Choices: Any = new_class(
    "_Choices", (ipywidgets.VBox,), exec_body=lambda namespace: namespace.update(_TRAITS)
)


class BothSides(_Choices):  # type: ignore[misc]
    """The choices and results of two explorers, A (`left`) and B (`right`).

    Every choice is a trait, as of an explorer: what is read is A's, what is set is set on A, and B
    follows. What belongs to a recording comes as a pair (A, B).
    """

    left: Explorer
    right: Explorer
    _adopting = False

    @property
    def sides(self) -> tuple[Explorer, Explorer]:
        """Both explorers."""
        return self.left, self.right

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a choice; a name that nothing uses would be set, and nothing would change."""
        kind = type(self)
        known = name.startswith("_") or any(name in vars(base) for base in kind.__mro__)
        if not known and not any(
            name in vars(base).get("__annotations__", {}) for base in kind.__mro__
        ):
            raise UnknownOptionError(
                unknown_names_message([name], CHOICES, where="The comparison", what="choice")
            )
        own = getattr(kind, name, None)
        if name in MEASURED or (isinstance(own, property) and own.fset is None):
            raise ReadOnlyError(
                f"comparison.{name} follows from the choices and cannot be set. Set what it "
                f"follows from: {', '.join(CHOICES)}."
            )
        super().__setattr__(name, value)

    def observe(self, handler: Any, names: Any = traitlets.All, type: Any = "change") -> None:
        """Call a function when a trait changes; a name that is no trait is refused."""
        listed: list[Any] = [names] if isinstance(names, str) or names is traitlets.All else names
        unknown = [
            str(name) for name in listed if name is not traitlets.All and not self.has_trait(name)
        ]
        if unknown:
            raise UnknownOptionError(
                unknown_names_message(
                    unknown, (*CHOICES, *MEASURED), where="observe()", what="trait"
                )
            )
        super().observe(handler, names, type)

    def _chosen(self, name: str, value: Any) -> Any:
        if not self._adopting:
            self.left.choose(**{name: value})
        return getattr(self.left, name)

    def _adopt(self, _: Any = None) -> None:
        """Take over what A has chosen, and what was measured of both."""
        if self._adopting:
            return
        self._adopting = True
        try:
            with self.hold_trait_notifications():
                for name in CHOICES:
                    self.set_trait(name, getattr(self.left, name))
                for name in MEASURED[:-1]:
                    self.set_trait(name, tuple(getattr(side, name) for side in self.sides))
                said = (f"{at}: {side.status}" for at, side in zip(SIDES, self.sides, strict=True))
                self.set_trait("status", " ".join(said))
        finally:
            self._adopting = False

    # --- what is chosen ---------------------------------------------------------------------------

    def choose(
        self, *, occurrence: int | None = None, occurrence_b: int | None = None, **choices: Any
    ) -> Any:
        """Set several choices of A at once, all or none; B follows. See `Explorer.choose`."""
        check_names(choices, where="choose()", also=("layout",))
        layout = {"layout": choices.pop("layout")} if "layout" in choices else {}
        self.left.choose(occurrence=occurrence, occurrence_b=occurrence_b, **choices)
        for name, value in layout.items():
            self.set_trait(name, value)
        return self

    def number_of(self, what: object, *, occurrence: int | None = None) -> int:
        """Number of a word, phrase or part of A's prompt, as `word` takes it."""
        return self.left.number_of(what, occurrence=occurrence)

    def on_word(self, callback: Callable[[Any], object]) -> Stop:
        """Call a function with the word that is chosen in A; see `Explorer.on_word`."""
        return self.left.on_word(callback)

    def on_region(self, callback: Callable[[Any], object]) -> Stop:
        """Call a function with the region that is drawn; see `Explorer.on_region`."""
        return self.left.on_region(callback)

    def on_head(self, callback: Callable[[Any, Any], object]) -> Stop:
        """Call a function with the (layer, head) of A; see `Explorer.on_head`."""
        return self.left.on_head(callback)

    def on_heads(self, callback: Callable[[Any, Any], object]) -> Stop:
        """Call a function with the layers and heads of A; see `Explorer.on_heads`."""
        return self.left.on_heads(callback)

    def on_selection(self, callback: Callable[[dict[str, Any]], object]) -> Stop:
        """Call a function with layers, heads and steps of A; see `Explorer.on_selection`."""
        return self.left.on_selection(callback)

    @property
    def selections(self) -> dict[str, dict[str, Any]]:
        """The selections of A that were saved; see `Explorer.selections`."""
        return self.left.selections

    def save_selection(self, name: str) -> None:
        """Keep the layers, heads and steps that A shows; see `Explorer.save_selection`."""
        self.left.save_selection(name)

    def select(self, name: str) -> None:
        """Choose a saved selection again in A; B follows. See `Explorer.select`."""
        self.left.select(name)

    def delete_selection(self, name: str) -> None:
        """Delete a saved selection; see `Explorer.delete_selection`."""
        self.left.delete_selection(name)

    # --- of each recording ------------------------------------------------------------------------

    @property
    def run(self) -> tuple[Recording, Recording]:
        """The recordings (A, B)."""
        return self.left.run, self.right.run

    @property
    def subject(self) -> tuple[Subject, Subject]:
        """The recordings and what can be chosen of them (A, B)."""
        return self.left.subject, self.right.subject

    @property
    def engine(self) -> tuple[Engine, Engine]:
        """What works out and keeps the maps (A, B)."""
        return self.left.engine, self.right.engine

    @property
    def kind(self) -> tuple[str, str]:
        """What the maps of (A, B) show."""
        return self.left.kind, self.right.kind

    @property
    def words(self) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        """The words of (A, B); `word` counts A's."""
        return self.left.words, self.right.words

    @property
    def selected(self) -> tuple[Selected, Selected]:
        """Word, layers, heads and steps of (A, B), by their numbers and places."""
        return self.left.selected, self.right.selected

    @property
    def selection(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Layers, steps and heads of (A, B) as `heat_maps` takes them."""
        return self.left.selection, self.right.selection

    @property
    def look(self) -> tuple[Look, Look]:
        """What (A, B) show now, without the widgets."""
        return self.left.look, self.right.look

    def words_at(self, y: float, x: float) -> tuple[tuple[Ranked, ...], tuple[Ranked, ...]]:
        """Rank the words of (A, B) at a place of their images; see `Explorer.words_at`."""
        return self.left.words_at(y, x), self.right.words_at(y, x)

    def words_in(
        self, polygon: Polygon | None = None
    ) -> tuple[tuple[Ranked, ...], tuple[Ranked, ...]]:
        """Rank the words of (A, B) in a region of their images; see `Explorer.words_in`."""
        return self.left.words_in(polygon), self.right.words_in(polygon)

    def looks_from(self, y: float, x: float) -> tuple[Any, Any]:
        """Map what a place of each image attends to in that image; see `Explorer.looks_from`."""
        return self.left.looks_from(y, x), self.right.looks_from(y, x)

    def what_if(self, word: object = None, how: Any = "hide", **options: Any) -> tuple[Any, Any]:
        """Draw both images again, A's first, each with the options of `Explorer.what_if`.

        `word` is a text that both prompts have; None: the word that each shows.
        """
        first, second = (side.what_if(word, how, **options) for side in self.sides)
        return first, second

    @property
    def what_if_drawn(self) -> tuple[WhatIf | None, WhatIf | None]:
        """What was drawn last of (A, B); None before."""
        return self.left.what_if_drawn, self.right.what_if_drawn

    def ask_for_parse(self) -> None:
        """Parse both prompts, unless that was tried before."""
        for side in self.sides:
            side.ask_for_parse()

    def list_entries(self) -> None:
        """Tell the page of phrases that were asked for since."""
        for side in self.sides:
            side.list_entries()

    # --- what is taken away -----------------------------------------------------------------------

    def still_png(self) -> bytes | None:
        """What both sides and their difference show as a small PNG; None: not to be drawn."""
        drawn = [still for side in self.sides if (still := side.still_png()) is not None]
        return side_by_side([*drawn, *self._difference_png()]) if len(drawn) == 2 else None

    def to_figure(self) -> tuple[Figure, Figure]:
        """Draw the current selection of (A, B), a figure each."""
        return self.left.to_figure(), self.right.to_figure()

    def to_png(self, path: str | Path, *, what: Drawn = "figure", overwrite: bool = False) -> Path:
        """Write one PNG: A, B and, beside figures and overlays, the difference.

        The parameters and errors are those of `Explorer.to_png`.
        """
        file = free_path(path, ".png", overwrite=overwrite)
        drawn = [png_of(side.look, what) for side in self.sides]
        if what in ("figure", "overlay"):
            drawn += self._difference_png()
        write_file(file, side_by_side(drawn))
        return file

    def to_animation(
        self, path: str | Path, *, what: Moving = "overlay", overwrite: bool = False, **options: Any
    ) -> tuple[Path, Path]:
        """Write the chosen steps as moving images: ``fox.gif`` as ``fox-A.gif``, ``fox-B.gif``.

        The options and errors are those of `Explorer.to_animation`.
        """
        first, second = self._paths(path)
        _free(first, second, overwrite=overwrite)
        options |= {"what": what, "overwrite": overwrite}
        return (
            self.left.to_animation(first, **options),
            self.right.to_animation(second, **options),
        )

    def to_frame(self, by: Rows = "word") -> Any:
        """Return the numbers of both as one `pandas.DataFrame`.

        The rows are those of `Explorer.to_frame`, A's first; the column ``recording`` says which.
        `attrs` holds those of both, by ``"A"`` and ``"B"``.
        """
        frames = {at: side.to_frame(by) for at, side in zip(SIDES, self.sides, strict=True)}
        import pandas as pd

        attributes = {at: frame.attrs for at, frame in frames.items()}
        for at, frame in frames.items():
            frame.attrs = {}
            frame.insert(0, "recording", at)
        both = pd.concat(list(frames.values()), ignore_index=True)
        both.attrs = attributes
        return both

    def to_html(
        self,
        path: str | Path,
        *,
        embed: Any = (),
        overwrite: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> tuple[Path, Path]:
        """Write a hand-out of each: ``fox.html`` as ``fox-A.html`` and ``fox-B.html``.

        The options and errors are those of `Explorer.to_html`.
        """
        first, second = self._paths(path)
        _free(first, second, overwrite=overwrite)
        options: Any = {"embed": embed, "overwrite": overwrite, "max_bytes": max_bytes}
        return self.left.to_html(first, **options), self.right.to_html(second, **options)

    def _paths(self, path: str | Path) -> tuple[Path, Path]:
        whole = Path(path)
        first, second = (whole.with_name(f"{whole.stem}-{at}{whole.suffix}") for at in SIDES)
        return first, second

    def _difference_png(self) -> list[bytes]:
        image: Image.Image | None = getattr(self, "image", None)
        if image is None:
            return []
        written = io.BytesIO()
        image.save(written, "PNG")
        return [written.getvalue()]


def _free(*paths: Path, overwrite: bool) -> None:
    """Refuse both files where one of them is there, before any is written."""
    for path in paths:
        free_path(path, path.suffix, overwrite=overwrite)
