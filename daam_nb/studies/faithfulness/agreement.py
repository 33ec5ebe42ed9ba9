"""Agreement of a map with an image's change: four numbers, none of which needs a threshold.

Each takes two fields of one shape, (y, x): the map, and the change (>= 0).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.studies.redraw.redrawing import Field

if TYPE_CHECKING:
    from PIL.Image import Image

POINTED = 0.1
"""Share of the pixels, those that change most, in which the map's peak is to lie."""

CELLS = 8
"""Cells of a random map along the shorter side of its image: 8 pixels each in one of 64."""

MEASURES: dict[str, str] = {
    "correlation": "Pearson's r of map and change over the pixels, -1 to 1; empty if one is even",
    "rank_correlation": "Spearman's rho of the same, -1 to 1",
    "pointing": "1 where the map's maximum is in the tenth of the pixels that change most, else 0",
    "caught": (
        "area under the share of the whole change that the top pixels of the map hold, over their "
        "share of the image: 0.5 by chance, at most 1"
    ),
}


def agreement(heat: Field, change: Field) -> dict[str, float]:
    """Compute all of `MEASURES`.

    Raises
    ------
    StudyError
        If the shapes differ.
    """
    if heat.shape != change.shape or heat.ndim != 2:
        raise StudyError(
            f"A map of {heat.shape} does not fit a change of {change.shape}; both "
            "must have the same shape."
        )
    return {
        "correlation": correlation(heat, change),
        "rank_correlation": correlation(_ranks(heat), _ranks(change)),
        "pointing": pointing(heat, change),
        "caught": caught(heat, change),
    }


def correlation(a: Field, b: Field) -> float:
    """Pearson's r over the pixels; NaN if a field is constant."""
    x, y = (field.ravel() - field.mean() for field in (a, b))
    scale = math.sqrt(float(x @ x) * float(y @ y))
    even = min(float(np.ptp(a)), float(np.ptp(b))) <= 0
    return math.nan if even or scale == 0 else float(x @ y) / scale


def pointing(heat: Field, change: Field, *, share: float = POINTED) -> float:
    """Whether the map's maximum is where the image changes most.

    Returns
    -------
    float
        The share of the map's highest pixels (one, but for ties) that lie in the given `share` of
        the pixels of greatest change, ties at its edge included. NaN if nothing changes.

    References
    ----------
    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop" (the pointing game, there
    against an object's mask), https://arxiv.org/abs/1608.00507
    """
    if not change.any():
        return math.nan
    count = max(1, round(share * change.size))
    least = np.sort(change.ravel())[-count]
    return float((change >= least)[heat == heat.max()].mean())


def caught(heat: Field, change: Field) -> float:
    """Area under the share of the change inside the top of the map, over the top's size.

    Pixels with equal values are added together, so that a constant map gives 0.5. NaN if nothing
    changes.

    References
    ----------
    The insertion game of Petsiuk et al. 2018, "RISE", https://arxiv.org/abs/1806.07421, with the
    image's own change in place of a classifier's score.
    """
    total = float(change.sum())
    if total <= 0:
        return math.nan
    order = np.argsort(-heat.ravel(), kind="stable")
    heights = heat.ravel()[order]
    ends = np.append(np.flatnonzero(np.diff(heights)), heights.size - 1)
    share = np.append(0.0, np.cumsum(change.ravel()[order])[ends] / total)
    size = np.append(0.0, (ends + 1) / heights.size)
    return float(((share[1:] + share[:-1]) / 2 * np.diff(size)).sum())


def _ranks(field: Field) -> Field:
    """Ranks from 0, ties at their mean."""
    _, places, counts = np.unique(field, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means = ends - (counts + 1) / 2
    ranks: Field = means[places].reshape(field.shape)
    return ranks


def clouds(size: tuple[int, int], rng: np.random.Generator) -> Field:
    """Draw a random map as smooth as a word's: noise on a coarse grid, upsampled bilinearly.

    Parameters
    ----------
    size
        (height, width) in pixels. The grid has `CELLS` cells along the shorter side, whatever its
        pixels, and square ones along the other: a random map of a large image is as coarse as
        that of a small one.
    rng
        Draws it.
    """
    from PIL import Image as images

    height, width = size
    grid = rng.random(cells(size), dtype=np.float32)
    smooth = images.fromarray(grid).resize((width, height), images.Resampling.BILINEAR)
    field: Field = np.asarray(smooth, dtype=np.float64)
    return field


def cells(size: tuple[int, int]) -> tuple[int, int]:
    """Number of cells of the grid of `clouds`: (rows, columns)."""
    down, across = (side * CELLS // min(size) for side in size)
    return down, across


def grid_setting(image: Image | None) -> dict[str, list[int]]:
    """The setting that rows about a random map depend on, besides the image: the grid.

    Empty if its cells have 8 pixels, as they once had in images of any size: rows of that time
    are the same.
    """
    if image is None:
        return {}
    size = (image.height, image.width)
    return {} if cells(size) == (size[0] // 8, size[1] // 8) else {"random map": [*cells(size)]}


def middle(size: tuple[int, int]) -> Field:
    """A map that falls off from the middle: exp(-2 r^2)."""
    y, x = (np.linspace(-1, 1, length) for length in size)
    blob: Field = np.exp(-2 * (y[:, None] ** 2 + x[None, :] ** 2))
    return blob
