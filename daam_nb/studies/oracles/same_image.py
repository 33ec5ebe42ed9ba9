"""Whether a recording's image is the one that somebody annotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 32
"""Both images are brought to so many pixels a side: compression and rounding vanish there."""

MAX_DIFFERENCE = 12.0
"""Mean difference of the same image's pixels, of 255; images of other things have 40 or so."""

MIN_SIMILARITY = 0.9
"""Least correlation of the pixels; on white grounds another object's place shows in it alone."""

_FLAT = 3.0  # standard deviation below which nothing is to be seen


def is_same_image(image: Image, other: Image) -> bool:
    """Compare two images by content, as far as masks of one may be taken for the other.

    Parameters
    ----------
    image, other
        Of any sizes; images of other proportions are not the same.

    Returns
    -------
    bool
        True also for the same image in another size, compressed, or drawn again on another
        machine.
    """
    width, height = image.size
    if abs(width * other.height - height * other.width) > max(width, height):
        return False
    first, second = (_small(image) for image in (image, other))
    if float(np.abs(first - second).mean()) > MAX_DIFFERENCE:
        return False
    spreads = float(first.std()), float(second.std())
    if max(spreads) < _FLAT:
        return True
    if min(spreads) < _FLAT:
        return False
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= MIN_SIMILARITY


def _small(image: Image) -> np.ndarray:
    from PIL import Image as images

    return np.asarray(
        image.convert("RGB").resize((SIDE, SIDE), images.Resampling.BOX), dtype=np.float64
    )
