"""`Effects`: how much the layers' outputs depended on each word, as plain data beside a recording.

With the attention p of a layer as it was, hiding a word in the text encoder changes what the layer
adds to each image location by ``d = sum over heads h and keys j of p[h, j] (v[h, j] - v'[h, j])
W_O[h]``, where v' are the values of the same prompt encoded with the word hidden. Kept is the norm
of d, and what each head and each key position contribute to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.kinds import whole_numbers
from daam_nb.recording.limits import MAX_LINES, check_count
from daam_nb.storage import LazyArrays

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.prompt import Prompt
    from daam_nb.recording.layers import Layer

PARTS = ("norms", "by_head", "by_token", "outputs")


@dataclass(frozen=True, eq=False)
class Effects:
    """What hiding each word would change in every layer's output, at each step and location.

    Attributes
    ----------
    words
        The key positions of each word, in the order of the word axis.
    norms
        Layer name -> (step, word, y, x): norm over channels of the change of the layer's output,
        all heads together, >= 0, in the units of that output.
    by_head
        Layer name -> (step, head, word, y, x): the part of `norms` that flows through each head,
        the projection of the head's change on the whole one. May be negative; over the heads the
        parts add up to `norms`.
    by_token
        Layer name -> (step, word, key position): the part that flows through each key position,
        added up over heads and locations. Over the key positions the parts add up to `norms`
        added up over locations.
    outputs
        Layer name -> (step,): mean norm over locations of the layer's own output.

    Raises
    ------
    SelectionError, ShapeError
        At birth, where the parts do not fit together.

    Notes
    -----
    Where the recording kept one sum over its steps, every step axis has length 1 and holds sums.
    """

    words: tuple[tuple[int, ...], ...]
    norms: Mapping[str, Tensor]
    by_head: Mapping[str, Tensor]
    by_token: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        words = tuple(whole_numbers(word, "token") for word in self.words)
        check_count(words, "words with effects", MAX_LINES)
        if not words or not all(words):
            raise SelectionError("Effects are of at least one word, and a word has tokens.")
        if len(set(words)) < len(words):
            raise SelectionError("Effects are of each word once.")
        object.__setattr__(self, "words", words)

    @property
    def arrays(self) -> dict[str, Mapping[str, Tensor]]:
        """Each part by its name."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, read from disk or not."""
        return sum(
            math.prod(shape) * dtype.itemsize
            for part in self.arrays.values()
            for dtype, shape in _described(part).values()
        )

    @property
    def nbytes_read(self) -> int:
        """Bytes of the arrays that are in memory."""
        return sum(
            part[name].nbytes
            for part in self.arrays.values()
            for name in (part.are_read() if isinstance(part, LazyArrays) else part)
        )

    def check(self, layers: tuple[Layer, ...], *, steps: int, prompt: Prompt) -> None:
        """Raise a `ShapeError` unless the arrays fit the recording they belong to."""
        keys, words = len(prompt.tokens), len(self.words)
        if outside := [token for word in self.words for token in word if not 0 <= token < keys]:
            raise SelectionError(
                f"Effects are of a word at the key position {outside[0]}; the prompt's end at "
                f"{keys - 1}."
            )
        shapes = {
            layer.name: {
                "norms": (steps, words, *layer.size),
                "by_head": (steps, layer.heads, words, *layer.size),
                "by_token": (steps, words, keys),
                "outputs": (steps,),
            }
            for layer in layers
        }
        for part, arrays in self.arrays.items():
            held = _described(arrays)
            if odd := sorted(held.keys() ^ shapes.keys()):
                raise ShapeError(f"The effects' {part} and the layers differ in {odd[0]!r}.")
            for name, (dtype, shape) in held.items():
                if shape != shapes[name][part] or not dtype.is_floating_point:
                    raise ShapeError(
                        f"The effects' {part} of {name!r} are {dtype} of the shape {shape}; they "
                        f"must be of a float type and of the shape {shapes[name][part]}."
                    )


def _described(arrays: Mapping[str, Any]) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    if isinstance(arrays, LazyArrays):
        return {name: (a.torch_dtype, a.shape) for name, a in arrays.described().items()}
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in arrays.items()}
