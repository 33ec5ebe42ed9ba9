"""Choose the judge's least confidence, on images that the model draws from training captions.

On rendered scenes it hardly ever errs, but it must not see objects in a generated image that shows
nothing clearly. The caption is the only ground truth for such images, and those of the fixed
prompts are not used.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from daam_nb.menagerie.judge import Doubt, Judge
from daam_nb.menagerie.model import card
from daam_nb.menagerie.world import scene
from daam_nb.storage import whole_file
from training.images import Wanted, draw, read_images, settings
from training.judge import note
from training.shares import Share

IMAGES = 160
MAX_CLAIMED = 0.02
"""Share of images in which a noun that the caption does not name may be claimed."""


def captions() -> list[Wanted]:
    """Captions of training scenes with one or two objects, and seeds."""
    made = [scene(i, kind=("single", "pair")[i % 2]) for i in range(IMAGES)]
    return [Wanted(one.caption, 1_000_000 + i) for i, one in enumerate(made)]


def named() -> list[set[str]]:
    """The nouns of each of `captions`."""
    made = [scene(i, kind=("single", "pair")[i % 2]) for i in range(IMAGES)]
    return [{thing.noun for thing in one.objects} for one in made]


def choose(judge_file: Path, weights: Path, work: Path, *, helpers: int = 0) -> Doubt:
    """Find the least confidence with few false claims and note it in the judge's file.

    Parameters
    ----------
    judge_file
        The judge's weights; its metadata are rewritten.
    weights
        Folder of an exported pipeline.
    work
        Receives the images, in a folder of these weights.
    helpers
        Number of additional drawing processes.
    """
    wanted, folder = captions(), work / f"doubt-{card(weights).revision}"
    draw(weights, folder, wanted, settings(), helpers=helpers)
    images = read_images(folder, range(len(wanted)))
    plain = Judge(judge_file).doubt
    for confidence in np.arange(0.3, 0.96, 0.025):
        doubt = replace(plain, confidence=round(float(confidence), 3))
        judge = Judge(judge_file, doubt=doubt)
        found = [set(judge.counted(labels)) for labels in judge.label_maps(images)]
        false = Share.of(bool(a - b) for a, b in zip(found, named(), strict=True))
        right = Share.of(noun in a for a, b in zip(found, named(), strict=True) for noun in b)
        print(json.dumps({**asdict(doubt), "claimed": false.value, "found": right.value}))
        if false.value <= MAX_CLAIMED:
            break
    write_doubt(judge_file, doubt)
    beside = judge_file.with_suffix(".json")
    note(judge_file, json.loads(beside.read_text())["configuration"] if beside.exists() else {})
    return doubt


def write_doubt(file: Path, doubt: Doubt) -> None:
    """Write a doubt into the metadata of a judge's file; its weights are not changed."""
    with safe_open(file, framework="pt") as held:
        state: dict[str, torch.Tensor] = {k: held.get_tensor(k) for k in held.keys()}  # noqa: SIM118
    with whole_file(file) as part:
        save_file(state, part, metadata={"doubt": json.dumps(asdict(doubt))})
