"""Measures of maps on the smallest masks, and against scikit-learn and SciPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage, stats
from sklearn import metrics

from daam_nb.maps import (
    area,
    center_of_mass,
    entropy,
    intersection_over_area,
    iod,
    ioh,
    iou,
    peak,
    soft_iou,
    spill,
)

TWO_BY_TWO = [
    np.array(bits, dtype=bool).reshape(2, 2) for bits in itertools.product((0, 1), repeat=4)
]
EMPTY, FULL = TWO_BY_TWO[0], TWO_BY_TWO[-1]


@pytest.mark.parametrize("mask", TWO_BY_TWO[1:], ids=lambda mask: str(mask.astype(int).tolist()))
def test_a_mask_with_itself(mask: np.ndarray) -> None:
    assert iou(mask, mask) == iod(mask, mask) == ioh(mask, mask) == 1
    assert spill(mask, mask) == 0
    assert intersection_over_area(mask, mask) == soft_iou(mask, mask) == 1


@pytest.mark.parametrize("mask", TWO_BY_TWO, ids=lambda mask: str(mask.astype(int).tolist()))
def test_a_mask_with_nothing_with_all_and_with_the_rest(mask: np.ndarray) -> None:
    pixels = int(mask.sum())
    assert iou(mask, EMPTY) == iod(mask, EMPTY) == ioh(mask, EMPTY) == 0
    assert iou(mask, FULL) == ioh(mask, FULL) == area(mask) == pixels / 4
    assert iod(mask, FULL) == (1 if pixels else 0)
    assert iou(mask, ~mask) == iod(mask, ~mask) == ioh(mask, ~mask) == 0
    assert spill(mask, ~mask) == (1 if pixels else 0)


def test_every_pair_of_two_by_two_masks_as_scikit_learn_has_it() -> None:
    """IoD is the precision and IoH the recall, the head word's mask being the truth."""
    for dependent, head_word in itertools.product(TWO_BY_TWO, repeat=2):
        marked, true = dependent.ravel(), head_word.ravel()
        given = {"zero_division": 0}
        assert iou(dependent, head_word) == metrics.jaccard_score(true, marked, **given)
        assert iod(dependent, head_word) == metrics.precision_score(true, marked, **given)
        assert ioh(dependent, head_word) == metrics.recall_score(true, marked, **given)


THREE = np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 2.0]])


def test_three_by_three_by_hand() -> None:
    other = np.array([[1.0, 1.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 2.0]])
    # At half of their maxima, 1.5 and 2: {(0, 2), (1, 1), (2, 2)} and {(1, 1), (2, 2)}.
    # Whole numbers alone might be labels, which no threshold can cut.
    three, some = THREE / 8, other / 8
    assert iou(three, some, threshold=0.5) == iod(three, some, threshold=0.5) == 2 / 3
    assert ioh(three, some, threshold=0.5) == 1
    assert spill(three, some, threshold=0.5) == 1 / 3
    assert area(three, threshold=0.5) == 3 / 9
    assert intersection_over_area(THREE, other) == (1 + 3 * 4 + 2 * 2) / 8
    # Shares of 8 each: minima 0, 1, 0, 3, 2 and maxima 1, 1, 2, 4, 2.
    assert soft_iou(THREE, other) == pytest.approx(6 / 10)
    shares = (1 / 8, 2 / 8, 3 / 8, 2 / 8)
    assert entropy(THREE) == pytest.approx(-sum(share * math.log2(share) for share in shares))
    # Rows 0, 1, 2 hold 3, 3, 2 of 8; columns 1 and 2 hold 4 each. Centers at 1/6, 1/2, 5/6.
    assert center_of_mass(THREE) == pytest.approx(
        ((3 / 6 + 3 / 2 + 10 / 6) / 8, (1 / 2 + 5 / 6) / 2)
    )
    assert peak(THREE) == (0.5, 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_entropy_and_center_are_scipys(seed: int) -> None:
    values = np.random.default_rng(seed).random((5, 7))
    assert entropy(values) == pytest.approx(stats.entropy(values.ravel(), base=2))
    y, x = ndimage.center_of_mass(values)  # in pixels, counted from the first one's center
    assert center_of_mass(values) == pytest.approx(((y + 0.5) / 5, (x + 0.5) / 7))


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_of_masks_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    marked, true = rng.random((2, 6, 8)) < rng.random()
    assert iou(marked, true) == metrics.jaccard_score(true.ravel(), marked.ravel())
    mean = metrics.jaccard_score(true.ravel(), marked.ravel(), average="macro")
    assert (iou(marked, true) + iou(~marked, ~true)) / 2 == pytest.approx(mean)
