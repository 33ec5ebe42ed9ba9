"""Comparison of two groups of values: difference, permutation test, effect size, with clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.kinds import check_flag
from daam_nb.studies.arguments import columns_of
from daam_nb.studies.stats import influence
from daam_nb.studies.stats.intervals import (
    Bounds,
    Floats,
    by_cluster,
    check_confidence,
    flat,
    interval,
    listed,
    observed,
)
from daam_nb.studies.stats.permutations import check_drawing, flipped, shuffled
from daam_nb.studies.stats.stratified import nested, numbered
from daam_nb.studies.stats.within_strata import Within, centered

Names = Iterable[Hashable] | tuple[Iterable[Hashable], Iterable[Hashable]] | None
"""Of each pair; where not paired, two of them: of each value of the first and of the second."""


class _Group(NamedTuple):
    values: Floats
    names: list[Hashable] | None


@dataclass(frozen=True)
class Comparison:
    """The comparison of two groups of values.

    Attributes
    ----------
    difference
        Mean of the first minus mean of the second; for unpaired groups with strata, the difference
        within strata (`within_strata`).
    low, high
        Ends of its confidence interval; NaN with fewer than ten clusters (`influence.LEAST`; for
        unpaired groups in either group), and if nothing varies.
    p
        p value of a two-sided permutation test; at least 1 / (permutations + 1). Exact for pairs
        with few permutations.
    effect
        Standardized difference: Cohen's d with the pooled standard deviation, with strata the
        deviation within them; for pairs d_z, the mean difference over the standard deviation of the
        differences. NaN if nothing varies.
    n
        Number of values in each group; (pairs, pairs) if paired. For unpaired groups with strata,
        values in the strata with both groups.
    strata
        For unpaired groups, the number of strata with both groups; 0 if none were given.
    left_out
        For unpaired groups, the number of strata with only one group: they have no difference, and
        no weight.
    """

    difference: float
    low: float
    high: float
    p: float
    effect: float
    n: tuple[int, int]
    strata: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        ends = "" if math.isnan(self.low) else f" [{self.low:+.3f}, {self.high:+.3f}]"
        return (
            f"{self.difference:+.3f}{ends}, p = {self.p:.2g}, "
            f"effect {self.effect:+.2f}, n = {self.n[0]} and {self.n[1]}"
        )


def compare(
    first: Iterable[float],
    second: Iterable[float],
    *,
    paired: bool = False,
    clusters: Names = None,
    strata: Names = None,
    bounds: Bounds | None = None,
    confidence: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two groups of values: difference with its interval, permutation test, effect size.

    Parameters
    ----------
    first, second
        Values; if `paired`, of equal length, and pairs with a NaN are left out.
    clusters
        Cluster of each pair; if not paired, two sequences: the clusters of the values in `first`
        and in `second`.
    strata
        Likewise the strata, such as nouns, whose differences are not chance (`intervals.interval`).
        If paired, difference and test do not depend on them. If not paired, difference, interval,
        effect and test all refer to differences within strata (`within_strata`), so that a
        different mix of strata alone is no difference. Labels are then shuffled within strata, or
        within clusters if there are any (whole clusters within strata, if no cluster has both
        groups).
    bounds
        For pairs, the smallest and the largest possible difference, such as (-1, 1) for zeros and
        ones, as for `intervals.interval`.
    confidence
        Confidence level of the interval, between 0 and 1.
    resamples, seed
        As for `permutation_test`.

    Raises
    ------
    StudyError
        If lengths, clusters, strata or bounds do not fit.
    """
    check_flag(paired, "paired")
    check_confidence(confidence)
    check_drawing(resamples, seed)
    if paired:
        names = None if clusters is None else listed(clusters)
        groups: Any = strata
        differences = _differences(first, second)
        known = interval(
            differences, clusters=names, strata=groups, bounds=bounds, confidence=confidence
        )
        pairs = _Group(*observed(differences, names))
        spread = float(pairs.values.std(ddof=1)) if known.n > 1 else 0.0
        effect = known.mean / spread if spread > 1e-12 else math.nan
        p = flipped(by_cluster(*pairs)[0], resamples=resamples, seed=seed)
        return Comparison(known.mean, known.low, known.high, p, effect, (known.n, known.n))
    if bounds is not None:
        raise StudyError(
            "bounds= applies to the differences of pairs, and these groups are not "
            "paired. Leave it out."
        )
    first, second = flat(first), flat(second)  # read twice
    first_groups, two = _groups(first, second, clusters)
    if strata is not None:
        within = _within(first_groups, two, _groups(first, second, strata))
        places = None if clusters is None else within.clusters
        return Comparison(
            within.difference(),
            *within.ends(confidence=confidence),
            _p_within(within, places, resamples=resamples, seed=seed),
            within.effect(),
            within.n,
            within.size,
            within.left_out,
        )
    return Comparison(
        _mean(first_groups.values) - _mean(two.values),
        *_difference_ends(first_groups, two, confidence),
        _p(*_joined(first_groups, two), resamples=resamples, seed=seed),
        _cohens_d(first_groups.values, two.values),
        (len(first_groups.values), len(two.values)),
    )


def ends_over_strata(
    first: Iterable[float],
    second: Iterable[float],
    *,
    strata: tuple[Iterable[Hashable], Iterable[Hashable]],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Another interval of the difference that `compare` finds within strata: these are clusters.

    It asks what other strata might give, such as other nouns; NaN with fewer than ten of both
    groups.
    """
    first, second = flat(first), flat(second)  # read twice
    within = _within(*_groups(first, second, None), _groups(first, second, strata))
    return within.ends_over_strata(confidence=confidence)


def permutation_test(
    first: Iterable[float],
    second: Iterable[float],
    *,
    paired: bool = False,
    clusters: Names = None,
    resamples: int | None = None,
    seed: int = 0,
) -> float:
    """Compute the two-sided p value for equal means, by permutation.

    Paired: the sign of each pair's (or each cluster's) difference is flipped at random. Not paired,
    with clusters: the two labels are shuffled within each cluster, and the statistic is the
    difference within clusters, whose mean over all shuffles is 0; a cluster with only one group
    does not contribute. So this is also the test within strata, which are then passed as
    `clusters`; `compare` has both. If no cluster has both groups, whole clusters are relabeled. Not
    paired, without clusters: labels are shuffled freely.

    Parameters
    ----------
    resamples
        Number of permutations; if pairs have no more than that, all are enumerated. None: 5000, and
        100 000 in all if these give a p below 0.01 (`permutations`), so that a test can remain
        significant after Holm's correction for a hundred tests.
    seed
        Seed of the permutations.

    Returns
    -------
    float
        (as extreme + 1) / (permutations + 1), or exact. NaN if a group is empty.
    """
    check_flag(paired, "paired")
    check_drawing(resamples, seed)
    if paired:
        sums, _ = by_cluster(*observed(_differences(first, second), clusters))
        return flipped(sums, resamples=resamples, seed=seed)
    joined = _joined(*_groups(first, second, clusters))
    return _p(*joined, resamples=resamples, seed=seed)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p values for multiple tests by Holm's (1979) step-down procedure.

    A p value of NaN belongs to no test: it stays NaN, and the others are corrected without it.

    Raises
    ------
    StudyError
        If a p value is outside [0, 1].

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    >>> holm([0.01, float("nan"), 0.04])
    [0.02, nan, 0.04]
    """
    ps = flat(values).tolist()
    tested = sorted((p, number) for number, p in enumerate(ps) if not math.isnan(p))
    if outside := [p for p, _ in tested if not 0 <= p <= 1]:
        raise StudyError(f"A p value must be from 0 to 1, not {outside[0]:g}.")
    corrected = [math.nan] * len(ps)
    highest = 0.0
    for rank, (p, number) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        corrected[number] = highest
    return corrected


def holm_of(*tables: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    """Add ``p_holm`` after ``p`` to several tables, corrected for the tests of all of them.

    The tables of one page are one family, because a reader looks at all of them and picks the small
    p values.
    """
    for number, table in enumerate(tables, 1):
        columns_of(table, ("p",), made_by="p values")
        if list(table.columns).count("p") > 1 or any(table is other for other in tables[number:]):
            raise StudyError(
                "A table is given more than once, or has two columns 'p', so its tests would count "
                "twice."
            )
    together = holm([p for table in tables for p in table.p])
    corrected = []
    for table in tables:
        own, together = together[: len(table)], together[len(table) :]
        plain = table.drop(columns="p_holm", errors="ignore")
        plain.insert(list(plain.columns).index("p") + 1, "p_holm", own)
        corrected.append(plain)
    return tuple(corrected)


def _differences(first: Any, second: Any) -> Floats:
    flat_first, two = flat(first), flat(second)
    if flat_first.shape != two.shape:
        raise StudyError(
            f"Pairs need two lists of equal length, not of {len(flat_first)} and {len(two)} values."
        )
    differences: Floats = flat_first - two
    return differences


def _groups(first: Any, second: Any, clusters: Any) -> tuple[_Group, _Group]:
    """Both groups with their clusters (or strata)."""
    if clusters is not None and not (isinstance(clusters, tuple) and len(clusters) == 2):
        raise StudyError(
            "Unpaired groups need two lists of clusters or of strata: (first, second)."
        )
    names = (None, None) if clusters is None else clusters
    return _Group(*observed(first, names[0])), _Group(*observed(second, names[1]))


def _joined(one: _Group, two: _Group) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """All values, whether each is of the first group, and the number of its cluster."""
    values = np.concatenate([one.values, two.values])
    places = np.zeros(len(values), dtype=np.int64)
    if one.names is not None and two.names is not None:
        places = numbered([*one.names, *two.names], "cluster")
    return values, np.arange(len(values)) < len(one.values), places


def _within(one: _Group, two: _Group, strata: tuple[_Group, _Group]) -> Within:
    values, first, clusters = _joined(one, two)
    if one.names is None:
        clusters = np.arange(len(values))
    groups = numbered([*(strata[0].names or []), *(strata[1].names or [])], "stratum")
    nested(clusters, groups)
    return Within.of(values, first, groups, clusters)


def _p(
    values: Floats,
    first: NDArray[np.bool_],
    places: NDArray[np.int64],
    *,
    resamples: int | None,
    seed: int,
) -> float:
    """Labels shuffled within places, or of whole places where each is of one group alone."""
    if not len(values) or places.max() == 0 or _mixed(first, places):
        return shuffled(values, first, places, resamples=resamples, seed=seed)
    together = np.zeros_like(places)
    return shuffled(*_summed(values, first, places, together), resamples=resamples, seed=seed)


def _p_within(
    within: Within, clusters: NDArray[np.int64] | None, *, resamples: int | None, seed: int
) -> float:
    """The same within strata."""
    values, first, strata = within.values, within.first, within.strata
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    if clusters is None or not len(values):
        return shuffled(values, first, strata, **options)
    if _mixed(first, clusters):
        return shuffled(values, first, clusters, **options)
    return shuffled(*_summed(values, first, clusters, strata), **options)


def _mixed(first: NDArray[np.bool_], places: NDArray[np.int64]) -> bool:
    """Whether any place holds values of both groups."""
    of_first = np.bincount(places, weights=first)
    return bool(((of_first > 0) & (of_first < np.bincount(places))).any())


def _summed(
    values: Floats,
    first: NDArray[np.bool_],
    clusters: NDArray[np.int64],
    strata: NDArray[np.int64],
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """Of whole clusters: what they are above their stratum's mean in all, group, stratum."""
    names, members = np.unique(clusters, return_index=True)
    sums: Floats = np.bincount(clusters, weights=centered(values, strata)).astype(np.float64)
    return sums[names], first[members], strata[members]


def _difference_ends(one: _Group, two: _Group, confidence: float) -> tuple[float, float]:
    """Of the difference of two means; a cluster in both groups moves both."""
    if not len(one.values) or not len(two.values):
        return math.nan, math.nan
    values, first, places = _joined(one, two)
    if one.names is None:
        places = np.arange(len(values))
    if min(len(np.unique(places[of])) for of in (first, ~first)) < influence.LEAST:
        return math.nan, math.nan
    influences, squares = np.zeros(places.max() + 1), np.zeros(places.max() + 1)
    for group, of, sign in ((one, first, 1), (two, ~first, -1)):
        size, at = len(group.values), places[of]
        apart = group.values - group.values.mean()
        influences += sign * np.bincount(at, weights=apart, minlength=len(influences)) / size
        squares += (np.bincount(at, minlength=len(squares)) / size) ** 2
    # Groups without a cluster in common are two samples, each with a variance of its own.
    of_first, of_second = (np.unique(places[of]) for of in (first, ~first))
    strata = None
    if not len(np.intersect1d(of_first, of_second)):
        strata = np.zeros(len(influences), dtype=np.int64)
        strata[of_second] = 1
    difference = float(one.values.mean() - two.values.mean())
    return influence.ends(
        difference, influences, np.sqrt(squares), strata=strata, confidence=confidence
    )


def _cohens_d(one: Floats, two: Floats) -> float:
    freedom = len(one) + len(two) - 2
    if len(one) < 2 or len(two) < 2:
        return math.nan
    pooled = ((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom
    return float((one.mean() - two.mean()) / math.sqrt(pooled)) if pooled > 1e-24 else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
