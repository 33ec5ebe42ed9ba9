"""Shares of the text's attention as the explorer asks for them: one map of attention by another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from daam_nb.maps.methods.attention import text_tokens
from daam_nb.show.explorer.model.entries import Entry
from daam_nb.show.explorer.model.views.attention import AttentionView
from daam_nb.show.explorer.model.views.heads import LayersAndHeads
from daam_nb.show.explorer.model.views.view import Places, View

T = TypeVar("T")
KEPT = 8  # attentions of the whole text that are kept, for other words


class ShareView(View):
    """A word's attention divided by that of the whole text, start and end left out."""

    @cached_property
    def attention(self) -> AttentionView:
        """The maps that are divided."""
        return AttentionView(self.run, self.kind, self.negative)

    @cached_property
    def text(self) -> tuple[int, ...]:
        """The key positions of the text, start and end left out."""
        return text_tokens(self.prompt)

    @cached_property
    def _of_text(self) -> dict[Hashable, object]:
        return {}

    def step_maps(self, entry: Entry, chosen: LayersAndHeads, size: tuple[int, int]) -> Tensor:
        """The share at every step alone, (step, y, x): both parts as those of attention."""
        own = self.attention.token_step_maps(entry.tokens, chosen, size)
        text = self._text_of(
            (chosen, size), lambda: self.attention.token_step_maps(self.text, chosen, size)
        )
        return _share(own, text * len(self.text))

    def head_maps(self, entry: Entry, places: Places) -> Mapping[str, Tensor]:
        """Per layer (head, y, x): the share in each head, of means over steps, not interpolated."""
        own = self.attention.token_head_maps(entry.tokens, places)
        text = self._text_of(places, lambda: self.attention.token_head_maps(self.text, places))
        return {name: _share(own[name], text[name] * len(self.text)) for name in own}

    def stamp(self, *, most: int) -> Hashable:
        """What tells whether the attention is still the same."""
        return self.attention.stamp(most=most)

    def release(self) -> None:
        """Let go of the attention of the text."""
        self._of_text.clear()

    def _text_of(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept of the whole text under a key, or made now."""
        if key not in self._of_text:
            while len(self._of_text) >= KEPT:
                del self._of_text[next(iter(self._of_text))]
            self._of_text[key] = make()
        return self._of_text[key]  # type: ignore[return-value]


def _share(own: Tensor, text: Tensor) -> Tensor:
    return torch.where(text > 0, own / text, 0.0)
