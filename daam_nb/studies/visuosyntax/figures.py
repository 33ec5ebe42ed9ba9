"""The figure of visuosyntax: for each relation the overlaps of its two words, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.studies.report.figures import (
    COLOURS,
    INK,
    LETTERS,
    PALE,
    RARE,
    StudyFigure,
    lettered,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {
    "iod": ("IoD: share of the dependent inside the head word", COLOURS[1], "o"),
    "ioh": ("IoH: share of the head word inside the dependent", COLOURS[0], "s"),
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
) -> StudyFigure:
    """Draw IoD and IoH of each relation as two dots on one line, and IoU as a stroke.

    Parameters
    ----------
    summary
        Of `visuosyntax.summary`; rare rows are grey, with their n.
    nulls
        Rows to set apart below a line.
    least, most
        Relations drawn: with at least so many pairs, and the most frequent of them. The caption
        says how many are not.
    """
    if summary.empty:
        raise StudyError("The summary has no row, so there is nothing to draw.")
    below = summary[summary.relation.isin(nulls)]
    above = summary[~summary.relation.isin(nulls)]
    drawn = above[above.n >= least].head(most)
    shown = pd.concat([drawn, below]).to_dict("records")
    if not shown:
        raise StudyError(f"No relation has {least} pairs, so there is nothing to draw.")
    if len(drawn) < len(above):
        caption += f" Not drawn: {len(above) - len(drawn)} rarer relations, see the table."
    if any(record["rare"] for record in shown):
        caption += " Grey: too few pairs to say much."
    split = len(shown) - len(below) - 0.5

    def paint(axes: Axes) -> None:
        for place, record in enumerate(shown):
            _row(axes, place, record)
        if len(below) and len(drawn):
            axes.axhline(split, color="#999999", linewidth=0.8)
        axes.set_yticks(range(len(shown)), [lettered(row["relation"]) for row in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(-2, 102)  # whole dots at both ends
        axes.set_xlabel("%")
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        right = axes.secondary_yaxis("right")
        right.set_yticks(range(len(shown)), [f"n = {row['n']}" for row in shown])
        right.tick_params(length=0, labelsize=LETTERS - 2, labelcolor="#777777")
        right.spines["right"].set_visible(False)
        _legend(axes)

    return StudyFigure(paint, (2.2 + 0.26 * len(shown), 6.8), title, caption.strip())


def _row(axes: Axes, place: int, record: Mapping[Any, Any]) -> None:
    grey = bool(record["rare"])
    ends = [100 * record["iod"], 100 * record["ioh"]]
    axes.plot(ends, [place, place], color=PALE if grey else "#c9c9c9", linewidth=3, zorder=1)
    for offset, (name, (_, own, marker)) in zip((-0.13, 0.13, 0.0), MEASURES.items(), strict=True):
        colour = RARE if grey else own
        low, high = 100 * record[f"{name}_low"], 100 * record[f"{name}_high"]
        if not math.isnan(low + high):
            axes.plot([low, high], [place + offset] * 2, color=colour, linewidth=1, zorder=2)
        size = 8 if marker == "|" else 5
        axes.plot(
            100 * record[name], place + offset, marker, color=colour, markersize=size, zorder=3
        )


def _legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=text)
        for text, colour, marker in MEASURES.values()
    ]
    axes.legend(  # between the title and the axes, where it hides nothing
        handles=handles,
        frameon=False,
        fontsize=LETTERS - 1,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        borderaxespad=0.2,
    )
