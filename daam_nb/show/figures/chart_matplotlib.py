"""A chart drawn by matplotlib, on axes of its own or on somebody else's."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from daam_nb.show.figures.chart import (
    LETTERS,
    NOTE_GRAY,
    PALE,
    Band,
    Chart,
    Dots,
    HorizontalBar,
    Image,
    Legend,
    Mark,
    Note,
    Outline,
    Rule,
    Span,
    Stroke,
)
from daam_nb.show.lettering import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def paint(axes: Axes, chart: Chart) -> None:
    """Draw marks, ticks, labels and legend; title and caption are the figure's."""
    for mark in chart.marks:
        _mark(mark, axes)
    _paint_axes(axes, chart)
    if chart.legend is not None:
        _paint_legend(axes, chart.legend)


def escaped(text: object) -> str:
    """Any text as matplotlib takes it: one line, never a formula."""
    return plain(str(text)).replace("$", r"\$")


def _lines(text: str) -> str:
    return "\n".join(map(escaped, text.split("\n")))


def _paint_axes(axes: Axes, chart: Chart) -> None:
    scales: Any = (
        (chart.x, axes.set_xticks, axes.set_xlim, axes.set_xmargin),
        (chart.y, axes.set_yticks, axes.set_ylim, axes.set_ymargin),
    )
    for axis, set_ticks, set_limits, set_margin in scales:
        if axis.ticks is not None:
            set_ticks([at for at, _ in axis.ticks], [escaped(text) for _, text in axis.ticks])
        if axis.limits is not None:
            set_limits(*axis.limits)
        if axis.margin is not None:
            set_margin(axis.margin)
    if chart.equal_units:
        axes.set_aspect("equal")
    if not chart.framed:
        axes.set_axis_off()
        return
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(escaped(chart.x.label))
    axes.set_ylabel(escaped(chart.y.label))
    _paint_grid(axes, chart)
    if chart.right:
        beside = axes.secondary_yaxis("right")
        beside.set_yticks([at for at, _ in chart.right], [escaped(text) for _, text in chart.right])
        beside.tick_params(length=0, labelsize=LETTERS - 2, labelcolor=NOTE_GRAY)
        beside.spines["right"].set_visible(False)


def _paint_grid(axes: Axes, chart: Chart) -> None:
    if chart.x.grid or chart.y.grid:
        which: Any = "both" if chart.x.grid and chart.y.grid else "x" if chart.x.grid else "y"
        axes.grid(axis=which, color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)


def _paint_legend(axes: Axes, legend: Legend) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    options: dict[str, Any] = {"frameon": False}
    if legend.small:
        options["fontsize"] = LETTERS - 1
    if legend.place == "right":
        options |= {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    else:  # between the title and the axes, where it hides nothing
        options |= {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "borderaxespad": 0.2}
    if legend.keys:
        options["handles"] = [
            Line2D(
                [], [], color=key.color, marker=key.marker, linestyle="", label=escaped(key.label)
            )
            if key.marker
            else Patch(color=key.color, label=escaped(key.label))
            for key in legend.keys
        ]
    axes.legend(**options)


@singledispatch
def _mark(mark: Mark, axes: Axes) -> None:
    raise TypeError(f"A chart has no marks of the kind {type(mark).__name__}.")


@_mark.register(HorizontalBar)
def _(bar: HorizontalBar, axes: Axes) -> None:
    axes.barh(
        bar.y,
        bar.value,
        height=bar.thickness,
        color=bar.color,
        edgecolor=bar.edge,
        linewidth=1.2 if bar.edge else 0,
    )


@_mark.register(Stroke)
def _(stroke: Stroke, axes: Axes) -> None:
    options: dict[str, Any] = {"zorder": stroke.level, "color": stroke.color}
    if stroke.width:
        options["linewidth"] = stroke.width
    else:
        options["linestyle"] = ""
    if stroke.marker:
        options |= {"marker": stroke.marker, "markersize": stroke.marker_size}
    if stroke.label:
        options["label"] = escaped(stroke.label)
    if stroke.butt:
        options["solid_capstyle"] = "butt"
    axes.plot(stroke.x, stroke.y, **options)


@_mark.register(Dots)
def _(dots: Dots, axes: Axes) -> None:
    axes.scatter(dots.x, dots.y, s=dots.area, color=dots.color, label=escaped(dots.label))


@_mark.register(Band)
def _(band: Band, axes: Axes) -> None:
    axes.fill_between(
        band.x, band.low, band.high, color=band.color, alpha=band.opacity, linewidth=0
    )


@_mark.register(Rule)
def _(rule: Rule, axes: Axes) -> None:
    options: dict[str, Any] = {"label": escaped(rule.label)} if rule.label else {}
    draw = axes.axvline if rule.axis == "x" else axes.axhline
    style = "--" if rule.dashed else "-"
    draw(rule.at, color=rule.color, linewidth=rule.width, linestyle=style, **options)


@_mark.register(Span)
def _(span: Span, axes: Axes) -> None:
    axes.axhspan(span.low, span.high, color=span.color, alpha=span.opacity, linewidth=0)


@_mark.register(Note)
def _(note: Note, axes: Axes) -> None:
    options: dict[str, Any] = {"va": note.vertical}
    if note.size is not None:
        options["fontsize"] = note.size
    if note.color is not None:
        options["color"] = note.color
    if note.offset is None:
        axes.text(note.x, note.y, _lines(note.text), **options)
        return
    axes.annotate(
        _lines(note.text), (note.x, note.y), note.offset, textcoords="offset points", **options
    )


@_mark.register(Image)
def _(image: Image, axes: Axes) -> None:
    extent = (image.left, image.right, image.bottom, image.top)
    options: dict[str, Any] = {"cmap": "gray", "vmin": 0} if image.pixels.ndim == 2 else {}
    axes.imshow(image.pixels, extent=extent, interpolation="nearest", **options)


@_mark.register(Outline)
def _(outline: Outline, axes: Axes) -> None:
    axes.contour(
        outline.x,
        outline.y,
        outline.mask,
        levels=[0.5],
        colors=[outline.color],
        linewidths=outline.width,
    )
