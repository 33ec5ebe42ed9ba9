"""Two groups of values: difference, permutation test, effect size; prompts count as clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.studies.statistics import RESAMPLES, Floats, by_cluster, interval, observed
from daam_nb.studies.stratified import ends, nested, numbered
from daam_nb.studies.within_strata import LEAST, Within, centred

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
        Mean of the first minus mean of the second; of groups in strata that are not paired, the
        difference within strata (`within_strata`).
    low, high
        Ends of its bootstrap interval; NaN where there are too few values.
    p
        Of a two-sided permutation test; at least 1 / (resamples + 1), and for pairs, whose test
        doubles the smaller tail, 2 / (resamples + 1). Exact for pairs with few permutations.
    effect
        Standardised difference: Cohen's d with the pooled deviation, in strata with the deviation
        within them; for pairs d_z, the mean difference over the deviation of the differences. NaN
        where nothing varies.
    n
        Values in each group; (pairs, pairs) where paired. In strata that are not paired, values of
        those with both groups.
    strata
        Of groups that are not paired: strata with both groups; 0 where none were given.
    left_out
        Of the same, strata with one group alone: they have no difference, and no weight.
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
        (`statistics.interval`). Paired, difference and test stay as they are without. Not paired,
        difference, interval, effect and test are all of what differs within strata
        (`within_strata`): by the mix of strata alone the groups do not differ. The labels are then
        shuffled within strata, or within clusters where there are any.
    confidence, resamples, seed
        Of the bootstrap and of the permutations.

    Raises
    ------
    StudyError
        Where lengths, clusters or strata do not fit.

    Notes
    -----
    Groups that are not paired have no interval with fewer than two values each; where they have
    clusters or strata, so that a draw may lack one of the groups, with fewer than ten.
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
    if strata is not None:
        within = _within(one, two, _groups(first, second, strata))
        names = within.strata if clusters is None else within.clusters
        return Comparison(
            within.difference(),
            *within.ends(rng=rng, **bootstrap),
            _shuffled(within.values, within.first, names, resamples, rng),
            within.effect(),
            within.n,
            within.size,
            within.left_out,
        )
    return Comparison(
        _mean(one.values) - _mean(two.values),
        *_difference_ends(one, two, rng=rng, **bootstrap),
        _shuffled(*_joined(one, two), resamples, rng),
        _cohens_d(one.values, two.values),
        (len(one.values), len(two.values)),
    )


def ends_over_strata(
    first: Iterable[float],
    second: Iterable[float],
    *,
    strata: tuple[Iterable[Hashable], Iterable[Hashable]],
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Another interval of the difference that `compare` finds within strata: whole ones are drawn.

    It asks what other strata might give, such as other nouns; NaN with fewer than two of both
    groups, or fewer than ten values of a group in them.
    """
    first, second = list(first), list(second)
    within = _within(*_groups(first, second, None), _groups(first, second, strata))
    rng = np.random.default_rng(seed)
    return within.ends_over_strata(confidence=confidence, resamples=resamples, rng=rng)


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
    shuffled within each cluster, and what is compared is the difference within clusters, which is 0
    in the mean of all shuffles; a cluster of one group alone has no say. So this is also the test
    within strata, which are then named as `clusters`; `compare` has both. Not paired, without:
    shuffled freely.

    Returns
    -------
    float
        Not paired: (as extreme + 1) / (resamples + 1). Paired: twice the same of the smaller tail,
        so at least 2 / (resamples + 1), or exact where the permutations are few. NaN where a group
        is empty.
    """
    rng = np.random.default_rng(seed)
    if paired:
        pairs = _Group(*observed(_differences(first, second), clusters))
        return _turned(pairs, resamples, rng)
    return _shuffled(*_joined(*_groups(first, second, clusters)), resamples, rng)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction of p values for all of them being tested together.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    made = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        made[place] = highest
    return made


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


def _shuffled(
    values: Floats,
    first: NDArray[np.bool_],
    places: NDArray[np.int64],
    resamples: int,
    rng: np.random.Generator,
) -> float:
    """The labels in random order within each place; what counts is the difference within places."""
    if first.all() or not first.any():
        return math.nan
    order = np.argsort(places, kind="stable")
    first, places = first[order], places[order]
    values = centred(values[order], places)
    least = abs(values[first].sum()) - 1e-12 * np.abs(values).sum()
    extreme = 0
    for _ in range(resamples):
        # Sorting by place + noise in [0, 1) is a random order within each.
        mixed = values[np.argsort(places + rng.random(len(places)))]
        extreme += abs(mixed[first].sum()) >= least
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
    elif min(len(one.values), len(two.values)) < LEAST:
        return math.nan, math.nan
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


def _drawn(sums: Floats, counts: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    weights = _weights(len(sums), resamples, rng)
    means: Floats = weights @ sums / (weights @ counts)
    return means


def _weights(size: int, resamples: int, rng: np.random.Generator) -> Floats:
    """(resample, cluster): how often each is drawn."""
    return rng.multinomial(size, np.full(size, 1 / size), size=resamples).astype(np.float64)


def _cohens_d(one: Floats, two: Floats) -> float:
    freedom = len(one) + len(two) - 2
    if len(one) < 2 or len(two) < 2:
        return math.nan
    pooled = ((len(one) - 1) * one.var(ddof=1) + (len(two) - 1) * two.var(ddof=1)) / freedom
    return float((one.mean() - two.mean()) / math.sqrt(pooled)) if pooled > 1e-24 else math.nan


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
