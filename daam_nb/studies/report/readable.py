"""A summary under headings for people: in columns of numbers, or mean and interval in a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

LOW, HIGH = ", low", ", high"
"""What stands behind a heading in the columns of its interval's ends."""


def headed(summary: pd.DataFrame, headings: Mapping[str, str]) -> pd.DataFrame:
    """Name the columns of a summary for people; what is a number stays one.

    Parameters
    ----------
    summary
        Of `intervals.summary`.
    headings
        Column of a mean -> its heading. ``<column>_low`` and ``<column>_high`` follow it as
        ``<heading>, low`` and ``<heading>, high``, and ``<column>_n``, where there is one, has a
        heading that says whose it is; all other columns stay.

    Examples
    --------
    >>> table = pd.DataFrame({"kind": ["a"], "iou": [0.5], "iou_low": [0.4], "iou_high": [0.61]})
    >>> list(headed(table, {"iou": "mIoU"}))
    ['kind', 'mIoU', 'mIoU, low', 'mIoU, high']
    """
    names: dict[str, str] = {}
    for name in summary.columns:
        of = name.removesuffix("_n")
        if name in headings:
            names[name] = headings[name]
            names |= {f"{name}_low": headings[name] + LOW, f"{name}_high": headings[name] + HIGH}
        elif name.endswith("_n") and of in headings:
            names[name] = f"n, {headings[of]}"
        else:
            names.setdefault(name, name)
    return summary[list(names)].rename(columns=names).reset_index(drop=True)


def in_cells(table: pd.DataFrame, *, digits: int = 3) -> pd.DataFrame:
    """Write each mean of `headed` with its interval into one cell, for reading.

    Parameters
    ----------
    table
        Columns without a ``, low`` and ``, high`` of their own stay.
    digits
        After the point.

    Examples
    --------
    >>> table = pd.DataFrame({"mIoU": [0.5], "mIoU, low": [0.4], "mIoU, high": [0.61]})
    >>> in_cells(table, digits=2).iloc[0].tolist()
    ['0.50 [0.40, 0.61]']
    """
    names = list(table.columns)
    means = [n for n in names if {f"{n}{LOW}", f"{n}{HIGH}"} <= set(names)]
    ends = {f"{name}{end}" for name in means for end in (LOW, HIGH)}
    columns = {}
    for name in names:
        if name in means:
            three = zip(*(table[f"{name}{end}"] for end in ("", LOW, HIGH)), strict=True)
            columns[name] = [_cell(mean, low, high, digits) for mean, low, high in three]
        elif name not in ends:
            columns[name] = list(table[name])
    return pd.DataFrame(columns)


def readable(
    summary: pd.DataFrame, headings: Mapping[str, str], *, digits: int = 3
) -> pd.DataFrame:
    """`headed` and `in_cells` at once: for reading, not for a file.

    Examples
    --------
    >>> table = pd.DataFrame({"kind": ["a"], "iou": [0.5], "iou_low": [0.4], "iou_high": [0.61]})
    >>> readable(table, {"iou": "mIoU"}, digits=2).iloc[0].tolist()
    ['a', '0.50 [0.40, 0.61]']
    """
    return in_cells(headed(summary, headings), digits=digits)


def _cell(mean: float, low: float, high: float, digits: int) -> str:
    if math.isnan(mean):
        return ""
    text = f"{mean:.{digits}f}"
    return text if math.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"
