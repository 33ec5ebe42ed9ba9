"""What every stage that trains is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Where, from which seed and on what a stage trains.

    Attributes
    ----------
    work
        Folder of the data, checkpoints and logs.
    helpers
        How many more processes train (0 on a GPU).
    start
        Folder of exported weights to start from, with a fresh optimizer and a warm-up; ignored
        once the stage has a checkpoint.
    """

    work: Path
    seed: int
    device: str = "cpu"
    helpers: int = 0
    start: Path | None = None
