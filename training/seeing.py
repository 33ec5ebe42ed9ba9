"""What an image shows, read from its pixels and masks: colors by hue, relations by place."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from daam_nb.menagerie.render import paint_background
from daam_nb.menagerie.taxonomy import COLORS

HUES = {name: colorsys.rgb_to_hsv(*(v / 255 for v in rgb))[0] for name, rgb in COLORS.items()}
"""Color word to its hue, 0..1."""

MIN_CHROMA = 0.12
"""Mean chroma, 0..1, below which something has no color."""

FAR = 70.0
"""Distance between two colors, of RGB in 0 to 255, from which on they are told apart."""

DIRECTIONS = ("left of", "right of", "above", "below")


def seen_color(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> str | None:
    """The color word nearest in hue to what a mask covers.

    Parameters
    ----------
    image
        (y, x, 3), uint8.
    mask
        (y, x), bool: the object. Its rim, where the background shines through, is left out when
        something remains without it.

    Returns
    -------
    str or None
        A key of `COLORS`: nearest to the mean hue, every pixel weighted by its chroma (largest
        less smallest channel). None for an empty mask and for gray.
    """
    inner = mask.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            inner &= np.roll(mask, shift, axis=axis)
    covered = image[inner if inner.any() else mask].astype(np.float64) / 255
    if len(covered) == 0:
        return None
    chroma = covered.max(axis=1) - covered.min(axis=1)
    if chroma.mean() < MIN_CHROMA:
        return None
    hues = np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in covered])
    turn = np.angle((chroma * np.exp(2j * np.pi * hues)).sum()) / (2 * np.pi)
    return min(HUES, key=lambda name: abs((HUES[name] - turn + 0.5) % 1 - 0.5))


def standing_out(image: NDArray[np.uint8], background: str) -> NDArray[np.bool_]:
    """The pixels whose color a background does not have, whatever they show.

    It needs no judge and no shape: in an image whose object cannot be recognized it still says
    which pixels are the object's.

    Parameters
    ----------
    image
        (y, x, 3), uint8.
    background
        A key of `BACKGROUNDS`.

    Returns
    -------
    ndarray
        (y, x), bool: farther than `FAR` (Euclidean, RGB of 0 to 255) from every color of the
        background as it is rendered.
    """
    pixels = image.reshape(-1, 3).astype(np.float32)
    palette = _palette(background)
    nearest = np.min([np.square(pixels - color).sum(axis=1) for color in palette], axis=0)
    far: NDArray[np.bool_] = (nearest > FAR**2).reshape(image.shape[:2])
    return far


@cache
def _palette(background: str) -> NDArray[np.float32]:
    """Colors of three renderings, to sixteenths of a channel."""
    made = [paint_background(background, np.random.default_rng(seed)) for seed in range(3)]
    sixteenths = np.round(np.concatenate(made).reshape(-1, 3) * 16)
    return np.unique(sixteenths, axis=0).astype(np.float32) / 16 * 255


@dataclass(frozen=True)
class Place:
    """Where one object is, seen from another.

    Attributes
    ----------
    relation
        The one of `DIRECTIONS` along which their centers are farther apart.
    signs
        The two that hold by the order of their centers alone, however far they are apart.
    """

    relation: str
    signs: tuple[str, str]


def seen_place(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Place | None:
    """The place of the first mask's center relative to the second's; None when one is empty."""
    if not first.any() or not second.any():
        return None
    (y0, x0), (y1, x1) = (np.argwhere(mask).mean(axis=0) for mask in (first, second))
    across = "left of" if x0 < x1 else "right of"
    along = "above" if y0 < y1 else "below"
    return Place(across if abs(x0 - x1) > abs(y0 - y1) else along, (across, along))
