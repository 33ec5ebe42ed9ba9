"""What every kind of map answers, and the choice it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from daam_nb.errors import SelectionError
from daam_nb.maps.origin import Reduction
from daam_nb.maps.stepsums import Source
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Layer, LayerChoice, Recording, select_layers
from daam_nb.selection import HeadChoice, Pair

Tokens = tuple[int, ...]
"""Key positions of a word."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The layers, steps and heads of a recording that a map is made of.

    Attributes
    ----------
    run
        The recording.
    layers, steps
        The layers and the steps (0-based places in the loop, ascending).
    heads
        The heads chosen in each layer, or the (layer name, head) chosen one by one; None: all.
    pairs
        Every (layer, head) among these.
    reduction
        ``"mean"`` or ``"sum"`` over the steps.
    negative
        Whether the negative prompt's words are meant, in the unconditional pass.
    """

    run: Recording
    layers: tuple[Layer, ...]
    steps: tuple[int, ...]
    heads: tuple[int, ...] | tuple[tuple[str, int], ...] | None
    pairs: tuple[Pair, ...]
    reduction: Reduction
    negative: bool

    @property
    def prompt(self) -> Prompt:
        """The prompt whose words are meant."""
        prompt = self.run.negative_prompt if self.negative else self.run.prompt
        assert prompt is not None  # checked by heat_maps
        return prompt

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of the maps: the latent's."""
        return self.run.facts.latent_size

    @property
    def step_factor(self) -> float:
        """What the sum over the chosen steps is multiplied with."""
        return 1 / len(self.steps) if self.reduction == "mean" else 1.0

    @property
    def places(self) -> list[int]:
        """Where the chosen steps stand on the step axis of the recording's arrays."""
        if self.run.kept == "sum":
            return [0]
        return [self.run.steps.index(step) for step in self.steps]

    def for_pair(self, pair: Pair) -> Choice:
        """The same choice of one (layer, head) alone."""
        layer, head = pair
        return replace(self, layers=(layer,), heads=(head,), pairs=(pair,))


class MapKind:
    """A way from a recording and a choice to the map of a word; subclass it for one of your own.

    A kind has a name and a `word_map`. What it says of itself stands in captions, color bars and
    tables.

    Attributes
    ----------
    name
        ``heat_maps(run, kind=name)``.
    unit
        What the values are, for a color bar.
    comparable
        Whether the sizes of two words' maps may be compared.
    needs
        What a recording must hold, and how it is made to.
    source
        Where the method comes from.
    of_tokens
        Whether single tokens have maps, or words alone.
    of_heads
        Whether single heads have maps. Where not, the explorer shows each layer as one.
    of_layers
        Whether layers have maps. Where not, a map is of the whole network: `heat_maps` refuses a
        choice of layers or heads, and the explorer shows one tile.
    title, reading
        How a page names a map, before the word (``"Effect of"``), and what bright places in it are,
        a sentence; where empty, the name and the unit say so.
    """

    name: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    comparable: ClassVar[bool] = False
    needs: ClassVar[str] = "any recording"
    source: ClassVar[str] = ""
    of_tokens: ClassVar[bool] = False
    of_heads: ClassVar[bool] = True
    of_layers: ClassVar[bool] = True
    title: ClassVar[str] = ""
    reading: ClassVar[str] = ""

    def prompt(self, choice: Choice) -> Prompt:
        """The text whose words have maps."""
        return choice.prompt

    def arrays(self, choice: Choice) -> Source:
        """Where the attention of single tokens is."""
        return Source(choice.run, choice.negative)

    def check(self, choice: Choice) -> None:
        """Raise a `NotKeptError` where the recording lacks what every map of this kind needs."""

    def unit_of(self, choice: Choice) -> str:
        """What the values are under a choice; `unit` where it is the same under each."""
        return self.unit

    def columns(self, choice: Choice) -> tuple[int, ...]:
        """The key positions that words may consist of."""
        return self.arrays(choice).columns

    def words(self, choice: Choice) -> tuple[Word, ...]:
        """The words that have maps, in the order of the text."""
        prompt = self.prompt(choice)
        return tuple(w for w in prompt.read_words if self.has(choice, prompt.token_indices(w)))

    def has(self, choice: Choice, tokens: Tokens) -> bool:
        """Whether the recording holds what the map of a word needs."""
        return set(tokens) <= set(self.columns(choice))

    def why_not(self, choice: Choice, tokens: Tokens, label: str) -> str:
        """Why a word has no map, and the way out."""
        return f"The recording does not hold all tokens of {label}. Record again with them."

    def word_map(self, choice: Choice, tokens: Tokens) -> Tensor:
        """Make the map of a word.

        Parameters
        ----------
        choice
            What it is to be made of.
        tokens
            The word's key positions; `has` said that they are there.

        Returns
        -------
        Tensor
            (grid y, grid x), float32, >= 0.
        """
        raise NotImplementedError

    def token_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        """Make the map of each token alone; (token, grid y, grid x).

        Kinds that are `of_tokens` have these.
        """
        raise NotImplementedError

    def native_heads(self, choice: Choice, layer: Layer, tokens: Tokens) -> Tensor:
        """Make the map of a word in each head of a layer, at its own resolution: (head, y, x).

        Kinds whose maps are made of heads have these.
        """
        raise SelectionError(f"Maps of the kind {self.name!r} cannot be made for single heads.")

    def head_maps(self, choice: Choice, tokens: Tokens) -> Tensor:
        """Make the map of a word in each chosen (layer, head) alone; (pair, grid y, grid x)."""
        return torch.stack([self.word_map(choice.for_pair(pair), tokens) for pair in choice.pairs])


def whole_network(
    run: Recording, kind: MapKind, layers: LayerChoice, heads: HeadChoice
) -> LayerChoice:
    """The choice of all layers, for a kind whose maps are of no single ones.

    Raises
    ------
    SelectionError
        Where some layers, or heads, are chosen.
    """
    is_default = isinstance(layers, str) and layers in {"paper", "all"}
    is_whole = is_default or len(select_layers(run.layers, layers)) == len(run.layers)
    if not is_whole or heads is not None:
        name = "layers" if heads is None else "heads"
        raise SelectionError(
            f"Maps of the kind {kind.name!r} are of the whole network, so single {name} cannot be "
            f"chosen. Leave out {name}=."
        )
    return "all"
