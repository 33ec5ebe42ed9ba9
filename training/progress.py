"""A training run's clock, learning rate, log and checkpoints.

A run's length is given in hours of training, because the machines it runs on differ; the clock
counts only time spent training, over all the processes that continued the run.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from daam_nb.storage import whole_file


class Clock:
    """Hours of training done and left.

    Parameters
    ----------
    hours
        How long the whole run trains.
    spent
        Seconds already trained before this process.
    """

    def __init__(self, hours: float, *, spent: float = 0.0) -> None:
        self.total = hours * 3600
        self._spent = spent
        self._start = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds trained so far."""
        return self._spent + time.monotonic() - self._start

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0..1."""
        return min(self.spent / self.total, 1.0)


def learning_rate_factor(
    progress: float, step: int, *, warm_up_steps: int, decay_from: float
) -> float:
    """What the peak learning rate is multiplied by.

    Linear warm-up over the first steps, then constant, then linear decay to 0.01 from
    `decay_from` (share of the run) to its end.
    """
    warm = min((step + 1) / max(warm_up_steps, 1), 1.0)
    decay = (progress - decay_from) / (1 - decay_from)
    return warm * (1 - 0.99 * min(max(decay, 0.0), 1.0))


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """`torch.save`, such that a killed process leaves the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        torch.save(state, part)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """A checkpoint, or None when there is none yet. Only tensors and plain data are unpickled."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def log(path: Path, **facts: float | int | str) -> None:
    """Append one JSON line and show it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in facts.items()}
    line = json.dumps(rounded)
    with path.open("a") as file:
        file.write(line + "\n")
    print(line, flush=True)
