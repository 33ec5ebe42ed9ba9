import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.maps import WordHeatMap, area, heat_maps
from tests.maps.naive import bicubic
from tests.tiny_recordings import IMAGE_SIZE, tiny_recording

DOG = heat_maps(tiny_recording()).word("dog")


def test_values_are_checked_and_brought_to_float32() -> None:
    for values in ([[0, 1], [2, 3]], np.arange(4.0).reshape(2, 2), torch.arange(4).view(2, 2)):
        made = WordHeatMap(values)  # type: ignore[arg-type]
        assert made.values.dtype == torch.float32
        assert made.values.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert made.size == (2, 2)


@pytest.mark.parametrize("values", [[1.0], [[[1.0]]], 1.0, torch.zeros(0, 3), torch.zeros(3, 0)])
def test_values_of_another_shape(values: Any) -> None:
    with pytest.raises(ShapeError, match=r"has the shape \(y, x\), both at least 1, not \("):
        WordHeatMap(values)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e-6, float("-inf")])
def test_values_that_are_no_attention(bad: float) -> None:
    with pytest.raises(SelectionError, match="finite values >= 0; these go from"):
        WordHeatMap(torch.tensor([[0.5, bad]]))


def test_resize_equals_the_formula() -> None:
    made = DOG.resize((20, 31))
    expected = np.maximum(bicubic(DOG.values.double().numpy(), (20, 31)), 0)
    assert made.values.shape == (20, 31)
    assert np.abs(made.numpy() - expected).max() < 1e-6
    assert (made.label, made.span, made.maps) == (DOG.label, DOG.span, DOG.maps)


def test_resize_goes_to_the_image_by_default_and_stays_above_zero() -> None:
    assert DOG.resize().size == IMAGE_SIZE
    dot = torch.zeros(5, 5)
    dot[2, 2] = 1.0
    made, unclamped = WordHeatMap(dot).resize((20, 20)), bicubic(dot.numpy(), (20, 20))
    assert unclamped.min() < -0.05, "bicubic interpolation undershoots around a bright pixel"
    assert np.abs(made.numpy() - np.maximum(unclamped, 0)).max() < 1e-6
    assert made.values.min() == 0
    assert DOG.resize(DOG.size) is DOG


def test_resize_without_a_size_to_go_to() -> None:
    with pytest.raises(ShapeError, match=re.escape("not known for the map of 'x'. Name it: res")):
        WordHeatMap(torch.ones(2, 2), "x").resize()


@pytest.mark.parametrize(
    "size", [(0, 3), (3, -1), (3,), (1, 2, 3), 4, "ab", (2.0, 3), (None, 1), [True, 0]]
)
def test_sizes_that_cannot_be(size: Any) -> None:
    with pytest.raises(ShapeError, match=r"A size is \(height, width\), two whole numbers >= 1"):
        DOG.resize(size)
    with pytest.raises(ShapeError):
        WordHeatMap(torch.ones(2, 2), image_size=size)


def test_mask_by_hand() -> None:
    map_ = WordHeatMap([[0.0, 0.4], [0.39, 1.0]])  # type: ignore[arg-type]
    assert map_.mask(0.4).tolist() == [[False, True], [False, True]]
    assert map_.mask(1.0).tolist() == [[False, False], [False, True]]
    assert map_.mask(0.0).all()
    assert map_.mask(0).dtype == torch.bool


def test_masks_are_relative_to_the_maximum() -> None:
    assert torch.equal(WordHeatMap(DOG.values * 1e-6).mask(0.4), DOG.mask(0.4))


def test_masks_are_cut_after_resizing() -> None:
    at_image_size = DOG.mask(0.4, size=IMAGE_SIZE)
    resized = DOG.resize().values
    assert torch.equal(at_image_size, resized >= 0.4 * resized.max())
    enlarged = DOG.mask(0.4).repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert not torch.equal(at_image_size, enlarged)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_a_map_of_zeros_has_an_empty_mask(threshold: float) -> None:
    with pytest.warns(UserWarning, match="The map of 'nothing' is 0 everywhere"):
        mask = WordHeatMap(torch.zeros(2, 3), "nothing").mask(threshold)
    assert mask.tolist() == [[False] * 3] * 2


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), True, "0.4", None, [0.4], 1j])
def test_thresholds_that_cannot_be(threshold: Any) -> None:
    with pytest.raises(SelectionError, match="a number from 0 to 1, not "):
        DOG.mask(threshold)


def test_thresholds_may_be_numpys_or_torchs() -> None:
    expected = DOG.mask(0.5)
    for threshold in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5)):
        assert torch.equal(DOG.mask(threshold), expected)


positive = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0, 1, width=32)
)


@settings(deadline=None)
@given(values=positive, low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_higher_threshold_never_adds_to_a_mask(
    values: np.ndarray, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    map_ = WordHeatMap(torch.from_numpy(values + np.float32(2**-20)))
    assert not (map_.mask(high) & ~map_.mask(low)).any()
    assert map_.mask(high).any(), "the maximum itself is always in"


@settings(deadline=None)
@given(values=positive)
def test_normalized(values: np.ndarray) -> None:
    made = WordHeatMap(torch.from_numpy(values)).normalized()
    assert made.values.max() in (0, 1)
    assert made.values.min() >= 0
    assert made.unit == "share of the map's maximum"


def test_numpy_is_a_copy() -> None:
    copied = DOG.numpy()
    copied[:] = 7
    assert DOG.values.max() < 7
    assert copied.dtype == np.float32


def test_repr_and_choice() -> None:
    assert repr(WordHeatMap(torch.full((2, 3), 0.25), "x")) == "<WordHeatMap 'x': 2x3, peak 0.25>"
    assert DOG.choice == DOG.maps.choice  # type: ignore[union-attr]
    assert DOG.choice in repr(DOG)


def test_a_map_does_not_share_the_callers_memory() -> None:
    for values in (np.ones((2, 2), dtype=np.float32), torch.ones(2, 2)):
        made = WordHeatMap(values)  # type: ignore[arg-type]
        values[0] = float("nan")
        assert made.values.tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("size", [(10**6, 10**6), (True, True), (2, True), (2.0, 2), "ab", 5])
def test_sizes_that_no_picture_has(size: Any) -> None:
    with pytest.raises(ShapeError, match=r"pixels that a picture may have|A size is"):
        DOG.resize(size)


def test_sparse_arrays_are_named() -> None:
    sparse = torch.eye(3).to_sparse()
    with pytest.raises(WrongKindError, match="to_dense"):
        WordHeatMap(sparse)
    with pytest.raises(ShapeError, match="to_dense"):
        area(sparse.bool())
