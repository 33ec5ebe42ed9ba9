"""Pictures and changes side by side, with a name over each: what a study's numbers are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.studies.redraw.redrawing import Field
from daam_nb.studies.report.figures import INK, LETTERS, StudyFigure, lettered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

_GAP = 0.06  # of a picture's width


def strip(
    pictures: Mapping[str, Image | Field],
    *,
    title: str = "",
    caption: str = "",
    inches: float = 1.5,
) -> StudyFigure:
    """Pictures in a row.

    Parameters
    ----------
    pictures
        Name -> a picture, or a field (y, x) >= 0 such as a map or a change, shown in grey from 0
        to its own maximum, which stands under it.
    inches
        Width of one.

    Raises
    ------
    StudyError
        For no picture.
    """
    if not pictures:
        raise StudyError("There is no picture to show. Give at least one.")
    shown = {name: _pixels(item) for name, item in pictures.items()}
    tallest = max(array.shape[0] / array.shape[1] for array in shown.values())

    def paint(axes: Axes) -> None:
        for place, (name, array) in enumerate(shown.items()):
            left = place * (1 + _GAP)
            height = array.shape[0] / array.shape[1]
            axes.imshow(
                array, extent=(left, left + 1, height, 0), cmap="gray", vmin=0,
                interpolation="nearest",
            )  # fmt: skip
            lines = lettered(name)
            if array.ndim == 2:
                lines += f"\n(white: {array.max():.2g})"
            axes.text(left, -0.04, lines, fontsize=LETTERS - 1.5, color=INK, va="bottom")
        axes.set_xlim(0, len(shown) * (1 + _GAP) - _GAP)
        axes.set_ylim(tallest, -0.02)
        axes.set_axis_off()

    height = inches * tallest + 0.55 + (0.3 if title else 0) + (0.3 if caption else 0)
    return StudyFigure(paint, (height, inches * len(shown) * (1 + _GAP)), title, caption)


def _pixels(item: Any) -> Any:
    if hasattr(item, "convert"):
        return np.asarray(item.convert("RGB"))
    array = np.asarray(item, dtype=np.float64)
    if array.ndim != 2:
        raise StudyError(f"A field is (y, x), not of shape {array.shape}.")
    return array
