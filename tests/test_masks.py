"""What has to be a mask, and the examples."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

from daam_nb import masks
from daam_nb.errors import DaamError, SelectionError
from daam_nb.masks import read_mask


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
