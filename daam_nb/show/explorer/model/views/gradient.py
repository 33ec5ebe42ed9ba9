"""Gradients as the explorer asks for them: one map of the whole network at each step."""

from __future__ import annotations

import zlib
from collections.abc import Hashable

from torch import Tensor

from daam_nb.recording import Gradients
from daam_nb.show.explorer.model.entries import Entry
from daam_nb.show.explorer.model.views.heads import LayersAndHeads
from daam_nb.show.explorer.model.views.view import View, reduced


class GradientView(View):
    """How the network's prediction begins to change where a word begins to be hidden."""

    @property
    def gradients(self) -> Gradients:
        """What the recording holds."""
        gradients = self.run.gradients
        assert gradients is not None  # checked by the kind
        return gradients

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        """Every word or phrase whose gradient was added; those that are words are words."""
        return self.gradients.words

    def step_maps(self, entry: Entry, chosen: LayersAndHeads, size: tuple[int, int]) -> Tensor:
        """The map at every step alone, (step, y, x), of a size; means over areas where smaller."""
        maps = self.gradients.shares[:, self.gradients.words.index(entry.tokens)].float()
        return reduced(maps.mean(0, keepdim=True) if self.summed else maps, size)

    def stamp(self, *, most: int) -> Hashable:
        """What tells whether the gradients are still the same."""
        shares = self.gradients.shares
        sampled = shares.detach().flatten()[:: max(1, shares.numel() // most)].double()
        written = 0 if shares.is_inference() else shares._version
        return shares.data_ptr(), written, zlib.crc32(sampled.numpy().tobytes())
