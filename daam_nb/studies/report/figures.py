"""Figures of a study's table: bars and curves, with their intervals.

Matplotlib draws them through its object interface, so that nothing of the user's session (backend,
styles, open figures) is touched. In a notebook a figure shows itself as PNG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from daam_nb.errors import SelectionError, StudyError
from daam_nb.kinds import check_path
from daam_nb.show.lettering import families, plain
from daam_nb.storage import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#b63655", "#2f6f9f", "#d98e04", "#3b8f6b", "#7a4fa3", "#5c5c5c", "#c96f9b", "#8a6d3b")
RARE = "#b8b8b8"  # groups with too few observations to say much
INK, PALE = "#222222", "#dddddd"
LETTERS = 9.0  # points


@dataclass(frozen=True)
class StudyFigure:
    """A figure that is drawn when it is shown or saved.

    Attributes
    ----------
    paint
        Draws on the figure's only axes.
    size
        (height, width) in inches.
    title
        Above it; a sentence.
    caption
        Below it: what was measured, on what, how many.
    """

    paint: Callable[[Axes], None]
    size: tuple[float, float] = (3.6, 6.4)
    title: str = ""
    caption: str = ""
    margins: Mapping[str, float] = field(default_factory=dict)

    def draw(self) -> Figure:
        """Draw on a new matplotlib figure, which belongs to the caller."""
        import matplotlib
        from matplotlib.figure import Figure as MatplotlibFigure

        with matplotlib.rc_context({"font.family": list(families()), "font.size": LETTERS}):
            figure = MatplotlibFigure(figsize=self.size[::-1], layout="constrained")
            axes = figure.add_subplot()
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            self.paint(axes)
            if self.title:
                # Over the whole figure: over the axes alone, wide labels would push it out.
                text = _wrapped(self.title, self.size[1] * 11.5)
                figure.suptitle(text, x=0.01, ha="left", fontsize=LETTERS + 1.5, fontweight="bold")
            if self.caption:
                text = _wrapped(self.caption, self.size[1] * 16.5)
                figure.supxlabel(text, x=0.01, ha="left", fontsize=LETTERS - 1.5, color="#666666")
        return figure

    def save(self, path: str | Path, *, dpi: float = 150) -> Path:
        """Write a PNG, SVG or PDF file, complete or not at all."""
        path = check_path(path, "The place of a figure")
        if path.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise SelectionError(
                f"A figure cannot be saved as {path.name!r}. Use one of .png, .svg, .pdf."
            )
        write_file(path, self._bytes(path.suffix.lower()[1:], dpi))
        return path

    def _bytes(self, kind: str, dpi: float) -> bytes:
        import matplotlib

        buffer = BytesIO()
        # The same picture gives the same file: no dates, no random identifiers.
        metadata: dict[str, Any] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        fonts: Any = {"font.family": list(families()), "svg.hashsalt": "daam_nb"}
        with matplotlib.rc_context(fonts):
            self.draw().savefig(buffer, format=kind, dpi=dpi, metadata=metadata[kind])
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/png": self._bytes("png", 110), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<StudyFigure {self.title!r}>"


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
) -> StudyFigure:
    """Draw one horizontal bar per row of a `summary`, with its interval and its n.

    Parameters
    ----------
    table
        What `intervals.summary` gives; rare rows are grey.
    label, value
        The columns of names and of means (with ``<value>_low`` and ``<value>_high``).
    group
        Column whose values get a colour each and stand side by side under one label.
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
    rows = max(len(table), len(labels))

    def paint(axes: Axes) -> None:
        thick = 0.8 / len(groups)
        factor = 100.0 if percent else 1.0
        for number, name in enumerate(groups):
            part = table if group is None else table[table[group] == name]
            for record in part.to_dict("records"):
                place = labels.index(record[label]) + (number - (len(groups) - 1) / 2) * thick
                scaled = [factor * record[column] for column in _ends(value)]
                colour = COLOURS[number % len(COLOURS)]
                fill = RARE if record.get("rare") else colour
                # The edge still says which group a grey bar is of.
                edge = colour if group else None
                _bar(axes, place, scaled, fill=fill, edge=edge, thick=thick, n=record["n"])
        for name, marked in (reference or {}).items():
            if name in labels:
                axes.plot(marked * factor, labels.index(name), "D", color=INK, markersize=4)
        axes.set_yticks(range(len(labels)), [lettered(name) for name in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        if limits is not None:
            axes.set_xlim(*(end * factor for end in limits))
        axes.set_xlabel(lettered(axis + (", %" if percent else "")))
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        if group:
            _legend(axes, groups)

    return StudyFigure(paint, (1.3 + 0.24 * rows, 6.4), title, caption)


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
) -> StudyFigure:
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

    def paint(axes: Axes) -> None:
        for number, (name, rows) in enumerate(table.groupby(by, sort=False)):
            colour, text = COLOURS[number % len(COLOURS)], lettered(name)
            part = rows.sort_values(x)
            low, high = part[f"{value}_low"], part[f"{value}_high"]
            if part[x].isna().all():
                axes.axhline(part[value].iloc[0], color=colour, linestyle="--", label=text)
                if not math.isnan(low.iloc[0] + high.iloc[0]):
                    axes.axhspan(low.iloc[0], high.iloc[0], color=colour, alpha=0.1, linewidth=0)
                continue
            axes.plot(part[x], part[value], color=colour, label=text)
            axes.fill_between(part[x], low, high, color=colour, alpha=0.15, linewidth=0)
        for across, up, text in points:
            axes.plot(across, up, "D", color=INK, markersize=4)
            axes.annotate(
                lettered(text), (across, up), (5, 4), textcoords="offset points", fontsize=8
            )
        axes.set_xlabel(lettered(x_axis))
        axes.set_ylabel(lettered(y_axis))
        if limits is not None:
            axes.set_ylim(*limits)
        axes.grid(color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, fontsize=LETTERS - 1, loc="upper left", bbox_to_anchor=(1, 1))

    return StudyFigure(paint, (3.8, 7.2), title, caption)


def _ends(value: str) -> tuple[str, str, str]:
    return value, f"{value}_low", f"{value}_high"


def _bar(
    axes: Axes,
    place: float,
    ends: Sequence[float],
    *,
    fill: str,
    edge: str | None,
    thick: float,
    n: int,
) -> None:
    mean, low, high = ends
    if math.isnan(mean):
        return
    axes.barh(
        place, mean, height=0.88 * thick, color=fill, edgecolor=edge, linewidth=1.2 if edge else 0
    )
    if not math.isnan(low + high):
        axes.plot([low, high], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")
    axes.annotate(
        f"n = {n}",
        (mean if math.isnan(high) else max(0.0, mean, high), place),
        (4, 0),
        textcoords="offset points",
        va="center",
        fontsize=LETTERS - 2,
        color="#777777",
    )


def _legend(axes: Axes, groups: Sequence[Any]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[i % len(COLOURS)]) for i in range(len(groups))]
    axes.legend(
        handles,
        [lettered(name) for name in groups],
        frameon=False,
        fontsize=LETTERS - 1,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )


def _check(table: pd.DataFrame, names: Sequence[str]) -> None:
    if lacking := [name for name in names if name not in table.columns]:
        raise StudyError(
            f"The table has no column {lacking[0]!r}; it has {', '.join(map(repr, table.columns))}."
        )
    if table.empty:
        raise StudyError("The table has no row, so there is nothing to draw.")


def _wrapped(text: str, columns: float) -> str:
    import textwrap

    return "\n".join(map(lettered, textwrap.wrap(plain(text), max(20, round(columns)))))


def lettered(text: object) -> str:
    """A name from a table as matplotlib takes it: one line, never a formula."""
    return plain(str(text)).replace("$", r"\$")
