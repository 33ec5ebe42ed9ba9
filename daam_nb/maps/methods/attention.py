"""Attention: how much each image location attends to a word (Tang et al. 2023, eq. 6)."""

from __future__ import annotations

import torch
from torch import Tensor

from daam_nb.errors import SelectionError
from daam_nb.maps.aggregate import aggregate, aggregate_each
from daam_nb.maps.methods.contract import Choice, MapKind, Tokens
from daam_nb.maps.stepsums import spans_of
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer, attention_unit

PAPER = 'Tang et al. 2023, "What the DAAM", https://aclanthology.org/2023.acl-long.310'


class Attention(MapKind):
    """Attention probability: mean over tokens, heads and layers, after the clamp at 0."""

    name = "attention"
    unit = "attention probability"
    title = "Attention to"
    reading = "Bright places looked at this word while the image was drawn."
    source = f"{PAPER}, eq. 6"
    of_tokens = True

    def unit_of(self, choice: Choice) -> str:
        return attention_unit(choice.layers)

    def word_map(self, choice: Choice, tokens: Tokens) -> Tensor:
        maps = self.token_maps(choice, tokens)
        return maps[0] if len(tokens) == 1 else maps.mean(0)

    def token_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        return aggregate(
            self.arrays(choice),
            tokens,
            pairs=choice.pairs,
            spans=spans_of(choice.run, choice.steps),
            scale=choice.step_factor,
        )

    def native_heads(self, choice: Choice, layer: Layer, tokens: Tokens) -> Tensor:
        source = self.arrays(choice)
        columns = [source.columns.index(token) for token in tokens]
        kept = source.attention[layer.name][choice.places][:, :, columns]
        return kept.float().mean(2).sum(0) * choice.step_factor

    def head_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        return aggregate_each(
            self.arrays(choice),
            tokens,
            pairs=choice.pairs,
            spans=spans_of(choice.run, choice.steps),
            scale=choice.step_factor,
        )


class Share(Attention):
    """The share of a token in the attention that goes to the text, start and end left out."""

    name = "share"
    unit = "share of the text's attention"
    title = "Share of the text’s attention to"
    reading = "Bright places gave this word a large share of what they gave to the text."
    comparable = True
    needs = "every token of the text: record with tokens=None, the default"
    source = f"{PAPER}; the reference implementation's normalize=True, but for its 1e-6"

    def unit_of(self, choice: Choice) -> str:
        return self.unit

    def check(self, choice: Choice) -> None:
        self.arrays(choice).check_kept(text_tokens(choice.prompt), "the text")

    def token_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        text = super().token_maps(choice, text_tokens(choice.prompt)).sum(0)
        return torch.where(text > 0, super().token_maps(choice, tokens) / text, 0.0)

    def native_heads(self, choice: Choice, layer: Layer, tokens: Tokens) -> Tensor:
        raise SelectionError(
            "Shares cannot be split by head. Use the maps that they were made from."
        )

    def head_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        raise SelectionError(
            "Shares cannot be split by head. Use the maps that they were made from."
        )


def text_tokens(prompt: Prompt) -> Tokens:
    """The key positions of the text, start and end left out."""
    ends = (prompt.start_of_text, prompt.end_of_text)
    return tuple(column for column in prompt.text_columns if column not in ends)


ATTENTION, SHARE = Attention(), Share()
