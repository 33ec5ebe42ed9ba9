"""Concept: attention to words that are not in the prompt (OVAM, Marcos-Manchón et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from daam_nb.errors import NotKeptError
from daam_nb.maps.methods.attention import Attention
from daam_nb.maps.methods.contract import Choice
from daam_nb.maps.stepsums import Source
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Concepts

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
    def attention(self) -> Mapping[str, Tensor]:
        return self.concepts.attention

    @property
    def columns(self) -> tuple[int, ...]:
        return self.concepts.columns


class Concept(Attention):
    """Attention probability over the tokens of the attribution prompt, which the image never saw.

    For each chosen (layer, head) and step: the softmax of the image's queries over the keys that
    the layer makes of the attribution prompt; from there on as attention to the prompt.
    """

    name = "concept"
    unit = "attention probability over the concepts' text"
    title = "Attention to the concept"
    reading = "Bright places attended to this word, which is not in the prompt."
    needs = f"concepts: {WAY_OUT}"
    source = (
        'Marcos-Manchón et al. 2024, "Open-Vocabulary Attention Maps", '
        "https://arxiv.org/abs/2403.14291"
    )

    def prompt(self, choice: Choice) -> Prompt:
        return ConceptSource(choice.run, negative=False).concepts.prompt

    def words(self, choice: Choice) -> tuple[Word, ...]:
        return ConceptSource(choice.run, negative=False).concepts.words

    def arrays(self, choice: Choice) -> Source:
        return ConceptSource(choice.run, negative=False)

    def unit_of(self, choice: Choice) -> str:
        return self.unit

    def check(self, choice: Choice) -> None:
        if choice.run.concepts is None:
            raise NotKeptError(
                f"This recording holds no concepts, words that are not in its prompt. Record them: "
                f"{WAY_OUT}."
            )
        if choice.negative:
            raise NotKeptError(
                "Concepts are recorded of the conditional pass alone. Leave out negative=True."
            )


CONCEPT = Concept()
