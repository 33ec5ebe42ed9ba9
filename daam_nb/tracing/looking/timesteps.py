"""Noise levels of an image: the scheduler's numbers, or shares of the way to pure noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from daam_nb.errors import SelectionError
from daam_nb.kinds import kind_of, real_number, whole_number
from daam_nb.recording.limits import MAX_STEPS

SHARES = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.999)
"""Where an image is looked at by default, as shares of the way from the image to noise."""

INVERSION_STEPS = 50
"""Steps of a DDIM inversion by default."""


def read_timesteps(t: Any, *, count: int, whole: bool) -> tuple[float, ...]:
    """Read timesteps, ascending.

    Parameters
    ----------
    t
        One or several: ints are the scheduler's numbers, floats from 0.0 to 1.0 shares of the way
        to pure noise. None: `SHARES`.
    count
        The timesteps that the model was trained with, such as 1000.
    whole
        Whether timesteps are whole numbers from 0 to ``count - 1``; else any number from 0 to
        `count`.

    Raises
    ------
    SelectionError
        For a value that is not a number, is out of range or is repeated, or if there is none.
    """
    several = isinstance(t, Iterable) and getattr(t, "ndim", None) != 0
    if isinstance(t, str | bytes | Mapping | slice):
        raise SelectionError(f"t={t!r:.60}: {_kinds(count)}")
    items: list[Any] = list(SHARES) if t is None else list(t) if several else [t]
    timesteps = [_timestep(item, count=count, whole=whole) for item in items]
    if not timesteps:
        raise SelectionError(f"t={t!r:.60} contains no timestep. Leave it out for {SHARES}.")
    if twice := [step for step in timesteps if timesteps.count(step) > 1]:
        raise SelectionError(f"t contains the timestep {twice[0]:g} more than once. Give it once.")
    if len(timesteps) > MAX_STEPS:
        raise SelectionError(
            f"t contains {len(timesteps)} timesteps; at most {MAX_STEPS} are allowed."
        )
    return tuple(sorted(timesteps))


def inversion_timesteps(*, count: int, offset: int) -> tuple[float, ...]:
    """The timesteps of a DDIM inversion in `INVERSION_STEPS`, evenly spaced, ascending."""
    steps = min(INVERSION_STEPS, count)
    spacing = count // steps
    return tuple(float(i * spacing + offset) for i in range(steps) if i * spacing + offset < count)


def _timestep(item: Any, *, count: int, whole: bool) -> float:
    last = count - 1 if whole else count
    try:
        number = float(whole_number(item, "timestep"))
    except SelectionError:
        number = real_number(item)
        if math.isnan(number):
            raise SelectionError(f"t contains {kind_of(item)}: {_kinds(count)}") from None
        if 0 <= number <= 1:
            share = number * count
            return float(min(math.floor(share + 0.5), last)) if whole else share
        if whole and not number.is_integer():
            raise SelectionError(
                f"t contains {number:g}: timesteps of this model must be whole numbers, and shares "
                "of the way must be between 0.0 and 1.0."
            ) from None
    if not 0 <= number <= last:
        raise SelectionError(
            f"t contains {number:g}, but this model's timesteps go from 0 (the image) to {last} "
            "(noise)."
        )
    return number


def _kinds(count: int) -> str:
    return (
        f"timesteps must be ints, the scheduler's numbers up to {count}, or floats from 0.0 to "
        "1.0, shares of the way to pure noise. One, or a list: t=[0.25, 0.5] or t=[250, 500]."
    )
