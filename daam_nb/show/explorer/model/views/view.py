"""Any kind of map as the explorer asks for it, from what every kind has: the map of a word."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from daam_nb.errors import DaamError, SelectionError
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.methods import MapKind
from daam_nb.maps.methods.effect import EffectSource
from daam_nb.maps.stepsums import Source
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Prompt
from daam_nb.recording import Layer, Recording
from daam_nb.show.explorer.model.entries import Entry, entries_of, entry_at
from daam_nb.show.explorer.model.views.heads import LayersAndHeads

Places = tuple[int, int]  # a half-open range of places among the steps kept
NETWORK = "the whole network"


@dataclass(frozen=True, eq=False)
class View:
    """The maps of one kind of a recording.

    Everything is made of `heat_maps(run, kind=...)` under other choices: a step is a choice of one
    step, a tile of one layer and one head. What is quicker to have in another way, a subclass does.

    Attributes
    ----------
    run, negative
        The recording, and whether the negative prompt's words are meant.
    kind
        What the maps show.
    """

    run: Recording
    kind: MapKind
    negative: bool = False

    local: ClassVar[bool] = False
    """Whether `values_at` works out single cells, not whole maps."""

    # --- what there is ----------------------------------------------------------------------------

    @property
    def prompt(self) -> Prompt:
        """The prompt whose words are meant."""
        prompt = self.run.negative_prompt if self.negative else self.run.prompt
        assert prompt is not None  # checked by `subject_of`
        return prompt

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers of the recording; with one head each where a kind tells none apart.

        Where it tells no layers apart, the whole network stands in the place of one.
        """
        if self.kind.of_heads:
            return tuple(self.run.layers)
        if not self.kind.of_layers:
            return (Layer("network", "network", self.grid, 1, label=NETWORK),)
        return tuple(replace(layer, heads=1) for layer in self.run.layers)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """What can be chosen in the prompt; `Entry.kept` where there is a map of it."""
        columns = self._whole.columns
        return entries_of(self.prompt, columns, has=self._has, phrases=self.phrases)

    def entry_at(self, span: tuple[int, int]) -> Entry | None:
        """What stands at some characters, a phrase or a part of a word; None without a map."""
        entry = entry_at(self.prompt, self.entries, span)
        return entry if self._has(entry.tokens, span) else None

    @property
    def phrases(self) -> tuple[tuple[int, ...], ...]:
        """Key positions of what has a map and is no word of the prompt."""
        return ()

    @property
    def columns(self) -> tuple[int, ...]:
        """The key positions that have a map, or stand in a word that has one."""
        if self.kind.of_tokens:
            return self._whole.columns
        kept = [entry for entry in self.entries if entry.kept]
        return tuple(sorted({token for entry in kept for token in entry.tokens}))

    @property
    def summed(self) -> bool:
        """Whether only a sum over the steps was kept."""
        return self.run.kept == "sum"

    @property
    def step_count(self) -> int:
        """Steps that can be told apart."""
        return 1 if self.summed else len(self.run.steps)

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of the maps: the latent's."""
        return self.run.facts.latent_size

    @property
    def unit(self) -> str:
        """What the values are, over all layers."""
        return self._whole.unit

    # --- exact maps -------------------------------------------------------------------------------

    def arguments(
        self, chosen: LayersAndHeads, places: Places, *, named: str | None = None
    ) -> dict[str, Any]:
        """Write a choice as `heat_maps` takes it; `named` is what the layers are called, if so."""
        names = [layer.name for layer in chosen.layers]
        return {
            "layers": (named or names) if self.kind.of_layers else "all",
            "steps": None if self.summed else self.run.steps[slice(*places)],
            "heads": chosen.argument if self.kind.of_heads else None,
            **({"negative": True} if self.negative else {}),
            **({"kind": self.kind.name} if self.kind.name != "attention" else {}),
        }

    def map_of(self, maps: HeatMaps, entry: Entry) -> WordHeatMap:
        """The map of an entry among heat maps: what `HeatMaps.word` gives for a word."""
        if self.kind.of_tokens:
            word_map = maps.token(entry.tokens if len(entry.tokens) > 1 else entry.tokens[0])
        else:
            assert entry.span is not None  # `_has` says so
            word_map = maps.word(entry.span)
        # Not dataclasses.replace, of which a map is derived: its values are as they were recorded.
        return word_map._with(label=entry.text, span=entry.span)

    def word_map(self, entry: Entry, chosen: LayersAndHeads, places: Places) -> Tensor:
        """The map of an entry under a choice: (grid y, grid x), float32."""
        maps = heat_maps(self.run, **self.arguments(chosen, places))
        return self.map_of(maps, entry).values

    # --- by step, by head, at a place -------------------------------------------------------------

    def step_maps(self, entry: Entry, chosen: LayersAndHeads, size: tuple[int, int]) -> Tensor:
        """The map at every step alone, (step, y, x), of a size; means over areas where smaller."""
        of_steps = [
            self.word_map(entry, chosen, (place, place + 1)) for place in range(self.step_count)
        ]
        return reduced(torch.stack(of_steps), size)

    def head_maps(self, entry: Entry, places: Places) -> Mapping[str, Tensor]:
        """The map in every head alone: layer name -> (head, y, x) of the layer's size."""
        return {
            layer.name: reduced(
                torch.stack(
                    [
                        self.word_map(entry, LayersAndHeads((layer,), ((head,),)), places)
                        for head in range(layer.heads)
                    ]
                ),
                layer.size,
            )
            for layer in self.layers
        }

    def values_at(
        self,
        entries: Sequence[Entry],
        chosen: LayersAndHeads,
        places: Places,
        cell: tuple[int, int],
    ) -> list[float]:
        """The values of the exact maps of some entries at one cell of the grid."""
        return [float(self.word_map(entry, chosen, places)[cell]) for entry in entries]

    def in_region(
        self, entry: Entry, chosen: LayersAndHeads, places: Places, region: Tensor
    ) -> tuple[list[float], list[float]]:
        """The mean in a region, (y, x) of bool on the grid: at each step, and of each layer.

        Means of the exact maps of one step and all layers, and of all steps and one layer.
        """
        of_steps = self.step_maps(entry, chosen, self.grid)
        of_layers = [self.word_map(entry, of_layer, places) for of_layer in chosen.by_layer]
        return (
            [float(values[region].double().mean()) for values in of_steps],
            [float(values[region].double().mean()) for values in of_layers],
        )

    # --- keeping ----------------------------------------------------------------------------------

    def stamp(self, *, most: int) -> Hashable:
        """What tells whether what the maps are made of is still the same: see `Source.stamp`."""
        sources = [Source(self.run, self.negative)]
        if (self.run.negative_effects if self.negative else self.run.effects) is not None:
            sources += [
                EffectSource(self.run, self.negative, apart=apart) for apart in (False, True)
            ]
        return tuple(source.stamp(most=most) for source in sources)

    def sums_fit(self, number_of_tokens: int) -> bool:
        """Whether it pays to prepare other words while nothing else is to be done."""
        return False

    def release(self) -> None:
        """Let go of what was kept."""

    def check(self) -> None:
        """Raise a `SelectionError` where the maps cannot be had by step, layer and head."""
        if type(self) is not View:
            return  # a view that was written for its kind
        entry = next((entry for entry in self.entries if entry.kept), None)
        if entry is None:
            return  # which is said by whoever looks for a word
        layer = self.layers[0]
        try:
            self.word_map(entry, LayersAndHeads((layer,), ((0,),)), (0, 1))
        except Exception as error:
            raise SelectionError(
                f"Maps of the kind {self.kind.name!r} cannot be explored. The explorer asks a kind "
                "for the maps of one step, one layer and one head, and its word_map() answers "
                f"{type(error).__name__}: {error} A kind whose heads cannot be told apart says so "
                "by of_heads = False; heat_maps(run, kind=...) needs neither."
            ) from error

    @cached_property
    def _whole(self) -> HeatMaps:
        """All layers, steps and heads: what the recording holds of this kind."""
        every_layer = LayersAndHeads(self.layers)
        return heat_maps(self.run, **{**self.arguments(every_layer, (0, 1)), "steps": None})

    def _has(self, tokens: tuple[int, ...], span: tuple[int, int] | None) -> bool:
        """Whether there is a map of these key positions."""
        if self.kind.of_tokens:
            return bool(tokens) and set(tokens) <= set(self._whole.columns)
        if not tokens or span is None:
            return False  # maps of words alone: what is no word has none
        try:
            return self.prompt.token_indices(span) == tokens and span in self._whole
        except DaamError:
            return False


def reduced(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring (map, y, x) to a size by the mean over areas."""
    return maps if maps.shape[1:] == size else functional.adaptive_avg_pool2d(maps, size)
