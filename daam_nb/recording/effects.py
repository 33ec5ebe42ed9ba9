"""`Effects`: how much the layers' outputs depend on each word, as plain data beside a recording.

With the attention p of a layer held fixed, hiding a word in the text encoder changes the layer's
output at each image location by
``d = sum over heads h and keys j of p[h, j] (v[h, j] - v'[h, j]) W_O[h]``, where v' are the values
of the same prompt encoded with the word hidden. Recorded are the norm of d as a share of the
layer's own output in that step, and the contributions of each head and each key position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from daam_nb.recording.extra import Extra
from daam_nb.recording.word_axis import check_positions, merged_words, read_words

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.prompt import Prompt
    from daam_nb.recording.layers import Layer

PARTS = ("shares", "by_head", "by_token", "outputs")


@dataclass(frozen=True, eq=False)
class Effects(Extra):
    """Change of every layer's output if a word were hidden, by step and location.

    Attributes
    ----------
    words
        The key positions of each word, in the order of the word axis.
    shares
        Layer name -> (step, word, y, x): norm over channels of the change of the layer's output,
        all heads together, divided by the layer's `outputs` of that step; >= 0. 0 if the layer's
        output is 0.
    by_head
        Layer name -> (step, head, word, y, x): the part of `shares` that flows through each head:
        the projection of the head's change onto the whole change. May be negative; summed over
        heads it is `shares`.
    by_token
        Layer name -> (step, word, key position): the part that flows through each key position,
        summed over heads and locations. Summed over key positions it is the sum of `shares` over
        locations.
    outputs
        Layer name -> (step,): mean norm over locations of the layer's own output.

    Raises
    ------
    SelectionError, ShapeError
        At construction, if the parts do not fit together.

    Notes
    -----
    If the recording kept only the sum over its steps, every step axis has length 1 and holds sums.
    """

    PARTS: ClassVar[tuple[str, ...]] = PARTS
    TITLE: ClassVar[str] = "The effects"

    words: tuple[tuple[int, ...], ...]
    shares: Mapping[str, Tensor]
    by_head: Mapping[str, Tensor]
    by_token: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        words = read_words(self.words, "Effects")
        object.__setattr__(self, "words", words)

    def facts(self) -> list[list[int]]:
        """Labels of the word axis, as plain data."""
        return [list(word) for word in self.words]

    @staticmethod
    def bounds(most: float) -> dict[str, tuple[float, float]]:
        """Range of the values of each part."""
        anything = (-math.inf, math.inf)
        return dict.fromkeys(PARTS, anything) | dict.fromkeys(
            ("shares", "outputs"), (0.0, math.inf)
        )

    def check(self, layers: tuple[Layer, ...], *, steps: int, prompt: Prompt) -> None:
        """Raise `ShapeError` unless the arrays fit their recording."""
        check_positions(self.words, prompt, "Effects")
        keys, words = len(prompt.tokens), len(self.words)
        shapes = {
            layer.name: {
                "shares": (steps, words, *layer.size),
                "by_head": (steps, layer.heads, words, *layer.size),
                "by_token": (steps, words, keys),
                "outputs": (steps,),
            }
            for layer in layers
        }
        self.check_arrays(shapes)


def merged(first: Effects | None, second: Effects | None) -> Effects | None:
    """Merge two `Effects` in the order of the text; for a word in both, take the second's."""
    if first is None or second is None:
        return second if first is None else first
    words, rows = merged_words(first.words, second.words)
    axes = {"shares": 1, "by_head": 2, "by_token": 1}
    parts = {
        part: {
            name: torch.cat([first.arrays[part][name], array.to(first.arrays[part][name])], axis)
            .index_select(axis, torch.tensor(rows))
            .contiguous()
            for name, array in second.arrays[part].items()
        }
        for part, axis in axes.items()
    }
    return Effects(words=words, outputs=second.outputs, **parts)
