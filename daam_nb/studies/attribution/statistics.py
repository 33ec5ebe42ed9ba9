"""Mean IoU of every method, comparisons of one with the others, and mean IoU noun by noun."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_choice
from daam_nb.studies import arguments
from daam_nb.studies.attribution.rows import ABSENT, check_threshold, is_at, measured, of_method
from daam_nb.studies.stats.comparison import compare, holm_of
from daam_nb.studies.stats.intervals import SHARE, summary

PAPERS = (0.3, 0.4, 0.5)
"""The paper's thresholds."""


def miou(
    table: pd.DataFrame,
    *,
    thresholds: Sequence[float] | None = PAPERS,
    vocabulary: str = "both",
    enough: int = 300,
) -> pd.DataFrame:
    """Mean IoU of every method, with 95 % intervals whose clusters are whole prompts.

    Parameters
    ----------
    table
        The table of `object_ious`.
    thresholds
        Thresholds to show, besides methods without one; by default those of the paper that were
        measured; None: all.
    vocabulary
        ``"closed"``: nouns of the closed vocabulary (mIoU80); ``"open"``: all (mIoU-infinity);
        ``"both"``: one row each if they differ.

    Returns
    -------
    DataFrame
        vocabulary, method, threshold, n (objects), clusters (prompts), iou, iou_low, iou_high,
        rare.

    Raises
    ------
    StudyError
        If the table holds no object, or a threshold was not measured.
    SelectionError
        For another vocabulary.
    """
    check_choice(vocabulary, "vocabulary", ("closed", "open", "both"))
    seen = measured(table)
    if thresholds is PAPERS:
        at = [share for share in PAPERS if is_at(seen, share).any()]
    elif thresholds is not None:
        at = list(arguments.shares(thresholds, "thresholds"))
        for share in at:
            check_threshold(seen, share)
    if thresholds is not None:
        kept = seen["threshold"].isna()
        for share in at:
            kept |= is_at(seen, share)
        seen = seen[kept]
    parts = []
    if vocabulary in ("closed", "both"):
        parts.append(seen[seen["closed"].astype(bool)].assign(vocabulary="closed"))
    if vocabulary == "open" or (vocabulary == "both" and not seen["closed"].all()):
        parts.append(seen.assign(vocabulary="open"))
    if not sum(map(len, parts)):
        raise StudyError(
            "No object of the table is in the closed vocabulary, so it has no mean IoU. Use "
            "vocabulary='open'."
        )
    return summary(
        pd.concat(parts, ignore_index=True),
        by=["vocabulary", "method", "threshold"],
        value="iou",
        bounds=SHARE,
        enough=enough,
    )


def against(table: pd.DataFrame, *, method: str = "DAAM", threshold: float = 0.4) -> pd.DataFrame:
    """Compare one method with every other, object by object.

    Returns
    -------
    DataFrame
        other, n (objects), iou (the method's mean), other_iou, difference with its interval, p of a
        permutation test that flips whole prompts, p_holm (for all rows together, Holm 1979), effect
        (d_z). Methods with a threshold are compared at the same one.

    Raises
    ------
    StudyError
        If the table does not hold the method, or not at this threshold.
    """
    seen = measured(table)
    seen = seen[seen["threshold"].isna() | is_at(seen, of_method(seen, method, threshold))]
    wide = seen.pivot(index=["prompt", "run", "noun"], columns="method", values="iou")
    rows = []
    for other in dict.fromkeys(table["method"]):
        if other in (method, ABSENT):
            continue
        both = wide[[method, other]].dropna()
        prompts = both.index.get_level_values("prompt")
        compared = compare(both[method], both[other], paired=True, clusters=prompts, bounds=(-1, 1))
        rows.append(
            {
                "other": other,
                "n": compared.n[0],
                "iou": both[method].mean(),
                "other_iou": both[other].mean(),
                "difference": compared.difference,
                "difference_low": compared.low,
                "difference_high": compared.high,
                "p": compared.p,
                "effect": compared.effect,
            }
        )
    return holm_of(pd.DataFrame(rows))[0] if rows else pd.DataFrame(rows)


def by_noun(
    table: pd.DataFrame, *, method: str = "DAAM", threshold: float = 0.4, enough: int = 30
) -> pd.DataFrame:
    """Compute the mean IoU of one method for every noun, best first, with the size of the object.

    A method that makes masks directly, such as "whole image", has no threshold.

    Raises
    ------
    StudyError
        If the table does not hold the method, or not at this threshold.
    """
    seen = measured(table)
    share = of_method(seen, method, threshold)
    seen = seen[(seen["method"] == method) & (seen["threshold"].isna() | is_at(seen, share))]
    means = summary(seen, by="noun", value=["iou", "object"], bounds=SHARE, enough=enough)
    return means.sort_values("iou", ascending=False, ignore_index=True)
