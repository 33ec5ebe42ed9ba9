"""A look at a running training: the judge's labels of images of training captions.

The prompts that a model is evaluated on are not used, so that the results may influence the run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from daam_nb.menagerie.judge import LABELS, Judge
from daam_nb.menagerie.world import scene
from training.export import build_pipeline
from training.seeing import DIRECTIONS, seen_place
from training.shares import Share

FIRST = 2_000_000
"""Seed of the first scene whose caption is drawn; no stored scene is that far."""


def glance(
    config: dict[str, Any],
    work: Path,
    *,
    judge_file: Path,
    device: str = "cpu",
    weights: str = "average",
    count: int = 96,
) -> dict[str, Any]:
    """Draw images from a run's checkpoint and have them judged.

    Parameters
    ----------
    config, work
        Configuration and folder of the run.
    judge_file
        The judge's weights.
    device
        Where the images are drawn.
    weights
        "average" or "model", as for `build_pipeline`.
    count
        Number of captions of single objects, and of captions that state a direction.

    Returns
    -------
    dict
        Shares in percent: `single`, the object is there; `both`, both objects are; `relation`, of
        the latter, those whose direction is right. None if there is nothing to count.
    """
    pipeline = build_pipeline(config, work, weights=weights).to(device)
    pipeline.set_progress_bar_config(disable=True)
    judge = Judge(judge_file)
    single = [scene(FIRST + i, kind="single") for i in range(count)]
    numbers = iter(range(FIRST, FIRST + 100 * count))
    pairs = []
    while len(pairs) < count:
        made = scene(next(numbers), kind="pair")
        if made.relation in DIRECTIONS:
            pairs.append(made)
    there, both, right = [], [], []
    for start in range(0, 2 * count, 64):
        batch = (single + pairs)[start : start + 64]
        generators = [torch.Generator().manual_seed(start + i) for i in range(len(batch))]
        images = pipeline(
            [one.caption for one in batch],
            num_inference_steps=20,
            guidance_scale=4.0,
            generator=generators,
        ).images
        for shown, labels in zip(batch, judge.label_maps(images), strict=True):
            found = judge.counted(labels)
            seen = [thing.noun in found for thing in shown.objects]
            if shown.kind == "single":
                there.append(seen[0])
                continue
            both.append(all(seen))
            if all(seen):
                place = seen_place(*(labels == LABELS.index(o.noun) for o in shown.objects))
                right.append(place is not None and place.relation == shown.relation)
    made_of = {"single": there, "both": both, "relation": right}
    report = {
        name: round(100 * Share.of(seen).value, 1) if seen else None
        for name, seen in made_of.items()
    }
    print(json.dumps(report), flush=True)
    return report
