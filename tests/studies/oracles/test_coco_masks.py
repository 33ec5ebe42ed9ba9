"""COCO's masks: run lengths by hand and there and back, polygons by hand and against Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from daam_nb.errors import StudyError
from daam_nb.studies.oracles.coco_masks import decoded, from_polygon, from_runs, uncompressed


def runs_of(mask: Any) -> list[int]:
    """Run lengths, background first, down the columns: counted one by one."""
    counts, value = [0], False
    for pixel in mask.T.ravel():
        if bool(pixel) != value:
            counts.append(0)
            value = not value
        counts[-1] += 1
    return counts


def compressed(counts: list[int]) -> str:
    """COCO's text, written from its description."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            digit = value & 0x1F
            value >>= 5
            more = value != (-1 if digit & 0x10 else 0)
            text += chr(48 + (digit | 0x20 if more else digit))
    return text


def test_runs_by_hand() -> None:
    # Columns: (0, 1), (1, 1), (0, 0)
    mask = from_runs([1, 3, 2], (2, 3))
    np.testing.assert_array_equal(mask, [[0, 1, 0], [1, 1, 0]])


def test_a_published_text() -> None:
    """From pycocotools: maskUtils.encode of a 4 x 4 mask whose inner 2 x 2 are set."""
    mask = np.zeros((4, 4), dtype=bool)
    mask[1:3, 1:3] = True
    assert runs_of(mask) == [5, 2, 2, 2, 5]
    assert compressed([5, 2, 2, 2, 5]) == "52203"
    assert uncompressed("52203") == [5, 2, 2, 2, 5]


@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_there_and_back(mask: Any) -> None:
    counts = runs_of(mask)
    size = mask.shape
    np.testing.assert_array_equal(from_runs(counts, size), mask)
    assert uncompressed(compressed(counts)) == counts
    for written in (counts, compressed(counts)):
        found = decoded({"size": list(size), "counts": written}, size)
        np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize("count", [15, 16, 31, 32, 511, 512, 1023, 1024, 300 * 500])
def test_long_runs(count: int) -> None:
    counts = [3, count, 1, 2 * count, 40, 1]
    assert uncompressed(compressed(counts)) == counts


def test_polygons_by_hand() -> None:
    square = from_polygon([1, 1, 3, 1, 3, 3, 1, 3], (4, 5))
    expected = np.zeros((4, 5), dtype=bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(square, expected)
    # Half of a 3 x 3, and a little less: the centers on the diagonal are outside.
    triangle = from_polygon([0.1, 0, 3, 0, 3, 2.9], (3, 3))
    assert triangle.sum() == 3 and triangle[0, 1] and triangle[0, 2] and triangle[1, 2]
    ring = from_polygon([0, 0, 5, 0, 5, 5, 0, 5, 0, 0, 1, 1, 1, 4, 4, 4, 4, 1, 1, 1], (5, 5))
    assert not ring[2, 2] and ring[0, 0] and ring[4, 4]


def test_several_polygons_are_one_mask() -> None:
    left, right = [0, 0, 1, 0, 1, 2, 0, 2], [2, 0, 3, 0, 3, 2, 2, 2]
    found = decoded([left, right], (2, 3))
    np.testing.assert_array_equal(found, [[1, 0, 1], [1, 0, 1]])


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 16)), min_size=3, max_size=3))
def test_triangles_against_barycentric_coordinates(corners: list[tuple[float, float]]) -> None:
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if abs(area) < 1e-3:
        return
    ys, xs = np.mgrid[:16, :20] + 0.5
    s = ((xs - ax) * (cy - ay) - (cx - ax) * (ys - ay)) / area
    t = ((bx - ax) * (ys - ay) - (xs - ax) * (by - ay)) / area
    clearly_in = (s > 1e-6) & (t > 1e-6) & (s + t < 1 - 1e-6)
    clearly_out = (s < -1e-6) | (t < -1e-6) | (s + t > 1 + 1e-6)
    found = from_polygon([side for corner in corners for side in corner], (16, 20))
    assert found[clearly_in].all() and not found[clearly_out].any()


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ([], "list of polygons or run lengths"),
        ("x", "list of polygons or run lengths"),
        ([[1, 2, 3]], "flat list of x, y"),
        ([[0, 0, 1, 1]], "at least three finite corners"),
        ([[0, 0, 1, float("nan"), 2, 2]], "at least three finite corners"),
        ({"size": [2, 3], "counts": [6]}, r"mask is \(2, 3\) and its image \(2, 2\)"),
        ({"size": [2, 2], "counts": [3]}, "add up to 4, not to 3"),
        ({"size": [2, 2], "counts": [5, -1]}, "whole numbers >= 0"),
        ({"size": [2, 2], "counts": None}, "whole numbers >= 0"),
        ({"size": [2, 2], "counts": "T"}, "end in the middle of a number"),
        ({"size": [2, 2], "counts": "ä"}, "is not a digit"),
    ],
)
def test_what_is_no_mask(wrong: Any, what: str) -> None:
    with pytest.raises(StudyError, match=what):
        decoded(wrong, (2, 2))
