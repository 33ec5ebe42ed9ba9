"""Selection of rows of an attribution table; errors list what is available."""

from __future__ import annotations

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.studies import arguments

ABSENT = "(not in the image)"


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """Select rows of objects visible in images; raises a `StudyError` if there is none."""
    arguments.columns_of(table, ("method", "threshold", "iou"), made_by="object_ious()")
    seen = table[table["method"] != ABSENT]
    if seen.empty:
        raise StudyError(
            "The table holds no object that is visible in its image, so there is no mean IoU. "
            "Record more images, or check what the ground truth finds in them."
        )
    return seen.astype({"threshold": float})


def is_at(table: pd.DataFrame, threshold: float) -> pd.Series:
    """Whether each row was measured at the threshold."""
    return (table["threshold"] - threshold).abs() < 1e-9


def check_threshold(table: pd.DataFrame, threshold: float, whose: str = "row") -> None:
    """Raise a `StudyError` if no row was measured at the threshold."""
    thresholds = table["threshold"].dropna().drop_duplicates().sort_values()
    if not is_at(table, threshold).any():
        raise StudyError(
            f"The table has no {whose} at {threshold:g}; it was measured at "
            f"{', '.join(f'{share:g}' for share in thresholds) or 'no threshold'}. To measure it: "
            f"object_ious(..., thresholds=[{threshold:g}])."
        )


def of_method(table: pd.DataFrame, method: str, threshold: float) -> float:
    """The threshold of a method that was measured at it, or None if it has none; else an error."""
    every = list(dict.fromkeys(table["method"]))
    arguments.names_among(method, every, name="method", what="method", of="The table")
    share = arguments.share(threshold, "threshold")
    own = table[table["method"] == method]
    if own["threshold"].notna().any():
        check_threshold(own, share, repr(method))
    return share
