"""How well a map fits a mask, or a change that was really made: numbers, each from its definition.

A map is (y, x), finite, of any scale that is not negative; a mask is (y, x), bool; a change is
(y, x), >= 0. None of the numbers but `ious_at` needs a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from daam_nb.errors import StudyError
from daam_nb.maps import WordHeatMap

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]

TAUS: tuple[float, ...] = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""Thresholds, shares of the map's maximum: 0.05 to 0.95."""

PAPER_TAU = 0.4
"""The paper's best threshold (Tang et al. 2023, section 3.1)."""


def iou_column(tau: float) -> str:
    """The column of the IoU at a threshold, such as ``"iou_0.40"``."""
    return f"iou_{tau:.2f}"


IOU_COLUMNS: Sequence[str] = tuple(iou_column(tau) for tau in TAUS)


def resized(values: Field, size: tuple[int, int]) -> Field:
    """Bring a map to (height, width) as `WordHeatMap.resize` does: bicubic, clamped at 0."""
    raised = WordHeatMap(torch.as_tensor(values, dtype=torch.float32)).resize(size)
    return raised.numpy().astype(np.float64)


def pooled(field: Field | NDArray[np.bool_], size: tuple[int, int]) -> Field:
    """The mean of the pixels of every cell: (y, x) brought down to (height, width)."""
    values = torch.as_tensor(field, dtype=torch.float64)[None, None]
    cells: Field = functional.adaptive_avg_pool2d(values, size)[0, 0].numpy()
    return cells


def ious_at(values: Field, mask: Mask, taus: Sequence[float]) -> list[float]:
    """Intersection over union with the mask, of where the map reaches shares of its maximum.

    0 of a map that is 0 everywhere, which marks nothing, and where both are empty.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 7, https://aclanthology.org/2023.acl-long.310
    """
    _check_shapes(values, mask)
    highest = values.max()
    if highest <= 0:
        return [0.0] * len(taus)
    marked = values >= highest * np.asarray(taus)[:, None, None]  # (tau, y, x)
    both, either = (marked & mask).sum((1, 2)), (marked | mask).sum((1, 2))
    return [float(ratio) for ratio in both / np.maximum(either, 1)]


def average_precision(values: Field, mask: Mask) -> float:
    """Area under precision over recall, the pixels taken from the map's highest to its lowest.

    Pixels of equal height come in together, so that a constant map gets the mask's share of the
    image. NaN of an empty mask.

    References
    ----------
    ``sklearn.metrics.average_precision_score``: the sum of precision times the step in recall.
    """
    _check_shapes(values, mask)
    if not mask.any():
        return math.nan
    order = np.argsort(-values.ravel(), kind="stable")
    heights, hits = values.ravel()[order], np.cumsum(mask.ravel()[order])
    ends = np.append(np.flatnonzero(np.diff(heights)), heights.size - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float((precision * np.diff(recall, prepend=0.0)).sum())


def pointing(values: Field, mask: Mask) -> float:
    """Share of the map's highest pixels (one, but for ties) that lie in the mask.

    References
    ----------
    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop" (the pointing game),
    https://arxiv.org/abs/1608.00507
    """
    _check_shapes(values, mask)
    return float(mask[values == values.max()].mean())


def leakage(values: Field, mask: Mask, other: Mask) -> float:
    """How much of the map lies on another object: its mean there over its means on both.

    Returns
    -------
    float
        0: nothing on the other object; 0.5: no difference; 1: nothing on its own. NaN where the map
        is 0 on both, or a mask is empty.
    """
    _check_shapes(values, mask)
    _check_shapes(values, other)
    if not mask.any() or not other.any():
        return math.nan
    own, there = float(values[mask].mean()), float(values[other].mean())
    return there / (own + there) if own + there > 0 else math.nan


def spearman(first: Field, second: Field) -> float:
    """Rank correlation over the cells, ties at their mean rank; NaN where a field is constant."""
    from scipy.stats import rankdata

    if first.shape != second.shape:
        raise StudyError(f"Fields of {first.shape} and {second.shape} cells cannot be compared.")
    ranks = [rankdata(field.ravel()) for field in (first, second)]
    apart = [each - each.mean() for each in ranks]
    scale = math.sqrt(float(apart[0] @ apart[0]) * float(apart[1] @ apart[1]))
    return float(apart[0] @ apart[1]) / scale if scale > 0 else math.nan


def contrast(first: Field, second: Field) -> Field:
    """Where the first map has more of its sum than the second: the difference of both, each
    divided by its sum; a map without a sum stays 0."""
    shares = [field / field.sum() if field.sum() > 0 else field for field in (first, second)]
    difference: Field = shares[0] - shares[1]
    return difference


def against_mask(values: Field, mask: Mask, other: Mask | None = None) -> dict[str, float]:
    """`ious_at` all of `TAUS`, `average_precision`, `pointing` and `leakage` of one map.

    Parameters
    ----------
    values
        (y, x) of any size: it is brought to the mask's first.
    mask, other
        Of the word, and of the other object of a pair.
    """
    size = (mask.shape[0], mask.shape[1])
    raised = resized(values, size)
    return {
        **dict(zip(IOU_COLUMNS, ious_at(raised, mask, TAUS), strict=True)),
        "average_precision": average_precision(raised, mask),
        "pointing": pointing(raised, mask),
        "leakage": math.nan if other is None else leakage(raised, mask, other),
    }


def _check_shapes(values: Field, mask: Mask) -> None:
    if values.shape != mask.shape or values.ndim != 2:
        raise StudyError(
            f"A map of {values.shape} does not fit a mask of {mask.shape}; both must "
            "have the same shape."
        )
