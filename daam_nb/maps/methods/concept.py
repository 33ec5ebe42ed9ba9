"""Concept: attention to words that are not in the prompt.

In cross-attention as in OVAM (Marcos-Manchón et al. 2024), in joint attention as in
ConceptAttention (Helbling et al. 2025), whose maps are of all heads together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps.methods.attention import Attention
from daam_nb.maps.methods.contract import Choice, Tokens
from daam_nb.maps.stepsums import Source
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Concepts, Layer
from daam_nb.recording.concepts import concept_heads

JOINT_UNIT = "share among the concepts, of attention outputs"
_NO_HEADS = (
    "Concept maps of joint attention are of all heads together: inner products of the outputs of "
    "whole layers. There are none of single heads."
)
WAY_OUT = 'generate(..., concepts=["sky", "tail"])'


@dataclass(frozen=True)
class ConceptSource(Source):
    """The attention of a recording to its attribution prompt."""

    @property
    def part(self) -> str:
        return "concepts"

    @cached_property
    def concepts(self) -> Concepts:
        """What the recording holds."""
        assert self.run.concepts is not None  # checked by the kind
        return self.run.concepts

    @property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(replace(layer, heads=concept_heads(layer)) for layer in self.run.layers)

    @property
    def attention(self) -> Mapping[str, Tensor]:
        return self.concepts.attention

    @property
    def columns(self) -> tuple[int, ...]:
        return self.concepts.columns


class Concept(Attention):
    """Attention probability over the tokens of the attribution prompt, which the image never saw.

    For each chosen (layer, head) and step: the softmax of the image's queries over the keys that
    the layer makes of the attribution prompt; from there on as attention to the prompt. In joint
    attention, for each chosen layer and step: the softmax over the tokens of the concepts of the
    inner products of attention outputs.
    """

    name = "concept"
    unit = "attention probability over the concepts' text"
    title = "Attention to the concept"
    reading = "Bright places attended to this word, which is not in the prompt."
    needs = f"concepts: {WAY_OUT}"
    source = (
        'Marcos-Manchón et al. 2024, "Open-Vocabulary Attention Maps", '
        "https://arxiv.org/abs/2403.14291; in joint attention Helbling et al. 2025, "
        '"ConceptAttention", https://arxiv.org/abs/2502.04320'
    )

    def prompt(self, choice: Choice) -> Prompt:
        return ConceptSource(choice.run, negative=False).concepts.prompt

    def words(self, choice: Choice) -> tuple[Word, ...]:
        return ConceptSource(choice.run, negative=False).concepts.words

    def arrays(self, choice: Choice) -> Source:
        return ConceptSource(choice.run, negative=False)

    def unit_of(self, choice: Choice) -> str:
        return JOINT_UNIT if _of_all_heads(choice) else self.unit

    def check(self, choice: Choice) -> None:
        if choice.run.concepts is None:
            raise NotKeptError(
                f"This recording holds no concepts, words that are not in its prompt. Record them: "
                f"{WAY_OUT}."
            )
        if choice.negative:
            raise NotKeptError(
                "Concepts are recorded only in the conditional pass. Leave out negative=True."
            )
        if choice.heads is not None and _of_all_heads(choice):
            raise SelectionError(f"{_NO_HEADS} Leave out heads=.")

    def token_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        return super().token_maps(_of_arrays(choice), tokens)

    def native_heads(self, choice: Choice, layer: Layer, tokens: Tokens) -> Tensor:
        if layer.attention == "joint":
            raise SelectionError(_NO_HEADS)
        return super().native_heads(choice, layer, tokens)

    def head_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        if _of_all_heads(choice):
            raise SelectionError(_NO_HEADS)
        return super().head_maps(choice, tokens)


def _of_all_heads(choice: Choice) -> bool:
    """Whether chosen layers have concept maps of all heads together."""
    return any(layer.attention == "joint" for layer in choice.layers)


def _of_arrays(choice: Choice) -> Choice:
    """The same choice, by the heads that the arrays have."""
    pairs = tuple((la, head) for la, head in choice.pairs if head < concept_heads(la))
    return replace(choice, pairs=pairs)


CONCEPT = Concept()
