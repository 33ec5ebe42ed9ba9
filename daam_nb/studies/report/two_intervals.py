"""Two intervals of one mean, because two things can be asked of images of nouns.

*Of these nouns*: would new images of the same nouns give the same? Images of one noun differ by
chance, and the mix of nouns stays as it is. Where a model knows these nouns and no others, they are
no sample but all there is, and this is the interval of what it does.

*Of nouns*: would other nouns give the same? Whole nouns are the clusters, as if these had been
picked from many alike. It is the wider one where nouns differ, and more images do not make it
narrower.

Both are made by `intervals.interval`; either is empty with fewer than ten images, or nouns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats import intervals
from daam_nb.studies.stats.comparison import Comparison, compare, ends_over_strata
from daam_nb.studies.stats.intervals import ENOUGH, Bounds, interval

HEADLINE = "95 %, of these nouns and new images of them: of what images of one {noun} differ by"
OTHERS = "95 %, of what other nouns might give: of what whole {noun}s differ by; ten or more"
CAPTION = "lines: 95 % intervals of these nouns and new images of them"


def summary(
    table: pd.DataFrame,
    *,
    by: str | Sequence[str],
    value: str | Sequence[str],
    noun: str,
    bounds: Bounds | Mapping[str, Bounds] | None = None,
    enough: int = ENOUGH,
) -> pd.DataFrame:
    """Means of groups with both intervals.

    Parameters
    ----------
    table, by, value, bounds, enough
        As for `intervals.summary`; one row per image and group.
    noun
        Column of the nouns.

    Returns
    -------
    DataFrame
        The columns `by`; ``n`` images; ``nouns``; ``singletons``, the nouns with a single image
        (`stratified` says what becomes of them); for each value its mean, ``<value>_low`` and
        ``<value>_high`` of these nouns, ``<value>_low_nouns`` and ``<value>_high_nouns`` of nouns;
        ``rare``.
    """
    options: dict[str, Any] = {"by": by, "value": value, "bounds": bounds, "enough": enough}
    summary = intervals.summary(table, clusters=None, strata=noun, **options)
    others = intervals.summary(table, clusters=noun, **options)
    summary = summary.drop(columns="clusters").rename(columns={"strata": "nouns"})
    for name in [value] if isinstance(value, str) else value:
        column = list(summary.columns).index(f"{name}_high") + 1
        for shift, end in enumerate((f"{name}_low", f"{name}_high")):
            summary.insert(column + shift, f"{end}_nouns", others[end])
    return summary


def compared(
    first: pd.Series,
    second: pd.Series,
    *,
    nouns: pd.Series,
    bounds: Bounds | None = None,
    resamples: int | None = None,
) -> tuple[Comparison, dict[str, float]]:
    """Two values of each image: ends of both intervals of their difference; p is over nouns.

    Returns
    -------
    Comparison
        Clusters of its interval are whole nouns, and its test turns the sign of whole nouns.
    dict
        ``low`` and ``high`` of these nouns, ``low_nouns`` and ``high_nouns``.
    """
    options: dict[str, Any] = {"bounds": bounds, "resamples": resamples}
    comparison = compare(first, second, paired=True, clusters=nouns, **options)
    gaps = first.to_numpy(float) - second.to_numpy(float)  # by place, whatever the index says
    here = interval(gaps, strata=nouns, bounds=bounds)
    return comparison, _ends(here.low, here.high, comparison.low, comparison.high)


def groups_compared(
    first: pd.Series,
    second: pd.Series,
    *,
    nouns: tuple[pd.Series, pd.Series],
    resamples: int | None = None,
) -> tuple[Comparison, dict[str, float]]:
    """The same of two groups of images: what they differ by within nouns (`within_strata`).

    Returns
    -------
    Comparison, dict
        As `compared`; the interval of the former is of these nouns, and its test shuffles the
        labels of images within nouns, so that p is of these nouns, too.
    """
    comparison = compare(first, second, strata=nouns, resamples=resamples)
    others = ends_over_strata(first, second, strata=nouns)
    return comparison, _ends(comparison.low, comparison.high, *others)


def _ends(*values: float) -> dict[str, float]:
    return dict(zip(("low", "high", "low_nouns", "high_nouns"), values, strict=True))


# --- as people read them --------------------------------------------------------------------------


def of_these(summary: pd.DataFrame, headings: Mapping[str, str]) -> pd.DataFrame:
    """A summary with means and intervals of these nouns in its cells.

    The column ``singletons`` is left out where no noun has a single image; ``p`` and ``p_holm``,
    which are over nouns, always.
    """
    left_out = [name for name in summary.columns if name.endswith("_nouns")]
    left_out += [name for name in ("p", "p_holm") if name in summary.columns]
    if "singletons" in summary.columns and not summary["singletons"].any():
        left_out.append("singletons")
    headings = {name: text for name, text in headings.items() if name in summary.columns}
    headed_summary = headed(summary.drop(columns=left_out), headings)
    return headed_summary.rename(columns={"singletons": "nouns seen once"})


def of_nouns(summary: pd.DataFrame, headings: Mapping[str, str]) -> pd.DataFrame:
    """The same with the intervals of whole nouns, and with p over nouns."""
    headings = {name: text for name, text in headings.items() if name in summary.columns}
    left_out = ["singletons", "rare"]
    for name in headings:
        left_out += [f"{name}_low", f"{name}_high"]
    kept = summary.drop(columns=[name for name in left_out if name in summary.columns])
    return headed(kept.rename(columns=lambda name: name.removesuffix("_nouns")), headings)
