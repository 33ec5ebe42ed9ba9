"""Two groups of values: difference, permutation test, effect size; prompts count as clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.studies.statistics import RESAMPLES, Floats, by_cluster, interval, observed
from daam_nb.studies.stratified import drawn_sums, ends, members, nested, numbered

Names = Iterable[Hashable] | tuple[Iterable[Hashable], Iterable[Hashable]] | None
"""Of each pair; where not paired, two of them: of each value of the first and of the second."""


class _Group(NamedTuple):
    values: Floats
    names: list[Hashable] | None


@dataclass(frozen=True)
class Comparison:
    """Two groups of values.

    Attributes
    ----------
    difference
        Mean of the first minus mean of the second.
    low, high
        Ends of its bootstrap interval.
    p
        Of a two-sided permutation test; at least 1 / (resamples + 1).
    effect
        Standardised difference: Cohen's d with the pooled deviation, or for pairs d_z, the mean
        difference over the deviation of the differences. NaN where nothing varies.
    n
        Values in each group; (pairs, pairs) where paired.
    """

    difference: float
    low: float
    high: float
    p: float
    effect: float
    n: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"{self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], p = {self.p:.2g}, "
            f"effect {self.effect:+.2f}, n = {self.n[0]} and {self.n[1]}"
        )


def compare(
    first: Iterable[float],
    second: Iterable[float],
    *,
    paired: bool = False,
    clusters: Names = None,
    strata: Names = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two groups: difference with its interval, permutation test, effect size.

    Parameters
    ----------
    first, second
        Values; where `paired`, of equal length, and a pair with a NaN is left out.
    clusters
        Of each pair; where not paired, two of them: of each value in `first` and in `second`.
    strata
        The same, of groups such as nouns: the interval then draws clusters within each
        (`statistics.interval`). The permutation test is that of the clusters; unpaired and without
        clusters, it shuffles the labels within strata.
    confidence, resamples, seed
        Of the bootstrap and of the permutations.

    Raises
    ------
    StudyError
        Where lengths, clusters or strata do not fit.
    """
    rng = np.random.default_rng(seed)
    bootstrap: dict[str, Any] = {"confidence": confidence, "resamples": resamples}
    if paired:
        names: Any = None if clusters is None else list(clusters)
        groups: Any = strata
        differences = _differences(first, second)
        found = interval(differences, clusters=names, strata=groups, seed=seed, **bootstrap)
        pairs = _Group(*observed(differences, names))
        spread = float(pairs.values.std(ddof=1)) if found.n > 1 else 0.0
        effect = found.mean / spread if spread > 1e-12 else math.nan
        p = _turned(pairs, resamples, rng)
        return Comparison(found.mean, found.low, found.high, p, effect, (found.n, found.n))
    first, second = list(first), list(second)
    one, two = _groups(first, second, clusters)
    if strata is None:
        low, high = _difference_ends(one, two, rng=rng, **bootstrap)
    else:
        within = _groups(first, second, strata)
        low, high = _ends_within(one, two, within, rng=rng, **bootstrap)
        one, two = (one, two) if clusters is not None else within
    return Comparison(
        _mean(one.values) - _mean(two.values),
        low,
        high,
        _shuffled(one, two, resamples, rng),
        _cohens_d(one.values, two.values),
        (len(one.values), len(two.values)),
    )


def difference_ends(
    first: Iterable[float],
    second: Iterable[float],
    *,
    clusters: Names = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of `compare` alone, of two groups that are not paired."""
    one, two = _groups(first, second, clusters)
    rng = np.random.default_rng(seed)
    return _difference_ends(one, two, confidence=confidence, resamples=resamples, rng=rng)


def permutation_test(
    first: Iterable[float],
    second: Iterable[float],
    *,
    paired: bool = False,
    clusters: Names = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> float:
    """Two-sided p for equal means, by permutation.

    Paired: the sign of each pair's (or each cluster's) difference is turned at random
    (`scipy.stats.permutation_test`, ``"samples"``). Not paired, with clusters: the two labels are
    shuffled within each cluster, so that only differences within prompts count; a cluster of one
    group alone has no say. Not paired, without: shuffled freely.

    Returns
    -------
    float
        (as extreme + 1) / (resamples + 1), or exact where the permutations are few. NaN where a
        group is empty.
    """
    rng = np.random.default_rng(seed)
    if paired:
        pairs = _Group(*observed(_differences(first, second), clusters))
        return _turned(pairs, resamples, rng)
    return _shuffled(*_groups(first, second, clusters), resamples, rng)


def _differences(first: Any, second: Any) -> Floats:
    one, two = (np.asarray(list(values), dtype=np.float64) for values in (first, second))
    if one.shape != two.shape:
        raise StudyError(
            f"Pairs need two lists of one length, not of {len(one)} and {len(two)} values."
        )
    found: Floats = one - two
    return found


def _groups(first: Any, second: Any, clusters: Any) -> tuple[_Group, _Group]:
    """Both groups with their clusters (or strata)."""
    if clusters is not None and not (isinstance(clusters, tuple) and len(clusters) == 2):
        raise StudyError(
            "Groups that are not paired take two lists of clusters, or of strata: (first, second)."
        )
    names = (None, None) if clusters is None else clusters
    return _Group(*observed(first, names[0])), _Group(*observed(second, names[1]))


def _turned(pairs: _Group, resamples: int, rng: np.random.Generator) -> float:
    """The sign of each cluster's difference at random."""
    from scipy import stats

    if not len(pairs.values):
        return math.nan
    sums, _ = by_cluster(pairs.values, pairs.names)
    if len(sums) == 1:
        return 1.0  # both signs are equally far from 0
    found = stats.permutation_test(
        (sums, np.zeros_like(sums)),
        lambda a, b, axis: np.sum(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 1_000_000 // len(sums)),
        rng=rng,
    )
    return float(found.pvalue)


def _shuffled(one: _Group, two: _Group, resamples: int, rng: np.random.Generator) -> float:
    """The labels in random order, within each cluster."""
    if not len(one.values) or not len(two.values):
        return math.nan
    values = np.concatenate([one.values, two.values])
    first = np.arange(len(values)) < len(one.values)
    places = np.zeros(len(values))
    if one.names is not None and two.names is not None:
        places = pd.factorize(pd.Series([*one.names, *two.names], dtype=object))[0].astype(float)
    order = np.argsort(places, kind="stable")
    values, first, places = values[order], first[order], places[order]
    seen = abs(_gap(values, first))
    extreme = 0
    for _ in range(resamples):
        # Sorting by cluster + noise in [0, 1) is a random order within each cluster.
        mixed = np.argsort(places + rng.random(len(places)))
        extreme += abs(_gap(values[mixed], first)) >= seen - 1e-12
    return (extreme + 1) / (resamples + 1)


def _difference_ends(
    one: _Group, two: _Group, *, confidence: float, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of the difference; a cluster in both groups is drawn for both."""
    if len(one.values) < 2 or len(two.values) < 2:
        return math.nan, math.nan
    if one.names is None or two.names is None:
        drawn = _drawn(*by_cluster(one.values, None), resamples, rng)
        drawn = drawn - _drawn(*by_cluster(two.values, None), resamples, rng)
    else:
        places, known = pd.factorize(pd.Series([*one.names, *two.names], dtype=object))
        weights = _weights(len(known), resamples, rng)
        means = []
        for values, at in (
            (one.values, places[: len(one.values)]),
            (two.values, places[len(one.values) :]),
        ):
            sums = np.bincount(at, weights=values, minlength=len(known))
            counts = np.bincount(at, minlength=len(known))
            with np.errstate(invalid="ignore"):  # a draw without any of the group's clusters
                means.append(weights @ sums / (weights @ counts))
        drawn = means[0] - means[1]
    return ends(drawn, confidence)


def _ends_within(
    one: _Group,
    two: _Group,
    strata: tuple[_Group, _Group],
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The same, of clusters drawn within strata: one in both groups is drawn for both.

    Values of both groups are drawn from one pot, because to which group an observation belongs may
    itself be what was observed.
    """
    if len(one.values) < 2 or len(two.values) < 2:
        return math.nan, math.nan
    values, first = np.concatenate([one.values, two.values]), len(one.values)
    places = np.arange(len(values))
    if one.names is not None and two.names is not None:
        places = numbered([*one.names, *two.names], "cluster")
    groups = numbered([*(strata[0].names or []), *(strata[1].names or [])], "stratum")
    chosen, _ = members(nested(places, groups))
    if len(chosen[0]) < 2:
        return math.nan, math.nan
    is_first = (np.arange(len(values)) < first).astype(np.float64)
    of_values = (values * is_first, is_first, values * (1 - is_first), 1 - is_first)
    columns: Floats = np.stack(
        [np.bincount(places, weights=column).astype(np.float64) for column in of_values], axis=1
    )
    sums = drawn_sums(columns, chosen, resamples, rng)
    with np.errstate(invalid="ignore"):  # a draw without any value of one of the groups
        drawn = sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
    return ends(drawn, confidence)


def _drawn(sums: Floats, counts: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    weights = _weights(len(sums), resamples, rng)
    means: Floats = weights @ sums / (weights @ counts)
    return means


def _weights(size: int, resamples: int, rng: np.random.Generator) -> Floats:
    """(resample, cluster): how often each is drawn."""
    return rng.multinomial(size, np.full(size, 1 / size), size=resamples).astype(np.float64)


def _gap(values: Floats, first: NDArray[np.bool_]) -> float:
    return float(values[first].mean() - values[~first].mean())


def _cohens_d(one: Floats, two: Floats) -> float:
    freedom = len(one) + len(two) - 2
    if len(one) < 2 or len(two) < 2:
        return math.nan
    pooled = ((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom
    return float((one.mean() - two.mean()) / math.sqrt(pooled)) if pooled > 1e-24 else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
