"""Effect: how much the layers' outputs at an image location depend on a word.

Attention to a word's own columns misses what the word wrote into later tokens and the padding. An
effect map asks instead how far each layer's output would change if the word were hidden in the text
encoder, the attention staying as it was (`daam_nb.recording.Effects`). It is not where the image
would change: docs/what-a-heat-map-does-not-say.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from daam_nb.errors import NotKeptError
from daam_nb.maps.aggregate import checked, clamped
from daam_nb.maps.methods.contract import Choice, MapKind, Tokens
from daam_nb.maps.stepsums import Source, add_steps, spans_of, sums_fit
from daam_nb.prompt import Word
from daam_nb.recording import Effects, Layer
from daam_nb.recording.word_axis import phrase_of, text_of

WAY_OUT = 'generate(..., effects=True), or effects=["dog"] for single words'


@dataclass(frozen=True)
class EffectSource(Source):
    """The effects of a recording, laid out as attention is: a "head" and a word for a token.

    Attributes
    ----------
    apart
        The part of each head; or one row a layer, of all heads together.
    """

    apart: bool = False

    @property
    def part(self) -> str:
        return "effect by head" if self.apart else "effect"

    @cached_property
    def effects(self) -> Effects:
        """What the recording holds."""
        effects = self.run.negative_effects if self.negative else self.run.effects
        assert effects is not None  # checked by the kind
        return effects

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        layers = tuple(self.run.layers)
        return layers if self.apart else tuple(replace(layer, heads=1) for layer in layers)

    @cached_property
    def attention(self) -> Mapping[str, Tensor]:
        if self.apart:
            return self.effects.by_head
        return {layer.name: self.effects.shares[layer.name][:, None] for layer in self.layers}

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(range(len(self.effects.words)))


class Effect(MapKind):
    """The change of the layers' outputs when a word is hidden, as a share of them.

    For each chosen layer: the norm over channels of the change, in each step divided by one number,
    the mean norm of the layer's own output over locations; reduced over the chosen steps; brought
    to the latent grid by bicubic interpolation and clamped at 0; then the mean over layers. Where
    heads are chosen, their parts are added up within a layer first.
    """

    name = "effect"
    unit = "change of the layers' outputs, as a share of them"
    title = "Effect of"
    reading = "What the layers write at bright places depends on this word."
    comparable = True
    needs = f"the words' effects: {WAY_OUT}"
    source = "daam_nb; docs/maps.md has the definition"

    def check(self, choice: Choice) -> None:
        run = choice.run
        if not choice.prompt.read_words:
            raise NotKeptError("The prompt has no words, so there are no effects.")
        if (run.negative_effects if choice.negative else run.effects) is None:
            raise NotKeptError(
                "This recording holds no effects of the "
                f"{'negative prompt' if choice.negative else 'prompt'}'s words. Record them: "
                f"{WAY_OUT}{', with negative=True' if choice.negative else ''}."
            )

    def words(self, choice: Choice) -> tuple[Word, ...]:
        own = super().words(choice)
        prompt = choice.prompt
        named = {prompt.token_indices(word) for word in own}
        effects = EffectSource(choice.run, choice.negative).effects
        phrases = [phrase_of(prompt, tokens) for tokens in effects.words if tokens not in named]
        every = (*own, *(phrase for phrase in phrases if phrase is not None))
        return tuple(sorted(every, key=lambda word: word.span))

    def has(self, choice: Choice, tokens: Tokens) -> bool:
        return tokens in EffectSource(choice.run, choice.negative).effects.words

    def why_not(self, choice: Choice, tokens: Tokens, label: str) -> str:
        effects = EffectSource(choice.run, choice.negative).effects
        held = ", ".join(repr(text_of(choice.prompt, word)) for word in effects.words)
        phrase = "What a phrase does is not the sum of what its words do. " * (" " in label)
        return (
            f"The effect of {label} was not recorded; this recording holds those of {held:.300}. "
            f"{phrase}Record it with effects=[{label}]."
        )

    def native_heads(self, choice: Choice, layer: Layer, tokens: Tokens) -> Tensor:
        source = EffectSource(choice.run, choice.negative, apart=True)
        kept = source.attention[layer.name][choice.places][:, :, source.effects.words.index(tokens)]
        return kept.float().sum(0).clamp_(min=0) * choice.step_factor

    def word_map(self, choice: Choice, tokens: Tokens) -> Tensor:
        source = EffectSource(choice.run, choice.negative, apart=choice.heads is not None)
        word = source.effects.words.index(tokens)
        of_name = {layer.name: layer for layer in source.layers}
        layers = [of_name[layer.name] for layer in choice.layers]
        pairs = choice.pairs if source.apart else tuple((layer, 0) for layer in layers)
        parts, unit = add_steps(
            source,
            word,
            rows=source.rows(pairs),
            spans=spans_of(choice.run, choice.steps),
            keep_sums=sums_fit(source, 1),
        )
        grid = choice.grid
        total = torch.zeros(grid[0] * grid[1])
        for group, maps in parts:
            own = [layer for layer, _ in pairs if layer.size == group.size]
            of_group = list(dict.fromkeys(own))
            number = {layer.name: i for i, layer in enumerate(of_group)}
            summed = torch.zeros(len(of_group), maps.shape[1])
            summed.index_add_(0, torch.tensor([number[layer.name] for layer in own]), maps)
            total += clamped(summed, group.size, grid).sum(0)
        total *= choice.step_factor * unit / len(choice.layers)
        return checked(total, source).view(grid)


EFFECT = Effect()
