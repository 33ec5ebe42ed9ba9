"""Agreement of a map with a change: by hand on small fields, and against other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from sklearn import metrics

from daam_nb.errors import StudyError
from daam_nb.studies.faithfulness.agreement import (
    MEASURES,
    agreement,
    caught,
    clouds,
    correlation,
    grid_setting,
    middle,
    pointing,
)

HEAT = np.array([[4.0, 3.0], [2.0, 1.0]])


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heat, change = rng.integers(0, 5, (2, 6, 7)).astype(float)  # with many ties
    found = agreement(heat, change)
    assert found.keys() == MEASURES.keys()
    assert found["correlation"] == pytest.approx(
        stats.pearsonr(heat.ravel(), change.ravel()).statistic
    )
    assert found["rank_correlation"] == pytest.approx(
        stats.spearmanr(heat.ravel(), change.ravel()).statistic
    )


def test_correlation_by_hand() -> None:
    assert correlation(HEAT, 2 * HEAT + 1) == pytest.approx(1)
    assert correlation(HEAT, -HEAT) == pytest.approx(-1)
    # deviations (1.5, .5, -.5, -1.5) and (.75, -.25, -.25, -.25): 1.5 / sqrt(5 * .75)
    assert correlation(HEAT, np.array([[1.0, 0.0], [0.0, 0.0]])) == pytest.approx(1.5 / 3.75**0.5)
    assert math.isnan(correlation(np.full((2, 2), 0.3), HEAT))


@pytest.mark.parametrize(
    ("change", "area"),
    [
        ([[1, 0], [0, 0]], 0.875),  # all of it in the first pixel: a triangle, then 1
        ([[0, 0], [0, 1]], 0.125),
        ([[1, 1], [1, 1]], 0.5),
        ([[2, 1], [1, 0]], 0.6875),  # 0, .5, .75, 1, 1 at quarters
    ],
)
def test_caught_by_hand(change: list[list[int]], area: float) -> None:
    assert caught(HEAT, np.array(change, dtype=float)) == pytest.approx(area)


def test_caught_of_an_even_map_is_chance() -> None:
    assert caught(np.ones((2, 2)), np.array([[5.0, 0], [0, 1]])) == pytest.approx(0.5)
    assert math.isnan(caught(HEAT, np.zeros((2, 2))))


def test_caught_of_a_single_changed_pixel_is_the_area_under_the_roc_curve_nearly() -> None:
    """The curve over all pixels instead of the negatives: equal up to the positive's own width."""
    heat = np.random.default_rng(0).random((8, 8))
    change = np.zeros((8, 8))
    change[3, 4] = 1
    auc = metrics.roc_auc_score(change.ravel().astype(int), heat.ravel())
    assert caught(heat, change) == pytest.approx((63 * auc + 0.5) / 64)


def test_pointing_by_hand() -> None:
    change = np.array([[9.0, 1, 0, 0, 0], [8, 0, 0, 0, 0]])
    heat = np.zeros((2, 5))
    heat[1, 0] = 1  # the second of the most changed: not among the one pixel that is a tenth of 10
    assert pointing(heat, change) == 0
    assert pointing(heat, change, share=0.2) == 1
    heat[0, 0] = 1  # two peaks, of which one lies there
    assert pointing(heat, change) == 0.5
    assert math.isnan(pointing(heat, np.zeros((2, 5))))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(StudyError, match=r"map of \(2, 2\) does not fit a change of \(2, 3\)"):
        agreement(HEAT, np.ones((2, 3)))


def test_maps_to_compare_with() -> None:
    heat = middle((3, 5))
    assert np.unravel_index(heat.argmax(), heat.shape) == (1, 2)
    assert heat[0, 0] == pytest.approx(math.exp(-4))
    one, other = (clouds((64, 96), np.random.default_rng(seed)) for seed in (1, 2))
    assert one.shape == (64, 96)
    assert not np.allclose(one, other)
    assert np.array_equal(one, clouds((64, 96), np.random.default_rng(1)))
    assert np.abs(np.diff(one, axis=1)).max() < 0.2  # smooth: a word's map has no pixels of its own


@pytest.mark.parametrize(
    ("size", "cells"),
    [
        ((64, 64), (8, 8)),
        ((64, 96), (8, 12)),
        ((512, 512), (8, 8)),
        ((512, 768), (8, 12)),
        ((1024, 576), (14, 8)),
        ((24, 45), (8, 15)),
    ],
)
def test_the_random_map_is_as_coarse_in_a_large_image(
    size: tuple[int, int], cells: tuple[int, int]
) -> None:
    """A word's map is one thing at any size; cells of eight pixels are specks in 512."""
    height, width = size
    numbers = np.random.default_rng(7).random(cells, dtype=np.float32)
    expected = Image.fromarray(numbers).resize((width, height), Image.Resampling.BILINEAR)
    assert np.array_equal(clouds(size, np.random.default_rng(7)), np.asarray(expected))


def test_rows_of_larger_images_are_measured_anew_and_those_of_64_pixels_are_kept() -> None:
    assert grid_setting(Image.new("RGB", (64, 64))) == {}
    assert grid_setting(Image.new("RGB", (96, 64))) == {}
    assert grid_setting(Image.new("RGB", (768, 512))) == {"random map": [8, 12]}
    assert grid_setting(None) == {}
