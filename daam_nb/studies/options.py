"""The options of a study: one dataclass for Python, the command line and the documentation.

A field made by `option` defines everything about an option once: default, description, limits, form
on the command line. From it derive the argument of `run_study`, the flag of ``daam-nb study NAME``,
the check of the value, and a row of the documentation's table. Light: imports no torch, no pandas.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal

from daam_nb.errors import SelectionError, StudyError
from daam_nb.kinds import (
    check_choice,
    check_flag,
    check_path,
    check_text,
    number_between,
    real_number,
    typed_heads,
    whole_number,
)
from daam_nb.studies.arguments import texts

_KEY = "daam_nb option"
_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
Check = Callable[[Any, str], Any]
"""(value, name of the option) -> the value as it is used, or an error."""


@dataclass(frozen=True)
class _Said:
    """What a field says of itself beside name, type and default."""

    about: str
    in_python: str
    low: float | None
    high: float | None
    check: Check | None
    metavar: str | None
    typed: Callable[[str], Any] | None
    load: Callable[[Any], Any] | None
    of_rows: bool


def option(
    default: Any = MISSING,
    about: str = "",
    *,
    in_python: str = "",
    low: float | None = None,
    high: float | None = None,
    check: Check | None = None,
    metavar: str | None = None,
    typed: Callable[[str], Any] | None = None,
    load: Callable[[Any], Any] | None = None,
    of_rows: bool = True,
) -> Any:
    """Make a field of an options dataclass.

    Its annotation determines how it is typed and checked: ``int``, ``float``, ``bool`` (a switch,
    ``--name`` and ``--no-name``), ``str``, ``Path``, ``Literal["a", "b"]``, ``tuple[str, ...]``
    (``a,b``), each also ``| None``. A field with any other annotation, such as ``Any``, is
    available only in Python, unless `typed` reads it.

    Parameters
    ----------
    default
        Default value. If left out, the option is required.
    about
        Description, for ``--help`` and the documentation.
    in_python
        Further types accepted in Python, for the documentation.
    low, high
        The smallest and the largest number accepted.
    check
        (value, name) -> the value to use; raises for an invalid value.
    metavar
        Placeholder of the value in ``--help``.
    typed
        Typed text -> value; must be light, as it is called while the command line is parsed.
    load
        Typed value -> argument; may be heavy, such as reading a file of captions.
    of_rows
        Whether the rows depend on it, so that rows measured with another value are not reused.
        False for an option that only selects the images, or affects how rows are summarized.
    """
    about_field = _Said(about, in_python, low, high, check, metavar, typed, load, of_rows)
    metadata = {_KEY: about_field}
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """One option of a study, read from its dataclass.

    Attributes
    ----------
    name
        Name of the field, and of the argument of `run_study`.
    about
        Description.
    default
        Default value; `dataclasses.MISSING` if there is none.
    kind
        int, float, bool, str, Path or `Literal`; None if only available in Python.
    choices
        The values of a `Literal`.
    several
        Whether it is a tuple of these.
    optional
        Whether None is accepted.
    said
        The field's own metadata.
    """

    name: str
    about: str
    default: Any
    kind: Any
    choices: tuple[str, ...]
    several: bool
    optional: bool
    said: _Said

    @property
    def flag(self) -> str | None:
        """The flag, such as ``--head-images``; None if only available in Python."""
        typed = self.kind is not None or self.said.typed is not None
        return f"--{self.name.replace('_', '-')}" if typed else None

    @property
    def metavar(self) -> str | None:
        """Placeholder of its value in ``--help``; None for a switch."""
        if self.kind is bool:
            return None
        if self.said.metavar is not None:
            return self.said.metavar
        metavar_of_one = (
            "|".join(self.choices) if self.choices else _METAVARS.get(self.kind, "VALUE")
        )
        return f"{metavar_of_one}[,{metavar_of_one}...]" if self.several else metavar_of_one

    @property
    def of_rows(self) -> bool:
        """Whether rows depend on it."""
        return self.said.of_rows

    def read(self, text: str) -> Any:
        """What was typed, as a value; a `StudyError` where it cannot be read."""
        if self.said.typed is not None:
            return self.said.typed(text)
        parts = [part.strip() for part in text.split(",")] if self.several else [text]
        values = [self._one(part) for part in parts]
        return self.checked(tuple(values) if self.several else values[0])

    def _one(self, text: str) -> Any:
        try:
            return {int: int, float: float, Path: Path}.get(self.kind, str)(text)
        except ValueError:
            what = "whole number" if self.kind is int else "number"
            raise StudyError(f"{text!r} is not a {what}{self._limits}") from None

    @property
    def _limits(self) -> str:
        low, high = self.said.low, self.said.high
        if low is None and high is None:
            return ""
        if high is None:
            return f" from {low:g} on"
        return f" up to {high:g}" if low is None else f" from {low:g} to {high:g}"

    def checked(self, value: Any) -> Any:
        """The value as it is used.

        Raises
        ------
        DaamError
            Naming the option, where it is of another kind or outside of its limits.
        """
        if value is None and self.optional:
            return None
        if self.several:
            value = self._checked_several(value)
        elif self.kind is not None:
            value = self._checked_one(value)
        return value if self.said.check is None else self.said.check(value, self.name)

    def _checked_several(self, value: Any) -> tuple[Any, ...]:
        if self.kind is str:
            return texts(value, self.name)
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise StudyError(f"{self.name}= must be several values, not {value!r:.60}.")
        return tuple(self._checked_one(item) for item in value)

    def _checked_one(self, value: Any) -> Any:
        if self.kind is bool:
            return check_flag(value, self.name)
        if self.kind is Literal:
            return check_choice(value, self.name, self.choices)
        if self.kind is str:
            return check_text(value, self.name)
        if self.kind is Path:
            return check_path(value, self.name)
        if self.kind is int and self.said.low is not None:
            high = None if self.said.high is None else int(self.said.high)
            return number_between(value, self.name, low=int(self.said.low), high=high)
        number: float = whole_number(value, self.name) if self.kind is int else real_number(value)
        low, top = self.said.low, self.said.high
        outside = (low is not None and number < low) or (top is not None and number > top)
        if math.isnan(number) or outside:
            raise SelectionError(f"{self.name}={value!r}: it must be a number{self._limits}.")
        return number


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """Read the options of a dataclass, in its order.

    Raises
    ------
    StudyError
        For a field that was not made by `option`, or whose annotation cannot be read.
    """
    return tuple(_option(kind, field) for field in dataclasses.fields(kind))


def _option(kind: type[Any], field: dataclasses.Field[Any]) -> Option:
    if _KEY not in field.metadata:
        raise StudyError(
            f"The field {field.name!r} of {kind.__name__} has no description. Write it as "
            f"{field.name}: {field.type} = option(default, 'what it is')."
        )
    about_field: _Said = field.metadata[_KEY]
    plain, optional = _without_none(_annotation(kind, field))
    several, choices = False, ()
    if typing.get_origin(plain) is tuple and typing.get_args(plain)[1:] == (...,):
        several, plain = True, typing.get_args(plain)[0]
    if typing.get_origin(plain) is Literal:
        plain, choices = Literal, tuple(typing.get_args(plain))
    known = plain in (int, float, bool, str, Path, Literal)
    return Option(
        field.name, about_field.about, field.default, plain if known else None, choices,
        several and known, optional or field.default is None, about_field,
    )  # fmt: skip


def _annotation(kind: type[Any], field: dataclasses.Field[Any]) -> Any:
    if not isinstance(field.type, str):
        return field.type
    owner = next(
        base for base in kind.__mro__ if field.name in vars(base).get("__annotations__", {})
    )
    try:
        return eval(field.type, vars(sys.modules[owner.__module__]), dict(vars(owner)))
    except NameError as error:
        raise StudyError(
            f"The annotation of {kind.__name__}.{field.name}, {field.type!r}, cannot be read "
            f"({error}). Import the name at run time, or write Any."
        ) from None


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return kinds[0], True
    return annotation, False


def typed_count(text: str) -> int:
    """A number of images that was typed."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 100_000:
        raise StudyError(f"{text!r} must be a whole number from 1 to 100000")
    return number


def _heads(value: Any, name: str) -> Any:
    from daam_nb.selection import RELEVANT, Heads

    if not isinstance(value, str) or value != RELEVANT:
        Heads.read(value)
    return value


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """Options of every study; a study adds its own as fields of a subclass.

    Raises
    ------
    DaamError
        For an invalid value, at construction.
    """

    images: int | None = option(
        None, "about how many images (default: one per caption)",
        low=1, typed=typed_count, metavar="N", of_rows=False,
    )  # fmt: skip
    seeds: Any = option(
        None,
        "images of each prompt (default: 1), each from its own noise; a seed given with the "
        "captions (a column seed, COCO's image id) is used for the first",
        in_python="whole numbers, each prompt with each of them (default: one of its own per "
        "prompt)",
        typed=typed_count, metavar="N", of_rows=False,
    )  # fmt: skip

    def __post_init__(self) -> None:
        for each in options_of(type(self)):
            object.__setattr__(self, each.name, each.checked(getattr(self, each.name)))

    @classmethod
    def problem(cls, typed: Mapping[str, Any]) -> str:
        """Describe a conflict between typed options, as a sentence; empty if there is none."""
        return ""

    @classmethod
    def from_typed(cls, typed: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of `run_study`, of the options that were typed."""
        loads = {each.name: each.said.load for each in options_of(cls)}
        arguments = {
            name: value if (load := loads[name]) is None else load(value)
            for name, value in typed.items()
        }
        return {**arguments, "seeds": range(typed.get("seeds", 1))}


def _captions(path: Path) -> Any:
    from daam_nb.studies.corpus.captions import from_file

    return from_file(path)


@dataclass(frozen=True, kw_only=True)
class CaptionOptions(StudyOptions):
    """Options of a study of captions, each generated from its own noise."""

    captions: Any = option(
        None,
        "the prompts: .txt, .csv, .jsonl, or COCO's captions .json (default: the shipped model's "
        "world)",
        in_python="texts or `corpus.Caption`s",
        typed=Path, metavar="FILE", load=_captions, of_rows=False,
    )  # fmt: skip

    @classmethod
    def from_typed(cls, typed: Mapping[str, Any]) -> dict[str, Any]:
        """As of `StudyOptions`; each caption comes with the seeds of its images."""
        arguments = super().from_typed(typed) | {"seeds": None}
        if "captions" in typed:
            from daam_nb.studies.corpus.seeds import with_seeds

            own = with_seeds(arguments["captions"], each=typed.get("seeds", 1))
            arguments |= {"captions": own}
        return arguments


@dataclass(frozen=True, kw_only=True)
class LayerOptions(StudyOptions):
    """Options of a study that compares maps of the paper's layers with those of others."""

    recommended: Any = option(
        None,
        "layers that a model's card recommends, measured in addition to the paper's",
        of_rows=False,
    )

    @property
    def layers(self) -> dict[str, Any]:
        """Name -> the layers whose maps are measured."""
        more = {} if self.recommended is None else {"recommended": self.recommended}
        return {"paper": "paper", **more}


@dataclass(frozen=True, kw_only=True)
class HeadOptions(StudyOptions):
    """The option of studies that measure the maps of one choice of heads."""

    heads: Any = option(
        None,
        "heads whose maps are averaged (default: all): by number in every layer (0+3), each with "
        "its layer (LAYER:HEAD+LAYER:HEAD), or relevant, by the table of the model's heads",
        in_python="as for `heat_maps`",
        check=_heads, typed=typed_heads, metavar="HEAD[+HEAD...]",
    )  # fmt: skip
