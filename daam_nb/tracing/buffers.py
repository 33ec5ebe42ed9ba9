"""Buffers for the probabilities of an image while it is made, and their memory.

The cost is known before the first step, from layers, heads, grids, tokens and steps, so that a
budget is checked before any work is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from daam_nb.errors import InterventionError, MemoryBudgetError, SelectionError
from daam_nb.recording import Kept, Layer

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)

# Without a budget of the user's, this share of the memory that is free at the first step.
FREE_SHARE = 0.8


@dataclass(frozen=True)
class Cost:
    """Bytes of a call's recordings, with their breakdown."""

    total: int
    tokens: int
    steps: int
    layers: int
    itemsize: int

    def __str__(self) -> str:
        return (
            f"{readable(self.total)} ({self.layers} layers, {self.steps} steps, "
            f"{self.tokens} tokens over all images, {self.itemsize} bytes a value)"
        )


class Buffers:
    """One image's probabilities: layer name -> (step, head, token, y, x) on the CPU."""

    def __init__(
        self,
        layers: Sequence[Layer],
        columns: Sequence[int],
        *,
        steps: int,
        keep: Kept,
        dtype: torch.dtype,
    ) -> None:
        self.columns = tuple(columns)
        self.summed = keep == "sum"
        self.places = 0
        shape = {
            layer.name: (1 if self.summed else steps, layer.heads, len(columns), *layer.size)
            for layer in layers
        }
        make = torch.zeros if self.summed else torch.empty
        kept_as = torch.float32 if self.summed else dtype
        with torch.inference_mode(mode=False):  # the arrays outlive the user's inference mode
            self.arrays = {name: make(size, dtype=kept_as) for name, size in shape.items()}

    def write(self, name: str, place: int, head: int, values: Tensor) -> None:
        """Store ``values`` (head, token, n) of heads from `head` on, at step number `place`."""
        array = self.arrays[name]
        self.places = max(self.places, place + 1)
        if self.summed:
            target = array[0, head : head + len(values)]
            target += values.view_as(target).to(target.device)
            return
        if place >= len(array):  # a scheduler that makes more steps than it announced
            array = torch.cat([array, torch.empty_like(array[:1])])
            self.arrays[name] = array
        target = array[place, head : head + len(values)]
        target.copy_(values.view_as(target))

    def finished(self) -> dict[str, Tensor]:
        """The arrays, cut to the steps that were actually made."""
        if self.summed:
            return self.arrays
        return {
            name: array if len(array) == self.places else array[: self.places].clone()
            for name, array in self.arrays.items()
        }


def check_finite(kept: Iterable[Buffers], changes: Sequence[str]) -> None:
    """Raise if changed attention is too large for its storage dtype, or not a number.

    Raises
    ------
    InterventionError
        With the layer, and the way out.
    """
    what = ", then ".join(changes)
    for buffers in kept:
        for name, array in buffers.finished().items():
            if bool(array.isinf().any()) and array.dtype != torch.float32:
                dtype = str(array.dtype).removeprefix("torch.")
                raise InterventionError(
                    f"{what} made attention in {name} larger than {dtype} holds "
                    f"({torch.finfo(array.dtype).max:g}), in which the recording keeps it. Keep it "
                    "in float32: dtype=torch.float32; or change it by less."
                )
            if not bool(array.isfinite().all()):
                raise InterventionError(
                    f"{what} made attention in {name} that is not finite (NaN or infinity), and so "
                    "the image. Change it by less."
                )


def cost(
    layers: Iterable[Layer],
    columns: Iterable[Sequence[int]],
    *,
    steps: int,
    keep: Kept,
    dtype: torch.dtype,
    latents: int,
    effects: int = 0,
) -> Cost:
    """Compute the memory that recording a call takes.

    Parameters
    ----------
    layers
        The layers to be kept.
    columns
        The kept key positions of every image and branch, one sequence each.
    steps
        Steps to be kept.
    keep, dtype
        As in `trace`.
    latents
        Bytes of the latents of every step, and of anything else that does not depend on tokens.
    effects
        Words of all images and branches whose effects are kept.
    """
    layers = tuple(layers)
    tokens = sum(len(c) for c in columns)
    cells = sum(layer.heads * layer.size[0] * layer.size[1] for layer in layers)
    itemsize = 4 if keep == "sum" else dtype.itemsize
    whole = sum(layer.size[0] * layer.size[1] for layer in layers)
    numbers = cells * tokens + (cells + whole) * effects
    total = numbers * (1 if keep == "sum" else steps) * itemsize + latents
    return Cost(total, tokens, steps, len(layers), itemsize)


def check_budget(needed: Cost, budget: int | None) -> None:
    """Raise before the first step if the recording would not fit.

    Raises
    ------
    MemoryBudgetError
        With the estimate, and ways to reduce it.
    """
    limit = budget if budget is not None else int(psutil.virtual_memory().available * FREE_SHARE)
    if needed.total <= limit:
        return
    whose = "the budget memory=" if budget is not None else "what is free, "
    raise MemoryBudgetError(
        f"This recording would hold {needed}, more than {whose}{readable(limit)}. No step was run. "
        "Keep less: tokens=[...] (the words you need), layers=..., keep_steps=slice(...), "
        'keep="sum" (one running sum), dtype=torch.float16; or fewer images in a call; or leave '
        "out the additional recordings (self_attention=, concepts=, effects=); or give a larger "
        "memory=."
    )


def memory_bytes(budget: int | str | None) -> int | None:
    """Read a budget: bytes, or text such as ``"2 GiB"`` or ``"500 MB"``.

    Raises
    ------
    SelectionError
        If it is neither.
    """
    if budget is None:
        return None
    if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0:
        return budget
    match = _SIZE.fullmatch(budget) if isinstance(budget, str) else None
    if match is None:
        raise SelectionError(
            f'memory={budget!r} is not a size. Give bytes as an int, or text like "2 GiB" or "500 '
            'MB".'
        )
    unit = (match[2] or "").lower()
    return int(float(match[1]) * (_BINARY_UNITS | _UNITS)[unit])


def readable(size: float) -> str:
    """Write bytes in a readable unit: ``"1.6 GiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
