"""Through which tokens a word acts: its own, later words, the end of text and the padding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps.methods.contract import Choice, Tokens
from daam_nb.maps.methods.effect import EFFECT, EffectSource
from daam_nb.maps.stepsums import spans_of

OWN, LATER, END, PADDING = "own tokens", "later words", "end of text", "padding"


@dataclass(frozen=True, eq=False)
class Carriers:
    """How a word's effect is divided among the tokens that carry it, over the whole image.

    Attributes
    ----------
    label
        The word.
    tokens
        Its key positions.
    by_token
        (key position,): the share of the word's effect that flows through each token; together 1.
        The effect of a token is the projection of its change of a layer's output on the whole
        change, added up over heads and image locations, mean over the chosen steps and layers,
        each layer in units of its own output. A share may be negative: the token works against
        the others.
    groups
        The same added up: ``"own tokens"``, ``"later words"``, ``"end of text"``, ``"padding"``.
        Tokens before the word carry nothing in an encoder that reads from left to right; where
        one does not, ``"earlier words"``.
    choice
        The layers and steps in one line.
    """

    label: str
    tokens: Tokens
    by_token: Tensor
    groups: Mapping[str, float]
    choice: str

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.groups.items())
        return f"<Carriers of {self.label!r}: {parts}>"


def carriers_of(choice: Choice, tokens: Tokens, *, label: str, in_words: str) -> Carriers:
    """Divide the effect of a word among the tokens.

    Raises
    ------
    SelectionError
        Where heads are chosen: what flows through a token is recorded for all heads together.
    NotKeptError
        Where the word has no effect, so that there is nothing to divide.
    """
    if choice.heads is not None:
        raise SelectionError(
            "Contributions by token were recorded for all heads of a layer together. Leave out "
            "heads=."
        )
    EFFECT.check(choice)
    source = EffectSource(choice.run, choice.negative)
    word = source.effects.words.index(tokens)
    total = torch.zeros(len(choice.prompt.tokens), dtype=torch.float64)
    for layer in choice.layers:
        steps = source.effects.by_token[layer.name][:, word].double()  # (step, key)
        spans = spans_of(choice.run, choice.steps) if choice.run.kept != "sum" else ((0, 1),)
        added = torch.stack([steps[low:high].sum(0) for low, high in spans]).sum(0)
        total += added / (layer.size[0] * layer.size[1])
    whole = float(total.sum())
    if not math.isfinite(whole):
        raise NotKeptError(f"The recorded effect of {label!r} is not a number (NaN).")
    if whole <= 0:
        raise NotKeptError(f"{label!r} changes nothing in these layers and steps.")
    shares = total / whole
    return Carriers(label, tokens, shares.float(), _groups(choice, tokens, shares), in_words)


def _groups(choice: Choice, tokens: Tokens, shares: Tensor) -> Mapping[str, float]:
    prompt = choice.prompt
    end = prompt.end_of_text
    groups = dict.fromkeys((OWN, LATER, END, PADDING), 0.0)
    for token, share in zip(prompt.tokens, shares.tolist(), strict=True):
        if token.index in tokens:
            name = OWN
        elif token.index == end:
            name = END
        elif token.index in prompt.text_columns:
            name = LATER if token.index > tokens[0] else "earlier words"
        else:
            name = PADDING
        if share or name in groups:
            groups[name] = groups.get(name, 0.0) + share
    return MappingProxyType(groups)
