"""Differences of neighbors, which deflate smaller: of maps that are smooth in space and over steps.

`js/src/filters.js` adds them up again.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.show.explorer.model.container import Part

AXES = "tyx"
TRIED = 2**15  # bytes by which the best filter is chosen
LEVEL = 6  # of deflate: level 9 takes ten times as long for 5 %


def smallest(part: dict[str, Any], levels: Sequence[NDArray[np.uint8]]) -> Part:
    """Deflate maps in 8 bits by the filter that makes them smallest, and say which that is.

    Parameters
    ----------
    part
        What they are.
    levels
        Arrays (t, y, x), one behind the other; `part["blocks"]` gets their shapes where there are
        several, so that they can be read again.

    Returns
    -------
    dict, bytes
        `filter` names the axes along which each value is the difference to the one before, modulo
        256: ``""``, ``"t"``, ``"yx"``, ...
    """
    along = ("", "t", "ty", "tyx", "yx") if levels[0].shape[0] > 1 and len(levels) == 1 else (
        "", "y", "yx",
    )  # fmt: skip
    few = [levels[0][: max(1, TRIED // levels[0][0].size)]]
    best = min(along, key=lambda axes: len(zlib.compress(_differences(few, axes), LEVEL)))
    blocks = [list(one.shape) for one in levels]
    return {**part, "deflated": True, "filter": best, "blocks": blocks}, zlib.compress(
        _differences(levels, best), LEVEL
    )


def restored(part: dict[str, Any], raw: bytes) -> bytes:
    """The bytes of a part as they were before `smallest` took differences."""
    if not part.get("filter"):
        return raw
    bodies, at = [], 0
    for shape in part["blocks"]:
        size = int(np.prod(shape))
        values = np.frombuffer(raw, np.uint8, size, at).reshape(shape)
        for axis in reversed(part["filter"]):
            values = np.add.accumulate(values, AXES.index(axis), dtype=np.uint8)
        bodies.append(values.tobytes())
        at += size
    return b"".join(bodies)


def _differences(levels: Sequence[NDArray[np.uint8]], axes: str) -> bytes:
    bodies = []
    for block in levels:
        values = block
        for axis in axes:
            values = np.diff(values, axis=AXES.index(axis), prepend=np.uint8(0))
        bodies.append(values.tobytes())
    return b"".join(bodies)
