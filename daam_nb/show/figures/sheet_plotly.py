"""A sheet as plotly draws it: for zooming, and for reading values under the mouse."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from daam_nb.show.colors import LEVELS, palette
from daam_nb.show.figures.description import PAPER, Box, Heat, Line, Panel, Sheet
from daam_nb.show.lettering import plain
from daam_nb.show.pixels import Pixels

# DejaVu Sans' own widths are those of Verdana; text was measured in the first.
FONTS = "DejaVu Sans, Bitstream Vera Sans, Verdana, Geneva, sans-serif"
BUTTONS = 26  # pixels above the figure for plotly's own buttons, which would hide the titles
# Numeric entities: plotly would take the signs themselves for markup (<b>), for mathematics
# ($x$, wherever a page has MathJax) or for places to fill in (%{z}).
_ENTITIES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>$%{}\"'"})


def literal(text: str) -> str:
    """Make any text safe for plotly: shown as it is, never interpreted."""
    return plain(text).translate(_ENTITIES)


def parts(sheet: Sheet) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout of a sheet, for plotly's own figure."""
    height, width = sheet.size
    traces: list[dict[str, Any]] = []
    for number, panel in enumerate(sheet.panels):
        traces.extend(_panel(panel, number))
    for number, bar in enumerate(sheet.color_bars):
        ramp = np.linspace(0, 1, LEVELS, dtype=np.float32)[None, :]
        heat = Heat(ramp, 0.0, 1.0, bar.colormap)
        traces.append({**_heat(heat, bar.box), "uid": f"color-bar-{number}", "hoverinfo": "skip"})
    traces.extend(_bars(sheet))
    axis = {"visible": False, "fixedrange": False, "showgrid": False, "zeroline": False}
    layout = {
        "template": "none",
        "width": width,
        "height": height + BUTTONS,
        "margin": {"l": 0, "r": 0, "t": BUTTONS, "b": 0},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "showlegend": False,
        "barmode": "overlay",
        "hoverlabel": {"font": {"family": FONTS}},
        "xaxis": {**axis, "range": [0, width]},
        "yaxis": {**axis, "range": [height, 0], "scaleanchor": "x"},
        "images": [_image(panel) for panel in sheet.panels if panel.image is not None],
        "annotations": [_line(line) for line in sheet.lines],
    }
    return traces, layout


def _panel(panel: Panel, number: int) -> list[dict[str, Any]]:
    if panel.heat is None:
        return []
    heat = panel.heat
    hover = {
        **_heat(heat, panel.box),
        "uid": f"heat-{number}",
        "name": literal(panel.name),
        "hovertemplate": f"{literal(panel.name)}: %{{z:.4g}}<extra></extra>",
    }
    return [hover, *_contour(heat, panel.box, number)]


def _heat(heat: Heat, box: Box) -> dict[str, Any]:
    rows, columns = heat.values.shape
    dx, dy = box.width / columns, box.height / rows
    return {
        "type": "heatmap",
        "z": heat.values,
        "x0": box.x + dx / 2,
        "dx": dx,
        "y0": box.y + dy / 2,
        "dy": dy,
        "zmin": heat.vmin,
        "zmax": heat.vmax if heat.vmax > heat.vmin else heat.vmin + 1,
        "zauto": False,
        "colorscale": _colorscale(heat.colormap),
        "opacity": heat.opacity,
        "showscale": False,
        "zsmooth": False,
    }


def _contour(heat: Heat, box: Box, number: int) -> list[dict[str, Any]]:
    if heat.contour is None:
        return []
    shared = {key: value for key, value in _heat(heat, box).items() if key in _PLACE}
    return [
        {
            **shared,
            "type": "contour",
            "uid": f"contour-{color}-{number}",
            "contours": {
                "coloring": "none",
                "start": heat.contour,
                "end": heat.contour,
                "size": 1,
            },
            "autocontour": False,
            "line": {"color": color, "width": thickness, "smoothing": 0},
            "showscale": False,
            "hoverinfo": "skip",
        }
        for color, thickness in (("black", 2.2), ("white", 1.1))
    ]


_PLACE = ("z", "x0", "dx", "y0", "dy")


def _colorscale(name: str) -> list[list[Any]]:
    colors = np.rint(palette(name) * 255).astype(int)
    return [[level / (LEVELS - 1), f"rgb({r},{g},{b})"] for level, (r, g, b) in enumerate(colors)]


def _image(panel: Panel) -> dict[str, Any]:
    assert panel.image is not None
    box = panel.box
    return {
        "source": data_uri(panel.image),
        "xref": "x",
        "yref": "y",
        "x": box.x,
        "y": box.y,
        "sizex": box.width,
        "sizey": box.height,
        "xanchor": "left",
        "yanchor": "top",
        "sizing": "stretch",
        "layer": "below",
    }


def data_uri(pixels: Pixels) -> str:
    """An image as a page holds it within itself."""
    buffer = BytesIO()
    Image.fromarray(pixels, "RGB").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _bars(sheet: Sheet) -> list[dict[str, Any]]:
    return [
        {
            "type": "bar",
            "orientation": "h",
            "uid": f"bar-{number}",
            "base": [bar.box.x],
            "x": [bar.box.width],
            "y": [bar.box.y + bar.box.height / 2],
            "width": [bar.box.height],
            "customdata": [bar.value],
            "marker": {"color": bar.color, "line": {"width": 0}},
            "hovertemplate": f"{literal(bar.name)}: %{{customdata:.4g}}<extra></extra>",
        }
        for number, bar in enumerate(sheet.bars)
    ]


def _line(line: Line) -> dict[str, Any]:
    text = literal(line.text)
    return {
        "text": f"<b>{text}</b>" if line.bold else text,
        "x": line.x,
        "y": line.y,
        "xref": "x",
        "yref": "y",
        "xanchor": line.align,
        "yanchor": "middle",
        "showarrow": False,
        "font": {"family": FONTS, "size": line.size, "color": line.color},
        "borderpad": 0,
        "align": line.align,
    }
