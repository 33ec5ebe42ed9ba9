"""The shipped methods: attention in four forms, effects, and baselines.

A map of another kind is one more function: it uses `heat_maps` with that kind, and states what must
be recorded for it, as `effect` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from daam_nb.maps import HeatMaps, heat_maps
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.studies.maps.choices import VARIES, Choice
from daam_nb.studies.maps.encoder import encoder
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.oracles.scores import pooled
from daam_nb.studies.redraw.control_words import FUNCTION_WORDS

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]
Maps = dict[Word, Field]


def attention(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """DAAM: the attention to the word's tokens (Tang et al. 2023, eq. 6)."""
    return _averaged(recording, words, choice, _of_words)


def share(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """The word's share of the attention to all tokens of the text, without start and end."""

    def shares(maps: HeatMaps, words: Sequence[Word]) -> list[Field]:
        return _of_words(maps.shares(), words)

    return _averaged(recording, words, choice, shares)


def above_least(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """The word's attention minus that of the word with the least, at each location."""

    def without_least(maps: HeatMaps, words: Sequence[Word]) -> list[Field]:
        least = np.min([_array(each.values) for each in maps.words], axis=0)
        return [np.maximum(values - least, 0) for values in _of_words(maps, words)]

    return _averaged(recording, words, choice, without_least)


def with_end(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """The attention to the word and to the end of text, which also carries the word's meaning.

    Empty for a text whose tokenizer marks no end.
    """
    if recording.prompt.end_of_text is None:
        return {}

    def and_end(maps: HeatMaps, words: Sequence[Word]) -> list[Field]:
        end = _array(maps.end_of_text.values)
        return [values + end for values in _of_words(maps, words)]

    return _averaged(recording, words, choice, and_end)


def effect(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """How much the layers' outputs depend on the word (docs/maps.md)."""
    maps = heat_maps(recording, kind="effect", layers=choice.layers, heads=choice.heads)
    held = [word for word in words if word.span in maps]
    return dict(zip(held, _of_words(maps, held), strict=True))


def mask(
    recording: Recording, words: Sequence[Word], choice: Choice, *, masks: Mapping[Word, Mask]
) -> Maps:
    """The true mask itself, on the grid of the latents: the upper bound for maps on that grid."""
    size = recording.facts.latent_size
    return {word: pooled(masks[word], size) for word in words if word in masks}


def another_word(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """DAAM's map of another word of the prompt, a content word if there is one."""
    others = {word: _other(recording, words, word) for word in words}
    needed = [word for word in words if word in others.values()]
    maps = attention(recording, needed, choice)
    return {word: maps[other] for word, other in others.items() if other is not None}


def blob(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """A Gaussian in the middle, whose deviation is a quarter of each side."""
    ys, xs = ((np.arange(side) + 0.5) / side - 0.5 for side in recording.facts.latent_size)
    values = np.exp(-(ys[:, None] ** 2 + xs[None, :] ** 2) / (2 * 0.25**2))
    return dict.fromkeys(words, values)


def constant(recording: Recording, words: Sequence[Word], choice: Choice) -> Maps:
    """A constant map: as a mask, the whole image."""
    return dict.fromkeys(words, np.ones(recording.facts.latent_size))


SHIPPED: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("attention", attention, "attention (DAAM)", varies=VARIES),
        Method("share", share, "attention, share of the text", varies=VARIES),
        Method("above-least", above_least, "attention above the least word's", varies=VARIES),
        Method("with-end", with_end, "attention, end of text added", varies=VARIES),
        Method("effect", effect, "effect", record={"effects": True}),
        Method("mask", mask, "the mask itself", varies=(), baseline=True, sees_masks=True),
        Method("another-word", another_word, "another word's attention", baseline=True),
        Method("blob", blob, "blob in the middle", varies=(), baseline=True),
        Method("constant", constant, "constant", varies=(), baseline=True),
        Method(
            "encoder",
            encoder,
            "change in the text encoder, no place",
            varies=(),
            baseline=True,
            needs_pipe=True,
        ),
    )
}
"""Name -> method, in the order of the tables."""


def _averaged(
    recording: Recording,
    words: Sequence[Word],
    choice: Choice,
    maps_of: Callable[[HeatMaps, Sequence[Word]], list[Field]],
) -> Maps:
    """Maps of all layers together, or the mean over layers of each one's, scaled."""
    maps = heat_maps(recording, layers=choice.layers, heads=choice.heads)
    if choice.scaling == "none":
        return dict(zip(words, maps_of(maps, words), strict=True))
    total: list[Field] = [np.zeros(maps.size) for _ in words]
    for layer in maps.layers:
        of_layer = heat_maps(recording, layers=[layer.name], heads=choice.heads)
        largest = max((float(each.values.max()) for each in of_layer.words), default=0.0)
        if largest > 0:
            each = maps_of(of_layer, words)
            total = [summed + values / largest for summed, values in zip(total, each, strict=True)]
    means = [summed / len(maps.layers) for summed in total]
    return dict(zip(words, means, strict=True))


def _of_words(maps: HeatMaps, words: Sequence[Word]) -> list[Field]:
    return [_array(maps.word(word.span).values) for word in words]


def _array(values: torch.Tensor) -> Field:
    array: Field = values.numpy().astype(np.float64)
    return array


def _other(recording: Recording, words: Sequence[Word], word: Word) -> Word | None:
    """Choose another word, determined by the prompt's text."""
    others = [other for other in words if other.span != word.span]
    content = [other for other in others if other.text.casefold() not in FUNCTION_WORDS]
    candidates = content or others
    if not candidates:
        return None
    draw = hashlib.sha256(f"{recording.prompt.text}\n{word.start}".encode()).digest()[0]
    return candidates[draw % len(candidates)]
