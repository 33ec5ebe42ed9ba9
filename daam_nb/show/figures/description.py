"""The content of a figure as plain data, drawn alike by every renderer.

Every position is in figure pixels (96 to the inch), x to the right and y **down** from the top
left corner. Numbers are those of the maps: a renderer scales and colors them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from daam_nb.show.figures.chart import Chart
from daam_nb.show.pixels import Pixels, Values

Align = Literal["left", "center", "right"]

INK = "#1a1a1a"
GRAY = "#6b6b6b"
PAPER = "#ffffff"


@dataclass(frozen=True)
class Box:
    """A rectangle: left and top edge, width and height, in figure pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Heat:
    """A map and how its numbers become colors.

    Attributes
    ----------
    values
        (y, x), float32, spread over the whole box of its panel.
    vmin, vmax
        The values of the first and the last color.
    colormap
        One of matplotlib's names.
    opacity
        Of the colors over the image, in [0, 1], the same everywhere.
    contour
        Where a line is drawn, in units of `values`; None: no line.
    """

    values: Values
    vmin: float
    vmax: float
    colormap: str
    opacity: float = 1.0
    contour: float | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """One image, one map, or a map over an image.

    Attributes
    ----------
    name
        Says what the panel is, for hovering and for programs; any text.
    image
        (y, x, rgb), uint8, spread over the whole box; None: the background is plain.
    heat
        The map over it, or None.
    title, note
        Drawn above and below; any text. Each line of a note is a line of its own.
    aspect
        Width / height.
    own_size
        (height, width) of the image itself, however large it is drawn; None: as many as
        `image` or the map has.
    box
        Where it stands; given by the layout.
    """

    name: str
    image: Pixels | None = None
    heat: Heat | None = None
    title: str = ""
    note: str = ""
    aspect: float = 1.0
    own_size: tuple[int, int] | None = None
    box: Box = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Line:
    """One line of text, drawn as it is: never markup, never mathematics.

    Attributes
    ----------
    text
        Any text without line breaks.
    x, y
        `x` is the edge or the middle that `align` names, `y` the middle of the line.
    size
        Of the letters, in figure pixels.
    """

    text: str
    x: float
    y: float
    size: float = 12
    align: Align = "left"
    bold: bool = False
    color: str = INK


@dataclass(frozen=True)
class ColorBar:
    """A strip of the colors of a color map, from left to right; its words are `Line`s."""

    box: Box
    colormap: str


@dataclass(frozen=True)
class Bar:
    """One bar that starts at the left edge of its box.

    Attributes
    ----------
    name
        What is measured; any text.
    value
        Its number; the width of the box is proportional to it.
    """

    name: str
    value: float
    box: Box
    color: str


@dataclass(frozen=True, eq=False)
class Sheet:
    """Panels, bars and words, each in its place on a page.

    Attributes
    ----------
    size
        (height, width) in figure pixels.
    chart
        The same as one pair of axes, for somebody else's axes; None: its panel, where it has one.
    """

    size: tuple[float, float]
    panels: tuple[Panel, ...] = ()
    lines: tuple[Line, ...] = ()
    color_bars: tuple[ColorBar, ...] = ()
    bars: tuple[Bar, ...] = ()
    chart: Chart | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """What a figure shows, and the words that belong to it.

    Attributes
    ----------
    content
        Panels in their places, or one pair of axes with marks.
    title
        Of the whole, one sentence; empty: none.
    caption
        The caption's sentences, unabridged; as much of it as fits is drawn.
    metadata
        Written into the files: prompt, seed, model, choices, versions.
    """

    content: Sheet | Chart
    title: str = ""
    caption: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[float, float]:
        """(height, width) in figure pixels, 96 to the inch."""
        return self.content.size

    @property
    def sheet(self) -> Sheet:
        """The content as a sheet; of a chart an empty one."""
        return self.content if isinstance(self.content, Sheet) else Sheet(self.content.size)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels with their numbers and pixels; a chart has none."""
        return self.sheet.panels
