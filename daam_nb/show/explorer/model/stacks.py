"""The preview: one small map per step, which the browser averages while the hand moves.

A word's stack holds its map at every step alone, as 8-bit numbers with one factor per step. Any
range of steps is then the mean of what is already there. That mean is not the map that
`heat_maps` makes of the range: there each (layer, head) is clamped at 0 after the mean over the
steps, here before it. So it is a *preview*, by its own definition, and is called so wherever it is
shown; `preview` in this module and the browser's code are the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.show.explorer.model.selection import Selected, heads_of
from daam_nb.show.explorer.model.subject import Subject

LEVELS = 255


@dataclass(frozen=True)
class Stack:
    """The maps of one word at every step kept, in 8 bits.

    Attributes
    ----------
    key
        What it was made of: `Selected.stack_key`.
    levels
        (step, y, x), uint8.
    scales
        One per step: the value of a level, in the unit of the maps. The largest value of a step
        has level 255; a step that is 0 everywhere has the scale 0.
    """

    key: str
    levels: NDArray[np.uint8]
    scales: tuple[float, ...]

    @property
    def meta(self) -> dict[str, object]:
        """What travels beside the bytes."""
        return {
            "key": self.key,
            "scales": list(self.scales),
            "shape": list(self.levels.shape),
        }

    @property
    def values(self) -> NDArray[np.float32]:
        """(step, y, x), float32, in the unit of the maps, each within half a level."""
        scales = np.asarray(self.scales, dtype=np.float32)[:, None, None]
        return self.levels.astype(np.float32) * scales


def step_maps(subject: Subject, selected: Selected) -> NDArray[np.float32]:
    """Make the map of a word at every step alone; the range of steps selected does not count.

    Returns
    -------
    array
        (step, y, x), float32, >= 0, on the grid `subject.served`. Where that is the latent grid,
        step t is `heat_maps(run, steps=t, ...)`'s map.
    """
    entry, chosen = subject.entries[selected.word], heads_of(subject, selected)
    maps = subject.view.step_maps(entry, chosen, subject.served)
    return np.asarray(maps.numpy())


def stack_of(subject: Subject, selected: Selected) -> Stack:
    """Make the stack that the browser holds for a word under a choice, a layer and a head."""
    levels, scales = quantized(step_maps(subject, selected))
    return Stack(selected.stack_key, levels, scales)


def quantized(maps: NDArray[np.float32]) -> tuple[NDArray[np.uint8], tuple[float, ...]]:
    """Write maps in 8 bits, each with the scale at which its maximum is 255.

    Parameters
    ----------
    maps
        (map, y, x), float32, >= 0.

    Returns
    -------
    array
        (map, y, x), uint8.
    tuple of float
        Scales: ``levels * scale`` is the map, within half a scale, 1/510 of its maximum.
    """
    scales = (maps.max((1, 2)) / np.float32(LEVELS)).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        levels = np.where(scales[:, None, None] > 0, maps / scales[:, None, None], 0)
    return np.rint(levels.clip(0, LEVELS)).astype(np.uint8), tuple(float(one) for one in scales)


def preview(stack: Stack, first: int, last: int) -> NDArray[np.float32]:
    """Average the maps of a range of steps, as the browser does while the hand moves.

    Parameters
    ----------
    stack
        A word's stack.
    first, last
        Half-open range of places among the steps kept.

    Returns
    -------
    array
        (y, x), float32, in the unit of the maps.
    """
    mean: NDArray[np.float64] = stack.values[first:last].astype(np.float64).mean(0)
    return mean.astype(np.float32)


def exact_bytes(values: Tensor) -> bytes:
    """Write a map as the browser reads it: (y, x), float32, little-endian."""
    return np.asarray(values.numpy(), dtype="<f4").tobytes()
