"""Reading back what a renderer drew: numbers, pixels and words, by panel."""

from __future__ import annotations

import base64
import html
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from daam_nb.show.figures.figure import Figure


def heats_of_plotly(figure: Figure) -> dict[str, tuple[np.ndarray, float, float, float]]:
    """Panel id -> values, first and last value of the colors, opacity."""
    return {
        trace.uid: (np.asarray(trace.z, dtype=np.float32), trace.zmin, trace.zmax, trace.opacity)
        for trace in figure.to_plotly().data
        if trace.type == "heatmap"
    }


def heats_of_matplotlib(figure: Figure) -> dict[str, tuple[np.ndarray, float, float, float]]:
    """The same, from the artists."""
    (axes,) = figure.to_matplotlib().axes
    return {
        image.get_gid(): (np.asarray(image.get_array()), *image.get_clim(), image.get_alpha())
        for image in axes.images
        if not image.get_gid().startswith("image")
    }


def images_of_plotly(figure: Figure) -> list[np.ndarray]:
    """Pixels of the images, decoded from the page's own data."""
    return [
        np.asarray(Image.open(BytesIO(base64.b64decode(image.source.split(",")[1]))))
        for image in figure.to_plotly().layout.images
    ]


def images_of_matplotlib(figure: Figure) -> list[np.ndarray]:
    """The same, from the artists."""
    (axes,) = figure.to_matplotlib().axes
    return [
        np.asarray(image.get_array())
        for image in axes.images
        if image.get_gid().startswith("image")
    ]


def boxes_of_matplotlib(figure: Figure) -> dict[str, tuple[float, float, float, float]]:
    """Panel id -> left, right, top, bottom in figure pixels."""
    (axes,) = figure.to_matplotlib().axes
    made = {}
    for image in axes.images:
        left, right, bottom, top = image.get_extent()
        made[image.get_gid()] = (left, right, top, bottom)
    return made


def boxes_of_plotly(figure: Figure) -> dict[str, tuple[float, float, float, float]]:
    """The same, from cell centers and spacings."""
    made = {}
    for trace in figure.to_plotly().data:
        if trace.type == "heatmap":
            rows, columns = np.asarray(trace.z).shape
            left, top = trace.x0 - trace.dx / 2, trace.y0 - trace.dy / 2
            made[trace.uid] = (left, left + columns * trace.dx, top, top + rows * trace.dy)
    return made


def words_of_plotly(figure: Figure) -> list[str]:
    """Texts as a browser shows them: entities read, the one markup of ours taken away."""
    texts = [note.text for note in figure.to_plotly().layout.annotations]
    return [html.unescape(t.removeprefix("<b>").removesuffix("</b>")) for t in texts]


def words_of_matplotlib(figure: Figure) -> list[Any]:
    """The text artists."""
    (axes,) = figure.to_matplotlib().axes
    return list(axes.texts)
