"""The origin of a word's map: its run without arrays, and the selection behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from daam_nb.recording import Layer, Provenance

if TYPE_CHECKING:
    from daam_nb.prompt import Prompt

Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, eq=False, repr=False)
class Origin:
    """Run and selection behind a word's map, without any array.

    Attributes
    ----------
    run
        The recording's provenance.
    prompt
        The prompt that the word belongs to: the run's, or its negative prompt.
    layers, steps, heads, pairs, reduction, negative
        As those of `HeatMaps`.
    choice
        `HeatMaps.choice`: the selection in one line.
    """

    run: Provenance
    prompt: Prompt
    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    heads: tuple[int, ...] | tuple[tuple[str, int], ...] | None
    pairs: tuple[tuple[Layer, int], ...]
    reduction: Reduction
    negative: bool
    choice: str

    @property
    def size(self) -> tuple[int, int]:
        """The latent grid: (height, width) in cells."""
        return self.run.facts.latent_size

    def __repr__(self) -> str:
        return f"<Origin: {self.prompt.text!r}, {self.choice}>"
