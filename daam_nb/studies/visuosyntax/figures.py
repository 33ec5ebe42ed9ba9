"""The figure of visuosyntax: for each relation the overlaps of its two words, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import INK, PALE, Axis, Chart, Key, Legend, Mark, Rule, Stroke
from daam_nb.studies.report.figures import COLORS, RARE, chart_figure

MEASURES = {
    "iod": ("IoD: share of the dependent inside the head word", COLORS[1], "o"),
    "ioh": ("IoH: share of the head word inside the dependent", COLORS[0], "s"),
    "iou": ("IoU: both over either", INK, "|"),
}


def overlap_figure(
    summary: pd.DataFrame,
    *,
    nulls: tuple[str, ...] = (),
    least: int = 10,
    most: int = 24,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Draw IoD and IoH of each relation as two dots on one line, and IoU as a stroke.

    Parameters
    ----------
    summary
        Of `visuosyntax.summary`; rare rows are gray, with their n.
    nulls
        Rows to set apart below a line.
    least, most
        Relations drawn: with at least so many pairs, and the most frequent of them. The caption
        says how many are not.
    """
    if summary.empty:
        raise StudyError("The summary has no rows, so there is nothing to draw.")
    below = summary[summary.relation.isin(nulls)]
    above = summary[~summary.relation.isin(nulls)]
    frequent = above[above.n >= least].head(most)
    rows = pd.concat([frequent, below]).to_dict("records")
    if not rows:
        raise StudyError(f"No relation has {least} pairs, so there is nothing to draw.")
    if len(frequent) < len(above):
        caption += f" Not drawn: {len(above) - len(frequent)} rarer relations, see the table."
    if any(row["rare"] for row in rows):
        caption += " Gray: too few pairs to say much."
    marks = [mark for y, row in enumerate(rows) for mark in _row(y, row)]
    if len(below) and len(frequent):
        marks.append(Rule(len(rows) - len(below) - 0.5, "y", "#999999", width=0.8))
    chart = Chart(
        tuple(marks),
        inches=(2.2 + 0.26 * len(rows), 6.8),
        x=Axis("%", limits=(-2, 102), grid=True),  # whole dots at both ends
        y=Axis(
            ticks=tuple((y, str(row["relation"])) for y, row in enumerate(rows)),
            limits=(len(rows) - 0.4, -0.6),
        ),
        right=tuple((y, f"n = {row['n']}") for y, row in enumerate(rows)),
        legend=Legend(
            tuple(Key(text, color, marker) for text, color, marker in MEASURES.values()), "above"
        ),
    )
    return chart_figure(chart, title=title, caption=caption.strip())


def _row(y: int, row: Mapping[Any, Any]) -> list[Mark]:
    """The line between the two dots of a relation, the dots, the stroke, and their intervals."""
    rare = bool(row["rare"])
    ends = (100 * row["iod"], 100 * row["ioh"])
    marks: list[Mark] = [Stroke(ends, (y, y), PALE if rare else "#c9c9c9", width=3, level=1)]
    for offset, (name, (_, own, marker)) in zip((-0.13, 0.13, 0.0), MEASURES.items(), strict=True):
        color = RARE if rare else own
        low, high = 100 * row[f"{name}_low"], 100 * row[f"{name}_high"]
        at = y + offset
        if not math.isnan(low + high):
            marks.append(Stroke((low, high), (at, at), color, width=1))
        size = 8 if marker == "|" else 5
        marks.append(
            Stroke(
                (100 * row[name],), (at,), color, width=0, marker=marker, marker_size=size, level=3
            )
        )
    return marks
