"""Check a finished run: its losses fell, its files load, its pipeline draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daam_nb.menagerie import card, load
from daam_nb.menagerie.judge import Judge


class RunFailedError(RuntimeError):
    """A run that did not train, or whose files do not work."""


def losses(journal: Path) -> list[float]:
    """The losses of one stage's log, in order."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return [line["loss"] for line in lines]


def check_run(work: Path, folder: Path) -> dict[str, Any]:
    """Raise if a stage's loss did not fall, or the exported pipeline does not load and draw.

    Returns
    -------
    dict
        First and last loss of each stage, the model's id and the image's size (width, height).
    """
    report: dict[str, Any] = {}
    for stage in ("vae", "diffusion", "judge"):
        found = losses(work / f"{stage}.jsonl")
        if not found[-1] < 0.9 * found[0]:
            raise RunFailedError(
                f"the loss of the stage {stage} went from {found[0]:.4g} to {found[-1]:.4g}; a run "
                f"that trains lowers it by at least a tenth. See {work / stage}.jsonl."
            )
        report[stage] = (found[0], found[-1])
    lines = [json.loads(line) for line in (work / "parser.jsonl").read_text().splitlines()]
    before, after = lines[0]["dep_las"], lines[-1]["dep_las"]
    if not after > before + 0.1:
        raise RunFailedError(
            f"the caption parser's labeled attachment went from {before:.2f} to {after:.2f}; a run "
            f"that trains raises it by at least a tenth. See {work}/parser.jsonl."
        )
    report["parser"] = (before, after)
    pipeline = load(folder=folder)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        "a red car on the grass", num_inference_steps=4, generator=torch.Generator().manual_seed(0)
    ).images[0]
    if not np.isfinite(np.asarray(image, dtype=float)).all() or np.asarray(image).std() == 0:
        raise RunFailedError(f"the pipeline in {folder} draws nothing.")
    seen = Judge(folder.parent / "judge" / "judge.safetensors").labels(image)
    if seen.shape != (image.height, image.width):
        raise RunFailedError(f"the judge labels {seen.shape} places of an image of {image.size}.")
    return report | {"model": card(folder).model_id, "picture": image.size}
