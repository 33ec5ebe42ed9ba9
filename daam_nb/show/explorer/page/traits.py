"""The kinds of traits the explorer has beyond those of traitlets: read, checked, never guessed."""

from __future__ import annotations

from typing import Any

import traitlets

from daam_nb.errors import DaamError, SelectionError
from daam_nb.kinds import real_number, whole_number
from daam_nb.show.explorer.model.ranking import corners_of


class EntryNumber(traitlets.TraitType[int, Any]):
    """The number of a word; its text, a `Word` or (start, end) are taken for it."""

    info_text = "the number or the text of a word"
    allow_nothing = False

    def __init__(self, default: int, *, allow_nothing: bool = False) -> None:
        super().__init__(default)
        self.allow_nothing = allow_nothing

    def validate(self, obj: Any, value: Any) -> int:
        if self.allow_nothing and (value is None or _is_minus_one(value)):
            return -1
        if isinstance(value, bool):
            self.error(obj, value)
        try:
            number: int = obj.number_of(_as_int(value))
        except DaamError as error:
            raise traitlets.TraitError(f"{self.name}: {error}") from error
        return number


class StepNumbers(traitlets.TraitType[tuple[int, ...], Any]):
    """Steps of the sampling loop, one behind the other; whatever `heat_maps` takes can be set.

    The page knows them as [first, one after the last], steps of the loop too.
    """

    info_text = "steps of the loop: a slice, a range, one number, or several in a row"

    def validate(self, obj: Any, value: Any) -> tuple[int, ...]:
        try:
            steps: tuple[int, ...] = obj.subject.read_steps(value)
        except DaamError as error:
            raise traitlets.TraitError(f"{self.name}: {error}") from error
        return steps


def steps_for_page(steps: tuple[int, ...], _: Any = None) -> list[int]:
    """Write steps of the loop as the page knows them: [first, one after the last]."""
    return [steps[0], steps[-1] + 1] if steps else [0, 1]


def steps_of_page(value: Any, explorer: Any) -> tuple[int, ...]:
    """Read what a page chose: all steps kept in a half-open range of steps of the loop.

    Raises
    ------
    TraitError
        Where it is no range of the loop, or no step of it was kept.
    """
    try:
        steps: tuple[int, ...] = explorer.subject.steps_within(value)
    except DaamError as error:
        raise traitlets.TraitError(f"steps: {error}") from error
    return steps


class Region(traitlets.TraitType[tuple[tuple[float, float], ...], Any]):
    """Corners (y, x) of a region, 0 to 1; empty for none."""

    info_text = "corners (y, x), each 0 to 1, at least three, or none"

    def validate(self, obj: Any, value: Any) -> tuple[tuple[float, float], ...]:
        if value is None or (isinstance(value, tuple | list) and not value):
            return ()
        try:
            return corners_of(value)
        except DaamError as error:
            raise traitlets.TraitError(f"{self.name}: {error}") from error


class Share(traitlets.TraitType[float, Any]):
    """A number from 0 to 1."""

    info_text = "a number from 0 to 1"

    def validate(self, obj: Any, value: Any) -> float:
        number = real_number(value)
        if not 0 <= number <= 1:
            self.error(obj, value)
        return number


class Whole(traitlets.TraitType[int, Any]):
    """A whole number between two ends; numpy's are taken, True and 2.0 are not."""

    def __init__(self, default: int, low: int, high: int | None = None) -> None:
        super().__init__(default)
        self.low, self.high = low, high
        self.info_text = f"a whole number of {low} or more" + (
            f", at most {high}" if high is not None else ""
        )

    def validate(self, obj: Any, value: Any) -> int:
        number = _as_int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            self.error(obj, value)
        if number < self.low or (self.high is not None and number > self.high):
            self.error(obj, value)
        return number


def _as_int(value: Any) -> Any:
    """A whole number as Python's own; anything else as it is (True is no number of a word)."""
    try:
        return whole_number(value, "number")
    except SelectionError:
        return value


def _is_minus_one(value: Any) -> bool:
    number = _as_int(value)
    return isinstance(number, int) and not isinstance(number, bool) and number == -1
