"""Choices of layers and heads to average over, and of the scaling of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from daam_nb.errors import StudyError
from daam_nb.kinds import check_choice, check_text, kind_of
from daam_nb.recording import LayerChoice
from daam_nb.selection import RELEVANT, HeadChoice, Heads

Scaling = Literal["none", "layers"]
Varies = Literal["layers", "heads", "scaling"]
VARIES: tuple[Varies, ...] = ("layers", "heads", "scaling")
"""What a choice can differ in."""

SCALED = ", layers scaled"
_RECOMMENDED = "recommended"
ONLY = "any"
"""What the choice of a method is called that has none."""


@dataclass(frozen=True)
class Choice:
    """One way to average a recording.

    Attributes
    ----------
    layers, heads
        As for `heat_maps`.
    scaling
        ``"none"``: layers are averaged unscaled. ``"layers"``: each layer's maps are first divided
        by one number, the layer's own maximum over cells and words, so that all count equally.
    """

    layers: LayerChoice = "paper"
    heads: HeadChoice = None
    scaling: Scaling = "none"

    def __post_init__(self) -> None:
        check_choice(self.scaling, "scaling", ("none", "layers"))

    def limited(self, varies: Sequence[str]) -> Choice:
        """The same choice, with the defaults for parts that a method does not read."""
        defaults = {name: getattr(Choice(), name) for name in VARIES if name not in varies}
        return replace(self, **defaults)


def choices_of(value: Any, *, recommended: Any = None, heads: Sequence[Any] = ()) -> dict[str, Any]:
    """Read choices, each with its name.

    Parameters
    ----------
    value
        Name -> layers or a `Choice`; None: the paper's layers, the recommended ones and all, each
        unscaled and with its layers scaled.
    recommended
        Layers that a model's card recommends.
    heads
        Each, as for `heat_maps`, is tried alone: numbers in the layers of the choice
        ``"recommended"``, else of the first; (layer, head) pairs in the layers that they name.

    Raises
    ------
    StudyError
        For anything but a mapping of names, and an empty one.
    """
    if value is None:
        layers: dict[str, Any] = {"paper": "paper"}
        layers |= {} if recommended is None else {_RECOMMENDED: list(recommended)}
        layers["all"] = "all"
        choices = {name: Choice(each) for name, each in layers.items()}
        choices |= {name + SCALED: Choice(each, None, "layers") for name, each in layers.items()}
    elif not isinstance(value, Mapping) or not value:
        raise StudyError(
            f"choices= must hold at least one choice, each with its name, not {kind_of(value)}: "
            "choices={'paper': 'paper', 'late': Choice(layers='up', scaling='layers')}."
        )
    else:
        for name in value:
            check_text(name, "The name of a choice")
        choices = {
            name: each if isinstance(each, Choice) else Choice(each) for name, each in value.items()
        }
    named = _RECOMMENDED if _RECOMMENDED in choices else next(iter(choices))
    of_heads = (_of_heads(named, choices[named], each) for each in heads)
    return {**choices, **dict(of_heads)}


def _of_heads(named: str, choice: Choice, heads: HeadChoice) -> tuple[str, Choice]:
    """A choice of heads with its name."""
    if isinstance(heads, str) and heads == RELEVANT:
        return f"{RELEVANT} heads", replace(choice, layers="all", heads=heads)
    read = Heads.read(heads)
    if read.pairs is not None:
        name = "+".join(f"{layer}:{head}" for layer, head in read.pairs)
        return name, replace(choice, layers="all", heads=list(read.pairs))
    numbers = list(read.numbers or ())
    name = f"head{'s' if len(numbers) > 1 else ''} {'+'.join(map(str, numbers))}"
    return f"{named}, {name}", replace(choice, heads=numbers)


def choices_for(varies: Sequence[str], choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Select the choices that differ for a method, each once, under its first name."""
    if not varies:
        return {ONLY: Choice()}
    limited: dict[str, Choice] = {}
    for name, choice in choices.items():
        if choice.limited(varies) not in limited.values():
            limited[name] = choice.limited(varies)
    return limited
