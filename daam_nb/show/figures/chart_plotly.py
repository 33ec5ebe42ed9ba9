"""A chart as plotly draws it: for zooming, and for reading values under the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from daam_nb.show.figures.chart import (
    INK,
    LETTERS,
    NOTE_GRAY,
    PALE,
    Axis,
    Band,
    Chart,
    Dots,
    HorizontalBar,
    Image,
    Key,
    Mark,
    Note,
    Outline,
    Rule,
    Span,
    Stroke,
)
from daam_nb.show.figures.description import GRAY, PAPER, Drawing
from daam_nb.show.figures.sheet_plotly import BUTTONS, FONTS, data_uri, literal
from daam_nb.show.lettering import plain, wrap
from daam_nb.show.lettering import width as text_width

PER_POINT = 96 / 72  # pixels
LETTER_PIXELS = LETTERS * PER_POINT
TITLE_PIXELS, CAPTION_PIXELS = (LETTERS + 1.5) * PER_POINT, (LETTERS - 1.5) * PER_POINT
LEADING = 1.35
EDGE = 12.0  # pixels between words and the edge of the page
AXIS_ROOM = 52.0  # below the axes, for ticks and label
NUMBERS_ROOM, LABEL_ROOM = 34.0, 24.0  # left of them
NOTE_ROOM = 24.0  # above images, for their names
LEGEND_ROOM = 22.0  # of one line
KEY_ROOM = 54.0  # beside a legend's words
MARKERS = {"o": "circle", "s": "square", "D": "diamond", "|": "line-ns-open"}

Parts = dict[str, list[dict[str, Any]]]
"""What marks become: ``traces``, and of the layout ``shapes``, ``annotations``, ``images``."""


def parts(drawing: Drawing, chart: Chart) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout of a chart, its title and its caption, for plotly's own figure."""
    parts: Parts = {"traces": [], "shapes": [], "annotations": [], "images": []}
    for mark in chart.marks:
        _add(_inside(mark, chart.y), parts)
    if chart.legend is not None:
        parts["traces"] += [_key(key) for key in chart.legend.keys]
    height, width = chart.size
    title = _lines(drawing.title, width, TITLE_PIXELS, bold=True)
    caption = _lines(" ".join(drawing.caption), width, CAPTION_PIXELS)
    above = chart.legend is not None and chart.legend.place == "above"
    margin = _margins(chart, len(title), len(caption))
    to_edge = EDGE - margin["l"]  # from the axes' left edge
    parts["annotations"] += [
        *_page_text(title, TITLE_PIXELS, INK, right=to_edge, up=margin["t"] - BUTTONS - 4),
        *_page_text(caption, CAPTION_PIXELS, GRAY, right=to_edge, up=6 - margin["b"]),
        *_right(chart),
    ]
    layout: dict[str, Any] = {
        "template": "none",
        "width": width,
        "height": height + BUTTONS,
        "margin": {**margin, "autoexpand": False},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": FONTS, "size": LETTER_PIXELS, "color": INK},
        "hoverlabel": {"font": {"family": FONTS}},
        "barmode": "overlay",
        "showlegend": chart.legend is not None,
        "legend": {"x": 0, "y": 1, "yanchor": "bottom"} if above else {"x": 1.02, "y": 1},
        "xaxis": _axis(chart.x, framed=chart.framed),
        "yaxis": _axis(chart.y, framed=chart.framed),
        "shapes": parts["shapes"],
        "images": parts["images"],
        "annotations": parts["annotations"],
    }
    if chart.equal_units:
        layout["yaxis"] |= {"scaleanchor": "x", "constrain": "domain"}
        layout["xaxis"] |= {"constrain": "domain"}
    return parts["traces"], layout


def _inside(mark: Mark, y: Axis) -> Mark:
    """A note within the limits of y: plotly hides those outside, with all their words."""
    if not isinstance(mark, Note) or y.limits is None:
        return mark
    return replace(mark, y=min(max(mark.y, min(y.limits)), max(y.limits)))


def _axis(axis: Axis, *, framed: bool) -> dict[str, Any]:
    layout_of_axis: dict[str, Any] = {
        "visible": framed,
        "title": {"text": literal(axis.label)},
        "showgrid": axis.grid,
        "gridcolor": PALE,
        "zeroline": False,
        "showline": True,
        "linecolor": INK,
        "ticks": "outside",
    }
    if axis.ticks is not None:
        layout_of_axis["tickvals"] = [at for at, _ in axis.ticks]
        layout_of_axis["ticktext"] = [literal(text) for _, text in axis.ticks]
    if axis.limits is not None:
        layout_of_axis["range"] = list(axis.limits)
    return layout_of_axis


def _lines(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    if not text:
        return []
    lines = map(literal, wrap(text, width - 2 * EDGE, size, most=6, bold=bold))
    return [f"<b>{line}</b>" if bold else line for line in lines]


def _page_text(
    lines: list[str], size: float, color: str, *, right: float, up: float
) -> list[dict[str, Any]]:
    """Lines so far right of the axes' left edge, and above their top edge or below their foot."""
    if not lines:
        return []
    above = up > 0
    return [
        {
            "text": "<br>".join(lines),
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 1 if above else 0,
            "xanchor": "left",
            "yanchor": "top" if above else "bottom",
            "xshift": right,
            "yshift": up,
            "showarrow": False,
            "align": "left",
            "font": {"family": FONTS, "size": size, "color": color},
        }
    ]


def _margins(chart: Chart, title_lines: int, caption_lines: int) -> dict[str, float]:
    """Room around the axes for ticks, labels, legend, title and caption, in pixels."""
    left, right = EDGE, EDGE
    top = BUTTONS + 10 + title_lines * TITLE_PIXELS * LEADING
    bottom = 10 + caption_lines * CAPTION_PIXELS * LEADING
    if chart.framed:
        ticks = [text for _, text in chart.y.ticks or ()]
        left += (_widest(ticks) if ticks else NUMBERS_ROOM) + 10
        left += LABEL_ROOM if chart.y.label else 0
        bottom += AXIS_ROOM
    else:
        top += NOTE_ROOM
    if chart.right:
        right += _widest([text for _, text in chart.right]) + 4
    if chart.legend is not None:
        labels = [key.label for key in chart.legend.keys]
        labels += [mark.label for mark in chart.marks if isinstance(mark, Stroke | Dots | Rule)]
        if chart.legend.place == "above":
            top += LEGEND_ROOM * len(chart.legend.keys)
        else:
            right += _widest(labels) + KEY_ROOM
    return {"l": left, "r": right, "t": top, "b": bottom}


def _widest(texts: Sequence[str]) -> float:
    return max((text_width(plain(text), LETTER_PIXELS) for text in texts), default=0.0)


def _right(chart: Chart) -> list[dict[str, Any]]:
    return [
        {
            "text": literal(text),
            "xref": "paper",
            "x": 1,
            "xanchor": "left",
            "xshift": 4,
            "y": at,
            "showarrow": False,
            "font": {"family": FONTS, "size": (LETTERS - 2) * PER_POINT, "color": NOTE_GRAY},
        }
        for at, text in chart.right
    ]


def _named(label: str) -> dict[str, Any]:
    return {"name": literal(label), "showlegend": bool(label)}


def _key(key: Key) -> dict[str, Any]:
    symbol = MARKERS[key.marker] if key.marker else "square"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "marker": {"color": key.color, "symbol": symbol, "size": 9, "line": {"color": key.color}},
        **_named(key.label),
    }


@singledispatch
def _add(mark: Mark, made: Parts) -> None:
    raise TypeError(f"A chart has no marks of the kind {type(mark).__name__}.")


@_add.register(HorizontalBar)
def _(bar: HorizontalBar, made: Parts) -> None:
    made["traces"].append(
        {
            "type": "bar",
            "orientation": "h",
            "x": [bar.value],
            "y": [bar.y],
            "width": [bar.thickness],
            "marker": {
                "color": bar.color,
                "line": {"color": bar.edge or bar.color, "width": 1.6 if bar.edge else 0},
            },
            "hovertemplate": f"{literal(bar.name)}: %{{x:.4g}}<extra></extra>",
            "showlegend": False,
        }
    )


@_add.register(Stroke)
def _(stroke: Stroke, made: Parts) -> None:
    mode = "+".join(("lines",) * bool(stroke.width) + ("markers",) * bool(stroke.marker))
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": mode,
        "x": list(stroke.x),
        "y": list(stroke.y),
        **_named(stroke.label),
    }
    if stroke.width:
        trace["line"] = {"color": stroke.color, "width": stroke.width * PER_POINT}
    if stroke.marker:
        trace["marker"] = {
            "symbol": MARKERS[stroke.marker],
            "color": stroke.color,
            "size": stroke.marker_size * PER_POINT,
            "line": {"color": stroke.color, "width": 1.5},
        }
    made["traces"].append(trace)


@_add.register(Dots)
def _(dots: Dots, made: Parts) -> None:
    made["traces"].append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(dots.x),
            "y": list(dots.y),
            "marker": {"color": dots.color, "size": dots.area**0.5 * PER_POINT},
            **_named(dots.label),
        }
    )


@_add.register(Band)
def _(band: Band, made: Parts) -> None:
    made["traces"].append(
        {
            "type": "scatter",
            "mode": "none",
            "x": [*band.x, *reversed(band.x)],
            "y": [*band.high, *reversed(band.low)],
            "fill": "toself",
            "fillcolor": _faint(band.color, band.opacity),
            "hoverinfo": "skip",
            "showlegend": False,
        }
    )


@_add.register(Rule)
def _(rule: Rule, made: Parts) -> None:
    across = "y" if rule.axis == "x" else "x"
    line = {
        "color": rule.color,
        "width": rule.width * PER_POINT,
        "dash": "dash" if rule.dashed else "solid",
    }
    made["shapes"].append(
        {
            "type": "line",
            f"{rule.axis}0": rule.at,
            f"{rule.axis}1": rule.at,
            f"{across}0": 0,
            f"{across}1": 1,
            f"{across}ref": "paper",
            "line": line,
        }
    )
    if rule.label:  # shapes stand in no legend
        empty = {"type": "scatter", "mode": "lines", "x": [None], "y": [None], "line": line}
        made["traces"].append({**empty, **_named(rule.label)})


@_add.register(Span)
def _(span: Span, made: Parts) -> None:
    made["shapes"].append(
        {
            "type": "rect",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": span.low,
            "y1": span.high,
            "fillcolor": _faint(span.color, span.opacity),
            "line": {"width": 0},
            "layer": "below",
        }
    )


@_add.register(Note)
def _(note: Note, made: Parts) -> None:
    right, up = note.offset or (0.0, 0.0)
    anchor = {"baseline": "bottom", "bottom": "bottom", "center": "middle", "top": "top"}
    made["annotations"].append(
        {
            "text": "<br>".join(map(literal, note.text.split("\n"))),
            "x": note.x,
            "y": note.y,
            "xanchor": "left",
            "yanchor": anchor[note.vertical],
            "xshift": right * PER_POINT,
            "yshift": up * PER_POINT,
            "align": "left",
            "showarrow": False,
            "borderpad": 0,
            "font": {
                "family": FONTS,
                "size": (note.size or LETTERS) * PER_POINT,
                "color": note.color or INK,
            },
        }
    )


@_add.register(Image)
def _(image: Image, made: Parts) -> None:
    pixels = image.pixels
    if pixels.ndim == 2:
        end = float(pixels.max()) or 1.0
        gray = np.rint(255 * np.clip(pixels / end, 0, 1)).astype(np.uint8)
        pixels = np.repeat(gray[..., None], 3, axis=2)
    made["images"].append(
        {
            "source": data_uri(np.asarray(pixels, dtype=np.uint8)),
            "xref": "x",
            "yref": "y",
            "x": image.left,
            "y": image.top,
            "sizex": abs(image.right - image.left),
            "sizey": abs(image.bottom - image.top),
            "xanchor": "left",
            "yanchor": "top",
            "sizing": "stretch",
            "layer": "below",
        }
    )


@_add.register(Outline)
def _(outline: Outline, made: Parts) -> None:
    made["traces"].append(
        {
            "type": "contour",
            "z": outline.mask.astype(np.uint8),
            "x": outline.x,
            "y": outline.y,
            "contours": {"coloring": "none", "start": 0.5, "end": 0.5, "size": 1},
            "autocontour": False,
            "line": {"color": outline.color, "width": outline.width * PER_POINT, "smoothing": 0},
            "showscale": False,
            "showlegend": False,
            "hoverinfo": "skip",
        }
    )


def _faint(color: str, opacity: float) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
