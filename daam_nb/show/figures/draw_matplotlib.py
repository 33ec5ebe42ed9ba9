"""A description drawn by matplotlib: for PNG, SVG and PDF, without a browser.

Only matplotlib's objects are used, never pyplot, and every setting that matters is given
explicitly, so that neither the user's open figures nor their settings are touched or felt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daam_nb.show.colours import LEVELS
from daam_nb.show.figures.description import PAPER, Box, Figure, Heat, Line
from daam_nb.show.lettering import drawable, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

PIXELS_PER_INCH = 96.0
POINTS = 72 / PIXELS_PER_INCH  # per figure pixel
# From the middle of a line of text down to its base line, in letter sizes: lines are placed by
# their middle, and letters with and without descenders must stand on one base line.
DROP = 0.36


def draw(figure: Figure, *, scale: float = 1.0, interpolation: str = "hanning") -> MatplotlibFigure:
    """Draw a description.

    Parameters
    ----------
    scale
        Dots per figure pixel.
    interpolation
        How pixels of pictures and maps become dots; ``"none"`` leaves it to the reader of a
        vector file.
    """
    from matplotlib.figure import Figure as MatplotlibFigure

    height, width = figure.size
    drawn = MatplotlibFigure(
        figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH),
        dpi=PIXELS_PER_INCH * scale,
        facecolor=PAPER,
        edgecolor="none",
        frameon=True,
    )
    drawn.set_layout_engine("none")
    axes = drawn.add_axes((0, 0, 1, 1), frameon=False)
    axes.set_axis_off()
    axes.set_autoscale_on(False)
    for number, panel in enumerate(figure.panels):
        if panel.picture is not None:
            _image(axes, panel.picture, panel.box, interpolation, gid=f"picture-{number}")
        if panel.heat is not None:
            _heat(axes, panel.heat, panel.box, interpolation, gid=f"heat-{number}")
    _colour_bars(axes, figure)
    _bars(axes, figure)
    for line in figure.lines:
        _line(axes, line)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")
    return drawn


def _image(axes: Axes, pixels: np.ndarray, box: Box, interpolation: str, *, gid: str) -> None:
    image = axes.imshow(
        pixels, extent=_extent(box), interpolation=interpolation, origin="upper", aspect="auto"
    )
    image.set_gid(gid)


def _heat(axes: Axes, heat: Heat, box: Box, interpolation: str, *, gid: str) -> None:
    image = axes.imshow(
        heat.values,
        extent=_extent(box),
        cmap=heat.colormap,
        vmin=heat.vmin,
        vmax=heat.vmax if heat.vmax > heat.vmin else heat.vmin + 1,
        alpha=heat.opacity,
        interpolation="none" if heat.opacity == 1 else interpolation,
        origin="upper",
        aspect="auto",
    )
    image.set_gid(gid)
    if heat.contour is None:
        return
    rows, columns = heat.values.shape
    x = box.x + (np.arange(columns) + 0.5) * box.width / columns
    y = box.y + (np.arange(rows) + 0.5) * box.height / rows
    for colour, thickness in (("black", 2.2), ("white", 1.1)):  # seen on bright and dark
        lines = axes.contour(
            x,
            y,
            heat.values,
            levels=[heat.contour],
            colors=[colour],
            linewidths=thickness * POINTS,
            linestyles="solid",
            antialiased=True,
        )
        lines.set_gid(gid.replace("heat", f"contour-{colour}"))


def _colour_bars(axes: Axes, figure: Figure) -> None:
    ramp = np.linspace(0, 1, LEVELS, dtype=np.float32)[None, :]
    for number, bar in enumerate(figure.colour_bars):
        heat = Heat(ramp, 0.0, 1.0, bar.colormap)
        _heat(axes, heat, bar.box, "none", gid=f"colour-bar-{number}")


def _bars(axes: Axes, figure: Figure) -> None:
    from matplotlib.patches import Rectangle

    for number, bar in enumerate(figure.bars):
        box = bar.box
        patch = Rectangle((box.x, box.y), box.width, box.height, facecolor=bar.colour, linewidth=0)
        patch.set_gid(f"bar-{number}")
        axes.add_patch(patch)


def _line(axes: Axes, line: Line) -> None:
    axes.text(
        line.x,
        line.y + DROP * line.size,
        drawable(line.text),
        fontsize=line.size * POINTS,
        fontfamily=list(families()),
        fontweight="bold" if line.bold else "normal",
        fontstyle="normal",
        color=line.colour,
        horizontalalignment=line.align,
        verticalalignment="baseline",
        parse_math=False,
        usetex=False,
        wrap=False,
    )


def _extent(box: Box) -> tuple[float, float, float, float]:
    return (box.x, box.x + box.width, box.y + box.height, box.y)
