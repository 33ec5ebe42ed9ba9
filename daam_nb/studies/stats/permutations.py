"""Two-sided permutation tests: how often a random relabeling is as far from 0 as what was seen.

A p from B permutations is at least 1 / (B + 1), and a correction for many tests multiplies it. So
where the first `FIRST` permutations give a p below `SMALL`, many more are drawn, and p is of all of
them. It stays a true p: with p below `SMALL` in the end, it was below it at first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import SelectionError, StudyError
from daam_nb.kinds import number_between
from daam_nb.studies.stats.stratified import Floats, Places
from daam_nb.studies.stats.within_strata import centered

FIRST, MOST = 5000, 100_000
"""Permutations at first, and in all where p is small."""
SMALL = 0.01

MAX_DRAWN = 2_000_000
"""Numbers drawn at once, which bounds the memory."""

Totals = Callable[[int, np.random.Generator], Floats]
"""How many, and from what -> the statistic of so many random permutations."""


def flipped(sums: Floats, *, resamples: int | None = None, seed: int = 0) -> float:
    """The sign of each number at random, as of differences that may as well be turned around.

    Parameters
    ----------
    sums
        (cluster,): sums of the differences.
    resamples
        None: `FIRST`, then `MOST`. All 2^n ways are counted where they are no more.

    Returns
    -------
    float
        1 with a single cluster, whose sign says nothing; NaN with none.
    """
    if not len(sums):
        return math.nan
    seen, noise = abs(sums.sum()), 1e-12 * np.abs(sums).sum()
    ways = 2 ** min(len(sums), 60)
    if ways <= (MOST if resamples is None else _checked(resamples)):
        totals = np.zeros(1)
        for number in sums:
            totals = np.concatenate([totals + number, totals - number])
        return float((np.abs(totals) >= seen - noise).mean())

    def drawn(count: int, rng: np.random.Generator) -> Floats:
        bits = np.unpackbits(
            np.frombuffer(rng.bytes(count * -(-len(sums) // 8)), dtype=np.uint8).reshape(count, -1),
            axis=1,
            count=len(sums),
        )
        turned: Floats = sums.sum() - 2 * (bits @ sums)
        return turned

    return _p(drawn, seen - noise, len(sums), resamples, seed)


def shuffled(
    values: Floats,
    first: NDArray[np.bool_],
    places: Places,
    *,
    resamples: int | None = None,
    seed: int = 0,
) -> float:
    """The labels in random order within each place; what counts is the difference within places.

    Returns
    -------
    float
        NaN where a group is empty.
    """
    if first.all() or not first.any():
        return math.nan
    apart = centered(values, places)
    parts = []
    for number in range(int(places.max()) + 1):
        here = places == number
        count = int(first[here].sum())
        if 0 < count < here.sum():
            # What is above the mean in one group is below it in the other: the smaller one will do.
            smaller = min(count, len(apart[here]) - count)
            parts.append((apart[here], smaller, 1 if smaller == count else -1))
    seen, noise = abs(apart[first].sum()), 1e-12 * np.abs(values).sum()

    def drawn(count: int, rng: np.random.Generator) -> Floats:
        totals = np.zeros(count)
        for part, size, sign in parts:
            totals += sign * _samples(part, size, count, rng)
        return totals

    return _p(drawn, seen - noise, len(values), resamples, seed)


def _samples(values: Floats, size: int, count: int, rng: np.random.Generator) -> Floats:
    """Sums of `count` samples of so many values, without replacement."""
    # Those with the lowest of random keys; sorting them all, or shuffling, is three times as slow.
    keys = rng.random((count, len(values)), dtype=np.float32)
    chosen = keys <= np.partition(keys, size - 1, axis=1)[:, size - 1 : size]
    sums: Floats = chosen.astype(np.float64) @ values
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) != size):  # two keys were equal
        sums[row] = rng.permutation(values)[:size].sum()
    return sums


def _p(drawn: Totals, least: float, size: int, resamples: int | None, seed: int) -> float:
    rng = np.random.default_rng(seed)
    stages = [FIRST, MOST - FIRST] if resamples is None else [_checked(resamples)]
    extreme = draws = 0
    p = 1.0
    for stage in stages:
        for start in range(0, stage, step := max(1, MAX_DRAWN // size)):
            totals = drawn(min(step, stage - start), rng)
            extreme += int((np.abs(totals) >= least).sum())
        draws += stage
        p = (extreme + 1) / (draws + 1)
        if p >= SMALL:
            break
    return p


def check_drawing(resamples: object, seed: object) -> None:
    """Raise a `StudyError` unless these say how many permutations, and from which seed."""
    if resamples is not None:
        _checked(resamples)
    try:
        number_between(seed, "seed", low=0)
    except SelectionError as error:
        raise StudyError(f"{error}") from None


def _checked(resamples: object) -> int:
    try:
        return number_between(resamples, "resamples", low=1)
    except SelectionError:
        raise StudyError(
            f"The number of permutations must be a whole number >= 1, not {resamples!r}."
        ) from None
