"""Options of every training stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Folder, seed and device of a training stage.

    Attributes
    ----------
    work
        Folder of the data, checkpoints and logs.
    helpers
        Number of additional training processes (0 on a GPU).
    start
        Folder of exported weights to start from, with a fresh optimizer and a warm-up; ignored
        once the stage has a checkpoint.
    """

    work: Path
    seed: int
    device: str = "cpu"
    helpers: int = 0
    start: Path | None = None
