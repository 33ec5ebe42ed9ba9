"""Whether a recording's picture is the one that somebody annotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 32
"""Both pictures are brought to so many pixels a side: compression and rounding vanish there."""

MOST_DIFFERENT = 12.0
"""Mean difference of the same picture's pixels, of 255; pictures of other things have 40 or so."""

LEAST_ALIKE = 0.9
"""Least correlation of the pixels; on white grounds another object's place shows in it alone."""

_FLAT = 3.0  # standard deviation below which nothing is to be seen


def is_same_picture(picture: Image, other: Image) -> bool:
    """Compare two pictures by content, as far as masks of one may be taken for the other.

    Parameters
    ----------
    picture, other
        Of any sizes; pictures of other proportions are not the same.

    Returns
    -------
    bool
        True also for the same picture in another size, compressed, or drawn again on another
        machine.
    """
    width, height = picture.size
    if abs(width * other.height - height * other.width) > max(width, height):
        return False
    first, second = (_small(image) for image in (picture, other))
    if float(np.abs(first - second).mean()) > MOST_DIFFERENT:
        return False
    spreads = float(first.std()), float(second.std())
    if max(spreads) < _FLAT:
        return True
    if min(spreads) < _FLAT:
        return False
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= LEAST_ALIKE


def _small(image: Image) -> np.ndarray:
    from PIL import Image as images

    return np.asarray(
        image.convert("RGB").resize((SIDE, SIDE), images.Resampling.BOX), dtype=np.float64
    )
