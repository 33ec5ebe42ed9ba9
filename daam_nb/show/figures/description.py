"""What a figure shows, as plain data: one description, drawn alike by every renderer.

Every position is in figure pixels (96 to the inch), x to the right and y **down** from the top
left corner. Numbers are those of the maps: a renderer scales and colours them, and nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from daam_nb.kinds import names_checked
from daam_nb.show.pixels import Pixels, Values

if TYPE_CHECKING:
    import plotly.graph_objects
    from matplotlib.figure import Figure as MatplotlibFigure

Align = Literal["left", "center", "right"]

INK = "#1a1a1a"
GREY = "#6b6b6b"
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
    """A map and how its numbers become colours.

    Attributes
    ----------
    values
        (y, x), float32, spread over the whole box of its panel.
    vmin, vmax
        The values of the first and the last colour.
    colormap
        One of matplotlib's names.
    opacity
        Of the colours over the picture, in [0, 1], the same everywhere.
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
    """One picture, one map, or a map over a picture.

    Attributes
    ----------
    name
        Says what the panel is, for hovering and for programs; any text.
    picture
        (y, x, rgb), uint8, spread over the whole box; None: the background is plain.
    heat
        The map over it, or None.
    title, note
        Drawn above and below; any text. Each line of a note is a line of its own.
    aspect
        Width / height.
    box
        Where it stands; given by the layout.
    """

    name: str
    picture: Pixels | None = None
    heat: Heat | None = None
    title: str = ""
    note: str = ""
    aspect: float = 1.0
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
    colour: str = INK


@dataclass(frozen=True)
class ColourBar:
    """A strip of the colours of a colour map, from left to right; its words are `Line`s."""

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
    colour: str


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A figure: what is on it and where, and the words that belong to it.

    As the last line of a notebook's cell it shows itself.

    Attributes
    ----------
    size
        (height, width) in figure pixels.
    panels, lines, colour_bars, bars
        What is drawn.
    caption
        The caption's sentences, unabridged; as much of it as fits is drawn.
    metadata
        Written into the files: prompt, seed, model, choices, versions.
    """

    size: tuple[float, float]
    panels: tuple[Panel, ...] = ()
    lines: tuple[Line, ...] = ()
    colour_bars: tuple[ColourBar, ...] = ()
    bars: tuple[Bar, ...] = ()
    caption: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_matplotlib(self) -> MatplotlibFigure:
        """Draw with matplotlib, without pyplot and without touching its settings.

        Returns
        -------
        matplotlib.figure.Figure
            Its single axes span the figure in figure pixels. The image of panel i has the gid
            ``picture-i``, the map ``heat-i`` and holds the map's own numbers.
        """
        from daam_nb.show.figures.draw_matplotlib import draw

        return draw(self)

    def to_plotly(self) -> plotly.graph_objects.Figure:
        """Draw with plotly, for zooming and for reading values under the mouse.

        Raises
        ------
        MissingExtraError
            Where plotly is not installed; it comes with the extra ``widgets``.
        """
        from daam_nb.show.figures.draw_plotly import draw

        return draw(self)

    @names_checked
    def to_png(self, *, scale: float = 2.0) -> bytes:
        """Draw a PNG that carries `metadata` as text.

        Parameters
        ----------
        scale
            Dots per figure pixel.
        """
        from daam_nb.show.figures.saving import png_bytes

        return png_bytes(self, scale=scale)

    @names_checked
    def save(self, path: str | Path, *, scale: float = 2.0) -> Path:
        """Write the figure; the suffix says how. Complete, or not at all.

        Parameters
        ----------
        path
            Ending in ``.png``, ``.svg``, ``.pdf`` or ``.html`` (plotly's library included, so that
            the page needs no internet). An existing file is replaced.
        scale
            Dots per figure pixel of a PNG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SelectionError
            For any other suffix, or a scale that is no number above 0.
        MissingExtraError
            For ``.html`` without plotly; it comes with the extra ``widgets``.
        """
        from daam_nb.show.figures.saving import save

        return save(self, path, scale=scale)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        from daam_nb.show.figures.saving import small_png

        height, width = self.size
        encoded = base64.b64encode(small_png(self)).decode("ascii")
        bundle = {"image/png": encoded, "text/plain": repr(self)}
        return bundle, {"image/png": {"width": round(width), "height": round(height)}}

    def __repr__(self) -> str:
        height, width = self.size
        shown = f"{len(self.panels)} panels" if self.panels else f"{len(self.bars)} bars"
        prompt = self.metadata.get("prompt", "")
        short = prompt if len(prompt) <= 60 else prompt[:59] + "…"
        return f"<Figure: {shown}, {round(width)} x {round(height)}, prompt {short!r}>"
