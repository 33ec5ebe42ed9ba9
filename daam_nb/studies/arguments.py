"""Checks of a study's arguments: names, nouns, thresholds, each without duplicates.

A single string is one name, not a list of letters. Duplicates would count twice and misspelt names
would select nothing, so both are refused before any work, with a message that states the way out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from daam_nb.errors import SelectionError, StudyError, nearest_name
from daam_nb.kinds import check_share, check_text, kind_of, whole_number


def texts(value: Any, name: str) -> tuple[str, ...]:
    """Read texts, several or one.

    Raises
    ------
    StudyError
        For anything else, such as a table, a dict or a list that holds numbers or blank texts.
    """
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, Mapping | bytes) or hasattr(value, "columns"):
        raise StudyError(f"{name} must be a text or several, not {kind_of(value)}.")
    if not isinstance(value, Iterable):
        raise StudyError(f"{name} must be a text or several, not {kind_of(value)}.")
    several = tuple(value)
    for item in several:
        if not isinstance(item, str) or not item.strip():
            raise StudyError(f"{name} must not contain a blank text, such as {item!r:.60}.")
    return tuple(map(str, several))


def names_among(
    value: Any, known: Iterable[str], *, name: str, what: str, of: str | None = None
) -> tuple[str, ...]:
    """Read names from a list of known names, several or one, without duplicates.

    Parameters
    ----------
    value
        What was given.
    known
        The known names.
    name, what
        Name of the argument, and the word for one of its values: ``"baselines"``, ``"baseline"``.
    of
        The thing that has these names, such as ``"The table"``.

    Raises
    ------
    StudyError
        For an unknown name, with the most similar known one; for a duplicate.
    """
    chosen, every = texts(value, f"{name}="), list(known)
    for text in chosen:
        if text not in every:
            near = nearest_name(text, every)
            raise StudyError(
                f"{f'{of} has' if of else 'There is'} no {what} {text!r}"
                f"{f', did you mean {near!r}?' if near else ''}; "
                f"{'it has' if of else 'there are'} {', '.join(every)}."
            )
    _each_once(chosen, name)
    return chosen


def shares(value: Any, name: str, *, inside: bool = False) -> tuple[float, ...]:
    """Read several numbers from 0 to 1, without duplicates.

    Parameters
    ----------
    value
        What was given.
    name
        Of the argument.
    inside
        Whether 0 and 1 are excluded.

    Raises
    ------
    StudyError
        For a single number, a text, a number outside the range, NaN, or a duplicate.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise StudyError(
            f"{name}= must be several {name} from 0 to 1, not {kind_of(value)}. For a single one: "
            f"{name}=[{value if isinstance(value, int | float) else 0.4}]."
        )
    numbers = tuple(_share(item, name, inside=inside) for item in value)
    _each_once(numbers, name)
    return numbers


def _share(value: Any, name: str, *, inside: bool) -> float:
    try:
        number = check_share(value, name)
    except SelectionError:
        number = math.nan
    if math.isnan(number) or (inside and number in (0.0, 1.0)):
        in_words = value if isinstance(value, int | float) else kind_of(value)
        raise StudyError(
            f"{name} must be from 0 to 1{', without these two' if inside else ''}, and one is "
            f"{in_words}. Divide a percentage by 100: 50 % is 0.5."
        )
    return number


def share(value: Any, name: str) -> float:
    """Read one number from 0 to 1.

    Raises
    ------
    StudyError
        For anything else, such as a percentage, a text or NaN.
    """
    try:
        return check_share(value, name)
    except SelectionError as error:
        raise StudyError(f"{error} Divide a percentage by 100: 50 % is 0.5.") from None


def whole(value: Any, name: str, *, low: int | None = None, more: str = "") -> int:
    """Read one integer >= `low`; `more` names alternatives, for the error.

    Raises
    ------
    StudyError
        For anything else: a float, a text, True and False.
    """
    try:
        number = whole_number(value, name)
    except SelectionError:
        number = None
    if number is None or (low is not None and number < low):
        limit = "" if low is None else f" >= {low}"
        in_words = repr(value) if isinstance(value, bool | int | float | str) else kind_of(value)
        raise StudyError(f"{name} is {in_words}; it must be a whole number{limit}{more}.")
    return number


def named_layers(value: Any) -> dict[str, Any]:
    """Read named choices of layers; None is ``{"paper": "paper"}``.

    Raises
    ------
    StudyError
        For anything but a non-empty mapping of names.
    """
    if value is None:
        return {"paper": "paper"}
    if not isinstance(value, Mapping) or not value:
        raise StudyError(
            "layers= must hold at least one choice of layers, each with its name, not "
            f"{kind_of(value) if not isinstance(value, Mapping) else 'an empty mapping'}: "
            "layers={'paper': 'paper'}."
        )
    for name in value:
        check_text(name, "The name of a choice of layers")
    return dict(value)


def columns_of(table: Any, needed: Sequence[str], *, made_by: str) -> None:
    """Check that a value is a table with these columns.

    Raises
    ------
    StudyError
        With the first missing column, and the function that makes such a table.
    """
    columns = getattr(table, "columns", None)
    if columns is None:
        raise StudyError(f"The table must be that of {made_by}, not {kind_of(table)}.")
    if lacking := [name for name in needed if name not in columns]:
        raise StudyError(
            f"The table has no column {lacking[0]!r}; it has {', '.join(map(str, columns))}. Give "
            f"the table of {made_by}."
        )


def _each_once(values: Sequence[Any], name: str) -> None:
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    if twice:
        raise StudyError(
            f"{name}= holds {twice[0]!r} more than once, so its rows would count twice. Give it "
            "once."
        )
