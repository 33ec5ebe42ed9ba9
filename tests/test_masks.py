"""What has to be a mask, and the examples."""

from __future__ import annotations

import doctest
import re
from typing import Any

import numpy as np
import pytest

from daam_nb import masks
from daam_nb.errors import DaamError, SelectionError, ShapeError, WrongKindError
from daam_nb.maps import heat_maps, iou
from daam_nb.masks import read_mask
from tests.tiny_recordings import tiny_recording


def test_the_examples() -> None:
    tried = doctest.testmod(masks)
    assert (tried.attempted > 0, tried.failed) == (True, 0)


@pytest.mark.parametrize("mask", [[[0.0, 0.0]], [[1.0, 1.0]], [[0, 255.0]], [[False, True]]])
def test_floats_may_be_a_mask_where_one_is_needed(mask: Any) -> None:
    assert read_mask(mask).tolist() == [[bool(value) for value in mask[0]]]


@pytest.mark.parametrize("mask", [[[0.0, 0.5]], [[0.2, 0.9]], [[float("nan"), 1.0]], [[-1, 0]]])
def test_shades_are_none(mask: Any) -> None:
    with pytest.raises(SelectionError, match="The truth has the values"):
        read_mask(mask, what="The truth")


@pytest.mark.parametrize("junk", [None, "mask", {}, [1, 0], np.zeros((0, 3)), [[]], object(), 1])
def test_junk_is_refused_by_our_own_errors(junk: Any) -> None:
    with pytest.raises(DaamError):
        read_mask(junk)


def test_arrays_of_other_libraries_are_what_numpy_makes_of_them() -> None:
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    mask = np.array([[True, False], [False, True], [True, True]])
    for other in (pandas.DataFrame(mask), xarray.DataArray(mask)):
        assert np.array_equal(read_mask(other).numpy(), mask)
        assert iou(other, mask) == 1.0


@pytest.mark.parametrize(
    ("a", "message"),
    [
        ("apple", "not 'apple' (str)"),
        (object(), "not an object"),
        (None, "not None"),
        ({"a": 1}, "not a dict"),
    ],
)
def test_what_is_no_array_is_named(a: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        iou(a, a)


def test_maps_of_all_words_say_which_array_is_meant() -> None:
    maps = heat_maps(tiny_recording())
    with pytest.raises(WrongKindError, match=r"Name which: maps\.values"):
        iou(maps, maps, threshold=0.4)
    cat, dog = maps["cat"], maps["dog"]
    by_xarray = iou(cat.to_xarray(), dog.to_xarray(), threshold=0.4)
    assert by_xarray == iou(cat, dog, threshold=0.4)
