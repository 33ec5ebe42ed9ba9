"""Options of the study of maps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from daam_nb.errors import StudyError
from daam_nb.kinds import kind_of, typed_heads
from daam_nb.studies.arguments import texts
from daam_nb.studies.options import CaptionOptions, option


def _methods(value: Any, name: str) -> tuple[Any, ...] | None:
    """Names and methods, several or one; a name is looked up when the study begins."""
    if value is None:
        return None
    if isinstance(value, str):
        return texts(value, name)
    try:
        methods = tuple(value)
    except TypeError:
        methods = (value,)
    if not methods:
        raise StudyError(f"{name}= is empty; name at least one method, or leave it out for all.")
    for method in methods:
        if not isinstance(method, str) and not hasattr(method, "function"):
            raise StudyError(
                f"{name}= must be names of methods, or daam_nb.studies.maps.Method objects, not "
                f"{kind_of(method)}. Register a function: register_method('mine', function)."
            )
    return methods


def _typed_methods(text: str) -> tuple[str, ...]:
    from daam_nb.studies.maps.registry import methods_of

    names = texts([part.strip() for part in text.split(",")], "methods")
    methods_of(names)  # those that are not known are refused here
    return names


def _typed_head_choices(text: str) -> tuple[Any, ...]:
    """Choices of heads between commas, the heads of one joined by +."""
    typed = [typed_heads(part, between="+") for part in text.split(",")]
    return tuple(heads[0] if len(heads) == 1 else heads for heads in typed)


def _head_choices(heads: Any, name: str) -> tuple[Any, ...]:
    if isinstance(heads, str | bytes) or not isinstance(heads, Iterable):
        raise StudyError(
            f"{name}= must be several choices of heads, each as for heat_maps, such as [0, 1, [0, "
            f"3]], not {kind_of(heads)}."
        )
    from daam_nb.selection import RELEVANT, Heads

    choices = tuple(heads)
    for choice in choices:
        if choice is None:
            raise StudyError(
                f"{name}= holds None (all heads), which every choice already "
                "includes. Leave it out."
            )
        if not isinstance(choice, str) or choice != RELEVANT:
            Heads.read(choice)
    return choices


def typed_choices(text: str) -> dict[str, str | list[str]]:
    """Layers as they are typed: choices between commas, the layers of one joined by +.

    Each choice is named as typed: "paper,up_blocks.1+up_blocks.2" are two choices.
    """
    choices: dict[str, str | list[str]] = {}
    for name in texts([part.strip() for part in text.split(",")], "choices"):
        layers = [layer.strip() for layer in name.split("+")]
        if not all(layers):
            raise StudyError(
                f"choices= cannot read {name!r}: join the layers of one choice with plus signs and "
                "choices with commas: paper,up_blocks.1+up_blocks.2."
            )
        choices[name] = layers if len(layers) > 1 else layers[0]
    return choices


@dataclass(frozen=True, kw_only=True)
class MapsOptions(CaptionOptions):
    """Options of the study of maps."""

    judge: Any = option(None, "a `Judge` that locates the objects of a generated image")
    methods: Any = option(
        None,
        "the methods to compare (default: every registered one)",
        in_python="names, or `maps.Method`s",
        check=_methods, typed=_typed_methods, metavar="NAME[,NAME...]", of_rows=False,
    )  # fmt: skip
    reference: str = option(
        "attention", "the method with which the others are compared", of_rows=False
    )
    choices: Any = option(
        None,
        "name -> layers, or a `maps.Choice` of layers, heads and scaling (default: the paper's "
        "layers, the recommended ones and all, each also with layers scaled); on the command line: "
        "choices separated by commas, the layers of one joined by +",
        typed=typed_choices, metavar="LAYERS[,LAYERS...]", of_rows=False,
    )  # fmt: skip
    recommended: Any = option(
        None,
        "layers that a model's card recommends, tried in addition to the paper's",
        of_rows=False,
    )
    heads: Any = option(
        (),
        "choices of heads to try, by number in the recommended layers or the first choice's (0,1,2 "
        "are three choices, 0+3 is one of two heads), with their layers (LAYER:HEAD+LAYER:HEAD), "
        "or relevant, by the table of the model's heads",
        in_python="each as for `heat_maps`: [0, 1, [0, 3], (layer, head)]",
        check=_head_choices, typed=_typed_head_choices, metavar="HEADS[,HEADS...]", of_rows=False,
    )  # fmt: skip
    adjectives: Any = option((), "words for a property of an object, such as its color")
    relations: Any = option((), "phrases for the relation of one object to another")
    backgrounds: Any = option((), "phrases for where the objects are")
    scenes: Any = option(
        None,
        "rendered images with exact masks (default: of the shipped world, as many as images)",
        in_python="`maps.RenderedScene`s",
        of_rows=False,
    )
    levels: int = option(
        7, "noise levels at which the model sees a rendered image", low=1, high=100, of_rows=False
    )
    late: float = option(
        0.4, "share of the steps before a word is hidden in the late condition", low=0, high=1
    )
    causes: bool = option(
        True, "draw images again without each word, to compare maps with the change",
        of_rows=False,
    )  # fmt: skip
