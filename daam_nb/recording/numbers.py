"""Whole numbers that choose steps, heads, tokens and seeds: read the same everywhere."""

from __future__ import annotations

import operator
from collections.abc import Iterable

from daam_nb.errors import SelectionError


def whole_number(value: object, what: str) -> int:
    """Read one whole number; `what` names it.

    Raises
    ------
    SelectionError
        For anything else: a bool, a float, a text.
    """
    # A bool is an int to Python, and a mask of bools would silently read as 0s and 1s.
    is_bool = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
    if not is_bool:
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise SelectionError(
        f"A {what} is chosen by a whole number, not by {value!r} of type {type(value).__name__}. "
        f"Use an int or several, as in {what}s=[0, 2]"
        + (", or a slice, as in steps=slice(10, None)." if what == "step" else ".")
    )


def whole_numbers(choice: object, what: str) -> tuple[int, ...]:
    """Read one whole number or several of them, in the order given, possibly none.

    Raises
    ------
    SelectionError
        Where one of them is none.
    """
    several = isinstance(choice, Iterable) and getattr(choice, "ndim", None) != 0
    if not several or isinstance(choice, str | bytes):
        return (whole_number(choice, what),)
    assert isinstance(choice, Iterable)
    return tuple(whole_number(item, what) for item in choice)


def read_numbers(choice: object, what: str) -> tuple[int, ...]:
    """Read one whole number or several of them, ascending, each once; `what` names them.

    Raises
    ------
    SelectionError
        Where one of them is none, one is there twice, or there are none at all.
    """
    numbers = whole_numbers(choice, what)
    if not numbers:
        raise SelectionError(
            f"The choice of {what}s is empty. Name at least one {what}, or leave {what}s=None "
            f"for all of them."
        )
    twice = sorted({n for n in numbers if numbers.count(n) > 1})
    if twice:
        raise SelectionError(
            f"The choice of {what}s names {what} {twice[0]} more than once. Each counts once: "
            f"name it once."
        )
    return tuple(sorted(numbers))


def number_between(value: object, name: str, *, low: int, high: int | None = None) -> int:
    """Read an argument that is one whole number of a range.

    Parameters
    ----------
    value
        What was given.
    name
        Of the argument.
    low, high
        The least and the largest number; None: no largest.

    Raises
    ------
    SelectionError
        Where it is none, or lies outside.
    """
    try:
        number = whole_number(value, name)
    except SelectionError:
        number = low - 1
    if number < low or (high is not None and number > high):
        limits = f">= {low}" if high is None else f"from {low} to {high}"
        raise SelectionError(f"{name}={value!r}: it is a whole number {limits}.")
    return number
