"""A word in every head of every layer, or at every step: the grid of small maps.

Each is at its layer's own resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from daam_nb.show.explorer.model.selection import Selected, compact, heads_everywhere
from daam_nb.show.explorer.model.stacks import LEVELS, quantized
from daam_nb.show.explorer.model.subject import Subject, tile_sizes, within
from daam_nb.show.explorer.model.views.attention import area_weights


@dataclass(frozen=True)
class Tiles:
    """The maps of a word in all heads, and numbers to sort them by.

    Attributes
    ----------
    key
        JSON of [word, first step, last step].
    maps
        Per layer (head, y, x), float32, >= 0, in the unit of the maps, at the layer's own size.
        Of attention the mean over the steps and the word's tokens, not interpolated.
    shown
        Per layer (height, width) of what is sent: `Subject.tile_sizes`.
    mean
        Per layer and head: the mean over the cells.
    entropy
        Per layer and head: Shannon entropy as a share of its largest value log2(y * x), so that
        layers of different sizes compare: 0 all in one cell, 1 the same everywhere.
    peak
        Per layer and head: the largest value.
    """

    key: str
    maps: tuple[NDArray[np.float32], ...]
    shown: tuple[tuple[int, int], ...]
    mean: tuple[tuple[float, ...], ...]
    entropy: tuple[tuple[float, ...], ...]
    peak: tuple[tuple[float, ...], ...]

    def packed(self) -> tuple[bytes, dict[str, object]]:
        """Write all tiles one after the other in 8 bits: layer by layer (head, y, x).

        Returns
        -------
        bytes
            uint8.
        dict
            key; per layer: tile (height, width), offset of the first byte; scales per layer and
            head: the value of level 255; mean, entropy and peak.
        """
        parts, offsets, scales, at = [], [], [], 0
        for maps, size in zip(self.maps, self.shown, strict=True):
            levels, of_heads = quantized(_area_mean(maps, size))
            parts.append(levels.tobytes())
            offsets.append(at)
            scales.append([_digits(scale * LEVELS) for scale in of_heads])
            at += levels.size
        meta: dict[str, object] = {
            "key": self.key,
            "tile": [list(size) for size in self.shown],
            "offsets": offsets,
            "scales": scales,
        }
        for name, values in (("mean", self.mean), ("entropy", self.entropy), ("peak", self.peak)):
            meta[name] = [[_digits(one) for one in layer] for layer in values]
        return b"".join(parts), meta

    def packed_layer(self, layer: int, longest: int) -> tuple[bytes, dict[str, object]]:
        """Write the tiles of one layer, larger than among all: at most `longest` on a side.

        Returns
        -------
        bytes
            uint8, (head, y, x).
        dict
            key, layer; tile (height, width); scales per head.
        """
        maps = self.maps[layer]
        levels, scales = quantized(_area_mean(maps, within(maps.shape[1:], longest)))
        return levels.tobytes(), {
            "key": self.key,
            "layer": layer,
            "tile": list(levels.shape[1:]),
            "scales": [_digits(scale * LEVELS) for scale in scales],
        }


@dataclass(frozen=True)
class StepTiles(Tiles):
    """The maps of a word in layers at every step: in place of a layer's heads stand the steps.

    Attributes
    ----------
    key
        JSON of [word, heads]: `Selected.in_every_layer`.
    maps
        Per layer (step, y, x): the map of the layer's chosen heads at every step alone.
    layers
        Numbers of the layers; where heads are chosen, those that have one.
    """

    layers: tuple[int, ...] = ()

    def packed(self) -> tuple[bytes, dict[str, object]]:
        """As that of heads, layer by layer (step, y, x); with the layers' numbers."""
        packed, meta = super().packed()
        return packed, {**meta, "layers": list(self.layers)}


def tiles_of(subject: Subject, word: int, steps: tuple[int, int]) -> Tiles:
    """Make the maps of a word in all heads of all layers, mean over a range of steps."""
    of_layers = subject.view.head_maps(subject.entries[word], steps)
    maps = tuple(np.asarray(of_layers[layer.name].numpy()) for layer in subject.layers)
    return Tiles(compact([word, *steps]), maps, subject.tile_sizes, **_numbers_of(maps))


def step_tiles_of(subject: Subject, selected: Selected) -> StepTiles:
    """Make the maps of a word in all layers at every step.

    Of a selection the word and the heads count: all heads, those of a number in every layer, or
    those chosen with their layers. Its layers' choice and steps do not.
    """
    entry = subject.entries[selected.word]
    by_layer = heads_everywhere(subject, selected).by_layer
    layers = [of_layer.layers[0] for of_layer in by_layer]
    maps = tuple(
        np.asarray(subject.view.step_maps(entry, of_layer, layer.size).numpy())
        for of_layer, layer in zip(by_layer, layers, strict=True)
    )
    return StepTiles(
        compact([selected.word, selected.in_every_layer]),
        maps,
        tile_sizes(layers, [subject.step_count] * len(layers)),
        **_numbers_of(maps),
        layers=tuple(subject.layers.index(layer) for layer in layers),
    )


class _Numbers(TypedDict):
    mean: tuple[tuple[float, ...], ...]
    entropy: tuple[tuple[float, ...], ...]
    peak: tuple[tuple[float, ...], ...]


def _numbers_of(maps: Sequence[NDArray[np.float32]]) -> _Numbers:
    """What each tile of each layer is sorted by."""
    return {
        "mean": tuple(tuple(layer.mean((1, 2), dtype=np.float64).tolist()) for layer in maps),
        "entropy": tuple(tuple(_evenness(layer)) for layer in maps),
        "peak": tuple(tuple(layer.max((1, 2)).tolist()) for layer in maps),
    }


def overlaps(tiles: Tiles, mask: Tensor) -> list[list[float]]:
    """How much of each tile lies inside a mask.

    Parameters
    ----------
    tiles
        The maps of a word in all heads.
    mask
        (y, x), bool, on the latent grid; brought to each layer's grid by the mean over areas.

    Returns
    -------
    list
        Per layer and head, 0 to 1: `intersection_over_area` of the tile and the mask. Attention
        that is the same everywhere has the mask's share of the image; 0 where a tile is 0.
    """
    shares_inside = []
    for maps in tiles.maps:
        inside = area_weights(mask.float(), (maps.shape[1], maps.shape[2]))
        part, whole = (maps * inside).sum((1, 2)), maps.sum((1, 2))
        share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        shares_inside.append([_digits(one) for one in share])
    return shares_inside


def _evenness(maps: NDArray[np.float32]) -> list[float]:
    cells = maps.shape[1] * maps.shape[2]
    if cells == 1:
        return [0.0] * len(maps)
    flat = torch.from_numpy(maps).double().flatten(1)
    total = flat.sum(1, keepdim=True)
    share = torch.where(total > 0, flat / total, 0.0)
    bits = -torch.xlogy(share, share).sum(1) / np.log(cells)
    return [float(one) + 0.0 for one in bits.clamp(0, 1)]


def _area_mean(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if maps.shape[1:] == size:
        return maps
    return np.asarray(functional.adaptive_avg_pool2d(torch.from_numpy(maps), size).numpy())


def _digits(value: float) -> float:
    """Six digits: hundreds of heads have many numbers, and they travel as text."""
    return float(f"{value:.6g}")
