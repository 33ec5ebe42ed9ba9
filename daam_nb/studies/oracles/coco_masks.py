"""COCO's ways to write a mask: polygons, run lengths, compressed run lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.studies.oracles.protocols import Mask

_FIRST = 48  # "0": six bits per character, from there on


def decoded(segmentation: Any, size: tuple[int, int]) -> Mask:
    """Read an annotation's ``segmentation``.

    Parameters
    ----------
    segmentation
        A list of polygons ``[x, y, x, y, ...]``, which together are the mask, or an object with
        ``size`` and ``counts``, a list of run lengths or COCO's text of them.
    size
        (height, width) of the image.

    Returns
    -------
    ndarray
        (height, width), bool. Of a polygon: the pixels whose centers lie inside (even-odd rule);
        pycocotools draws the edge by a rule of its own, so pixels on it may differ.

    Raises
    ------
    StudyError
        For anything else.

    References
    ----------
    https://cocodataset.org/#format-data; the text of run lengths as in cocoapi's maskApi.c.
    """
    if isinstance(segmentation, Mapping):
        own = tuple(int(side) for side in segmentation.get("size", ()))
        if own != tuple(size):
            raise StudyError(
                f"The mask is {own} and its image {size} (height, width); they must be equal."
            )
        counts = segmentation.get("counts")
        return from_runs(uncompressed(counts) if isinstance(counts, str) else counts, size)
    if not isinstance(segmentation, list) or not segmentation:
        raise StudyError(
            f"A mask must be a list of polygons or run lengths, not {segmentation!r:.60}."
        )
    mask = np.zeros(size, dtype=bool)
    for polygon in segmentation:
        mask |= from_polygon(polygon, size)
    return mask


def from_runs(counts: Any, size: tuple[int, int]) -> Mask:
    """Run lengths, background first, down the columns -> (height, width), bool."""
    height, width = size
    if not isinstance(counts, Sequence) or any(
        isinstance(count, bool) or not isinstance(count, int) or count < 0 for count in counts
    ):
        raise StudyError("Run lengths must be whole numbers >= 0.")
    if sum(counts) != height * width:
        raise StudyError(
            f"Run lengths of a mask of {height} x {width} must add up to {height * width}, not to "
            f"{sum(counts)}."
        )
    values = np.arange(len(counts)) % 2 == 1
    flat: Mask = np.repeat(values, counts)
    return flat.reshape(width, height).T


def uncompressed(text: str) -> list[int]:
    """COCO's text of run lengths: base-32 digits, low first, differences from the third run on."""
    counts: list[int] = []
    position = 0
    while position < len(text):
        value = shift = 0
        more = True
        while more:
            if position >= len(text):
                raise StudyError(f"The run lengths {text!r:.60} end in the middle of a number.")
            digit = ord(text[position]) - _FIRST
            if not 0 <= digit < 64:
                raise StudyError(f"{text[position]!r} is not a digit of COCO's run lengths.")
            value |= (digit & 0x1F) << shift
            more = bool(digit & 0x20)
            shift += 5
            position += 1
            if not more and digit & 0x10:
                value |= -1 << shift  # a negative number
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def from_polygon(points: Any, size: tuple[int, int]) -> Mask:
    """A polygon ``[x, y, x, y, ...]`` -> (height, width): pixels whose centers lie inside."""
    try:
        corners = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise StudyError("A polygon must be a flat list of x, y, x, y, ...") from None
    if len(corners) < 3 or not np.isfinite(corners).all():
        raise StudyError(f"A polygon must have at least three finite corners, not {points!r:.60}.")
    height, width = size
    ys = np.arange(height)[:, None] + 0.5  # (y, 1)
    xs = np.arange(width)[None, :] + 0.5  # (1, x)
    inside = np.zeros(size, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > ys) != (y1 > ys)  # the edge passes this row
        inside ^= crosses & (xs < (x1 - x0) * (ys - y0) / (y1 - y0) + x0)
    return inside
