"""Training scenes on disk: shards of images (.npy) and captions (.json)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.multiprocessing.spawn import spawn

from daam_nb.menagerie.world import scene
from daam_nb.storage import whole_file


def write_scenes(folder: Path, *, count: int, shard: int, helpers: int = 0) -> None:
    """Render scenes 0..count-1 of the training split; shards that exist are kept.

    Parameters
    ----------
    folder
        Receives `<number>.npy` of (scene, 64, 64, 3) uint8 and `<number>.json`, the captions
        and kinds.
    count, shard
        How many scenes in all, and in one shard.
    helpers
        How many more processes render with this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, shard)
    part = partial(_write_part, folder=folder, starts=starts, count=count, parts=1 + helpers)
    if helpers:
        spawn(part, nprocs=1 + helpers)
    else:
        part(0)


def _write_part(part: int, *, folder: Path, starts: range, count: int, parts: int) -> None:
    """Every `parts`-th shard, beginning with number `part`."""
    for number in range(part, len(starts), parts):
        images = folder / f"{number:04d}.npy"
        if images.exists():
            continue
        made = [
            scene(seed) for seed in range(starts[number], min(starts[number] + starts.step, count))
        ]
        facts = {"captions": [s.caption for s in made], "kinds": [s.kind for s in made]}
        images.with_suffix(".json").write_text(json.dumps(facts))
        # The images come last and whole: a shard whose .npy exists is complete.
        with whole_file(images) as beside, beside.open("xb") as file:
            np.save(file, np.stack([np.asarray(s.image) for s in made]))


def shards(folder: Path) -> list[Path]:
    """The complete shards, in order."""
    return sorted(folder.glob("[0-9]*.npy"))


def images(folder: Path) -> list[NDArray[np.uint8]]:
    """Memory-mapped images of every shard."""
    return [np.load(path, mmap_mode="r") for path in shards(folder)]


def facts(shard: Path) -> dict[str, Any]:
    """Captions and kinds of one shard."""
    read: dict[str, Any] = json.loads(shard.with_suffix(".json").read_text())
    return read
