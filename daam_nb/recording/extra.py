"""Optional data beside a recording's attention: arrays by layer, in one or several parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from daam_nb.errors import ShapeError
from daam_nb.storage import LazyArrays

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


class Extra:
    """Base of `Effects`, `Gradients`, `Concepts` and `SelfAttention`: arrays by part and layer.

    Attributes
    ----------
    PARTS
        The fields that hold arrays, each layer name -> array (in `Gradients` name -> array).
    TITLE
        Its name in messages.
    """

    PARTS: ClassVar[tuple[str, ...]] = ()
    TITLE: ClassVar[str] = ""

    @property
    def arrays(self) -> dict[str, Mapping[str, Tensor]]:
        """The parts by name."""
        return {name: getattr(self, name) for name in self.PARTS}

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, whether read from disk or not."""
        return sum(
            math.prod(shape) * dtype.itemsize
            for part in self.arrays.values()
            for dtype, shape in described(part).values()
        )

    @property
    def nbytes_read(self) -> int:
        """Bytes of the arrays that are in memory."""
        return sum(
            part[name].nbytes
            for part in self.arrays.values()
            for name in (part.are_read() if isinstance(part, LazyArrays) else part)
        )

    def check_arrays(self, shapes: Mapping[str, Mapping[str, Shape]]) -> None:
        """Raise `ShapeError` unless each layer's arrays have these shapes, by part.

        Parameters
        ----------
        shapes
            Layer name -> part -> shape.
        """
        for part, arrays in self.arrays.items():
            held = described(arrays)
            if odd := sorted(held.keys() ^ shapes.keys()):
                raise ShapeError(f"{self.TITLE}' {part} and the layers differ in {odd[0]!r}.")
            for name, (dtype, shape) in held.items():
                if shape != shapes[name][part] or not dtype.is_floating_point:
                    raise ShapeError(
                        f"{self.TITLE}' {part} of {name!r} are {dtype} of the shape {shape}; they "
                        f"must have a floating-point type and the shape {shapes[name][part]}."
                    )
                if not isinstance(arrays, LazyArrays) and arrays[name].device.type != "cpu":
                    raise ShapeError(
                        f"{self.TITLE}' {part} of {name!r} are on {arrays[name].device}; they must "
                        "be on the CPU: .cpu()."
                    )


def described(arrays: Mapping[str, Any]) -> dict[str, tuple[torch.dtype, Shape]]:
    """Describe dtype and shape of every array, without reading arrays that are still on disk."""
    if isinstance(arrays, LazyArrays):
        return {name: (a.torch_dtype, a.shape) for name, a in arrays.described().items()}
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in arrays.items()}
