"""Cohyponyms' numbers: means by kind, matched comparisons, and overlap against presence.

Intervals are for these nouns and new images of them; next to each is that of whole first nouns
(`two_intervals`). Images of different first nouns have different noise, as drawn by
`cohyponyms.record_pairs`: those that share it would not be independent.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.studies.cohyponyms.taxonomies import KINDS
from daam_nb.studies.report import two_intervals
from daam_nb.studies.stats import intervals
from daam_nb.studies.stats.comparison import holm_of
from daam_nb.studies.stats.intervals import ENOUGH, SHARE, Bounds

MEASURES = ("both", "objects", "iou", "overlap")
BOUNDS: dict[str, Bounds] = {"both": SHARE, "objects": (0, 2), "iou": SHARE, "overlap": SHARE}
CONTRASTS = (("cohyponyms", "unrelated"), ("near", "unrelated"), ("cohyponyms", "near"))


def summary(table: pd.DataFrame, *, enough: int = ENOUGH) -> pd.DataFrame:
    """Means of each kind of pair, with both 95 % intervals.

    Returns
    -------
    DataFrame
        One row per ``layers`` and ``kind``, as `two_intervals.summary`: ``n`` images, first
        ``nouns``, ``singletons``, ``both``, ``objects``, ``iou``, ``overlap`` with ``_low`` and
        ``_high``, ``_low_nouns`` and ``_high_nouns``, ``rare``.
    """
    if table.empty:
        raise StudyError("The table has no rows: none of these images was judged.")
    ordered = table.assign(place=table.kind.map(KINDS.index)).sort_values("place", kind="stable")
    return two_intervals.summary(
        ordered,
        by=["layers", "kind"],
        value=list(MEASURES),
        noun="first",
        bounds=BOUNDS,
        enough=enough,
    )


def contrasts(table: pd.DataFrame, *, resamples: int | None = None) -> pd.DataFrame:
    """Compare kinds of pairs that share the first noun and the noise.

    In the permutation test images of one first noun are a cluster: under the null the two kinds
    may be swapped for any noun (sign flips of its mean difference), so that p refers to nouns, as
    ``low_nouns`` and ``high_nouns`` do, and not to further images of the same ones.

    Returns
    -------
    DataFrame
        One row per measure, ``layers`` and two kinds: ``difference`` (first kind - second) with its
        95 % intervals ``low``, ``high`` (of these nouns and new matched pairs of images) and
        ``low_nouns``, ``high_nouns`` (of whole nouns), ``p`` over nouns, ``p_holm``
        (for all rows together, Holm 1979), ``effect`` (d_z of the pairs), ``pairs``, ``nouns``.
    """
    rows = []
    for layers, part in table.groupby("layers", sort=False):
        for first, second in CONTRASTS:
            both = _matched(part, first, second)
            if both.empty:
                continue
            for measure in MEASURES:
                # Presence does not depend on the layers of the maps.
                if measure in ("both", "objects") and layers != table.layers.iloc[0]:
                    continue
                comparison, ends = two_intervals.compared(
                    both[f"{measure}_a"],
                    both[f"{measure}_b"],
                    nouns=both["first"],
                    bounds=_of_difference(BOUNDS[measure]),
                    resamples=resamples,
                )
                rows.append(
                    {
                        "measure": measure,
                        "layers": layers if measure in ("iou", "overlap") else "",
                        "kinds": f"{first} - {second}",
                        "difference": comparison.difference,
                        **ends,
                        "p": comparison.p,
                        "effect": comparison.effect,
                        "pairs": comparison.n[0],
                        "nouns": both["first"].nunique(),
                    }
                )
    if not rows:
        raise StudyError(
            "No two kinds of pairs share a first noun and a seed, so nothing is matched. Draw them "
            "by cohyponyms.record_pairs."
        )
    return holm_of(pd.DataFrame(rows))[0]


def overlap_and_presence(table: pd.DataFrame, *, resamples: int | None = None) -> pd.DataFrame:
    """Relate the overlap of the two maps to the presence of both objects.

    Some nouns overlap more than others, and some are lost more often. So images are compared
    within first nouns, and nouns whose images all have both objects, or none, carry no information.

    Returns
    -------
    DataFrame
        One row per ``layers`` and kind, and "all": mean ``overlap`` with both objects present
        (``with_both``) and not (``without``); their ``difference`` within first nouns
        (`within_strata`; not that of the two means) with ``low``, ``high`` (of these nouns and new
        images of them), empty with fewer than ten images of a sort, and ``low_nouns``,
        ``high_nouns`` (of whole first nouns), empty with fewer than ten of these; ``p`` (labels of
        images shuffled within first nouns), ``p_holm`` (for all rows together) and ``effect``
        (Cohen's d within first nouns); ``spearman``, the rank correlation of overlap and number of
        objects of all images of the row where both are known; ``n_both``, ``n_without``; ``nouns``
        with images of both sorts, and those ``left_out`` because they have only one sort. Shares of
        several people count as both from one half on.
    """
    rows = []
    for layers, part in table.groupby("layers", sort=False):
        for kind in (*KINDS, "all"):
            seen = part if kind == "all" else part[part.kind == kind]
            both_seen = seen[seen.both >= 0.5]
            lost = seen[seen.both < 0.5]
            if both_seen.empty or lost.empty:
                continue
            comparison, ends = two_intervals.groups_compared(
                both_seen.overlap,
                lost.overlap,
                nouns=(both_seen["first"], lost["first"]),
                resamples=resamples,
            )
            rows.append(
                {
                    "layers": layers,
                    "kind": kind,
                    "with_both": both_seen.overlap.mean(),
                    "without": lost.overlap.mean(),
                    "difference": comparison.difference,
                    **ends,
                    "p": comparison.p,
                    "effect": comparison.effect,
                    "spearman": _spearman(seen.overlap, seen.objects),
                    "n_both": int(both_seen.overlap.notna().sum()),
                    "n_without": int(lost.overlap.notna().sum()),
                    "nouns": comparison.strata,
                    "left_out": comparison.left_out,
                }
            )
    return holm_of(pd.DataFrame(rows, columns=_RELATION_COLUMNS))[0]


def by_class(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize cohyponyms by class: presence of both objects, and overlap of the maps.

    Returns
    -------
    DataFrame
        ``class``, ``n``, ``nouns``, ``singletons``, ``both`` and ``overlap`` with the ends of their
        intervals, of these nouns; maps of the first choice of layers. A class has too few nouns for
        conclusions about others, so there is no interval of whole nouns.
    """
    part = table[(table.kind == "cohyponyms") & (table.layers == table.layers.iloc[0])]
    summary = intervals.summary(
        part.assign(**{"class": part.first_class}),
        by="class",
        value=["both", "overlap"],
        clusters=None,
        strata="first",
        bounds=SHARE,
    )
    return summary.rename(columns={"strata": "nouns"}).drop(columns=["clusters", "rare"])


def summary_of_known(found: pd.DataFrame) -> pd.DataFrame:
    """Rate of detecting both objects when both are present: ``kind``, ``n``, ``both``, interval."""
    ordered = found.assign(place=found.kind.map(KINDS.index)).sort_values("place", kind="stable")
    rows = []
    for kind, part in ordered.groupby("kind", sort=False):
        both = intervals.share(part.both.astype(float))
        ends = {"both": both.mean, "both_low": both.low, "both_high": both.high}
        rows.append({"kind": kind, "n": both.n, **ends})
    return pd.DataFrame(rows, columns=["kind", "n", "both", "both_low", "both_high"])


_RELATION_COLUMNS = [
    *("layers", "kind", "with_both", "without", "difference", "low", "high"),
    *("low_nouns", "high_nouns", "p", "effect", "spearman", "n_both", "n_without"),
    *("nouns", "left_out"),
]


def _of_difference(bounds: Bounds) -> Bounds:
    """The bounds of a difference of two values with these."""
    return bounds[0] - bounds[1], bounds[1] - bounds[0]


def _matched(part: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """One row per first noun and seed that both kinds have, with the measures of both.

    Several images of one kind, with different second nouns, are averaged: otherwise each would be
    paired with each of the other kind, and count as often.
    """
    sides = [
        part[part.kind == kind]
        .groupby(["first", "seed"], sort=False)[list(MEASURES)]
        .mean()
        .add_suffix(suffix)
        for kind, suffix in ((first, "_a"), (second, "_b"))
    ]
    return sides[0].join(sides[1], how="inner").reset_index()


def _spearman(one: pd.Series, other: pd.Series) -> float:
    from scipy import stats

    known = one.notna() & other.notna()
    if one[known].nunique() < 2 or other[known].nunique() < 2:
        return float(np.nan)
    return float(stats.spearmanr(one[known], other[known]).statistic)
