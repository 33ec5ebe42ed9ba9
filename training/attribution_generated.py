"""How well heat maps find objects in generated images, with the judge's masks as ground truth.

The maps are the package's own, of whole generations: mean over steps, heads and the chosen
layers. Objects that the judge does not see cannot be scored, and its errors affect the score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from daam_nb.maps import HeatMaps, heat_maps
from daam_nb.maps.threshold import mask_of
from daam_nb.menagerie.judge import LABELS, Judge
from daam_nb.menagerie.model import card
from daam_nb.recording import Recording
from daam_nb.studies.stats.intervals import SHARE, interval
from daam_nb.tracing import trace
from training.images import BATCH, entries, settings

THRESHOLD = 0.4
EVERY = 4
"""Every so many of the fixed prompts are drawn again, watched."""


def watched(pipeline: Any, indices: list[int]) -> Iterator[tuple[dict[str, Any], Recording]]:
    """Some of the fixed images with their recordings, in batches."""
    every, sampling = entries(), settings()
    for start in range(0, len(indices), BATCH):
        chosen = [every[i] for i in indices[start : start + BATCH]]
        with trace(pipeline) as tracer:
            pipeline(
                [one["prompt"] for one in chosen],
                num_inference_steps=sampling["steps"],
                guidance_scale=sampling["guidance"],
                generator=[torch.Generator().manual_seed(one["seed"]) for one in chosen],
            )
        yield from zip(chosen, tracer.recordings, strict=True)


def overlap(maps: HeatMaps, noun: str, exact: NDArray[np.bool_]) -> tuple[float, bool]:
    """IoU of a word's mask with another, and whether its peak lies in that."""
    resized = maps.word(noun).resize().values  # (y, x)
    values, marked = resized.numpy(), mask_of(resized, THRESHOLD).numpy()
    iou = float((marked & exact).sum() / (marked | exact).sum())
    return iou, bool(exact.flat[int(values.argmax())])


def measure_generated(weights_card: Any, pipeline: Any, judge: Judge) -> dict[str, Any]:
    """Score the paper's layers and the recommended ones against the judge's masks.

    Returns
    -------
    dict
        `images`; `words`, the number of named nouns that the judge saw in them and that were
        scored; `named`, their total; for `paper` and `recommended` the mean IoU at 0.4 of the
        maximum with its 95 % interval over images (None of fewer than ten) and the pointing game;
        `whole_image`, the IoU of marking everything.
    """
    chosen = {"paper": "paper", "recommended": list(weights_card.recommended)}
    got: dict[str, list[tuple[float, bool]]] = {name: [] for name in chosen}
    whole: list[float] = []
    images_of: list[int] = []  # of each word: words of one image are alike
    images = named = 0
    for entry, run in watched(pipeline, list(range(0, len(entries()), EVERY))):
        labels = judge.labels(run.image)
        found = judge.counted(labels)
        images += 1
        named += len(entry["objects"])
        nouns = [thing["noun"] for thing in entry["objects"] if thing["noun"] in found]
        if not nouns:
            continue
        for name, layers in chosen.items():
            maps = heat_maps(run, layers=layers)
            got[name] += [overlap(maps, n, labels == LABELS.index(n)) for n in nouns]
        whole += [float((labels == LABELS.index(n)).mean()) for n in nouns]
        images_of += [images] * len(nouns)
    made: dict[str, Any] = {"pictures": images, "words": len(whole), "named": named}
    for name, outcomes in got.items():
        known = interval([iou for iou, _ in outcomes], clusters=images_of, bounds=SHARE)
        made[name] = {
            "miou": round(known.mean, 4),
            "low": None if math.isnan(known.low) else round(known.low, 4),
            "high": None if math.isnan(known.high) else round(known.high, 4),
            "pointing": round(float(np.mean([hit for _, hit in outcomes])), 4),
        }
    return made | {"whole_image": round(float(np.mean(whole)), 4)}


def generated(weights: Path, pipeline: Any, judge_file: Path) -> dict[str, Any]:
    """`measure_generated` with the card and the judge read from files."""
    return measure_generated(card(weights), pipeline, Judge(judge_file))
