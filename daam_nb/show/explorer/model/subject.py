"""What is explored: a recording, whose words, layers and steps can be chosen, and its maps.

Knows nothing of widgets: the explorer, the hand-out and the tests stand on it alike.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import Layer, LayerChoice, Recording, select_layers
from daam_nb.selection import StepChoice, in_words
from daam_nb.show.explorer.model.entries import Entry, entries_of

LONGEST_SIDE = 64  # of what is sent for every step; finer maps come when the hand rests
STACK_BYTES = 2**20  # of one word's steps
TILES_BYTES = 3 * 2**19  # of all heads of all layers
MANY_TILES, SMALL_TILE = 200, 32  # nobody sees more in so many tiles on one screen


@dataclass(frozen=True)
class Selected:
    """What one map is made of.

    Attributes
    ----------
    word
        Number of an entry of the `Subject`.
    choice
        Name of a choice of layers.
    layer
        Number of a layer of the recording, before the choice; -1: all of the choice.
    head
        Number of a head; -1: all.
    steps
        Half-open range of places among the steps kept.
    """

    word: int
    choice: str
    layer: int
    head: int
    steps: tuple[int, int]

    @property
    def stack_key(self) -> str:
        """What a stack of all steps depends on, as JavaScript's JSON.stringify writes it."""
        return compact([self.word, self.choice, self.layer, self.head])

    @property
    def key(self) -> str:
        """What an exact map depends on, as JavaScript's JSON.stringify writes it."""
        return compact([self.word, self.choice, self.layer, self.head, *self.steps])


def compact(data: object) -> str:
    """Write JSON as JavaScript's JSON.stringify does."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, eq=False)
class Subject:
    """A recording and what can be chosen of it.

    Attributes
    ----------
    run
        The recording.
    choices
        Name -> numbers of layers.
    negative
        Whether the negative prompt's words are shown.
    name
        What pages call it: of two subjects that are open, each has another, whatever they hold.
    """

    run: Recording
    choices: Mapping[str, tuple[int, ...]]
    negative: bool = False
    name: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def prompt(self) -> Prompt:
        """The prompt whose words are shown."""
        prompt = self.run.negative_prompt if self.negative else self.run.prompt
        assert prompt is not None  # checked by `subject_of`
        return prompt

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers of the recording, in the order of the network."""
        return self.run.layers

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """What can be chosen in the prompt."""
        columns = self.run.negative_columns if self.negative else self.run.columns
        return entries_of(self.prompt, columns)

    @property
    def summed(self) -> bool:
        """Whether only a sum over the steps was kept, so that there is nothing to scrub."""
        return self.run.kept == "sum"

    @property
    def step_count(self) -> int:
        """Steps that can be told apart."""
        return 1 if self.summed else len(self.run.steps)

    @property
    def most_heads(self) -> int:
        """Heads of the layer that has most."""
        return max(layer.heads for layer in self.layers)

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of exact maps: the latent's."""
        return self.run.facts.latent_size

    @cached_property
    def served(self) -> tuple[int, int]:
        """(height, width) of the maps sent for every step: the latent grid, halved until it fits.

        Its longer side is at most 64, and the steps of a word take at most 1 MiB.
        """
        height, width = self.grid
        while max(height, width) > LONGEST_SIDE or (
            height * width * self.step_count > STACK_BYTES and max(height, width) > 1
        ):
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    @cached_property
    def tile_sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each layer's tiles: its own, or a longest side at which all fit.

        At most 32 where there are more than 200 tiles, and halved until all take 1.5 MiB.
        """
        longest = max(max(layer.size) for layer in self.layers)
        if sum(layer.heads for layer in self.layers) > MANY_TILES:
            longest = min(longest, SMALL_TILE)
        while True:
            sizes = tuple(_within(layer.size, longest) for layer in self.layers)
            cells = zip(self.layers, sizes, strict=True)
            nbytes = sum(layer.heads * size[0] * size[1] for layer, size in cells)
            if nbytes <= TILES_BYTES or longest == 1:
                return sizes
            longest = -(-longest // 2)

    def read_steps(self, choice: StepChoice) -> tuple[int, ...]:
        """Read a choice of steps as `heat_maps` does; the explorer shows one range of those kept.

        Returns
        -------
        tuple of int
            Steps of the loop, ascending, one behind the other among the steps kept.

        Raises
        ------
        SelectionError
            Where the choice selects nothing, cannot be read, or leaves out steps between.
        NotKeptError
            Where the recording does not hold a chosen step.
        """
        every = self.run.steps
        if self.summed and isinstance(choice, Sequence) and tuple(choice) == every:
            return every
        steps = heat_maps(self.run, layers="all", steps=choice).steps
        between = tuple(step for step in every if steps[0] < step < steps[-1] and step not in steps)
        if between:
            raise SelectionError(
                f"Steps {in_words(steps)} are single steps, and {in_words(between)} between them "
                f"would be left out; the explorer shows the mean of one range. "
                f"slice({steps[0]}, {steps[-1] + 1}) is steps {steps[0]} to {steps[-1]}; single "
                f"steps are averaged by heat_maps(run, steps={list(steps)})."
            )
        return steps

    def steps_within(self, ends: Any) -> tuple[int, ...]:
        """The steps kept in a half-open range of steps of the loop, as the page names it.

        Raises
        ------
        SelectionError
            Where it is no range of the loop.
        NotKeptError
            Where no step of it was kept.
        """
        total = self.run.facts.num_steps
        whole = isinstance(ends, tuple | list) and [type(end) for end in ends] == [int, int]
        if not whole or not 0 <= ends[0] < ends[1] <= total:
            raise SelectionError(
                f"{ends!r} is no half-open range of the loop's steps: 0 <= first < last <= {total}."
            )
        if self.summed:
            return self.run.steps
        steps = tuple(step for step in self.run.steps if ends[0] <= step < ends[1])
        if not steps:
            raise NotKeptError(
                f"None of the steps {ends[0]} to {ends[1] - 1} was kept; this recording holds the "
                f"steps {in_words(self.run.steps)} of {total}."
            )
        return steps

    def places_of(self, steps: Sequence[int]) -> tuple[int, int]:
        """Where steps of the loop lie among the steps kept: a half-open range of places."""
        if self.summed:
            return 0, 1
        return self.run.steps.index(steps[0]), self.run.steps.index(steps[-1]) + 1

    def selection(self, selected: Selected) -> dict[str, Any]:
        """Write a selection as the arguments of `heat_maps`; its word is not among them."""
        layers = self.layers_of(selected)
        named = selected.layer < 0 and selected.choice in ("paper", "all")
        whole = len(layers) == len(self.choices[selected.choice])
        steps = None if self.summed else self.run.steps[slice(*selected.steps)]
        return {
            "layers": selected.choice if named and whole else [layer.name for layer in layers],
            "steps": steps,
            "heads": None if selected.head < 0 else selected.head,
            **({"negative": True} if self.negative else {}),
        }

    def layers_of(self, selected: Selected) -> tuple[Layer, ...]:
        """Layers of a selection that have its head."""
        numbers = (selected.layer,) if selected.layer >= 0 else self.choices[selected.choice]
        return tuple(self.layers[n] for n in numbers if selected.head < self.layers[n].heads)

    def maps(self, selected: Selected) -> HeatMaps:
        """Heat maps of a selection; layers without its head are left out, as in ``"skip"``."""
        return heat_maps(self.run, **self.selection(selected))

    def word_map(self, selected: Selected) -> WordHeatMap:
        """Exact map of a selection: what `heat_maps(...).word(...)` gives."""
        return self.map_of(self.maps(selected), selected.word)

    def map_of(self, maps: HeatMaps, word: int) -> WordHeatMap:
        """Map of an entry among given heat maps."""
        entry = self.entries[word]
        if entry.span is not None and (entry.kind == "word" or len(entry.tokens) > 1):
            return maps.word(Word(entry.text, *entry.span))
        return replace(maps.token(entry.tokens[0]), label=entry.text)

    def check(self, selected: Selected) -> None:
        """Raise a `SelectionError` unless the parts of a selection go together."""
        if selected.choice not in self.choices:
            raise SelectionError(
                f"There is no choice of layers {selected.choice!r}. There are "
                f"{', '.join(map(repr, self.choices))}."
            )
        if not -1 <= selected.layer < len(self.layers):
            raise SelectionError(
                f"There is no layer {selected.layer}: this recording has {len(self.layers)}, 0 to "
                f"{len(self.layers) - 1}; -1 stands for all of the choice."
            )
        if selected.head < -1 or not self.layers_of(selected):
            raise SelectionError(self._no_head(selected))
        lo, hi = selected.steps
        if not 0 <= lo < hi <= self.step_count:
            kept = (
                "only a sum over the steps was kept: (0, 1)"
                if self.summed
                else f"0 <= first < last <= {self.step_count}"
            )
            raise SelectionError(
                f"Steps {list(selected.steps)} are no half-open range of the steps kept: {kept}."
            )

    def _no_head(self, selected: Selected) -> str:
        if selected.layer >= 0:
            layer = self.layers[selected.layer]
            return (
                f"Layer {selected.layer} ({layer.name}) has no head {selected.head}: it has "
                f"{layer.heads}, 0 to {layer.heads - 1}; -1 stands for all. Where layer and head "
                f"change together, set them at once: choose(layer=..., head=...)."
            )
        most = max(self.layers[n].heads for n in self.choices[selected.choice])
        return (
            f"No layer of {selected.choice!r} has a head {selected.head}: they have at most "
            f"{most}, 0 to {most - 1}; -1 stands for all."
        )


def subject_of(
    run: object,
    *,
    layers: LayerChoice = "paper",
    recommended: LayerChoice | None = None,
    negative: bool = False,
) -> tuple[Subject, str]:
    """Read a recording and the choices of layers that are offered.

    Returns
    -------
    Subject
    str
        Name of the choice to begin with.

    Raises
    ------
    SelectionError
        Where `run` is no recording, or a choice selects nothing.
    NotKeptError
        Where the negative prompt's attention was not recorded.
    """
    if not isinstance(run, Recording):
        raise SelectionError(
            f"explore() takes a Recording, not {type(run).__name__}: what generate() or load() "
            f"gives, or tracer.recording."
        )
    if negative:
        heat_maps(run, layers="all", negative=True)  # says what is missing
    every = tuple(range(len(run.layers)))
    choices: dict[str, tuple[int, ...]] = {}
    if any(layer.stage in ("down", "up") for layer in run.layers):
        choices["paper"] = _numbers(run, "paper")
    choices["all"] = every
    if recommended is not None:
        choices["recommended"] = _numbers(run, recommended)
    first = layers if isinstance(layers, str) else "given"
    if first == "paper" and first not in choices:
        first = "all"  # facts["left_out"] says so
    elif first not in choices:
        first, choices["given"] = "given", _numbers(run, layers)
    return Subject(run, choices, negative), first


def short_labels(layers: Iterable[Layer]) -> tuple[str, ...]:
    """Name layers shortly and each differently: ``down 1 · 0.3``, ``double 5``.

    Those of equal labels by their dotted names.
    """
    layers = tuple(layers)
    labels = [layer.label for layer in layers]
    return tuple(
        label if labels.count(label) == 1 else layer.name
        for label, layer in zip(labels, layers, strict=True)
    )


def _numbers(run: Recording, choice: LayerChoice) -> tuple[int, ...]:
    chosen = {layer.name for layer in select_layers(run.layers, choice)}
    return tuple(n for n, layer in enumerate(run.layers) if layer.name in chosen)


def _within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Make a size smaller, its proportions kept, until its longer side is at most `longest`."""
    factor = max(1.0, max(size) / longest)
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))
