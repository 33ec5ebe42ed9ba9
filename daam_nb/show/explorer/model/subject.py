"""What is explored: a recording, whose words, layers and steps can be chosen."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.head_tables import HeadTable, head_table
from daam_nb.kinds import kind_of
from daam_nb.maps.captions import layers_in_words
from daam_nb.maps.heatmap import heat_maps
from daam_nb.maps.methods import MapKind, map_kind
from daam_nb.maps.methods.attention import ATTENTION
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer, LayerChoice, Recording, select_layers
from daam_nb.show.explorer.model.entries import Entry, clean
from daam_nb.show.explorer.model.measures import Measure, measures_of
from daam_nb.show.explorer.model.views import View, view_of
from daam_nb.show.explorer.model.views.view import NETWORK

LONGEST_SIDE = 64  # of what is sent for every step; finer maps come when the hand rests
STACK_BYTES = 2**20  # of one word's steps
TILES_BYTES = 400_000  # of all heads of all layers; larger ones come where one looks closer
TILE_SIDES = (64, 48, 32, 24, 16, 12, 8, 6, 4, 2, 1)


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
    kind
        What the maps show.
    table
        What is known of the model's heads beside this recording.
    name
        What pages call it: of two subjects that are open, each has another, whatever they hold.
    """

    run: Recording
    choices: Mapping[str, tuple[int, ...]]
    negative: bool = False
    kind: MapKind = ATTENTION
    table: HeadTable | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(6))
    _asked_for: list[Entry] = field(default_factory=list, init=False)

    @property
    def prompt(self) -> Prompt:
        """The prompt whose words are shown."""
        prompt = self.run.negative_prompt if self.negative else self.run.prompt
        assert prompt is not None  # checked by `subject_of`
        return prompt

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers of the recording, in the order of the network, with the heads shown."""
        return self.view.layers

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The layers named shortly and each differently, for people."""
        return tuple(clean(label) for label in short_labels(self.layers))

    @cached_property
    def choice_notes(self) -> dict[str, str]:
        """Each choice of layers in words, for people."""
        return {
            choice: clean(layers_in_words(tuple(self.layers[n] for n in numbers), self.layers))
            if self.kind.of_layers
            else NETWORK
            for choice, numbers in self.choices.items()
        }

    @cached_property
    def view(self) -> View:
        """The maps of the recording, of the kind that is shown."""
        return view_of(self.run, self.kind, self.negative)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the entries are called in a page."""
        return tuple(clean(entry.text) for entry in self.entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What can be chosen in the prompt: words, what is shown on demand, what was asked for."""
        return (*self.view.entries, *self._asked_for)

    def entry_of(self, span: tuple[int, int]) -> int | None:
        """Number of what stands at some characters of the prompt.

        A phrase, or a part of a word, becomes an entry when it is asked for first: behind the
        others, so that numbers stay. None where there is no map of it.

        Raises
        ------
        DaamError
            As `Prompt.token_indices`, for characters that have no map by their nature.
        """
        numbers = [n for n, entry in enumerate(self.entries) if entry.span == span]
        if not numbers:
            asked_for = self.view.entry_at(span)
            if asked_for is None:
                return None
            self._asked_for.append(asked_for)
            return len(self.entries) - 1
        return numbers[0]

    @property
    def summed(self) -> bool:
        """Whether only a sum over the steps was kept, so that there is nothing to scrub."""
        return self.run.kept == "sum"

    @property
    def step_count(self) -> int:
        """Steps that can be told apart."""
        return 1 if self.summed else len(self.run.steps)

    @property
    def max_heads(self) -> int:
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
        """(height, width) of each layer's tiles, one for each head."""
        return tile_sizes(self.layers, [layer.heads for layer in self.layers])

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """What the heads can be colored and sorted by."""
        return measures_of(
            self.run,
            kind=self.kind.name,
            unit=clean(self.view.unit),
            of_heads=self.kind.of_heads,
            negative=self.negative,
            table=self.table,
        )


def tile_sizes(layers: Sequence[Layer], counts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(height, width) of each layer's tiles: its own, or a longest side at which all fit.

    All take at most 400 kB; `counts` says how many tiles a layer has.
    """
    own = max(max(layer.size) for layer in layers)
    for longest in (own, *(side for side in TILE_SIDES if side < own)):
        sizes = tuple(within(layer.size, longest) for layer in layers)
        cells = zip(counts, sizes, strict=True)
        if sum(count * size[0] * size[1] for count, size in cells) <= TILES_BYTES:
            break
    return sizes


def subject_of(
    run: object,
    *,
    layers: LayerChoice = "paper",
    recommended: LayerChoice | None = None,
    negative: bool = False,
    kind: str = "attention",
    table: HeadTable | str | os.PathLike[str] | bool | None = None,
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
        Where `run` is no recording, a choice selects nothing, or there is no such kind of map, or
        none that can be explored.
    NotKeptError
        Where the recording does not hold what the kind needs, or not of the negative prompt.
    """
    if not isinstance(run, Recording):
        raise SelectionError(
            f"explore() takes a Recording, not {type(run).__name__}: what generate() or load() "
            f"gives, or tracer.recording."
        )
    of_kind = map_kind(kind)
    maps = heat_maps(run, kind=kind, layers="all", negative=negative)  # says what is missing
    if maps.prompt != (run.negative_prompt if negative else run.prompt):
        raise SelectionError(
            f"Maps of the kind {of_kind.name!r} are of words of {maps.prompt.text!r:.200}, and the "
            "explorer shows those of the prompt. Draw them: words_row(heat_maps(run, "
            f"kind={of_kind.name!r}))."
        )
    if not of_kind.of_layers:
        heat_maps(run, kind=kind, layers=layers, negative=negative)  # refuses a choice of them
        subject = Subject(run, {"all": (0,)}, negative, of_kind, None)
        subject.view.check()
        return subject, "all"
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
    subject = Subject(run, choices, negative, of_kind, _table(run, table))
    subject.view.check()
    return subject, first


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


def _table(run: Recording, table: object) -> HeadTable | None:
    """The table of the model's heads: that given, None: the one that is known of it, if any."""
    if isinstance(table, str | os.PathLike):
        return HeadTable.read(table)
    if table is None or table is True:
        try:
            return head_table(run)
        except SelectionError:
            if table:
                raise
            return None
    if table is not False and not isinstance(table, HeadTable):
        raise WrongKindError(
            f"head_table= is a HeadTable, the path of its file, or False, not {kind_of(table)}."
        )
    return table or None


def _numbers(run: Recording, choice: LayerChoice) -> tuple[int, ...]:
    chosen = {layer.name for layer in select_layers(run.layers, choice)}
    return tuple(n for n, layer in enumerate(run.layers) if layer.name in chosen)


def within(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Make a size smaller, its proportions kept, until its longer side is at most `longest`."""
    factor = max(1.0, max(size) / longest)
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))
