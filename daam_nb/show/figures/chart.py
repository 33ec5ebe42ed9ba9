"""One pair of axes and its marks, as plain data: bars, curves, dots, images.

Every position is in data coordinates. Marks are drawn in order; any text is shown literally, never
as markup or mathematics.
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
        Position of its middle.
    thickness
        Along y.
    edge
        Color of its outline; None: no outline.
    name
        Name of the measured item, for reading the value under the mouse.
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
        Coordinates of the points.
    width
        Line width in points; 0: only markers.
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
    """The area between two curves over `x`."""

    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    color: str
    opacity: float


@dataclass(frozen=True)
class Rule:
    """A line across the whole axes, at a value of x (vertical) or of y (horizontal)."""

    at: float
    axis: Literal["x", "y"]
    color: str
    width: float = 1.5
    dashed: bool = False
    label: str = ""


@dataclass(frozen=True)
class Span:
    """The area between two values of y, across the whole axes."""

    low: float
    high: float
    color: str
    opacity: float


@dataclass(frozen=True)
class Note:
    """A text at a point.

    Attributes
    ----------
    text
        Each line of it is a line.
    offset
        (right, up) in points from (x, y); None: exactly at it.
    size
        Of the letters, in points; None: as other letters of the axes.
    vertical
        Which part of the text is at the point.
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
        (y, x), bool, with both marked and unmarked pixels.
    x, y
        Coordinates of the centers of its columns and rows.
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
        (value, label) of each tick; None: values that the renderer chooses.
    limits
        The values at its beginning (left, bottom) and at its end; None: from the marks.
    grid
        Whether a pale line runs through each tick.
    margin
        Space around the marks, as a share of their extent; None: the renderer's.
    """

    label: str = ""
    ticks: tuple[tuple[float, str], ...] | None = None
    limits: tuple[float, float] | None = None
    grid: bool = False
    margin: float | None = None


@dataclass(frozen=True)
class Key:
    """A legend entry that belongs to no single mark: a patch, or a marker if `marker` is set."""

    label: str
    color: str
    marker: str = ""


@dataclass(frozen=True)
class Legend:
    """The legend of colors and markers.

    Attributes
    ----------
    keys
        Its entries; empty: one for each mark with a label.
    place
        To the right of the axes, or above them.
    small
        Whether its letters are smaller than those of the axes.
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
        The marks, in drawing order.
    inches
        (height, width) of the whole figure, title and caption included.
    x, y
        The axes.
    right
        Texts to the right of the axes, at values of y.
    legend
        None: no legend.
    framed
        Whether the axes have ticks, labels and a frame; images have none.
    equal_units
        Whether x and y have the same scale.
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
