"""A sheet drawn by matplotlib, on axes of its own or on somebody else's.

Every setting that matters is given explicitly, so that the user's settings are not felt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daam_nb.show.colors import LEVELS
from daam_nb.show.figures.chart import PIXELS_PER_INCH
from daam_nb.show.figures.description import Box, Heat, Line, Sheet
from daam_nb.show.lettering import drawable, families
from daam_nb.show.pixels import Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 72 / PIXELS_PER_INCH  # per figure pixel
Extent = tuple[float, float, float, float]  # left, right, bottom, top
# From the middle of a line of text down to its base line, in letter sizes: lines are placed by
# their middle, and letters with and without descenders must stand on one base line.
DROP = 0.36


def paint(axes: Axes, sheet: Sheet, *, interpolation: str = "hanning", factor: float = 1.0) -> None:
    """Draw a sheet on axes that are its page: they count figure pixels, y downwards.

    Parameters
    ----------
    interpolation
        How pixels of images and maps become dots; ``"none"`` leaves it to the reader of a
        vector file.
    factor
        How large one figure pixel is drawn, in 96ths of an inch: letters and lines follow it.
    """
    height, width = sheet.size
    axes.set_axis_off()
    axes.set_autoscale_on(False)
    for number, panel in enumerate(sheet.panels):
        if panel.image is not None:
            paint_image(
                axes, panel.image, extent_of(panel.box), interpolation, gid=f"image-{number}"
            )
        if panel.heat is not None:
            paint_heat(
                axes, panel.heat, extent_of(panel.box), interpolation, gid=f"heat-{number}",
                factor=factor,
            )  # fmt: skip
    _color_bars(axes, sheet)
    _bars(axes, sheet)
    for line in sheet.lines:
        _line(axes, line, factor)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")


def paint_image(
    axes: Axes, pixels: Pixels, extent: Extent, interpolation: str, *, gid: str
) -> None:
    """Draw an image over the extent."""
    image = axes.imshow(
        pixels, extent=extent, interpolation=interpolation, origin="upper", aspect="auto"
    )
    image.set_gid(gid)


def paint_heat(
    axes: Axes, heat: Heat, extent: Extent, interpolation: str, *, gid: str, factor: float = 1.0
) -> None:
    """Draw a map over the extent, with its line; `factor` as in `paint`."""
    image = axes.imshow(
        heat.values,
        extent=extent,
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
    left, right, bottom, top = extent
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    for color, thickness in (("black", 2.2), ("white", 1.1)):  # seen on bright and dark
        lines = axes.contour(
            x,
            y,
            heat.values,
            levels=[heat.contour],
            colors=[color],
            linewidths=thickness * POINTS * factor,
            linestyles="solid",
            antialiased=True,
        )
        lines.set_gid(gid.replace("heat", f"contour-{color}"))


def _color_bars(axes: Axes, sheet: Sheet) -> None:
    ramp = np.linspace(0, 1, LEVELS, dtype=np.float32)[None, :]
    for number, bar in enumerate(sheet.color_bars):
        heat = Heat(ramp, 0.0, 1.0, bar.colormap)
        paint_heat(axes, heat, extent_of(bar.box), "none", gid=f"color-bar-{number}")


def _bars(axes: Axes, sheet: Sheet) -> None:
    from matplotlib.patches import Rectangle

    for number, bar in enumerate(sheet.bars):
        box = bar.box
        patch = Rectangle((box.x, box.y), box.width, box.height, facecolor=bar.color, linewidth=0)
        patch.set_gid(f"bar-{number}")
        axes.add_patch(patch)


def _line(axes: Axes, line: Line, factor: float) -> None:
    axes.text(
        line.x,
        line.y + DROP * line.size,
        drawable(line.text),
        fontsize=line.size * POINTS * factor,
        fontfamily=list(families()),
        fontweight="bold" if line.bold else "normal",
        fontstyle="normal",
        color=line.color,
        horizontalalignment=line.align,
        verticalalignment="baseline",
        parse_math=False,
        usetex=False,
        wrap=False,
    )


def extent_of(box: Box) -> Extent:
    """Left, right, bottom, top of a box."""
    return (box.x, box.x + box.width, box.y + box.height, box.y)
