"""`Gradients`: the first-order change of the network's prediction by each word, as plain data.

Hiding a word in the text encoder moves the text embeddings from E to E'. Recorded is the norm over
channels of ``J (E' - E)``, with J the derivative of the denoiser's output with respect to the text
embeddings, at the recorded latents and timesteps, as a share of the output in that step.
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


@dataclass(frozen=True, eq=False)
class Gradients(Extra):
    """First-order change of the network's prediction when a word is hidden.

    Attributes
    ----------
    words
        The key positions of each word, in the order of the word axis.
    prediction
        ``"shares"`` and ``"outputs"``, as the properties of these names give them.

    Raises
    ------
    SelectionError, ShapeError
        At construction, if the parts do not fit together.

    Notes
    -----
    The step axis has all of the recording's steps, even if it kept only the attention's sum over
    them.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("prediction",)
    TITLE: ClassVar[str] = "The gradients"

    words: tuple[tuple[int, ...], ...]
    prediction: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        words = read_words(self.words, "Gradients")
        object.__setattr__(self, "words", words)

    @property
    def shares(self) -> Tensor:
        """Norm over channels of the prediction's first-order change: (step, word, y, x), >= 0.

        Divided by the step's `outputs`; on the latent grid.
        """
        return self.prediction["shares"]

    @property
    def outputs(self) -> Tensor:
        """Mean norm over locations of the prediction itself: (step,)."""
        return self.prediction["outputs"]

    def facts(self) -> list[list[int]]:
        """Labels of the word axis, as plain data."""
        return [list(word) for word in self.words]

    @staticmethod
    def bounds(most: float) -> dict[str, tuple[float, float]]:
        """Range of the values."""
        return {"prediction": (0.0, math.inf)}

    def check(self, *, steps: int, latent_size: tuple[int, int], prompt: Prompt) -> None:
        """Raise `ShapeError` or `SelectionError` unless they fit their recording."""
        check_positions(self.words, prompt, "Gradients")
        self.check_arrays(
            {
                "shares": {"prediction": (steps, len(self.words), *latent_size)},
                "outputs": {"prediction": (steps,)},
            }
        )


def merged(first: Gradients | None, second: Gradients) -> Gradients:
    """Merge two `Gradients` in the order of the text; for a word in both, take the second's."""
    if first is None:
        return second
    words, rows = merged_words(first.words, second.words)
    shares = torch.cat([first.shares, second.shares.to(first.shares)], 1)[:, rows].contiguous()
    return Gradients(words, {"shares": shares, "outputs": second.outputs})
