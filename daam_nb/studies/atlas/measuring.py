"""One recording -> each head's attention, and how well its map of a word finds the object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.maps import WordHeatMap, entropy, heat_maps
from daam_nb.prompt import Word
from daam_nb.recording import Layer, Recording
from daam_nb.studies.corpus.runs import Run
from daam_nb.studies.oracles.objects import ObjectWord, judged_objects
from daam_nb.studies.oracles.protocols import Judge
from daam_nb.studies.oracles.scores import average_precision, ious_at, resized
from daam_nb.studies.study import RUN_COLUMNS, of_run

TAU = 0.4
"""The paper's best threshold, a share of a map's maximum (Tang et al. 2023, section 3.1)."""

HEAD_COLUMNS: dict[str, str] = {
    **RUN_COLUMNS,
    "word": "a word that names an object",
    "start": "its first character in the prompt",
    "noun": "the object",
    "layer": "dotted name",
    "head": "number of the head in its layer",
}
ATTENTION: dict[str, str] = {
    "attention": "share of the head's attention that goes to the words of the prompt (not to the "
    "start and end of text), mean over steps and locations",
    "attention_to_word": "the same for only this word, its tokens together",
    "entropy": "of the head's map of the word over the latents' cells, in bits",
    "iou": f"of the head's map of the word, at {TAU:g} of its maximum, with the judge's mask",
    "average_precision": "of the same map and mask",
}
EFFECTS: dict[str, str] = {
    "effect": "the head's part of the word's effect, mean over steps and locations, as a share of "
    "the layer's output",
    "effect_of_layer": "the same as a share of the word's effect on the layer",
    "effect_of_all": "the same as a share of the sum over all layers",
    "effect_iou": "as iou, of the head's part of the effect, clamped at 0",
    "effect_average_precision": "as average_precision, of that part",
}
COLUMNS: dict[str, str] = {**HEAD_COLUMNS, **ATTENTION, **EFFECTS}
"""Effects are empty where the recording holds none, scores where the judge does not see the
object."""


def objects_of(run: Run, recording: Recording, judge: Judge) -> list[ObjectWord]:
    """The words of a recording's prompt that name objects, with the judge's masks."""
    if recording.image is None:
        raise StudyError(f"The recording {run.key} has no image for the judge.")
    objects, _ = judged_objects(recording.prompt, recording.image, judge)
    read = {word.span for word in recording.words}
    return [each for each in objects if each.word.span in read]


def head_rows(run: Run, judge: Judge) -> list[dict[str, Any]]:
    """One row for each word that names an object, and each head of each layer."""
    recording = run.load()
    rows = []
    for each in objects_of(run, recording, judge):
        attention = attention_of(recording, each.word)
        attention_maps = heat_maps(recording, layers="all").by_head(each.word)
        effects, effect_maps = effects_of(recording, each.word)
        for layer in recording.layers:
            for head in range(layer.heads):
                pair = layer.name, head
                effect_map = effect_maps.get(pair)
                scores = _scores(attention_maps[pair], each.mask)
                rows.append(
                    {
                        **of_run(run),
                        "word": each.word.text,
                        "start": each.word.start,
                        "noun": each.noun,
                        "layer": layer.name,
                        "head": head,
                        **attention[pair],
                        "entropy": entropy(attention_maps[pair]),
                        **scores,
                        **effects.get(pair, dict.fromkeys(_EFFECT_SHARES, math.nan)),
                        **{f"effect_{k}": v for k, v in _scores(effect_map, each.mask).items()},
                    }
                )
    return rows


_EFFECT_SHARES = ("effect", "effect_of_layer", "effect_of_all")


def attention_of(recording: Recording, word: Word) -> dict[tuple[str, int], dict[str, float]]:
    """(layer, head) -> its attention to all of the prompt's words, and to one of them."""
    text = {t.index for t in recording.prompt.tokens if t.role in ("text", "added")}
    own = set(recording.prompt.token_indices(word))
    of_text = [column in text for column in recording.columns]
    of_word = [column in own for column in recording.columns]
    shares = {}
    for layer in recording.layers:
        # Where the recording kept one sum over its steps, there is one step, and it is the sum.
        kept = recording.attention[layer.name].double().mean((3, 4)).sum(0)  # (head, token)
        for head, tokens in enumerate((kept / len(recording.steps)).numpy()):
            shares[layer.name, head] = {
                "attention": float(tokens[of_text].sum()),
                "attention_to_word": float(tokens[of_word].sum()),
            }
    return shares


def effects_of(
    recording: Recording, word: Word
) -> tuple[dict[tuple[str, int], dict[str, float]], Mapping[tuple[str, int], WordHeatMap]]:
    """(layer, head) -> its part of a word's effect, and the map of that part; nothing of a
    recording without effects."""
    effects = recording.effects
    tokens = recording.prompt.token_indices(word)
    if effects is None or tokens not in effects.words:
        return {}, {}
    index = effects.words.index(tokens)
    parts: dict[str, np.ndarray[Any, Any]] = {}
    wholes: dict[str, float] = {}
    for layer in recording.layers:
        by_head = effects.by_head[layer.name][:, :, index].double()  # (step, head, y, x)
        whole = effects.shares[layer.name][:, index].double()  # (step, y, x)
        parts[layer.name] = (by_head.sum(0).mean((1, 2)) / len(recording.steps)).numpy()
        wholes[layer.name] = float(whole.sum(0).mean() / len(recording.steps))
    total = sum(wholes.values())
    shares = {
        (name, head): {
            "effect": float(part),
            "effect_of_layer": float(part) / wholes[name] if wholes[name] > 0 else math.nan,
            "effect_of_all": float(part) / total if total > 0 else math.nan,
        }
        for name, of_layer in parts.items()
        for head, part in enumerate(of_layer)
    }
    return shares, heat_maps(recording, kind="effect", layers="all").by_head(word)


def _scores(word_map: WordHeatMap | None, mask: Any) -> dict[str, float]:
    """IoU and average precision of a map at the mask's pixels; NaN without a map or a mask."""
    if word_map is None or mask is None or not mask.any():
        return {"iou": math.nan, "average_precision": math.nan}
    return scores_of(word_map.values.numpy().astype(np.float64), mask)


def scores_of(values: Any, mask: Any) -> dict[str, float]:
    """IoU and average precision of a map (y, x) of any size, resized to the mask's pixels."""
    raised = resized(values, mask.shape)
    return {
        "iou": ious_at(raised, mask, [TAU])[0],
        "average_precision": average_precision(raised, mask),
    }


def pairs_of(layers: Sequence[Layer]) -> list[tuple[str, int]]:
    """Every (layer name, head), in the order of the network."""
    return [(layer.name, head) for layer in layers for head in range(layer.heads)]
