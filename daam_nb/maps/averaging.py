"""Many runs -> one map: maps averaged over images, by word or by (layer, head)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import check_flag, check_text, kind_of
from daam_nb.maps.heatmap import HeatMaps
from daam_nb.maps.wordmap import WordHeatMap, of_recording, read_size

_NAMED = 3  # choices that the mean of several maps names


def average(
    maps: Iterable[WordHeatMap],
    *,
    size: tuple[int, int] | None = None,
    label: str | None = None,
) -> WordHeatMap:
    """Average several maps, each with equal weight.

    Parameters
    ----------
    maps
        Maps, for example of one word in many images; all in the same unit.
    size
        (height, width) to resize each map to; needed if their grids differ.
    label
        Label of the result; by default the maps' common label, else all of their labels.

    Returns
    -------
    WordHeatMap
        (y, x), float32, >= 0, without `origin`, `span` and `tokens`, which belong to one image. Its
        `choice` states how many maps were averaged, and with which layers, steps and heads they
        were made.

    Raises
    ------
    SelectionError
        If there is no map, if the units differ, if maps of the prompt are mixed with those of the
        negative prompt, or cross-attention with joint attention, whose values are shares of
        different keys.
    ShapeError
        If the grids differ and no size is given.
    """
    mean = _Mean(size)
    for word_map in _each(maps, "average"):
        mean.add(word_map)
    return mean.result(label)


def average_words(
    many: Iterable[HeatMaps],
    *,
    size: tuple[int, int] | None = None,
    case: bool = False,
) -> dict[str, WordHeatMap]:
    """Average the maps of each word over all runs whose prompts contain it.

    Parameters
    ----------
    many
        One `HeatMaps` per run. Every occurrence of a word counts once.
    size
        As in `average`.
    case
        Whether upper and lower case differ; if not, the words are returned in lower case.

    Returns
    -------
    dict
        Word -> its mean map, in the order of first appearance.
    """
    means: dict[str, _Mean] = {}
    check_flag(case, "case")
    for maps in _each(many, "average_words"):
        if not isinstance(maps, HeatMaps):
            raise WrongKindError(
                f"average_words() takes several HeatMaps, one per run, not {kind_of(maps)}. From "
                "recordings: average_words(heat_maps(run) for run in runs)."
            )
        for word_map in maps.words:
            word = word_map.label if case else word_map.label.lower()
            means.setdefault(word, _Mean(size)).add(word_map)
    _check_any(means)
    return {word: mean.result(word) for word, mean in means.items()}


def average_heads(
    many: Iterable[Mapping[tuple[str, int], WordHeatMap]],
    *,
    size: tuple[int, int] | None = None,
) -> dict[tuple[str, int], WordHeatMap]:
    """Average the maps of each (layer name, head) over many words or runs.

    Parameters
    ----------
    many
        The result of `HeatMaps.by_head` of each run.
    size
        As in `average`.

    Returns
    -------
    dict
        (layer name, head) -> its mean map.
    """
    means: dict[tuple[str, int], _Mean] = {}
    for heads in _each(many, "average_heads"):
        if not isinstance(heads, Mapping):
            raise WrongKindError(
                f"average_heads() takes several results of HeatMaps.by_head, not {kind_of(heads)}: "
                "average_heads(heat_maps(run).by_head('dog') for run in runs)."
            )
        for pair, word_map in heads.items():
            means.setdefault(pair, _Mean(size)).add(word_map)
    _check_any(means)
    return {(name, h): mean.result(f"{name}, head {h}") for (name, h), mean in means.items()}


def _each(many: Any, name: str) -> Iterable[Any]:
    """Several of something; raises a `WrongKindError` for one alone."""
    is_single = isinstance(many, str | bytes | Mapping) or getattr(many, "ndim", None) == 0
    if is_single or not isinstance(many, Iterable):
        raise WrongKindError(f"{name}() takes a list, not a single {kind_of(many)}: {name}([...]).")
    return many


class _Mean:
    """Adds maps up one by one, holding on to none: each may keep a whole recording alive."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        self.size = None if size is None else read_size(size)
        self.total: Tensor | None = None
        self.count = 0
        self.labels: dict[str, None] = {}
        self.image_sizes: set[tuple[int, int] | None] = set()
        self.unit = ""
        self.kind = ""
        self.choices: dict[str, None] = {}
        self.derived = False

    def add(self, one: WordHeatMap) -> None:
        if not isinstance(one, WordHeatMap):
            raise SelectionError(
                f"average() takes WordHeatMaps, not {type(one).__name__}. From recordings: "
                "average(heat_maps(run).word('dog') for run in runs), or average_words(...)."
            )
        values = (one if self.size is None else one.resize(self.size)).values
        if self.total is None:
            self.unit, self.total = one.unit, torch.zeros(values.shape, dtype=torch.float64)
        kind = _kind(one)
        if kind and kind != (self.kind or kind):
            raise SelectionError(
                f"These maps are of different attention: {self.kind} and, for {one.label!r}, "
                f"{kind}. They are shares of different keys or of different texts; average them "
                "separately."
            )
        if one.unit != self.unit:
            raise SelectionError(
                f"These maps are in different units: {self.unit!r} and, for {one.label!r}, "
                f"{one.unit!r}. Make all with the same reduction and normalization."
            )
        self.kind = self.kind or kind
        if values.shape != self.total.shape:
            (height, width), (other_height, other_width) = self.total.shape, values.shape
            raise ShapeError(
                f"These maps are on different grids: {height} x {width} and, for {one.label!r}, "
                f"{other_height} x {other_width}. Give one size for all, as in size=({height}, "
                f"{width})."
            )
        self.total += values
        self.count += 1
        self.labels.setdefault(one.label)
        self.choices.setdefault(one.selection)
        self.derived |= one.derived
        self.image_sizes.add(one.image_size)

    def result(self, label: str | None) -> WordHeatMap:
        label = None if label is None else check_text(label, "label")
        if self.total is None:
            raise SelectionError("There is no map to average. Give at least one.")
        mean = WordHeatMap(
            self.total / self.count,
            label=", ".join(self.labels) if label is None else label,
            unit=self.unit,
            averaged=self._of_what(),
        )
        # Behind the birth, as of resized maps: they need not have their image's proportions.
        image_size = next(iter(self.image_sizes)) if len(self.image_sizes) == 1 else None
        mean = mean._with(image_size=image_size)
        return mean if self.derived else of_recording(mean)

    def _of_what(self) -> str:
        """How many maps, and their choices: all where they are few."""
        maps = "the map itself" if self.count == 1 else f"mean of {self.count} maps"
        choices = list(self.choices)
        if len(choices) == 1:
            return f"{maps}: {choices[0]}"
        more = f"; and {len(choices) - _NAMED} others" if len(choices) > _NAMED else ""
        return f"{maps} of {len(choices)} choices ({'; '.join(choices[:_NAMED])}{more})"


def _kind(word_map: WordHeatMap) -> str:
    """Whose attention a map is of, in words; nothing if that is not known."""
    origin = word_map.origin
    if origin is None:
        return ""
    kinds = sorted({layer.attention for layer in origin.layers})
    whose = "negative prompt" if origin.negative else "prompt"
    return f"{' and '.join(kinds)} attention to the {whose}"


def _check_any(means: Mapping[Any, _Mean]) -> None:
    if not means:
        raise SelectionError("There is no map to average. Give at least one run with words.")
