"""Draw the images that a model is evaluated on: the prompts, seeds and settings of `prompts.json`.

Images are in a separate folder, one PNG each, written atomically; existing ones are not drawn
again. Each image has its own generator, so that it does not depend on its neighbors in a batch
(except for rounding).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.multiprocessing.spawn import spawn

from daam_nb.menagerie import load
from daam_nb.menagerie.model import CLASSES, WEIGHTS
from daam_nb.storage import whole_file

PROMPTS = Path(__file__).parent / "eval" / "prompts.json"
BATCH = 12


def entries() -> list[dict[str, Any]]:
    """The prompts with their seeds, objects and relations, in order."""
    read: list[dict[str, Any]] = json.loads(PROMPTS.read_text())["prompts"]
    return read


def settings() -> dict[str, Any]:
    """How the images are sampled."""
    read: dict[str, Any] = json.loads(PROMPTS.read_text())["settings"]
    return read


def image_path(folder: Path, index: int) -> Path:
    """The path of the image of entry `index`."""
    return folder / f"{index:04d}.png"


@dataclass(frozen=True)
class Wanted:
    """One image to draw.

    Attributes
    ----------
    prompt, seed
        Its prompt and seed.
    """

    prompt: str
    seed: int


def paint(
    weights: Path, folder: Path, *, indices: Sequence[int] | None = None, helpers: int = 0
) -> None:
    """Draw the missing images of the fixed prompts.

    Parameters
    ----------
    weights
        Folder of an exported pipeline.
    folder
        Receives `NNNN.png`.
    indices
        Which entries; None draws all.
    helpers
        Number of additional single-threaded drawing processes.
    """
    wanted = [Wanted(entry["prompt"], entry["seed"]) for entry in entries()]
    draw(weights, folder, wanted, settings(), indices=indices, helpers=helpers)


def draw(
    weights: Path,
    folder: Path,
    wanted: Sequence[Wanted],
    sampling: dict[str, Any],
    *,
    indices: Sequence[int] | None = None,
    helpers: int = 0,
) -> None:
    """Draw the missing ones of the wanted images; for the arguments see `paint`."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = range(len(wanted)) if indices is None else indices
    missing = [(i, wanted[i]) for i in chosen if not image_path(folder, i).exists()]
    if not missing:
        return
    parts = 1 + helpers
    part = partial(
        _draw_part, missing=missing, weights=weights, folder=folder, sampling=sampling, parts=parts
    )
    if helpers:
        spawn(part, nprocs=parts)
    else:
        part(0)


def _draw_part(
    part: int,
    *,
    missing: Sequence[tuple[int, Wanted]],
    weights: Path,
    folder: Path,
    sampling: dict[str, Any],
    parts: int,
) -> None:
    torch.set_num_threads(1)
    pipeline, more = exported(weights)
    pipeline.set_progress_bar_config(disable=True)
    mine = missing[part::parts]
    for start in range(0, len(mine), BATCH):
        batch = mine[start : start + BATCH]
        images = pipeline(
            [one.prompt for _, one in batch],
            num_inference_steps=sampling["steps"],
            guidance_scale=sampling["guidance"],
            generator=[torch.Generator().manual_seed(one.seed) for _, one in batch],
            **more,
        ).images
        for (i, _), image in zip(batch, images, strict=True):
            with whole_file(image_path(folder, i)) as file:
                image.save(file, format="PNG")


def exported(weights: Path) -> tuple[Any, dict[str, Any]]:
    """Load an exported pipeline of either architecture, and the further arguments of its calls.

    The joint model takes its autoencoder from the folder `weights` next to its own, and gets no
    more columns of zeros for its absent third text encoder than there are tokens: the fewest that
    it was trained with, and the fastest.
    """
    index = weights / "model_index.json"
    if not index.exists() or json.loads(index.read_text())["_class_name"] != CLASSES["joint"]:
        return load(folder=weights), {}
    beside = weights.with_name(WEIGHTS.name)
    pipeline = load(architecture="joint", folder=weights, shared=beside)
    return pipeline, {"max_sequence_length": pipeline.tokenizer.model_max_length}


def read_images(folder: Path, indices: Sequence[int]) -> list[Image.Image]:
    """The images of some entries, in order."""
    return [Image.open(image_path(folder, i)).convert("RGB") for i in indices]
