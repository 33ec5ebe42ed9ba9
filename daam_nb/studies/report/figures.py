"""Figures of a study's table: bars and curves, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

import daam_nb
from daam_nb.errors import StudyError
from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import (
    INK,
    LETTERS,
    NOTE_GRAY,
    Axis,
    Band,
    Chart,
    HorizontalBar,
    Key,
    Legend,
    Mark,
    Note,
    Rule,
    Span,
    Stroke,
)

COLORS = ("#b63655", "#2f6f9f", "#d98e04", "#3b8f6b", "#7a4fa3", "#5c5c5c", "#c96f9b", "#8a6d3b")
RARE = "#b8b8b8"  # groups with too few observations to say much


def chart_figure(chart: Chart, *, title: str = "", caption: str = "") -> Figure:
    """A chart as a figure.

    Parameters
    ----------
    title
        Above it; a sentence.
    caption
        Below it: what was measured, on what, how many.
    """
    sentences = (caption,) if caption else ()
    return Figure(chart, title, sentences, {"drawn with": str(daam_nb.__version__)})


def bars(
    table: pd.DataFrame,
    *,
    label: str,
    value: str,
    group: str | None = None,
    title: str = "",
    caption: str = "",
    axis: str = "",
    reference: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
    percent: bool = False,
) -> Figure:
    """Draw one horizontal bar per row of a `summary`, with its interval and its n.

    Parameters
    ----------
    table
        What `intervals.summary` gives; rare rows are gray.
    label, value
        The columns of names and of means (with ``<value>_low`` and ``<value>_high``).
    group
        Column whose values get a color each and stand side by side under one label.
    reference
        Label -> a number to mark with a diamond, such as the paper's.
    axis
        What the numbers are.
    limits
        Of the axis; None: from the data.
    percent
        Whether numbers are shares to be written as per cent.
    """
    _check(table, [label, value, *([group] if group else [])])
    groups = list(dict.fromkeys(table[group])) if group else [None]
    labels = list(dict.fromkeys(table[label]))
    thickness = 0.8 / len(groups)
    factor = 100.0 if percent else 1.0
    marks: list[Mark] = []
    for number, name in enumerate(groups):
        part = table if group is None else table[table[group] == name]
        for row in part.to_dict("records"):
            y = labels.index(row[label]) + (number - (len(groups) - 1) / 2) * thickness
            mean, low, high = (factor * row[column] for column in _ends(value))
            color = COLORS[number % len(COLORS)]
            bar = HorizontalBar(
                y,
                mean,
                0.88 * thickness,
                color=RARE if row.get("rare") else color,
                edge=color if group else None,  # it still says which group a gray bar is of
                name=str(row[label]) if group is None else f"{row[label]}, {name}",
            )
            marks += _bar_with_interval(bar, low, high, n=row["n"])
    for name, mean in (reference or {}).items():
        if name in labels:
            at = (mean * factor,), (labels.index(name),)
            marks.append(Stroke(*at, INK, width=0, marker="D"))
    marks.append(Rule(0, "x", INK, width=0.8))
    keys = [Key(str(name), COLORS[i % len(COLORS)]) for i, name in enumerate(groups)]
    chart = Chart(
        tuple(marks),
        inches=(1.3 + 0.24 * max(len(table), len(labels)), 6.4),
        x=Axis(
            axis + (", %" if percent else ""),
            limits=None if limits is None else (limits[0] * factor, limits[1] * factor),
            grid=True,
        ),
        y=Axis(
            ticks=tuple((y, str(name)) for y, name in enumerate(labels)),
            limits=(len(labels) - 0.4, -0.6),
        ),
        legend=Legend(tuple(keys)) if group else None,
    )
    return chart_figure(chart, title=title, caption=caption)


def curves(
    table: pd.DataFrame,
    *,
    x: str,
    value: str,
    by: str,
    title: str = "",
    caption: str = "",
    x_axis: str = "",
    y_axis: str = "",
    points: Sequence[tuple[float, float, str]] = (),
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one curve per group over a number, with its interval as a band.

    Parameters
    ----------
    table
        What `intervals.summary` gives, with `x` and `by` among its groups. A group whose `x` is
        NaN throughout is a horizontal line: it does not depend on it.
    points
        (x, y, text) to mark, such as the paper's numbers.
    limits
        Of the y axis; None: from the data.
    """
    _check(table, [x, value, by])
    marks: list[Mark] = []
    for number, (name, rows) in enumerate(table.groupby(by, sort=False)):
        color = COLORS[number % len(COLORS)]
        part = rows.sort_values(x)
        mean, low, high = (part[column].tolist() for column in _ends(value))
        if part[x].isna().all():
            marks.append(Rule(mean[0], "y", color, dashed=True, label=str(name)))
            if not math.isnan(low[0] + high[0]):
                marks.append(Span(low[0], high[0], color, opacity=0.1))
            continue
        across = tuple(part[x].tolist())
        marks.append(Stroke(across, tuple(mean), color, label=str(name)))
        marks.append(Band(across, tuple(low), tuple(high), color, opacity=0.15))
    for at, up, text in points:
        marks.append(Stroke((at,), (up,), INK, width=0, marker="D"))
        marks.append(Note(text, at, up, offset=(5, 4), size=8))
    chart = Chart(
        tuple(marks),
        inches=(3.8, 7.2),
        x=Axis(x_axis, grid=True),
        y=Axis(y_axis, limits=limits, grid=True),
        legend=Legend(),
    )
    return chart_figure(chart, title=title, caption=caption)


def _ends(value: str) -> tuple[str, str, str]:
    return value, f"{value}_low", f"{value}_high"


def _bar_with_interval(bar: HorizontalBar, low: float, high: float, *, n: Any) -> list[Mark]:
    """A bar, its interval where it has one, and its n; nothing for no mean."""
    if math.isnan(bar.value):
        return []
    marks: list[Mark] = [bar]
    if not math.isnan(low + high):
        marks.append(Stroke((low, high), (bar.y, bar.y), INK, width=1.1, butt=True))
    end = bar.value if math.isnan(high) else max(0.0, bar.value, high)
    marks.append(
        Note(f"n = {n}", end, bar.y, (4, 0), size=LETTERS - 2, color=NOTE_GRAY, vertical="center")
    )
    return marks


def _check(table: pd.DataFrame, names: Sequence[str]) -> None:
    if lacking := [name for name in names if name not in table.columns]:
        raise StudyError(
            f"The table has no column {lacking[0]!r}; it has {', '.join(map(repr, table.columns))}."
        )
    if table.empty:
        raise StudyError("The table has no rows, so there is nothing to draw.")
