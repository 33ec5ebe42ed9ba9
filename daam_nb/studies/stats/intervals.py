"""Means with intervals that respect clusters, for lists and for tables.

Observations from one prompt are alike: the same words, often the same image. If `clusters` names
their prompts, whole prompts count as independent (Cameron, Gelbach & Miller 2008), else single
values. With fewer than ten of them there is a mean but no interval: none would reach its nominal
coverage. `influence` explains how the ends are computed; nothing is random.

If `strata` names groups that are not a sample but the whole population, such as the nouns that a
model knows, the differences between them are not chance (`stratified`): the interval then holds for
new observations of these groups, and not for other groups.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import SelectionError, StudyError, unknown_names_message
from daam_nb.kinds import check_share, kind_of
from daam_nb.studies.arguments import texts
from daam_nb.studies.stats import influence
from daam_nb.studies.stats.influence import LEAST
from daam_nb.studies.stats.stratified import members, nested, numbered

ENOUGH = 300  # observations from which on a row of a summary is not shown as rare

Floats = NDArray[np.float64]
Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)
"""The least and the greatest value of a share."""


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean
        NaN if there are no values.
    low, high
        Ends of the confidence interval; NaN with fewer than ten clusters (`influence.LEAST`), and
        if values of unknown bounds do not vary.
    n
        Number of values.
    clusters
        Number of clusters (of values, if no clusters were given).
    confidence
        Confidence level, such as 0.95.
    strata
        Number of strata, whose differences are not chance; 0 if none were given.
    singletons
        Number of strata with a single cluster, which were pooled (`stratified`).
    """

    mean: float
    low: float
    high: float
    n: int
    clusters: int
    confidence: float = 0.95
    strata: int = 0
    singletons: int = 0

    def __str__(self) -> str:
        ends = "" if math.isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.mean:.3f}{ends} (n = {self.n})"


def interval(
    values: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    strata: Iterable[Hashable] | None = None,
    bounds: Bounds | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Compute a mean and its confidence interval.

    Parameters
    ----------
    values
        Numbers; NaN (not observed) are left out.
    clusters
        Cluster of each value, such as its prompt.
    strata
        Stratum of each value, such as its noun: differences between strata are not chance; no
        cluster lies in two.
    bounds
        The smallest and the largest possible value, such as (0, 1): the interval is clipped there,
        and exists even if all values are equal.
    confidence
        Of the interval, between 0 and 1.

    Returns
    -------
    Interval
        Student's interval, corrected for the skewness of the clusters (`influence`). Its ends are
        NaN with fewer than ten clusters, and if all clusters have the same mean and `bounds` is not
        known.

    Raises
    ------
    StudyError
        If lengths do not fit, a value is infinite or outside `bounds`, or a cluster lies in two
        strata.
    """
    check_confidence(confidence)
    bounds = read_bounds(bounds)
    kept, names = observed(values, clusters)
    _check_bounds(kept, bounds)
    if not len(kept):
        return _nothing(confidence)
    places = np.arange(len(kept)) if names is None else numbered(names, "cluster")
    within, strata_of, singletons = 0, None, 0
    if strata is not None:
        groups = observed(values, strata)[1] or []
        strata_of = nested(places, numbered(groups, "stratum"))
        within, singletons = len(set(groups)), members(strata_of)[1]
    sums = np.bincount(places, weights=kept).astype(np.float64)
    counts = np.bincount(places).astype(np.float64)
    low, high = influence.of_ratio(
        sums, counts, strata=strata_of, confidence=confidence, bounds=bounds
    )
    mean = float(sums.sum() / counts.sum())
    return Interval(mean, low, high, len(kept), len(sums), confidence, within, singletons)


def ratio(
    above: Iterable[float],
    below: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Compute the ratio of two means of the same observations, with its confidence interval.

    Use it if single ratios are unstable because some denominators are close to 0.

    Parameters
    ----------
    above, below
        Numerator and denominator of each observation; if either is NaN (not observed), both are
        left out. Denominators are >= 0.
    clusters, confidence
        As for `interval`.

    Returns
    -------
    Interval
        As for `interval`; ``mean`` is the ratio. NaN if all denominators are 0.

    Raises
    ------
    StudyError
        If lengths do not fit, or a denominator is negative.
    """
    check_confidence(confidence)
    first, second = flat(above), flat(below)
    if first.shape != second.shape:
        raise StudyError(
            f"There are {len(first)} numerators and {len(second)} denominators; a "
            "ratio needs pairs."
        )
    names = None if clusters is None else listed(clusters)
    both = first + second  # NaN where either is
    tops, kept = observed(np.where(np.isnan(both), np.nan, first), names)
    bottoms, _ = observed(np.where(np.isnan(both), np.nan, second), names)
    if (bottoms < 0).any():
        raise StudyError(
            f"A denominator is {bottoms.min():g}; the ratio of means needs denominators >= 0."
        )
    (sums, _), (weights, _) = by_cluster(tops, kept), by_cluster(bottoms, kept)
    if not weights.sum():
        return Interval(math.nan, math.nan, math.nan, len(tops), len(sums), confidence)
    low, high = influence.of_ratio(sums, weights, confidence=confidence)
    mean = float(sums.sum() / weights.sum())
    return Interval(mean, low, high, len(tops), len(sums), confidence)


def share(
    values: Iterable[float],
    *,
    clusters: Iterable[Hashable] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Compute the share of ones, with an interval that has a width even at 0 and 1.

    Parameters
    ----------
    values
        Zeros and ones; NaN (not observed) are left out.
    clusters
        Cluster of each value, such as its prompt.
    confidence
        Of the interval, between 0 and 1.

    Returns
    -------
    Interval
        The exact interval of Clopper & Pearson (1934) if each value is its own cluster: its
        coverage is at least nominal for every share and number. (Wilson's (1927) covers a share of
        2 % in 84 of 100 samples of ten.) With clusters of several values, that of `interval`. Its
        ends are NaN with fewer than ten clusters.

    Raises
    ------
    StudyError
        If a value is neither 0 nor 1.
    """
    from scipy import stats

    check_confidence(confidence)
    kept, names = observed(values, clusters)
    if not np.isin(kept, (0.0, 1.0)).all():
        raise StudyError("A share needs values of 0 and 1 only.")
    n = len(kept)
    if n < LEAST or (names is not None and numbered(names, "cluster").max() + 1 < n):
        return interval(kept, clusters=names, bounds=SHARE, confidence=confidence)
    exact = stats.binomtest(int(kept.sum()), n).proportion_ci(confidence, method="exact")
    return Interval(float(kept.mean()), float(exact.low), float(exact.high), n, n, confidence)


def summary(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str],
    value: str | Sequence[str],
    clusters: str | None = "prompt",
    strata: str | None = None,
    bounds: Bounds | Mapping[str, Bounds] | None = None,
    confidence: float = 0.95,
    enough: int = ENOUGH,
) -> pd.DataFrame:
    """Summarize a table, one row per group: n, mean and interval of each value.

    Parameters
    ----------
    table
        One row per observation.
    by
        Column or columns that make the groups, kept in order of first appearance.
    value
        Column or columns averaged.
    clusters
        Column of the clusters; None: single rows.
    strata
        Column of the groups whose differences are not chance, as for `interval`; None: no strata.
    bounds
        The smallest and the largest possible value, as for `interval`; by column if they differ.
    enough
        Groups with fewer observations are marked ``rare``.

    Returns
    -------
    DataFrame
        The columns `by`; ``n`` (of the first value, NaN left out); ``clusters``; for each value its
        mean under its own name, ``<value>_low`` and ``<value>_high``, and ``<value>_n`` where it
        was observed in other rows than the first value; ``rare``. With `strata` also their number,
        ``strata``, and how many have a single cluster, ``singletons``.

    Raises
    ------
    StudyError
        If the table lacks a column.
    """
    by, value = _names(by, "by"), _names(value, "value")
    if clusters is not None and not isinstance(clusters, str):
        raise StudyError(f"clusters= must be the name of a column, not {kind_of(clusters)}.")
    if not hasattr(table, "columns"):
        raise StudyError(f"summary() takes a table, not {kind_of(table)}.")
    needed = [*by, *value, *(name for name in (clusters, strata) if name is not None)]
    if unknown := [name for name in needed if name not in table]:
        raise StudyError(
            unknown_names_message(unknown, table.columns, where="The table", what="column")
        )
    if isinstance(bounds, Mapping) and (unknown := [name for name in bounds if name not in value]):
        raise StudyError(unknown_names_message(unknown, value, where="bounds=", what="column"))
    own_columns = [
        "n",
        "clusters",
        *(end for v in value for end in (f"{v}_low", f"{v}_high")),
        "rare",
    ]
    own_columns += [] if strata is None else ["strata", "singletons"]
    for name in (*by, *value):
        if [*by, *value, *own_columns].count(name) > 1:
            raise StudyError(
                f"The summary would have two columns {name!r}: by= and value= must name each "
                f"column once, and none that the summary adds ({', '.join(own_columns)}). Rename "
                f"it first: table.rename(columns={{{name!r}: ...}})."
            )
    try:
        table = table.astype(dict.fromkeys(value, float))
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"Means need numbers, and {', '.join(value)} hold other values: {error}"
        ) from None
    rows = []
    for group, part in table.groupby(by, sort=False, dropna=False):
        row: dict[str, Any] = dict(zip(by, group, strict=True))
        for number, name in enumerate(value):
            known = interval(
                part[name],
                clusters=None if clusters is None else part[clusters],
                strata=None if strata is None else part[strata],
                bounds=bounds.get(name) if isinstance(bounds, Mapping) else bounds,
                confidence=confidence,
            )
            if number == 0:
                row |= {"n": known.n, "clusters": known.clusters}
                row |= {"strata": known.strata, "singletons": known.singletons}
            row |= {name: known.mean, f"{name}_low": known.low, f"{name}_high": known.high}
            row[f"{name}_n"] = known.n
        row["rare"] = row["n"] < enough
        rows.append(row)
    columns = []
    for name in value:
        fewer = any(row[f"{name}_n"] != row["n"] for row in rows)
        columns += [name, f"{name}_low", f"{name}_high", *([f"{name}_n"] if fewer else [])]
    within = [] if strata is None else ["strata", "singletons"]
    return pd.DataFrame(rows, columns=[*by, "n", "clusters", *within, *columns, "rare"])


# --- inside ---------------------------------------------------------------------------------------


def _nothing(confidence: float) -> Interval:
    return Interval(math.nan, math.nan, math.nan, 0, 0, confidence)


def check_confidence(confidence: Any) -> float:
    """Read the confidence of an interval.

    Raises
    ------
    StudyError
        For anything but a number between 0 and 1: a text, a percentage.
    """
    try:
        number = check_share(confidence, "confidence")
    except SelectionError:
        number = 0.0
    if not 0 < number < 1:
        raise StudyError(f"A confidence must be between 0 and 1, such as 0.95, not {confidence!r}.")
    return number


def read_bounds(bounds: Any) -> Bounds | None:
    """Read the smallest and the largest possible value.

    Raises
    ------
    StudyError
        For anything but a pair of finite numbers, the lower one first.
    """
    if bounds is None:
        return None
    try:
        low, high = bounds
        ends = float(low), float(high)
    except (TypeError, ValueError):
        ends = (math.nan, math.nan)
    if isinstance(bounds, str) or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
        raise StudyError(
            f"bounds={bounds!r} must be the smallest and the largest possible value: two finite "
            "numbers, the smaller first, such as (0, 1). If they are unknown: bounds=None."
        )
    return ends


def _check_bounds(values: Floats, bounds: Bounds | None) -> None:
    if bounds is None or not len(values):
        return
    outside = values[(values < bounds[0] - 1e-9) | (values > bounds[1] + 1e-9)]
    if len(outside):
        raise StudyError(
            f"A value is {outside[0]:g}, outside bounds= of {bounds[0]:g} to {bounds[1]:g}."
        )


def flat(values: Any) -> Floats:
    """Numbers as a flat array; None is NaN.

    Raises
    ------
    StudyError
        If they are something else.
    """
    try:
        array = np.asarray(values if hasattr(values, "__len__") else list(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise StudyError(f"Values must be a flat list of numbers, not {values!r:.60}.") from None
    if array.ndim != 1:
        raise StudyError(
            f"Values must be a flat list of numbers, not an array of shape {array.shape}."
        )
    if np.isinf(array).any():
        raise StudyError(
            f"Value {int(np.argmax(np.isinf(array))) + 1} is infinite, so there is no mean."
        )
    return array


def observed(values: Any, clusters: Any) -> tuple[Floats, list[Hashable] | None]:
    """Values that are not NaN, with their clusters."""
    array = flat(values)
    kept = ~np.isnan(array)
    if clusters is None:
        return array[kept], None
    names = listed(clusters)
    if len(names) != len(array):
        raise StudyError(
            f"There are {len(names)} clusters for {len(array)} values; each value needs one."
        )
    return array[kept], [name for name, is_kept in zip(names, kept, strict=True) if is_kept]


def listed(clusters: Any) -> list[Hashable]:
    """Names of clusters as a list, to be read twice."""
    if isinstance(clusters, Mapping):
        raise StudyError(
            f"Clusters must be a list of names, one for each value in order; {clusters!r:.60} is a "
            f"{type(clusters).__name__}."
        )
    try:
        return list(clusters)
    except TypeError:
        raise StudyError(
            f"Clusters must be a list of names, one for each value, not {clusters!r:.60}."
        ) from None


def by_cluster(values: Floats, names: list[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and count of each cluster, in order of first appearance."""
    if names is None:
        return values, np.ones_like(values)
    places = numbered(names, "cluster")
    sums: Floats = np.bincount(places, weights=values).astype(np.float64)
    return sums, np.bincount(places).astype(np.float64)


def _names(names: str | Sequence[str], what: str) -> list[str]:
    listed_names = list(texts(names, f"{what}="))
    if not listed_names:
        raise StudyError(f"{what}= must name at least one column of the table.")
    return listed_names
