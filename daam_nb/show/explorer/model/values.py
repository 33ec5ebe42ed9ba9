"""What values a choice can have, and how they are read: checked, never guessed."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daam_nb.errors import SelectionError
from daam_nb.head_tables import relevant_heads
from daam_nb.kinds import kind_of
from daam_nb.selection import RELEVANT, Heads
from daam_nb.show.explorer.model.measures import named
from daam_nb.show.explorer.model.ranking import corners_of
from daam_nb.show.explorer.model.selection import (
    Several,
    need_heads,
    number_of,
    read_steps,
    steps_within,
)
from daam_nb.show.explorer.model.subject import Subject


@dataclass(frozen=True)
class Kind:
    """What values a choice can have.

    Attributes
    ----------
    values
        What can be chosen, for errors and documents.
    """

    values: str = ""

    def read(self, value: Any, subject: Subject) -> Any:
        """Read what a person or a program chose.

        Raises
        ------
        DaamError
            For anything that cannot be.
        """
        raise NotImplementedError

    def of_page(self, value: Any, subject: Subject) -> Any:
        """Read what a page chose, which is plain data."""
        return self.read(value, subject)

    def for_page(self, value: Any, subject: Subject | None = None) -> Any:
        """Write a value as plain data, as the page knows it; a default has no recording."""
        return value

    @property
    def limits(self) -> dict[str, Any]:
        """What the page has to know of the values that can be chosen."""
        return {}

    def refuse(self, value: Any) -> SelectionError:
        """What is raised for a value of another kind."""
        return SelectionError(f"{self.values} is expected, not {kind_of(value)}.")


@dataclass(frozen=True)
class EntryNumber(Kind):
    """The number of a word; its text, a `Word` or (start, end) are taken for it."""

    values: str = "the number or the text of a word"
    or_none: bool = False

    def read(self, value: Any, subject: Subject) -> int:
        if self.or_none and (value is None or _as_int(value) == -1):
            return -1
        if isinstance(value, bool):
            raise self.refuse(value)
        return number_of(subject, value)


@dataclass(frozen=True)
class Steps(Kind):
    """Steps of the sampling loop, one behind the other; whatever `heat_maps` takes can be set.

    The page knows them as [first, one after the last], steps of the loop too.
    """

    values: str = "steps of the loop, one behind the other: a slice, a range, one or several"

    def read(self, value: Any, subject: Subject) -> tuple[int, ...]:
        return read_steps(subject, value)

    def of_page(self, value: Any, subject: Subject) -> tuple[int, ...]:
        return steps_within(subject, value)

    def for_page(self, value: tuple[int, ...], subject: Subject | None = None) -> list[int]:
        return [value[0], value[-1] + 1] if value else [0, 1]


@dataclass(frozen=True)
class SeveralHeads(Kind):
    """Heads by number, as (layer name, head) pairs, or ``"relevant"``, as `heat_maps` takes them.

    () for none. The page knows the pairs as [number of a layer, head]. `check` says whether a layer
    has a number.
    """

    values: str = "heads by number, or (layer name, head) pairs, or none"

    def read(self, value: Any, subject: Subject) -> Several:
        if isinstance(value, str) and value == RELEVANT:
            value, _ = relevant_heads(subject.run)
        heads = Heads.read(value, empty=True)
        if not heads.all and not heads.none:
            need_heads(subject)
        if heads.pairs is None:
            return heads.numbers or ()
        pairs, _ = heads.of(subject.layers)
        return tuple((layer.name, head) for layer, head in pairs)

    def of_page(self, value: Any, subject: Subject) -> Several:
        if not isinstance(value, list | tuple):
            raise self.refuse(value)
        names = dict(enumerate(layer.name for layer in subject.layers))
        pairs = [isinstance(item, list | tuple) for item in value]
        if not any(pairs):
            return self.read(value, subject)
        whole = all(pairs) and all([type(one) for one in item] == [int, int] for item in value)
        if not whole or not {layer for layer, _ in value} <= set(names):
            raise SelectionError(f"{self.values} is expected, not {value!r:.200}.")
        return self.read([(names[layer], head) for layer, head in value], subject)

    def for_page(self, value: Several, subject: Subject | None = None) -> list[Any]:
        if subject is None:
            return [list(head) if isinstance(head, tuple) else head for head in value]
        numbers = {layer.name: number for number, layer in enumerate(subject.layers)}
        return [[numbers[head[0]], head[1]] if isinstance(head, tuple) else head for head in value]


@dataclass(frozen=True)
class ChoiceName(Kind):
    """The name of a choice of layers; `check` says whether it is offered."""

    values: str = "the name of a choice of layers"

    def read(self, value: Any, subject: Subject) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        return value


@dataclass(frozen=True)
class MeasureName(Kind):
    """The name of a measure of heads that the recording has, or one of some others.

    Attributes
    ----------
    also
        What else can be chosen -> what a person reads in the page.
    """

    values: str = "the name of a measure of heads"
    also: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        others = ", ".join(map(repr, self.also))
        object.__setattr__(self, "values", f"{others}, or {self.values}" if others else self.values)

    def read(self, value: Any, subject: Subject) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        if value not in self.also:
            named(subject.measures, value)
        return value

    @property
    def limits(self) -> dict[str, Any]:
        return {"options": [list(option) for option in self.also.items()]}


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    values: str = "a boolean, True or False"

    def read(self, value: Any, subject: Subject) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value


@dataclass(frozen=True)
class Share(Kind):
    """A number from 0 to 1."""

    values: str = "a number from 0 to 1"

    def read(self, value: Any, subject: Subject) -> float:
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise self.refuse(value)
        number = float(value)
        if not 0 <= number <= 1:
            raise self.refuse(value)
        return number


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number between two ends; numpy's are taken, True and 2.0 are not."""

    low: int = 0
    high: int | None = None

    def __post_init__(self) -> None:
        most = f", at most {self.high}" if self.high is not None else ""
        object.__setattr__(self, "values", f"a whole number of {self.low} or more{most}")

    def read(self, value: Any, subject: Subject) -> int:
        number = _as_int(value)
        if number is None or number < self.low or (self.high is not None and number > self.high):
            raise self.refuse(value)
        return number

    @property
    def limits(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


@dataclass(frozen=True)
class OneOf(Kind):
    """One of some texts.

    Attributes
    ----------
    options
        What can be chosen -> what a person reads in the page.
    """

    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        *others, last = map(repr, self.options)
        object.__setattr__(self, "values", f"{', '.join(others)} or {last}")

    def read(self, value: Any, subject: Subject) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise self.refuse(value)
        return value

    @property
    def limits(self) -> dict[str, Any]:
        return {"options": [list(option) for option in self.options.items()]}


@dataclass(frozen=True)
class Region(Kind):
    """Corners (y, x) of a region, 0 to 1; empty for none."""

    values: str = "corners (y, x), each 0 to 1, at least three, or none"

    def read(self, value: Any, subject: Subject) -> tuple[tuple[float, float], ...]:
        if value is None or (isinstance(value, tuple | list) and not value):
            return ()
        return corners_of(value)


def one_of(*options: str, **texts: str) -> OneOf:
    """Texts that are chosen from; people read them as they are, or by another text."""
    return OneOf(options={**{option: option for option in options}, **texts})


def _as_int(value: Any) -> int | None:
    """A whole number as Python's own, numpy's too; None for what is none, such as True."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
