"""Means with bootstrap intervals that respect clusters, for lists and for tables.

Observations from one prompt are alike: the same words, often the same picture. Where `clusters`
names their prompts, whole prompts are drawn (Cameron, Gelbach & Miller 2008), else single values.

Where `strata` names groups that are no sample but all there is, such as the nouns that a model
knows, the draws are made within each group (`stratified`): the interval then speaks of these groups
and new observations of them, and not of other groups. It has the percentiles of these draws; that
of draws without strata is bias-corrected and accelerated.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.studies.stratified import drawn_sums, ends, members, nested, numbered

RESAMPLES = 5000
ENOUGH = 300  # observations from which on a row of a summary is not shown as rare

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and how well it is known.

    Attributes
    ----------
    mean
        NaN where there is no value.
    low, high
        Ends of the confidence interval; NaN with fewer than two values or clusters.
    n
        Values.
    clusters
        Clusters they come from (values, where no clusters were given).
    confidence
        Such as 0.95.
    strata
        Within which clusters were drawn; 0 where none were given.
    alone
        Of these, strata with a single cluster, which were put together (`stratified`).
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int
    confidence: float = 0.95
    strata: int = 0
    alone: int = 0

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}] (n = {self.n})"


def interval(
    values: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    strata: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Mean and bootstrap interval.

    Parameters
    ----------
    values
        Numbers; NaN (not observed) are left out.
    clusters
        Of each value, such as its prompt.
    strata
        Of each value, such as its noun: clusters are drawn within each, and none lies in two.
    confidence
        Of the interval, between 0 and 1.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    Interval
        Bias-corrected and accelerated (Efron 1987), by `scipy.stats.bootstrap`; with `strata` by
        percentiles of `stratified` draws. Equal values have an interval of no width.

    Raises
    ------
    StudyError
        Where lengths do not fit, or a cluster lies in two strata.
    """
    if strata is not None:
        rng = np.random.default_rng(seed)
        return _within(
            values, clusters, strata, confidence=confidence, resamples=resamples, rng=rng
        )
    kept, names = observed(values, clusters)
    sums, counts = by_cluster(kept, names)
    return _of_ratio(sums, counts, len(kept), confidence, resamples=resamples, seed=seed)


def ratio(
    above: Iterable[float],
    below: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The ratio of two means of the same observations, and its bootstrap interval.

    Where single ratios are wild because some of what stands below is nearly nothing, this is what
    can be averaged.

    Parameters
    ----------
    above, below
        Two numbers of each observation; one of them NaN (not observed) leaves both out.
    clusters, confidence, resamples, seed
        As for `interval`.

    Returns
    -------
    Interval
        As `interval` gives it; ``mean`` is the ratio. NaN where what stands below is nothing.

    Raises
    ------
    StudyError
        Where lengths do not fit.
    """
    first, second = (np.asarray(list(values), dtype=np.float64) for values in (above, below))
    if first.shape != second.shape:
        raise StudyError(f"{len(first)} numbers stand above {len(second)}; a ratio needs pairs.")
    names = None if clusters is None else list(clusters)
    there = first + second  # NaN where either is
    tops, kept = observed(np.where(np.isnan(there), np.nan, first), names)
    bottoms, _ = observed(np.where(np.isnan(there), np.nan, second), names)
    (sums, _), (weights, _) = by_cluster(tops, kept), by_cluster(bottoms, kept)
    if not weights.sum():
        return Interval(math.nan, math.nan, math.nan, len(tops), len(sums), confidence)
    return _of_ratio(sums, weights, len(tops), confidence, resamples=resamples, seed=seed)


def _of_ratio(
    sums: Floats, weights: Floats, n: int, confidence: float, *, resamples: int, seed: int
) -> Interval:
    """The sum of `sums` over that of `weights`, both by cluster, which are drawn."""
    from scipy import stats

    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, 0, confidence)
    mean = float(sums.sum() / weights.sum())
    if len(sums) < 2:
        return Interval(mean, math.nan, math.nan, n, len(sums), confidence)
    if np.allclose(sums, mean * weights, rtol=0, atol=1e-12):
        return Interval(mean, mean, mean, n, len(sums), confidence)
    found = stats.bootstrap(
        (sums, weights),
        _ratio,
        paired=True,
        vectorized=True,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, 2_000_000 // len(sums)),  # bounds the memory
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), n, len(sums), confidence)


def share(
    values: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Share of ones among zeros and ones, with an interval that has a width at 0 and 1, too.

    Parameters
    ----------
    values
        Zeros and ones; NaN (not observed) are left out.
    clusters
        Of each value, such as its prompt.
    confidence
        Of the interval, between 0 and 1.

    Returns
    -------
    Interval
        Wilson's (1927), by `scipy.stats`, where each value is a cluster of its own; else that of
        `interval`.

    Raises
    ------
    StudyError
        Where a value is neither 0 nor 1.
    """
    from scipy import stats

    kept, names = observed(values, clusters)
    if not np.isin(kept, (0.0, 1.0)).all():
        raise StudyError("A share is of zeros and ones alone.")
    if not len(kept) or (names is not None and len(set(names)) < len(names)):
        return interval(kept, clusters=names, confidence=confidence)
    found = stats.binomtest(int(kept.sum()), len(kept)).proportion_ci(confidence, method="wilson")
    n = len(kept)
    return Interval(float(kept.mean()), float(found.low), float(found.high), n, n, confidence)


def summary(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str],
    value: str | Sequence[str],
    clusters: str | None = "prompt",
    strata: str | None = None,
    confidence: float = 0.95,
    enough: int = ENOUGH,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """One row per group: n, mean and interval of each value.

    Parameters
    ----------
    table
        One row per observation.
    by
        Column or columns that make the groups, kept in order of first appearance.
    value
        Column or columns averaged.
    clusters
        Column of the clusters that are drawn; None: single rows.
    strata
        Column of the groups within which they are drawn, as for `interval`; None: of all.
    enough
        Groups with fewer observations are marked ``rare``.

    Returns
    -------
    DataFrame
        The columns `by`; ``n`` (of the first value, NaN left out); ``clusters``; for each value its
        mean under its own name, ``<value>_low`` and ``<value>_high``; ``rare``. With `strata` also
        their number, ``strata``, and how many have a single cluster, ``alone``.
    """
    by, value = _names(by), _names(value)
    rows = []
    for group, part in table.groupby(by, sort=False, dropna=False):
        row: dict[str, Any] = dict(zip(by, group, strict=True))
        for place, name in enumerate(value):
            found = interval(
                part[name].astype(float),
                clusters=None if clusters is None else part[clusters],
                strata=None if strata is None else part[strata],
                confidence=confidence,
                resamples=resamples,
            )
            if place == 0:
                row |= {"n": found.n, "clusters": found.clusters}
                row |= {"strata": found.strata, "alone": found.alone}
            row |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
        row["rare"] = row["n"] < enough
        rows.append(row)
    columns = [end for name in value for end in (name, f"{name}_low", f"{name}_high")]
    within = [] if strata is None else ["strata", "alone"]
    return pd.DataFrame(rows, columns=[*by, "n", "clusters", *within, *columns, "rare"])


# --- inside ---------------------------------------------------------------------------------------


def _ratio(sums: Any, counts: Any, axis: int = -1) -> Any:
    return np.sum(sums, axis=axis) / np.sum(counts, axis=axis)


def _within(
    values: Any,
    clusters: Any,
    strata: Any,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval:
    """`interval` of clusters drawn within strata."""
    kept, names = observed(values, clusters)
    groups = observed(values, strata)[1] or []
    if not len(kept):
        return Interval(math.nan, math.nan, math.nan, 0, 0, confidence)
    places = np.arange(len(kept)) if names is None else numbered(names, "cluster")
    strata_of = nested(places, numbered(groups, "stratum"))
    chosen, alone = members(strata_of)
    low, high = math.nan, math.nan
    if len(chosen[0]) > 1:
        columns = [np.bincount(places, weights=kept), np.bincount(places).astype(np.float64)]
        sums = drawn_sums(np.stack(columns, axis=1), chosen, resamples, rng)
        low, high = ends(sums[:, 0] / sums[:, 1], confidence)
    return Interval(
        float(kept.mean()),
        low,
        high,
        n=len(kept),
        clusters=len(strata_of),
        confidence=confidence,
        strata=len(set(groups)),
        alone=alone,
    )


def observed(values: Any, clusters: Any) -> tuple[Floats, list[Hashable] | None]:
    """Values that are not NaN, with their clusters."""
    array = np.asarray(values if hasattr(values, "__len__") else list(values), dtype=np.float64)
    if array.ndim != 1:
        raise StudyError(f"Values are a flat list of numbers, not of shape {array.shape}.")
    kept = ~np.isnan(array)
    if clusters is None:
        return array[kept], None
    names = list(clusters)
    if len(names) != len(array):
        raise StudyError(f"There are {len(names)} clusters for {len(array)} values.")
    return array[kept], [name for name, there in zip(names, kept, strict=True) if there]


def by_cluster(values: Floats, names: list[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and count of each cluster, in order of first appearance."""
    if names is None:
        return values, np.ones_like(values)
    places = pd.factorize(pd.Series(names, dtype=object))[0]
    sums: Floats = np.bincount(places, weights=values).astype(np.float64)
    return sums, np.bincount(places).astype(np.float64)


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
