"""Checks of arguments: names, flags, choices, numbers and texts, read the same everywhere.

An argument of the wrong type is refused on entry, before any work, with a message that states what
was given and what would have been right. Imports only `daam_nb.errors` from the package.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from daam_nb.errors import SelectionError, UnknownOptionError, WrongKindError, unknown_names_message

P = ParamSpec("P")
R = TypeVar("R")

_FLOAT32 = 3.4028234663852886e38
"""The largest number of float32."""


def names_checked(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse unknown argument names with an error that names the most similar one.

    Surplus positional arguments are refused with an error that lists the names.

    Raises
    ------
    UnknownOptionError
        From the decorated function, where Python would raise a bare `TypeError`.
    """
    parameters = tuple(inspect.signature(function).parameters.values())
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.name != "self"]
    ordered = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    most = math.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(ordered)
    where = f"{function.__qualname__.removesuffix('.__init__')}()"

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if unknown := [name for name in kwargs if name not in names]:
            raise UnknownOptionError(unknown_names_message(unknown, names, where=where))
        if len(args) > most:
            unnamed = kind_of(args[len(ordered)])
            ordinary = [name for name in ordered if name != "self"]
            first = f"{' and '.join(ordinary) or 'nothing'} without a name"
            others = [f"{name}=" for name in names if name not in (*ordinary, *kwargs)]
            raise UnknownOptionError(
                f"{where} takes {first}, and was given {unnamed} beside. "
                + (f"Name what it is: {', '.join(others)}." if others else "Leave it out.")
            )
        return function(*args, **kwargs)

    return checked


def kind_of(value: object) -> str:
    """Describe a value briefly, for an error message."""
    name = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | complex | str | bytes):
        text = repr(value)
        return f"{text if len(text) <= 60 else text[:57] + '...'} ({name})"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    article = "an" if name[:1].lower() in "aeio" else "a"
    if isinstance(value, list | tuple | set | frozenset):
        kinds = sorted({type(item).__name__ for item in value})
        of = f"of {len(value)} {' and '.join(kinds[:3])}" if value else "without anything in it"
        return f"{article} {name} {of}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{article} {name} of shape {tuple(shape)}"
    return f"{article} {name}"


def check_flag(value: object, name: str) -> bool:
    """Read an argument that is True or False.

    Raises
    ------
    WrongKindError
        For anything else: ``"no"`` would count as True.
    """
    # numpy's own bool is a scalar of no dimensions; a mask of one place is none.
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool", "bool_") and hasattr(value, "item"):
        return bool(value)
    raise WrongKindError(f"{name}= must be True or False, not {kind_of(value)}.")


def check_choice(value: object, name: str, choices: Iterable[str], *, more: str = "") -> str:
    """Read an argument that is one of a few strings.

    Parameters
    ----------
    value, name
        What was given, and the argument's name.
    choices
        The words.
    more
        Their meaning, as a sentence.

    Raises
    ------
    SelectionError
        For anything else.
    """
    words = list(choices)
    if isinstance(value, str) and value in words:
        return value
    listed = ", ".join(map(repr, words[:-1])) + f" or {words[-1]!r}"
    in_words = repr(value) if isinstance(value, str) else kind_of(value)
    raise SelectionError(f"{name}={in_words} is not known. Use {listed}.{more and ' ' + more}")


def check_text(value: object, name: str) -> str:
    """Read an argument that is a text.

    Raises
    ------
    WrongKindError
        For anything else.
    """
    if not isinstance(value, str):
        raise WrongKindError(f"{name} must be a text, not {kind_of(value)}.")
    return value


def check_path(value: object, name: str) -> Path:
    """Read an argument that is the path of a file or folder; ``~`` is the home folder.

    Raises
    ------
    WrongKindError
        For anything else.
    SelectionError
        For an empty text, which would be the current folder; that one is ``"."``.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise WrongKindError(f"{name} must be a path (str or pathlib.Path), not {kind_of(value)}.")
    if value == "":
        raise SelectionError(
            f"{name} must be a path, not an empty text. The current folder is '.'."
        )
    return Path(value).expanduser()


def check_share(value: object, name: str, *, more: str = "") -> float:
    """Read an argument that is a number from 0 to 1.

    Raises
    ------
    SelectionError
        For anything else, True and False included.
    """
    number = real_number(value)
    if not 0 <= number <= 1:
        raise SelectionError(f"{name}={_said(value)} is not between 0 and 1.{more and ' ' + more}")
    return number


def check_factor(value: object) -> float:
    """Read a factor of the attention as a float; scalars of numpy and torch are accepted.

    Raises
    ------
    SelectionError
        If it is not a number >= 0, or larger than float32 holds.
    """
    number = real_number(value)
    if not 0 <= number <= _FLOAT32:
        raise SelectionError(
            f"factor={_said(value)}: it must be a finite number from 0 to {_FLOAT32:.2g}, the "
            "largest float32. Attention is multiplied by it: 1 changes nothing, 0 removes the word."
        )
    return number


def check_length(value: object, name: str, *, high: float) -> float:
    """Read an argument that is a length, a number above 0 and up to `high`.

    Raises
    ------
    SelectionError
        For anything else.
    """
    number = real_number(value)
    if not 0 < number <= high:
        raise SelectionError(f"{name}={_said(value)} is not a number above 0 and up to {high:g}.")
    return number


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
    article = "An" if what[:1] in "aeio" else "A"
    raise SelectionError(
        f"{article} {what} is chosen by a whole number, not by {value!r} of type "
        f"{type(value).__name__}. "
        f"Use an int or several, as in {what}s=[0, 2]"
        + (", or a slice, as in steps=slice(10, None)." if what == "step" else ".")
    )


def whole_numbers(choice: object, what: str) -> tuple[int, ...]:
    """Read one whole number or several of them, in the order given, possibly none.

    Raises
    ------
    SelectionError
        If one of them is not.
    """
    several = isinstance(choice, Iterable) and getattr(choice, "ndim", None) != 0
    if not several or isinstance(choice, str | bytes):
        return (whole_number(choice, what),)
    assert isinstance(choice, Iterable)
    return tuple(whole_number(item, what) for item in choice)


def check_slice(value: slice, name: str) -> slice:
    """Read a slice of whole numbers.

    Parameters
    ----------
    value
        The slice; each of its ends and its stride is a whole number or None.
    name
        The argument's name.

    Raises
    ------
    SelectionError
        For other ends (a bool would count as 0 or 1), and for a stride of 0.
    """
    for end in (value.start, value.stop, value.step):
        try:
            if end is not None:
                whole_number(end, "step")
        except SelectionError:
            raise SelectionError(
                f"{name}={value!r} cannot be read: the ends of a slice must be whole numbers or "
                f"None, not {kind_of(end)}."
            ) from None
    if value.step is not None and operator.index(value.step) == 0:
        raise SelectionError(
            f"{name}={value!r} cannot be read: the step of a slice must not be 0. Use 1, or leave "
            "it out."
        )
    return value


def read_numbers(choice: object, what: str) -> tuple[int, ...]:
    """Read one whole number or several of them, ascending, each once; `what` names them.

    Raises
    ------
    SelectionError
        If one of them is not, one is repeated, or there are none at all.
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
            f"The choice of {what}s names {what} {twice[0]} more than once. Name it once."
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
        The smallest and the largest number; None: no limit.

    Raises
    ------
    SelectionError
        If it is not, or lies outside.
    """
    try:
        number = whole_number(value, name)
    except SelectionError:
        number = low - 1
    if number < low or (high is not None and number > high):
        limits = f">= {low}" if high is None else f"from {low} to {high}"
        raise SelectionError(f"{name}={value!r}: it must be a whole number {limits}.")
    return number


def real_number(value: object) -> float:
    """Read a single real number as a float; NaN for anything else (a bool, a text)."""
    lone = getattr(value, "ndim", 0) == 0 and hasattr(type(value), "__float__")
    if (
        isinstance(value, bool | str | bytes)
        or not lone
        or "bool" in str(getattr(value, "dtype", ""))
    ):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _said(value: object) -> str:
    return repr(value) if isinstance(value, bool | int | float | str) else kind_of(value)


def typed_heads(text: str, *, between: str = "+,") -> str | list[int] | list[tuple[str, int]]:
    """Attention heads of one choice as they are typed, for `heads=` of `heat_maps`.

    Parameters
    ----------
    text
        Head numbers, ``0+3``, or heads with their layers, ``LAYER:HEAD+LAYER:HEAD``, the layers by
        their dotted names; or ``relevant``.
    between
        The characters that separate heads.

    Raises
    ------
    SelectionError
        If it is neither, a mixture of both, or names a head twice.

    Examples
    --------
    >>> typed_heads("0+3")
    [0, 3]
    >>> typed_heads("up_blocks.1:0 + mid_block:2")
    [('up_blocks.1', 0), ('mid_block', 2)]
    """
    if text.strip() == "relevant":
        return "relevant"
    parts = [part.strip() for part in re.split(f"[{re.escape(between)}]", text)]
    numbers = [part for part in parts if part.isascii() and part.isdigit()]
    pairs = [(layer.strip(), head.strip()) for layer, _, head in (p.rpartition(":") for p in parts)]
    whole = [layer and head.isascii() and head.isdigit() for layer, head in pairs]
    if len(numbers) != len(parts) and not all(whole):
        raise SelectionError(
            f"heads cannot be read from {text!r:.200}. Type their numbers (0+3), each with its "
            "layer (LAYER:HEAD+LAYER:HEAD, as in up_blocks.1.attentions.0:3), or relevant."
        )
    heads: list[Any] = [(layer, int(head)) for layer, head in pairs]
    if numbers:
        heads = [int(number) for number in numbers]
    if twice := [head for head in heads if heads.count(head) > 1]:
        raise SelectionError(
            f"heads names {twice[0]} more than once in {text!r:.200}. Name it once."
        )
    return heads
