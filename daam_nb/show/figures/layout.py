"""Where everything stands: rows of panels with their words around them become a `Figure`.

Widths of texts are measured and broken to fit before anything is placed, so that no text runs
into another or out of the figure. Top to bottom: heading, rows of panels (each with an own header
and labels at its left, where asked), color bar, caption.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from daam_nb.show.figures.description import (
    GRAY,
    INK,
    Align,
    Box,
    ColorBar,
    Line,
    Panel,
    Sheet,
)
from daam_nb.show.figures.figure import Figure
from daam_nb.show.lettering import width as text_width
from daam_nb.show.lettering import wrap

MARGIN = 14.0
GAP = 8.0
TITLE, NOTE, HEADER, HEADING, CAPTION = 13.0, 10.5, 12.0, 15.0, 11.0
MIN_TITLE = 9.5
LEADING = 1.35  # line height, in letter sizes
MAX_WIDTH = 960.0
MIN_WIDTH = 440.0
MIN_HEIGHT = 80.0  # of a panel, before fewer stand side by side
BAR_WIDTH, BAR_HEIGHT = 190.0, 10.0


@dataclass(frozen=True)
class Row:
    """Panels that belong together; they go on in further lines where one is too short.

    Attributes
    ----------
    panels
        From left to right.
    header
        A text above them.
    label
        Short lines at their left, the first in ink and the others in gray.
    """

    panels: tuple[Panel, ...]
    header: str = ""
    label: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """A color bar and its words: the ticks' places in [0, 1] with their texts, and the unit."""

    colormap: str
    ticks: tuple[tuple[float, str], ...]
    unit: str


@dataclass(frozen=True)
class Grid:
    """How large panels are drawn.

    Attributes
    ----------
    least, most
        Width of a panel's cell, in figure pixels.
    tallest
        Height of a panel at most.
    columns
        Panels beside each other; None: as many as fit, evenly spread.
    gap
        Between panels.
    title_lines
        Titles go over so many lines at most.
    """

    least: float = 96.0
    most: float = 220.0
    tallest: float = 300.0
    columns: int | None = None
    gap: float = GAP
    title_lines: int = 2


@dataclass
class _Pen:
    """What has been placed so far, and how far down the page."""

    y: float = MARGIN
    right: float = 0.0
    panels: list[Panel] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    color_bars: list[ColorBar] = field(default_factory=list)

    def write(
        self,
        texts: Sequence[str],
        x: float,
        size: float,
        *,
        align: Align = "left",
        bold: bool = False,
        color: str = INK,
    ) -> None:
        """Write lines of text downwards from where the pen is."""
        for text in texts:
            middle = self.y + size * LEADING / 2
            if text:
                self.lines.append(Line(text, x, middle, size, align, bold, color))
            self.y += size * LEADING


def compose(
    rows: Sequence[Row],
    *,
    grid: Grid,
    heading: str = "",
    scale: Scale | None = None,
    caption: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    column_titles: Sequence[str] = (),
) -> Figure:
    """Place rows of panels and their words.

    Parameters
    ----------
    rows
        From top to bottom.
    grid
        Sizes of the panels.
    heading
        Above everything.
    scale
        The color bar below the panels; None: none.
    caption
        Sentences; each begins a line.
    metadata
        Goes into the files.
    column_titles
        Short texts above the columns, where rows do not go on below.
    """
    gutter = max((_label_width(row) for row in rows), default=0.0)
    columns, cell = _columns(rows, grid, gutter)
    inner = gutter + columns * cell + (columns - 1) * grid.gap
    inner = max(inner, MIN_WIDTH)
    letters = _title_size(rows, cell)
    pen = _Pen(right=MARGIN + inner)
    if heading:
        pen.write(wrap(heading, inner, HEADING, most=2, bold=True), MARGIN, HEADING, bold=True)
        pen.y += 4
    if column_titles:
        top = pen.y
        for column, text in enumerate(column_titles):
            pen.y = top
            middle = MARGIN + gutter + column * (cell + grid.gap) + cell / 2
            pen.write([text], middle, NOTE, align="center", color=GRAY)
    for number, row in enumerate(rows):
        if number and row.header:
            pen.y += 6
        _place_row(pen, row, grid, columns=columns, cell=cell, gutter=gutter, letters=letters)
    if scale is not None:
        _place_scale(pen, scale, inner)
    place_caption(pen.lines, caption, x=MARGIN, y=pen.y + 6, room=inner)
    bottom = max([pen.y, *(line.y + line.size * LEADING / 2 for line in pen.lines)])
    sheet = Sheet(
        size=(math.ceil(bottom + MARGIN), math.ceil(inner + 2 * MARGIN)),
        panels=tuple(pen.panels),
        lines=tuple(pen.lines),
        color_bars=tuple(pen.color_bars),
    )
    return Figure(sheet, heading, tuple(caption), dict(metadata or {}))


def place_caption(
    lines: list[Line], caption: Sequence[str], *, x: float, y: float, room: float
) -> None:
    """Append the caption's lines, the first sentence in ink and the others in gray."""
    for number, sentence in enumerate(caption):
        color = GRAY if number else INK
        for text in wrap(sentence, room, CAPTION, most=4):
            lines.append(Line(text, x, y + CAPTION * LEADING / 2, CAPTION, color=color))
            y += CAPTION * LEADING


def _label_width(row: Row) -> float:
    if not row.label:
        return 0.0
    sizes = [TITLE - 2, *[NOTE] * (len(row.label) - 1)]
    return max(text_width(t, s) for t, s in zip(row.label, sizes, strict=True)) + 10


def _columns(rows: Sequence[Row], grid: Grid, gutter: float) -> tuple[int, float]:
    """How many panels go side by side, and how wide a cell is."""
    most = max((len(row.panels) for row in rows), default=1) or 1
    aspects = [panel.aspect for row in rows for panel in row.panels] or [1.0]
    room = MAX_WIDTH - gutter
    columns, least = grid.columns, grid.least
    if columns is None:
        least = max(least, min(grid.most, MIN_HEIGHT * max(aspects)))
        fit = max(1, int((room + grid.gap) // (least + grid.gap)))
        columns = math.ceil(most / math.ceil(most / fit))
    even = (room - (columns - 1) * grid.gap) / columns
    widest = max(grid.tallest * max(aspects), grid.least)  # tall images need no wider cell
    return columns, max(grid.least, min(grid.most, even, widest))


def _title_size(rows: Sequence[Row], cell: float) -> float:
    """Letters small enough, within reason, that no word of a title must be cut."""
    words = [word for row in rows for panel in row.panels for word in panel.title.split()]
    longest = max((text_width(word, 1, bold=True) for word in words), default=0.0)
    return max(MIN_TITLE, min(TITLE, 0.99 * cell / longest)) if longest else TITLE


def _place_row(
    pen: _Pen,
    row: Row,
    grid: Grid,
    *,
    columns: int,
    cell: float,
    gutter: float,
    letters: float,
) -> None:
    if row.header:
        room = pen.right - MARGIN
        pen.write(wrap(row.header, room, HEADER, most=2), MARGIN, HEADER)
        pen.y += 4
    for start in range(0, len(row.panels), columns):
        panels = row.panels[start : start + columns]
        titles = [
            wrap(p.title, cell, letters, most=grid.title_lines, bold=True) if p.title else ()
            for p in panels
        ]
        high = max(map(len, titles))
        boxes = [_fit(panel.aspect, cell, grid.tallest) for panel in panels]
        top = pen.y + high * letters * LEADING + (2 if high else 0)
        tallest = max(height for _, height in boxes)
        notes = max(len(panel.note.splitlines()) for panel in panels)
        for position, (panel, title, (wide, tall)) in enumerate(
            zip(panels, titles, boxes, strict=True)
        ):
            left = MARGIN + gutter + position * (cell + grid.gap)
            middle = left + cell / 2
            pen.y = top - (2 if high else 0) - len(title) * letters * LEADING
            pen.write(title, middle, letters, align="center", bold=True)
            box = Box(middle - wide / 2, top, wide, tall)
            pen.panels.append(replace(panel, box=box))
            pen.y = top + tall + 1
            for note in panel.note.splitlines():
                fitting = wrap(note, cell + grid.gap / 2, NOTE, most=1)
                pen.write(fitting, middle, NOTE, align="center", color=GRAY)
        if row.label and start == 0:
            _place_label(pen, row.label, top + tallest / 2)
        pen.y = top + tallest + notes * NOTE * LEADING + 1 + grid.gap


def _place_label(pen: _Pen, label: tuple[str, ...], middle: float) -> None:
    sizes = [TITLE - 2, *[NOTE] * (len(label) - 1)]
    pen.y = middle - sum(sizes) * LEADING / 2
    for number, (text, size) in enumerate(zip(label, sizes, strict=True)):
        pen.write([text], MARGIN, size, color=GRAY if number else INK)


def _fit(aspect: float, cell: float, tallest: float) -> tuple[float, float]:
    wide = min(cell, tallest * aspect)
    return wide, wide / aspect


def _place_scale(pen: _Pen, scale: Scale, inner: float) -> None:
    left, top = MARGIN, pen.y + 4
    pen.color_bars.append(ColorBar(Box(left, top, BAR_WIDTH, BAR_HEIGHT), scale.colormap))
    below = top + BAR_HEIGHT + 1 + NOTE * LEADING / 2
    for tick, text in scale.ticks:
        align: Align = "left" if tick == 0 else "right" if tick == 1 else "center"
        pen.lines.append(Line(text, left + tick * BAR_WIDTH, below, NOTE, align, color=GRAY))
    beside = left + BAR_WIDTH + 12
    pen.y = top + BAR_HEIGHT / 2 - CAPTION * LEADING / 2
    unit = wrap(scale.unit, inner - BAR_WIDTH - 12, CAPTION, most=3)
    pen.write(unit, beside, CAPTION)
    pen.y = max(pen.y, below + NOTE * LEADING / 2)
