"""A summary as people read it: mean and interval in one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd


def readable(
    summary: pd.DataFrame, headings: Mapping[str, str], *, digits: int = 3
) -> pd.DataFrame:
    """Write each mean with its interval into one column.

    Parameters
    ----------
    summary
        Of `statistics.summary`.
    headings
        Column of a mean -> its heading. ``<column>_low`` and ``<column>_high`` go into the same
        cell, and ``<column>_n``, where there is one, has a heading that says whose it is; all other
        columns stay.
    digits
        After the point.

    Examples
    --------
    >>> table = pd.DataFrame({"kind": ["a"], "iou": [0.5], "iou_low": [0.4], "iou_high": [0.61]})
    >>> readable(table, {"iou": "mIoU"}, digits=2).iloc[0].tolist()
    ['a', '0.50 [0.40, 0.61]']
    """
    columns = {}
    ends = {f"{name}_{end}" for name in headings for end in ("low", "high")}
    for name in summary.columns:
        if name in headings:
            three = zip(*(summary[name + end] for end in ("", "_low", "_high")), strict=True)
            columns[headings[name]] = [_cell(mean, low, high, digits) for mean, low, high in three]
        elif name not in ends:
            of = name.removesuffix("_n")
            heading = f"n, {headings[of]}" if name.endswith("_n") and of in headings else name
            columns[heading] = list(summary[name])
    return pd.DataFrame(columns)


def _cell(mean: float, low: float, high: float, digits: int) -> str:
    if math.isnan(mean):
        return ""
    text = f"{mean:.{digits}f}"
    return text if math.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"
