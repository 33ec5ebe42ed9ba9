"""Cohyponyms' numbers: means by kind, matched comparisons, and overlap against presence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.studies.comparing import compare
from daam_nb.studies.statistics import ENOUGH, RESAMPLES, interval
from daam_nb.studies.statistics import summary as summarise
from daam_nb.studies.taxonomies import KINDS

MEASURES = ("both", "objects", "iou", "overlap")
CONTRASTS = (("cohyponyms", "unrelated"), ("near", "unrelated"), ("cohyponyms", "near"))


def summary(
    table: pd.DataFrame, *, enough: int = ENOUGH, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Means of each kind of pair, with 95 % intervals that draw whole first nouns.

    Returns
    -------
    DataFrame
        One row per ``layers`` and ``kind``: ``n`` pictures, ``clusters`` (first nouns), ``both``,
        ``objects``, ``iou``, ``overlap`` with ``_low`` and ``_high``, ``rare``.
    """
    if table.empty:
        raise StudyError("The table has no row: nobody looked at any of these pictures.")
    ordered = table.assign(place=table.kind.map(KINDS.index)).sort_values("place", kind="stable")
    return summarise(
        ordered,
        by=["layers", "kind"],
        value=list(MEASURES),
        clusters="first",
        enough=enough,
        resamples=resamples,
    )


def contrasts(table: pd.DataFrame, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Compare kinds of pairs that share the first noun and the noise.

    Pictures of one first noun are a cluster: under the null the two kinds may be swapped for any
    noun (sign flips of its mean difference), so that the result speaks about nouns, not pictures.

    Returns
    -------
    DataFrame
        One row per measure, ``layers`` and two kinds: ``difference`` (first kind - second) with its
        95 % interval ``low``, ``high``, ``p`` of the permutation test, ``effect`` (d_z of the
        pairs), ``pairs``, ``nouns``.
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
                found = compare(
                    both[f"{measure}_a"],
                    both[f"{measure}_b"],
                    paired=True,
                    clusters=both["first"],
                    resamples=resamples,
                )
                rows.append(
                    {
                        "measure": measure,
                        "layers": layers if measure in ("iou", "overlap") else "",
                        "kinds": f"{first} - {second}",
                        "difference": found.difference,
                        "low": found.low,
                        "high": found.high,
                        "p": found.p,
                        "effect": found.effect,
                        "pairs": found.n[0],
                        "nouns": both["first"].nunique(),
                    }
                )
    if not rows:
        raise StudyError(
            "No two kinds of pairs share a first noun and a seed, so nothing is matched. Draw them "
            "by entanglement.record_pairs."
        )
    return pd.DataFrame(rows)


def overlap_and_presence(table: pd.DataFrame, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """How the overlap of the two maps and the presence of both objects go together.

    Returns
    -------
    DataFrame
        One row per ``layers`` and kind, and "all": mean ``overlap`` where both objects are there
        (``with_both``) and where not (``without``), their ``difference`` with ``low``, ``high``,
        ``p`` (labels shuffled within first nouns) and ``effect`` (Cohen's d); ``rank`` is
        Spearman's correlation of overlap and number of objects; ``n_both``, ``n_without``. Shares
        of several people count as both from one half on.
    """
    rows = []
    for layers, part in table.groupby("layers", sort=False):
        for kind in (*KINDS, "all"):
            seen = part if kind == "all" else part[part.kind == kind]
            there = seen[seen.both >= 0.5]
            lost = seen[seen.both < 0.5]
            if there.empty or lost.empty:
                continue
            found = compare(
                there.overlap,
                lost.overlap,
                clusters=(there["first"], lost["first"]),
                resamples=resamples,
            )
            rows.append(
                {
                    "layers": layers,
                    "kind": kind,
                    "with_both": there.overlap.mean(),
                    "without": lost.overlap.mean(),
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                    "effect": found.effect,
                    "rank": _spearman(seen.overlap, seen.objects),
                    "n_both": len(there),
                    "n_without": len(lost),
                }
            )
    return pd.DataFrame(rows, columns=_RELATION_COLUMNS)


def by_class(table: pd.DataFrame, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Cohyponyms of each class: how often both are there, and how the maps overlap.

    Returns
    -------
    DataFrame
        ``class``, ``n``, ``both``, ``overlap`` with the ends of their intervals (prompts drawn);
        maps of the first choice of layers.
    """
    part = table[(table.kind == "cohyponyms") & (table.layers == table.layers.iloc[0])]
    rows: list[dict[str, Any]] = []
    for name, members in part.groupby("first_class", sort=False):
        row: dict[str, Any] = {"class": name, "n": len(members)}
        for measure in ("both", "overlap"):
            found = interval(members[measure], clusters=members.prompt, resamples=resamples)
            row |= {
                measure: found.mean,
                f"{measure}_low": found.low,
                f"{measure}_high": found.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def summary_of_known(found: pd.DataFrame, *, resamples: int = RESAMPLES) -> pd.DataFrame:
    """How often both are found where both are: ``kind``, ``n``, ``both`` with its interval."""
    ordered = found.assign(place=found.kind.map(KINDS.index)).sort_values("place", kind="stable")
    made = summarise(ordered, by="kind", value="both", clusters=None, resamples=resamples)
    return made[["kind", "n", "both", "both_low", "both_high"]]


_RELATION_COLUMNS = [
    *("layers", "kind", "with_both", "without", "difference", "low", "high", "p", "effect"),
    *("rank", "n_both", "n_without"),
]


def _matched(part: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """One row per first noun and seed that both kinds have, with the measures of both."""
    sides = [
        part[part.kind == kind].set_index(["first", "seed"])[list(MEASURES)].add_suffix(suffix)
        for kind, suffix in ((first, "_a"), (second, "_b"))
    ]
    return sides[0].join(sides[1], how="inner").reset_index()


def _spearman(one: pd.Series, other: pd.Series) -> float:
    from scipy import stats

    if one.nunique() < 2 or other.nunique() < 2:
        return float(np.nan)
    return float(stats.spearmanr(one, other).statistic)
