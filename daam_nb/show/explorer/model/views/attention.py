"""Attention as the explorer asks for it: from the recorded arrays, at the speed of the hand."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from daam_nb.maps.bicubic import bicubic_matrix, upsample
from daam_nb.maps.stepsums import Source, add_steps, sums_fit
from daam_nb.show.explorer.model.entries import Entry
from daam_nb.show.explorer.model.views.heads import LayersAndHeads
from daam_nb.show.explorer.model.views.view import Places, View

CHUNK = 2**19  # numbers at once, so that they stay in the processor's cache


class AttentionView(View):
    """The attention of one pass of a recording."""

    local: ClassVar[bool] = True

    @cached_property
    def source(self) -> Source:
        """The arrays."""
        return Source(self.run, self.negative)

    def step_maps(self, entry: Entry, chosen: LayersAndHeads, size: tuple[int, int]) -> Tensor:
        """The map at every step alone, (step, y, x), of a size.

        Each (layer, head) of a step is brought to that size by bicubic interpolation and clamped at
        0; then all are averaged, and the word's tokens.
        """
        return self.token_step_maps(entry.tokens, chosen, size)

    def token_step_maps(
        self, tokens: Sequence[int], chosen: LayersAndHeads, size: tuple[int, int]
    ) -> Tensor:
        """As `step_maps`, the mean over some key positions."""
        height, width = size
        maps_of_steps = torch.zeros(self.step_count, height * width)
        pairs = 0
        for layer, heads in chosen.indexed:
            for column in tokens:
                maps = self.source.token_maps(layer, column)[:, heads]  # (step, head, y*x)
                maps_of_steps += raised_and_added(maps, layer.size, size)
            pairs += maps.shape[1]
        # A sum over steps becomes their mean, as `heat_maps` has it.
        maps_of_steps /= pairs * len(tokens) * (len(self.run.steps) if self.summed else 1)
        return maps_of_steps.view(-1, height, width)

    def head_maps(self, entry: Entry, places: Places) -> Mapping[str, Tensor]:
        """Per layer (head, y, x): mean over steps and the word's tokens, not interpolated."""
        return self.token_head_maps(entry.tokens, places)

    def token_head_maps(self, tokens: Sequence[int], places: Places) -> dict[str, Tensor]:
        """As `head_maps`, the mean over some key positions."""
        source = self.source
        pairs = tuple((layer, head) for layer in self.layers for head in range(layer.heads))
        rows = source.rows(pairs)
        count = len(self.run.steps)
        spans = ((0, count),) if self.summed else (places,)
        divisor = count if self.summed else places[1] - places[0]
        keep_sums = sums_fit(source, len(tokens))
        of_layers: dict[str, Tensor] = {}
        for column in tokens:
            parts, unit = add_steps(source, column, rows=rows, spans=spans, keep_sums=keep_sums)
            for group, maps in parts:
                scaled = maps * (unit / divisor / len(tokens))
                heads = [layer.heads for layer in group.layers]
                for layer, own in zip(group.layers, torch.split(scaled, heads), strict=True):
                    before = of_layers.get(layer.name)
                    of_layers[layer.name] = own if before is None else before + own
        return {
            layer.name: of_layers[layer.name].view(layer.heads, *layer.size)
            for layer in self.layers
        }

    def values_at(
        self,
        entries: Sequence[Entry],
        chosen: LayersAndHeads,
        places: Places,
        cell: tuple[int, int],
    ) -> list[float]:
        """The values of the exact maps of some entries at one cell of the grid.

        Bicubic interpolation reaches at most four cells of a layer along each axis, and a clamped
        mean over steps needs no more of it.
        """
        tokens = sorted({token for entry in entries for token in entry.tokens})
        columns = [self.source.columns.index(token) for token in tokens]
        steps = slice(None) if self.summed else slice(*places)
        divisor = len(self.run.steps) if self.summed else places[1] - places[0]
        total, pairs = torch.zeros(len(tokens), dtype=torch.float64), 0
        for layer, heads in chosen.indexed:
            ys, down = _reach(layer.size[0], self.grid[0], cell[0])
            xs, across = _reach(layer.size[1], self.grid[1], cell[1])
            patch = self.source.attention[layer.name][steps, heads, :, ys, xs][:, :, columns]
            mean = patch.double().sum(0) / divisor  # (head, token, y, x)
            total += torch.einsum("htyx,y,x->ht", mean, down, across).clamp(min=0).sum(0)
            pairs += mean.shape[0]
        value_of = dict(zip(tokens, (total / pairs).tolist(), strict=True))
        return [
            sum(value_of[token] for token in entry.tokens) / len(entry.tokens) for entry in entries
        ]

    def in_region(
        self, entry: Entry, chosen: LayersAndHeads, places: Places, region: Tensor
    ) -> tuple[list[float], list[float]]:
        """The mean in a region at each step, and of each layer, without interpolation.

        The layers' own cells count by how much of each lies inside; mean over the heads.
        """
        divisor = len(self.run.steps) if self.summed else 1
        steps = torch.zeros(self.step_count, dtype=torch.float64)
        of_layers: list[float] = []
        pairs = 0
        for layer, heads in chosen.indexed:
            weights = torch.from_numpy(area_weights(region.float(), layer.size)).flatten()
            weights = weights / weights.sum()
            values = torch.zeros(self.step_count, layer.heads)
            for column in entry.tokens:
                values += self.source.token_maps(layer, column).float() @ weights  # (step, head)
            mean = values.double()[:, heads] / (divisor * len(entry.tokens))
            steps += mean.sum(1)
            pairs += mean.shape[1]
            of_layers.append(float(mean[slice(*places)].mean()))
        return (steps / pairs).tolist(), of_layers

    def stamp(self, *, most: int) -> Hashable:
        """What tells whether the attention is still the same."""
        return self.source.stamp(most=most)

    def sums_fit(self, number_of_tokens: int) -> bool:
        """Whether the running sums of that many tokens fit into the cache."""
        return sums_fit(self.source, number_of_tokens)


def area_weights(weights: Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    """Bring (y, x) weights to another grid by the mean over the area of each cell."""
    pooled = functional.adaptive_avg_pool2d(weights[None, None].float(), size)[0, 0]
    return np.asarray(pooled.numpy())


def raised_and_added(maps: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Bring (step, head, y*x) to the grid, clamp, add the heads: (step, grid y * grid x)."""
    steps, heads, _ = maps.shape
    at_once = max(1, CHUNK // (heads * grid[0] * grid[1]))
    added = []
    for start in range(0, steps, at_once):
        part = maps[start : start + at_once].float()
        raised = upsample(part.flatten(0, 1), size, grid).view(len(part), heads, -1)
        added.append(raised.clamp(min=0).sum(1))
    return torch.cat(added)


def _reach(source: int, target: int, at: int) -> tuple[slice, Tensor]:
    """Cells along one axis that a cell of the grid is made of, and their weights."""
    if source == target:
        return slice(at, at + 1), torch.ones(1, dtype=torch.float64)
    weights = bicubic_matrix(source, target)[at].double()
    reached = weights.nonzero().flatten()
    cells = slice(int(reached[0]), int(reached[-1]) + 1)
    return cells, weights[cells]
