"""Images and changes side by side, with a name over each: what a study's numbers are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import INK, LETTERS, Axis, Chart, Mark, Note
from daam_nb.show.figures.chart import Image as ChartImage
from daam_nb.show.lettering import plain
from daam_nb.studies.redraw.redrawing import Field
from daam_nb.studies.report.figures import chart_figure

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 0.06  # of an image's width


def strip(
    images: Mapping[str, Image | Field],
    *,
    title: str = "",
    caption: str = "",
    inches: float = 1.5,
) -> Figure:
    """Images in a row.

    Parameters
    ----------
    images
        Name -> an image, or a field (y, x) >= 0 such as a map or a change, shown in gray from 0
        to its own maximum, which stands under it.
    inches
        Width of one.

    Raises
    ------
    StudyError
        For no image.
    """
    if not images:
        raise StudyError("There are no images to show. Give at least one.")
    arrays = {name: _pixels(item) for name, item in images.items()}
    tallest = max(array.shape[0] / array.shape[1] for array in arrays.values())
    marks: list[Mark] = []
    for number, (name, array) in enumerate(arrays.items()):
        left = number * (1 + _GAP)
        marks.append(ChartImage(array, left, left + 1, 0, array.shape[0] / array.shape[1]))
        text = plain(name) + (f"\n(white: {array.max():.2g})" if array.ndim == 2 else "")
        marks.append(Note(text, left, -0.04, size=LETTERS - 1.5, color=INK, vertical="bottom"))
    height = inches * tallest + 0.55 + (0.3 if title else 0) + (0.3 if caption else 0)
    chart = Chart(
        tuple(marks),
        inches=(height, inches * len(arrays) * (1 + _GAP)),
        x=Axis(limits=(0, len(arrays) * (1 + _GAP) - _GAP)),
        y=Axis(limits=(tallest, -0.02)),
        framed=False,
        equal_units=True,
    )
    return chart_figure(chart, title=title, caption=caption)


def _pixels(item: Any) -> Any:
    if hasattr(item, "convert"):
        return np.asarray(item.convert("RGB"))
    array = np.asarray(item, dtype=np.float64)
    if array.ndim != 2:
        raise StudyError(f"A field must have the shape (y, x), not {array.shape}.")
    return array
