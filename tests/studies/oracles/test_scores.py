"""How well a map fits, by hand on two by two and three by three pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from daam_nb.errors import StudyError
from daam_nb.maps import WordHeatMap, iou
from daam_nb.studies.oracles.scores import (
    IOU_COLUMNS,
    TAUS,
    against_mask,
    average_precision,
    contrast,
    ious_at,
    leakage,
    pointing,
    pooled,
    spearman,
)

MASK = np.array([[True, False], [True, False]])
MAP = np.array([[1.0, 0.5], [0.25, 0.0]])


def test_iou_of_four_pixels() -> None:
    # 0.4 marks 1.0 and 0.5, and one of three is right; 0.25 marks a third pixel; 0.6 one.
    assert ious_at(MAP, MASK, [0.4, 0.25, 0.6]) == pytest.approx([1 / 3, 2 / 3, 1 / 2])
    assert ious_at(np.zeros((2, 2)), MASK, [0.4]) == [0]  # a map without a value marks nothing


def test_iou_is_that_of_the_maps_own_masks() -> None:
    rng = np.random.default_rng(0)
    values, mask = rng.random((6, 7), dtype=np.float32), rng.random((6, 7)) > 0.5
    word_map = WordHeatMap(torch.from_numpy(values))
    expected = [iou(word_map.mask(tau), mask) for tau in TAUS]
    assert ious_at(values, mask, TAUS) == pytest.approx(expected)


def test_average_precision_of_four_pixels() -> None:
    # Hit at rank 1 (precision 1), miss at 2, hit at 3 (precision 2/3): recall 1/2 each.
    assert average_precision(MAP, MASK) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.ones((2, 2)), MASK) == 0.5  # pixels of equal height come together
    # Two ties at the top, one a hit: precision 1/2 for half the recall; then the other hit of 3.
    ties = np.array([[1.0, 1.0], [0.5, 0.0]])
    assert average_precision(ties, MASK) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 3)
    assert math.isnan(average_precision(MAP, np.zeros((2, 2), bool)))


def test_average_precision_of_nine_pixels() -> None:
    values = np.arange(9, 0, -1, dtype=float).reshape(3, 3)
    mask = np.zeros((3, 3), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True  # ranks 1, 5, 9
    assert average_precision(values, mask) == pytest.approx((1 / 1 + 2 / 5 + 3 / 9) / 3)


def test_pointing_and_leakage_of_nine_pixels() -> None:
    values = np.array([[4.0, 4.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    own = np.zeros((3, 3), bool)
    own[0, 0] = own[1, 0] = True
    other = np.zeros((3, 3), bool)
    other[2, 1] = other[2, 2] = True
    assert pointing(values, own) == 0.5  # one of two highest pixels
    assert pointing(values, other) == 0
    assert leakage(values, own, other) == pytest.approx(1.5 / (2.5 + 1.5))  # means 2.5 and 1.5
    assert leakage(np.ones((3, 3)), own, other) == 0.5
    assert math.isnan(leakage(np.zeros((3, 3)), own, other))
    assert math.isnan(leakage(values, own, np.zeros((3, 3), bool)))


def test_spearman_by_hand() -> None:
    assert spearman(MAP, 3 * MAP + 7) == pytest.approx(1)
    assert spearman(MAP, 1 - MAP) == pytest.approx(-1)
    # Ranks 4 3 2 1 against 4 3 1 2: 1 - 6 * 2 / (4 * 15).
    assert spearman(MAP, np.array([[9.0, 8.0], [1.0, 2.0]])) == pytest.approx(0.8)
    # Ties: ranks 3.5 3.5 1.5 1.5 against 4 3 2 1: cov 4, variances 4 and 5.
    tied = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert spearman(tied, MAP) == pytest.approx(4 / math.sqrt(4 * 5))
    assert math.isnan(spearman(np.ones((2, 2)), MAP))
    with pytest.raises(StudyError, match=r"\(2, 2\) and \(3, 3\) cells"):
        spearman(MAP, np.ones((3, 3)))


def test_contrast_does_not_depend_on_the_maps_scales() -> None:
    left, right = np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])
    assert contrast(left, right).tolist() == [[0.25, -0.25]]
    assert contrast(100 * left, right).tolist() == [[0.25, -0.25]]
    assert contrast(np.zeros((1, 2)), right).tolist() == [[-0.5, -0.5]]


def test_a_perfect_map_has_one_and_an_inverted_one_zero() -> None:
    mask = np.zeros((3, 3), bool)
    mask[:, 0] = True
    other = np.zeros((3, 3), bool)
    other[:, 2] = True
    perfect = against_mask(mask.astype(float), mask, other)
    assert [perfect[name] for name in IOU_COLUMNS] == [1.0] * 19
    assert (perfect["average_precision"], perfect["pointing"], perfect["leakage"]) == (1, 1, 0)
    inverted = against_mask(1.0 - mask, mask, other)
    assert [inverted[name] for name in IOU_COLUMNS] == [0.0] * 19
    assert (inverted["pointing"], inverted["leakage"]) == (0, 1)
    assert inverted["average_precision"] == pytest.approx(3 / 9)  # all come in at the end
    assert math.isnan(against_mask(MAP, MASK)["leakage"])


def test_a_map_is_brought_to_the_masks_size() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    scores = against_mask(np.array([[1.0, 0.0], [1.0, 0.0]]), mask)
    assert scores["pointing"] == 1 and scores["average_precision"] == 1
    with pytest.raises(StudyError, match=r"map of \(2, 2\) does not fit a mask of \(8, 8\)"):
        pointing(MAP, mask)


def test_cells_are_means_of_their_pixels() -> None:
    field = np.arange(16, dtype=float).reshape(4, 4)
    assert pooled(field, (2, 2)).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert pooled(field, (4, 4)).tolist() == field.tolist()
