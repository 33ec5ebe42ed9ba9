"""One pair of axes and what is marked on them, as plain data: bars, curves, dots, images.

Every position is in the numbers of the axes. Marks are drawn in their order; words are any text,
shown as it is, never markup and never mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PIXELS_PER_INCH = 96.0

INK, PALE = "#222222", "#dddddd"
NOTE_GRAY = "#777777"
LETTERS = 9.0  # points


@dataclass(frozen=True)
class HorizontalBar:
    """A bar from 0 to `value`.

    Attributes
    ----------
    y
        Of its middle.
    thickness
        Along y.
    edge
        Color of its outline; None: no outline.
    name
        What is measured, for reading the value under the mouse.
    """

    y: float
    value: float
    thickness: float
    color: str
    edge: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Stroke:
    """A line through points, or a marker at each of them.

    Attributes
    ----------
    x, y
        Of the points.
    width
        In points; 0: markers alone.
    marker
        ``"o"``, ``"s"``, ``"D"`` (diamond), ``"|"``; empty: none.
    marker_size
        In points.
    butt
        Whether the ends are cut at the first and the last point.
    level
        Strokes of a higher level are drawn over those of a lower one.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    color: str
    width: float = 1.5
    marker: str = ""
    marker_size: float = 4.0
    label: str = ""
    butt: bool = False
    level: float = 2.0


@dataclass(frozen=True)
class Dots:
    """A dot for each observation, of `area` in square points."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    color: str
    area: float
    label: str = ""


@dataclass(frozen=True)
class Band:
    """What lies between two curves over `x`."""

    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    color: str
    opacity: float


@dataclass(frozen=True)
class Rule:
    """A line across the whole axes, at a number of x (upright) or of y (level)."""

    at: float
    axis: Literal["x", "y"]
    color: str
    width: float = 1.5
    dashed: bool = False
    label: str = ""


@dataclass(frozen=True)
class Span:
    """Everything between two numbers of y, across the whole axes."""

    low: float
    high: float
    color: str
    opacity: float


@dataclass(frozen=True)
class Note:
    """Words at a point.

    Attributes
    ----------
    text
        Each line of it is a line.
    offset
        (right, up) in points from (x, y); None: right at it.
    size
        Of the letters, in points; None: as other letters of the axes.
    vertical
        What of the words stands at the point.
    """

    text: str
    x: float
    y: float
    offset: tuple[float, float] | None = None
    size: float | None = None
    color: str | None = None
    vertical: Literal["baseline", "bottom", "center", "top"] = "baseline"


@dataclass(frozen=True, eq=False)
class Image:
    """An image between `left` and `right`, `top` and `bottom`.

    Attributes
    ----------
    pixels
        (y, x, rgb), uint8; or (y, x) numbers, black at 0 and white at their maximum.
    """

    pixels: NDArray[np.uint8] | NDArray[np.float64]
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, eq=False)
class Outline:
    """The edge of a mask.

    Attributes
    ----------
    mask
        (y, x), bool, with marked pixels and others.
    x, y
        Of the middles of its columns and rows.
    width
        In points.
    """

    mask: NDArray[np.bool_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    color: str
    width: float


Mark = HorizontalBar | Stroke | Dots | Band | Rule | Span | Note | Image | Outline


@dataclass(frozen=True)
class Axis:
    """One of the two axes.

    Attributes
    ----------
    label
        What its numbers are.
    ticks
        (number, words) of each tick; None: numbers that the renderer chooses.
    limits
        The numbers at its beginning (left, bottom) and at its end; None: from the marks.
    grid
        Whether a pale line runs through each tick.
    margin
        Room beside the marks, as a share of what they take; None: the renderer's.
    """

    label: str = ""
    ticks: tuple[tuple[float, str], ...] | None = None
    limits: tuple[float, float] | None = None
    grid: bool = False
    margin: float | None = None


@dataclass(frozen=True)
class Key:
    """An entry of a legend that stands for no single mark: a patch, or with `marker` a marker."""

    label: str
    color: str
    marker: str = ""


@dataclass(frozen=True)
class Legend:
    """What the colors and markers mean.

    Attributes
    ----------
    keys
        Its entries; empty: the marks that have a label.
    place
        At the right of the axes, or above them.
    small
        In letters smaller than those of the axes.
    """

    keys: tuple[Key, ...] = ()
    place: Literal["right", "above"] = "right"
    small: bool = True


@dataclass(frozen=True, eq=False)
class Chart:
    """Axes and their marks.

    Attributes
    ----------
    marks
        In the order in which they are drawn.
    inches
        (height, width) of the figure around the axes, title and caption included.
    x, y
        The axes.
    right
        Words at the right of the axes, at numbers of y.
    legend
        None: no legend.
    framed
        Whether the axes have ticks, labels and a frame; images have none.
    equal_units
        Whether one is as long across as it is up.
    """

    marks: tuple[Mark, ...]
    inches: tuple[float, float] = (3.6, 6.4)
    x: Axis = Axis()
    y: Axis = Axis()
    right: tuple[tuple[float, str], ...] = ()
    legend: Legend | None = None
    framed: bool = True
    equal_units: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """(height, width) in figure pixels, 96 to the inch."""
        return self.inches[0] * PIXELS_PER_INCH, self.inches[1] * PIXELS_PER_INCH
