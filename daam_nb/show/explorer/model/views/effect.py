"""Effects as the explorer asks for them: the heads' parts from their own arrays."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cached_property

import torch
from torch import Tensor

from daam_nb.maps.methods.effect import EffectSource
from daam_nb.maps.stepsums import sums_fit
from daam_nb.show.explorer.model.entries import Entry
from daam_nb.show.explorer.model.views.attention import raised_and_added
from daam_nb.show.explorer.model.views.heads import LayersAndHeads
from daam_nb.show.explorer.model.views.view import Places, View


class EffectView(View):
    """How much the layers' outputs depend on a word.

    All heads of a layer together are the norm of the change as a share of the layer's output; a
    head alone is its part of that, several are the sum of their parts, and where that is negative
    it is drawn as 0.
    """

    @cached_property
    def source(self) -> EffectSource:
        """All heads together: one row a layer."""
        return EffectSource(self.run, self.negative)

    @cached_property
    def by_head(self) -> EffectSource:
        """The part of each head."""
        return EffectSource(self.run, self.negative, apart=True)

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        """Every word or phrase whose effect was recorded; those that are words are words."""
        return self.source.effects.words

    def step_maps(self, entry: Entry, chosen: LayersAndHeads, size: tuple[int, int]) -> Tensor:
        """The map at every step alone, (step, y, x), of a size: bicubic and clamped at 0.

        Where heads are chosen, their parts are added up within a layer first.
        """
        source = self.source if chosen.heads is None else self.by_head
        word = source.effects.words.index(entry.tokens)
        total = torch.zeros(self.step_count, size[0] * size[1])
        for layer, heads in chosen.indexed:
            parts = source.attention[layer.name][:, heads, word].flatten(2)  # (step, head, y*x)
            added = parts if parts.shape[1] == 1 else parts.float().sum(1, keepdim=True)
            total += raised_and_added(added, layer.size, size)
        total /= len(chosen.layers) * (len(self.run.steps) if self.summed else 1)
        return total.view(-1, *size)

    def head_maps(self, entry: Entry, places: Places) -> Mapping[str, Tensor]:
        """Per layer (head, y, x): each head's part, mean over steps, as a share of the output."""
        word = self.source.effects.words.index(entry.tokens)
        steps = slice(None) if self.summed else slice(*places)
        divisor = len(self.run.steps) if self.summed else places[1] - places[0]
        parts = {}
        for layer in self.layers:
            added = self.by_head.attention[layer.name][steps, :, word].double().sum(0)
            parts[layer.name] = (added / divisor).float().clamp(min=0)
        return parts

    def stamp(self, *, most: int) -> Hashable:
        """What tells whether the effects are still the same."""
        return self.source.stamp(most=most), self.by_head.stamp(most=most)

    def sums_fit(self, number_of_tokens: int) -> bool:
        """Whether the running sums of that many words fit into the cache."""
        return sums_fit(self.source, number_of_tokens)
