import doctest
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.maps import (
    WordHeatMap,
    area,
    center_of_mass,
    entropy,
    heat_maps,
    intersection_over_area,
    iod,
    ioh,
    iou,
    measure,
    peak,
    soft_iou,
    spill,
)
from tests.tiny_recordings import tiny_recording

OVERLAPS = (iou, iod, ioh, spill)
PLACES = (entropy, center_of_mass, peak)

# 3 x 3: the first covers the upper two rows, the second the left column and the middle.
A = torch.tensor([[1, 1, 1], [1, 1, 1], [0, 0, 0]], dtype=torch.bool)
B = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=torch.bool)
EMPTY = torch.zeros(3, 3, dtype=torch.bool)


def test_overlaps_by_hand() -> None:
    assert iou(A, B) == 3 / 7
    assert iod(A, B) == 3 / 6
    assert ioh(A, B) == 3 / 4
    assert spill(A, B) == 3 / 6
    assert spill(B, A) == 1 / 4
    assert area(A) == 6 / 9
    assert intersection_over_area(A, B) == 3 / 6


def test_empty_denominators_give_zero() -> None:
    assert [measure_(EMPTY, EMPTY) for measure_ in OVERLAPS] == [0, 0, 0, 0]
    assert [measure_(EMPTY, A) for measure_ in OVERLAPS] == [0, 0, 0, 0]
    assert [measure_(A, EMPTY) for measure_ in OVERLAPS] == [0, 0, 0, 1]
    assert intersection_over_area(EMPTY, A) == 0
    assert soft_iou(EMPTY, A) == soft_iou(A, EMPTY) == 0
    assert entropy(EMPTY) == 0
    assert all(map(math.isnan, (*center_of_mass(EMPTY), *peak(EMPTY))))


def test_maps_are_cut_at_the_threshold() -> None:
    first = WordHeatMap([[1.0, 0.5], [0.3, 0.0]])  # type: ignore[arg-type]
    second = WordHeatMap([[10.0, 1.0], [4.0, 0.0]])  # type: ignore[arg-type]
    assert iou(first, second, threshold=0.4) == 1 / 3
    assert iou(first, second, threshold=0.3) == 2 / 3
    assert iod(first, second, threshold=0.4) == 1 / 2
    assert ioh(first.values, second.values.numpy() / 10, threshold=0.4) == 1 / 2
    assert area(first, threshold=0.3) == 0.75
    mask = torch.tensor([[True, False], [False, False]])
    assert iou(first, mask, threshold=0.4) == 1 / 2


def test_a_size_is_that_of_the_masks() -> None:
    maps = heat_maps(tiny_recording())
    cat, dog = maps.word("cat"), maps.word("dog")
    at_image = iou(cat, dog, threshold=0.4, size=(64, 96))
    assert at_image == iou(cat.resize(), dog.resize(), threshold=0.4)
    assert at_image != iou(cat, dog, threshold=0.4)
    with pytest.raises(
        ShapeError, match=re.escape("A mask of 3 x 3 cannot be resized to (64, 96)")
    ):
        iou(A, dog, threshold=0.4, size=(64, 96))


def test_a_map_needs_a_threshold() -> None:
    dog = WordHeatMap(torch.ones(3, 3), "dog")
    with pytest.raises(SelectionError, match="The map of 'dog' needs a threshold to become a mask"):
        iou(dog, A)
    with pytest.raises(SelectionError, match="The map of 'an array' needs a threshold"):
        iou(A, torch.ones(3, 3))
    with pytest.raises(SelectionError, match="from 0 to 1, not 4"):
        iou(A, B, threshold=4)


@pytest.mark.parametrize("overlap", [*OVERLAPS, intersection_over_area, soft_iou])
def test_shapes_that_differ(overlap: Callable[..., float]) -> None:
    with pytest.raises(ShapeError, match=r"are on different grids: 3 x 3 and 2 x 3. Resize both"):
        overlap(A, torch.ones(2, 3, dtype=torch.bool))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
@pytest.mark.parametrize("measured", [*PLACES, area, intersection_over_area, soft_iou, iou])
def test_hostile_values(measured: Callable[..., Any], bad: float) -> None:
    values = torch.tensor([[1.0, bad]])
    with pytest.raises(SelectionError, match="finite values >= 0"):
        if measured in PLACES:
            measured(values)
        elif measured is area:
            measured(values, threshold=0.5)
        elif measured is iou:
            measured(values, torch.ones(1, 2), threshold=0.5)
        else:
            measured(torch.ones(1, 2), values)


@pytest.mark.parametrize("thing", ["dog", None, {}, object(), [1.0], 3.0, torch.zeros(0, 2), [[]]])
def test_things_that_are_no_maps(thing: Any) -> None:
    for measured in PLACES:
        with pytest.raises(ShapeError, match="A map or mask "):
            measured(thing)
    with pytest.raises(ShapeError, match="A map or mask "):
        iou(thing, A)


def test_intersection_over_area_by_hand() -> None:
    a, b = np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[0.5, 0.1], [9.0, 9.0]])
    assert intersection_over_area(a, b) == pytest.approx((0.5 + 0.3) / 4)
    assert intersection_over_area(b, a) == pytest.approx((0.5 + 0.3) / 18.6)


def test_entropy_by_hand() -> None:
    assert entropy(torch.ones(2, 4)) == pytest.approx(3.0)  # eight equal pixels: 3 bits
    assert entropy([[0.5, 0.25], [0.25, 0.0]]) == pytest.approx(1.5)
    assert entropy([[0.0, 5.0]]) == 0.0
    assert math.copysign(1, entropy([[0.0, 5.0]])) == 1


def test_places_by_hand() -> None:
    corner = torch.zeros(2, 4)
    corner[1, 3] = 2.0
    assert center_of_mass(corner) == peak(corner) == (0.75, 0.875)
    assert center_of_mass(torch.ones(3, 5)) == pytest.approx((0.5, 0.5))
    assert center_of_mass([[1.0, 0.0, 3.0]]) == pytest.approx((0.5, (1 / 6 + 3 * 5 / 6) / 4))
    assert peak([[0.1, 0.9, 0.9]]) == (0.5, 0.5)


def test_soft_iou_by_hand() -> None:
    assert soft_iou([[1.0, 3.0]], [[2.0, 2.0]]) == pytest.approx(0.75 / 1.25)
    assert soft_iou([[1.0, 3.0]], [[2.0, 6.0]]) == 1.0
    assert soft_iou([[1.0, 0.0]], [[0.0, 1.0]]) == 0.0


masks = arrays(bool, (4, 5))


@settings(deadline=None)
@given(a=masks, b=masks)
def test_overlaps_of_any_masks(a: np.ndarray, b: np.ndarray) -> None:
    both, either = int((a & b).sum()), int((a | b).sum())
    assert iou(a, b) == iou(b, a) == (both / either if either else 0)
    assert iod(a, b) == ioh(b, a)
    assert iou(a, b) <= min(iod(a, b), ioh(a, b)) or not either
    assert spill(a, b) == pytest.approx(1 - iod(a, b) if a.any() else 0)
    assert intersection_over_area(a, b) == pytest.approx(iod(a, b))


@settings(deadline=None)
@given(a=arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)), factor=st.floats(0.5, 8))
def test_a_factor_changes_no_place(a: np.ndarray, factor: float) -> None:
    if a.sum() < 1e-3:
        return
    assert 0 <= entropy(a) <= math.log2(12) + 1e-9
    assert entropy(a * np.float32(factor)) == pytest.approx(entropy(a), abs=1e-3)
    assert center_of_mass(a * np.float32(factor)) == pytest.approx(center_of_mass(a), abs=1e-3)
    assert soft_iou(a, a) == 1.0
    y, x = center_of_mass(a)
    assert 0 < y < 1 and 0 < x < 1


def test_the_examples_in_the_docstrings() -> None:
    tried = doctest.testmod(measure)
    assert tried.attempted >= 9
    assert tried.failed == 0


# --- masks in other clothes, and what is none ---------------------------------------------------

TWO_ROWS = np.array([[1, 1, 1], [1, 1, 1], [0, 0, 0]])
LABELS = np.array([[0, 1, 2], [3, 4, 5], [5, 5, 5]])


def pil(array: np.ndarray, mode: str = "L") -> Image.Image:
    return Image.fromarray(array.astype(np.uint8)).convert(mode)


@pytest.mark.parametrize(
    "mask",
    [TWO_ROWS, TWO_ROWS.tolist(), TWO_ROWS * 255, TWO_ROWS.astype(np.uint16),
     TWO_ROWS.astype(float), torch.tensor(TWO_ROWS, dtype=torch.uint8), pil(TWO_ROWS),
     pil(TWO_ROWS * 255), pil(TWO_ROWS * 255, "1"), np.ma.masked_array(TWO_ROWS),
     TWO_ROWS[::-1][::-1]],
    ids=lambda mask: f"{type(mask).__name__} {getattr(mask, 'dtype', getattr(mask, 'mode', ''))}",
)  # fmt: skip
def test_masks_are_taken_in_the_ways_that_people_write_them(mask: Any) -> None:
    assert [overlap(mask, B) for overlap in OVERLAPS] == [overlap(A, B) for overlap in OVERLAPS]
    assert iou(mask, WordHeatMap(B.float()), threshold=0.4) == iou(A, B)
    assert area(mask) == area(A)
    assert intersection_over_area(A, mask) == intersection_over_area(A, A) == 1.0


def test_an_image_of_labels_is_not_cut_at_a_share_of_its_largest_label() -> None:
    """Three pixels of the left column and label 5: right is 1 of 6; cut at 0.4 it was 2 of 8."""
    column = WordHeatMap(torch.tensor([[1.0, 0, 0], [1, 0, 0], [1, 0, 0]]), "cat")
    assert iou(column, LABELS == 5, threshold=0.4) == 1 / 6
    for labels in (LABELS, LABELS.astype(np.uint8), LABELS.astype(float), torch.tensor(LABELS)):
        for overlap in OVERLAPS:
            with pytest.raises(SelectionError, match=r"values 0, 1, 2, 3, 4, 5.* labels == 5"):
                overlap(column, labels, threshold=0.4)
    assert iou(column, WordHeatMap(torch.tensor(LABELS)), threshold=0.4) == 2 / 8  # it was said


@pytest.mark.parametrize("measured", [*PLACES, area])
def test_whole_numbers_that_are_no_mask_are_refused_everywhere(
    measured: Callable[..., Any],
) -> None:
    for array in (LABELS, [[0, 2]], pil(LABELS), pil(np.array([[0, 128, 255]]))):
        with pytest.raises(SelectionError, match="do not define which pixels are marked"):
            measured(array)
    for mode in ("RGB", "RGBA", "P", "LA", "F"):
        with pytest.raises(SelectionError, match=f"PIL image of mode '{mode}'"):
            measured(pil(TWO_ROWS * 255, mode))


def test_other_things_that_slip_in_as_masks() -> None:
    with pytest.raises(SelectionError, match="a masked array that hides 2 of its 9 pixels"):
        iou(A, np.ma.masked_array(TWO_ROWS, mask=LABELS < 2))
    with pytest.raises(ShapeError, match="real numbers"):
        iou(A, TWO_ROWS.astype(complex))
    with pytest.raises(ShapeError, match=r"2 x 3 and 3 x 2.* may be exchanged"):
        iou(torch.ones(2, 3, dtype=torch.bool), torch.ones(3, 2, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"not \(3, 3, 3\)"):
        iou(A, np.zeros((3, 3, 3), dtype=bool))
