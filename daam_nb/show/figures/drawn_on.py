"""A drawing inside the user's own matplotlib figure, of which nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.show.figures import chart_matplotlib, sheet_matplotlib
from daam_nb.show.figures.chart import PIXELS_PER_INCH, Chart
from daam_nb.show.figures.description import Drawing, Panel, Sheet
from daam_nb.show.lettering import drawable, families, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

PIXELS_PER_POINT = PIXELS_PER_INCH / 72
EDGE = 6.0  # figure pixels between a chart and the edge of the room it has
TITLE_POINTS, CAPTION_POINTS = 10.5, 7.5
LEADING = 1.35


def draw_on(drawing: Drawing, target: object) -> None:
    """Draw on axes, or into a figure or subfigure; see `Figure.on`.

    Raises
    ------
    SelectionError
        For several panels on axes, and for axes that are not flat and straight.
    WrongKindError
        For anything else.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    if isinstance(target, Axes):
        _draw_on_axes(drawing, target)
    elif isinstance(target, FigureBase):
        if isinstance(drawing.content, Sheet):
            _draw_sheet(drawing.content, target)
        else:
            _draw_chart(drawing, drawing.content, target)
    else:
        raise WrongKindError(
            f"on() draws on matplotlib's Axes, Figure or SubFigure, not {kind_of(target)}. Of "
            f"figure, axes = plt.subplots(1, 2) take one: on(axes[0])."
        )


def _draw_on_axes(drawing: Drawing, axes: Axes) -> None:
    if axes.name != "rectilinear":
        raise SelectionError(
            f"A figure is drawn on straight axes, and these are {axes.name}. Leave projection= out."
        )
    content = drawing.content
    chart = content if isinstance(content, Chart) else content.chart
    if chart is not None:
        chart_matplotlib.paint(axes, chart)
        _write_title(axes, drawing.title)
        return
    panels = drawing.panels
    if len(panels) != 1:
        raise SelectionError(
            f"Axes hold one panel, and this figure has {len(panels)}. Give it a figure, "
            f".on(plt.figure()), or a part of one, .on(plt.figure().subfigures(1, 2)[0]); or draw "
            f"one map on each of your axes: overlay(run, 'dog').on(axes)."
        )
    _paint_panel(panels[0], axes)


def _paint_panel(panel: Panel, axes: Axes) -> None:
    """Draw a panel in the pixels of its own image, as `Axes.imshow` does."""
    height, width = panel.own_size or _drawn_size(panel)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.set_axis_off()
    if panel.image is not None:
        sheet_matplotlib.paint_image(axes, panel.image, extent, "hanning", gid="image-0")
    if panel.heat is not None:
        sheet_matplotlib.paint_heat(axes, panel.heat, extent, "hanning", gid="heat-0")
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.set_aspect(panel.aspect * height / width)
    _write_title(axes, panel.title)


def _drawn_size(panel: Panel) -> tuple[int, int]:
    if panel.image is not None:
        return panel.image.shape[0], panel.image.shape[1]
    assert panel.heat is not None  # a panel shows one of the two
    return panel.heat.values.shape[0], panel.heat.values.shape[1]


def _write_title(axes: Axes, text: str) -> None:
    """Set the axes' title in their letters, broken to their width; none for no text."""
    if not text:
        return
    legend = axes.get_legend()
    above = legend.get_window_extent().y1 - axes.bbox.y1 if legend is not None else 0.0
    pad = above * 72 / _dpi(axes)  # a legend may stand there; None: the settings' own
    title = axes.set_title("", pad=pad + 4 if above > 0 else None)
    size = float(title.get_fontsize()) * PIXELS_PER_POINT
    lines = wrap(text, _inches(axes)[1] * PIXELS_PER_INCH, size, most=3)
    title.set_text("\n".join(map(drawable, lines)))
    title.set_parse_math(False)
    title.set_fontfamily([*title.get_fontfamily(), *families()])


def _draw_sheet(sheet: Sheet, target: FigureBase) -> None:
    """Draw a sheet as large as the room allows, in the middle of it."""
    height, width = sheet.size
    inches = _inches(target)
    factor = PIXELS_PER_INCH * min(inches[0] / height, inches[1] / width)
    share = (
        factor * width / inches[1] / PIXELS_PER_INCH,
        factor * height / inches[0] / PIXELS_PER_INCH,
    )
    corner = ((1 - share[0]) / 2, (1 - share[1]) / 2, *share)
    axes = target.add_axes(corner, frameon=False)
    sheet_matplotlib.paint(axes, sheet, factor=factor)


def _draw_chart(drawing: Drawing, chart: Chart, target: FigureBase) -> None:
    """Draw a chart in the whole room, its title above and its caption below."""
    height, width = (side * PIXELS_PER_INCH for side in _inches(target))
    room = width - 2 * EDGE
    top, bottom = height - EDGE, EDGE
    title = wrap(drawing.title, room, TITLE_POINTS * PIXELS_PER_POINT, most=3, bold=True)
    caption = wrap(" ".join(drawing.caption), room, CAPTION_POINTS * PIXELS_PER_POINT, most=6)
    options: dict[str, Any] = {"fontfamily": list(families()), "parse_math": False, "ha": "left"}
    if drawing.title:
        text = "\n".join(map(drawable, title))
        target.text(
            EDGE / width, top / height, text, va="top", fontsize=TITLE_POINTS,
            fontweight="bold", linespacing=LEADING, **options,
        )  # fmt: skip
        top -= len(title) * TITLE_POINTS * PIXELS_PER_POINT * LEADING + EDGE
    if drawing.caption:
        text = "\n".join(map(drawable, caption))
        target.text(
            EDGE / width, bottom / height, text, va="bottom", fontsize=CAPTION_POINTS,
            color="#666666", linespacing=LEADING, **options,
        )  # fmt: skip
        bottom += len(caption) * CAPTION_POINTS * PIXELS_PER_POINT * LEADING + EDGE
    axes = target.add_axes((EDGE / width, bottom / height, room / width, (top - bottom) / height))
    chart_matplotlib.paint(axes, chart)
    axes.set_anchor("NW")  # of images, which keep their proportions
    _fit(axes, target, (EDGE, bottom, width - EDGE, top))


def _fit(axes: Axes, target: FigureBase, room: tuple[float, float, float, float]) -> None:
    """Shrink axes until their labels and legend stand within (left, bottom, right, top), pixels."""
    height, width = (side * PIXELS_PER_INCH for side in _inches(target))
    for _ in range(2):  # other ticks may stand at the smaller size
        whole, inside = axes.get_tightbbox(), axes.bbox
        if whole is None:
            return
        unit = _dpi(axes) / PIXELS_PER_INCH
        left = room[0] + (inside.x0 - whole.x0) / unit
        bottom = room[1] + (inside.y0 - whole.y0) / unit
        right = room[2] - (whole.x1 - inside.x1) / unit
        top = room[3] - (whole.y1 - inside.y1) / unit
        size = (max(right - left, 1) / width, max(top - bottom, 1) / height)
        axes.set_position((left / width, bottom / height, *size))


def _inches(room: Any) -> tuple[float, float]:
    """(height, width) of axes or of a figure."""
    return room.bbox.height / _dpi(room), room.bbox.width / _dpi(room)


def _dpi(room: Any) -> float:
    """Of the figure that axes, a figure or a subfigure belong to."""
    return float(room.figure.dpi)
