"""Masks of an object: word maps at a threshold, segmenters and baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from daam_nb.errors import StudyError
from daam_nb.maps import HeatMaps, WordHeatMap, average
from daam_nb.masks import read_mask
from daam_nb.recording import Recording
from daam_nb.studies.corpus.generation import Run
from daam_nb.studies.oracles.protocols import Mask, Segmenter, Target

BASELINES = ("whole image", "random word", "shuffled map", "blob in the middle")

Marked = tuple[str, float | None, Mask | None]
"""Method, threshold (None: a ready mask), and the pixels it marked."""


def map_of(target: Target, maps: HeatMaps) -> WordHeatMap:
    """The map of the object's word; the mean if the prompt names it several times."""
    each = [maps.word(word) for word in target.words]
    return each[0] if len(each) == 1 else average(each)


def by_maps(
    target: Target, maps: Mapping[str, HeatMaps], thresholds: Sequence[float]
) -> list[Marked]:
    """Masks by the maps of the object's word, for each choice of layers and each threshold."""
    marked: list[Marked] = []
    for name, every in maps.items():
        marked += _cut(name, map_of(target, every), target, thresholds)
    return marked


def segmented(
    targets: Sequence[Target], run: Recording, segmenters: Sequence[Segmenter]
) -> dict[str, Mapping[str, Mask | None]]:
    """Masks by each supervised method: its name -> noun -> mask."""
    nouns = list(dict.fromkeys(target.noun for target in targets if target.mask is not None))
    if not nouns or not segmenters:
        return {}
    if run.image is None:
        raise StudyError(f"The recording of {run.prompt.text!r} holds no image to segment.")
    return {segmenter.name: segmenter.masks(run.image, nouns) for segmenter in segmenters}


def by_segmenters(target: Target, found: Mapping[str, Mapping[str, Mask | None]]) -> list[Marked]:
    """Masks by supervised methods; empty if a method has no label for the object."""
    assert target.mask is not None
    marked: list[Marked] = []
    for name, masks in found.items():
        mask = masks.get(target.noun)
        if mask is None:
            mask = np.zeros_like(target.mask)
        read = read_mask(mask, what=f"The mask of {target.noun!r} by {name!r}").numpy()
        if read.shape != target.mask.shape:
            raise StudyError(
                f"{name!r} returned a mask of {read.shape} for {target.noun!r}, but the true one "
                f"has the shape {target.mask.shape}, (height, width). A segmenter's masks must "
                "have the image's size."
            )
        marked.append((name, None, read))
    return marked


def _cut(
    name: str, word_map: WordHeatMap, target: Target, thresholds: Sequence[float]
) -> list[Marked]:
    """Resize the map to the image's pixels (eq. 6) and threshold it (eq. 7)."""
    assert target.mask is not None
    height, width = target.mask.shape
    resized = word_map.resize((height, width))
    return [(name, share, resized.mask(share).numpy()) for share in thresholds]


class Baselines:
    """The baselines. Each draws from a generator for its run and object."""

    def __init__(self, names: tuple[str, ...], seed: int) -> None:
        self.names = names
        self.seed = seed

    def marked(
        self,
        run: Run,
        target: Target,
        maps: Mapping[str, HeatMaps],
        thresholds: Sequence[float],
    ) -> list[Marked]:
        """The masks of each baseline."""
        assert target.mask is not None
        first = next(iter(maps.values()))
        text = f"{self.seed} {run.key} {target.noun}"
        rng = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
        marked: list[Marked] = []
        for name in self.names:
            if name == "whole image":
                marked.append((name, None, np.ones_like(target.mask)))
                continue
            means_map = {
                "random word": self._other_word,
                "shuffled map": self._shuffled,
                "blob in the middle": self._blob,
            }[name](target, first, rng)
            if means_map is not None:
                marked += _cut(name, means_map, target, thresholds)
        return marked

    @staticmethod
    def _other_word(target: Target, maps: HeatMaps, rng: np.random.Generator) -> WordHeatMap | None:
        own = {word.span for word in target.words}
        others = [word_map for word_map in maps.words if word_map.span not in own]
        return others[int(rng.integers(len(others)))] if others else None

    @staticmethod
    def _shuffled(target: Target, maps: HeatMaps, rng: np.random.Generator) -> WordHeatMap:
        values = map_of(target, maps).values
        order = torch.from_numpy(rng.permutation(values.numel()))
        return WordHeatMap(values.flatten()[order].reshape(values.shape), label="shuffled")

    @staticmethod
    def _blob(target: Target, maps: HeatMaps, rng: np.random.Generator) -> WordHeatMap:
        """A Gaussian whose deviation is a quarter of each side, independent of the image."""
        height, width = maps.size
        ys = (torch.arange(height) + 0.5) / height - 0.5
        xs = (torch.arange(width) + 0.5) / width - 0.5
        squared = ys[:, None] ** 2 + xs[None, :] ** 2
        return WordHeatMap(torch.exp(-squared / (2 * 0.25**2)), label="blob")
