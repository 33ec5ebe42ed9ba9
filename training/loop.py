"""The training loop: one leader, and helpers on other cores that share its weights.

On a GPU there are no helpers. On a CPU two processes of one thread each do twice the steps of
one, and lose little if something else needs a core; two threads of one process wait for each other.
The helpers are asynchronous: every few steps a worker adds its share of its changes to the shared
weights and adopts those of the others, so that the weights move as far as with one worker, on a
larger batch (local SGD, Stich 2018, https://arxiv.org/abs/1805.09767; adding the whole changes was
tried and made the loss worse). Only the leader logs, averages (EMA) and writes checkpoints.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from training.options import Options
from training.progress import Clock, learning_rate_factor, load_checkpoint, log, save_atomically

EXCHANGE = 4
"""Steps between two exchanges of weights, and between two steps of their average."""


class Job(Protocol):
    """A training job: a module, its loss on a fresh batch, and its measurements."""

    name: str
    module: nn.Module

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """The loss of one batch drawn with `rng`; `progress` is the share of the run done."""

    def measure(self) -> dict[str, float]:
        """Figures for the log, taken now and then."""

    def refresh(self) -> None:
        """Load data that appeared since."""


@dataclass(frozen=True)
class Run:
    """The settings for training one job.

    Attributes
    ----------
    build
        Makes the job from (device); a module-level function or partial, so that helpers can.
    config
        `learning_rate`, `warm_up_steps`, `decay_from`, `batch`, `hours`, `ema`, and `log_every`:
        steps of the leader between two lines of the log; a checkpoint follows each.
    options
        Its `work` receives the checkpoint `<name>.pt`, the log `<name>.jsonl` and the shared
        weights.
    """

    build: Callable[[str], Job]
    config: dict[str, Any]
    options: Options
    threads: int = 1


class Shared:
    """Weights in a file that every worker maps into its memory, and a few notes.

    Notes: 0 progress (share), 1 steps of all workers since the last line of the log, 2 one while
    the run goes on.
    """

    def __init__(
        self, folder: Path, name: str, module: nn.Module, *, leader: bool, workers: int
    ) -> None:
        self._share = 1 / workers
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        size = sum(p.numel() for p in self._parameters)
        self._lock = folder / f"{name}.lock"
        self._lock.touch()
        path = folder / f"{name}.shared"
        if leader:
            with path.open("wb") as file:
                file.truncate(4 * size)
            np.zeros(3).tofile(folder / f"{name}.notes")
        self._flat = torch.from_file(str(path), shared=True, size=size, dtype=torch.float32)
        self.notes = np.memmap(folder / f"{name}.notes", dtype=np.float64, mode="r+", shape=(3,))
        if leader:
            self._flat.copy_(self._gathered())
        self._base = self._flat.clone()
        if not leader:
            self._scatter()

    def _gathered(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1).cpu() for p in self._parameters])

    def _scatter(self) -> None:
        with torch.no_grad():
            for p, values in zip(
                self._parameters,
                self._base.split([p.numel() for p in self._parameters]),
                strict=True,
            ):
                p.copy_(values.view_as(p))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that all workers share."""
        with self._lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    def exchange(self, steps: int) -> None:
        """Add this worker's share of its change to the shared weights; adopt the result."""
        change = self._gathered().sub_(self._base).mul_(self._share)
        with self.locked():
            self._flat.add_(change)
            self._base.copy_(self._flat)
            self.notes[1] += steps
        self._scatter()


def train(run: Run) -> Job:
    """Train a job, or continue it, until its hours are spent.

    Returns
    -------
    Job
        Its module holds the averaged (EMA) weights if the configuration requests an average.
    """
    options = run.options
    torch.set_num_threads(run.threads)
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True  # every batch has the same shapes
    job = run.build(options.device)
    state = load_checkpoint(options.work / f"{job.name}.pt")
    optimizer = _optimizer(job, run)
    average = {k: v.detach().clone() for k, v in job.module.state_dict().items()}
    step, samples, spent = 0, 0, 0.0
    if state is not None:
        job.module.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average = {k: v.to(options.device) for k, v in state["average"].items()}
        step, samples, spent = state["step"], state["samples"], state["spent"]
    clock = Clock(run.config["hours"], spent=spent)
    if clock.progress < 1:
        shared = None
        if options.helpers:
            shared = Shared(
                options.work, job.name, job.module, leader=True, workers=1 + options.helpers
            )
            shared.notes[:] = (clock.progress, 0, 1)
        context = spawn(_help, (run,), options.helpers, join=False) if options.helpers else None
        try:
            _lead(
                job,
                run,
                optimizer,
                average=average,
                clock=clock,
                shared=shared,
                step=step,
                samples=samples,
            )
        finally:
            if shared is not None:
                shared.notes[2] = 0
            if context is not None:
                while not context.join(timeout=30):
                    pass
        state = load_checkpoint(options.work / f"{job.name}.pt")
        assert state is not None
        average = state["average"]
    job.module.load_state_dict(average)
    job.module.eval()
    return job


def _optimizer(job: Job, run: Run) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        job.module.parameters(),
        lr=run.config["learning_rate"],
        betas=(0.9, 0.99),
        weight_decay=1e-3,
        fused=True,
    )


def _step(
    job: Job,
    run: Run,
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
    *,
    progress: float,
    step: int,
) -> tuple[Tensor, float]:
    """One step of one worker; returns its loss, still on the device, and its learning rate."""
    factor = learning_rate_factor(
        progress,
        step,
        warm_up_steps=run.config["warm_up_steps"],
        decay_from=run.config["decay_from"],
    )
    rate = run.config["learning_rate"] * factor
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss = job.loss(rng, progress)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(job.module.parameters(), 1.0)
    # A step whose gradient overflowed is left out; the fused optimizer looks on the device.
    optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
    optimizer.step()
    return loss.detach(), rate


def _lead(
    job: Job,
    run: Run,
    optimizer: torch.optim.Optimizer,
    *,
    average: dict[str, Tensor],
    clock: Clock,
    shared: Shared | None,
    step: int,
    samples: int,
) -> None:
    """The leader's steps until the clock has run out."""
    rng = np.random.default_rng([run.options.seed, 0, step])
    # Summed on the device: a GPU that has to tell every loss waits for every step.
    total = torch.zeros((), device=run.options.device)
    count, window, before = 0, time.monotonic(), samples
    while clock.progress < 1:
        loss, rate = _step(job, run, optimizer, rng, progress=clock.progress, step=step)
        step, total, count = step + 1, total + loss, count + 1
        if shared is None:
            samples += run.config["batch"]
        elif step % EXCHANGE == 0:
            shared.exchange(EXCHANGE)
            shared.notes[0] = clock.progress
        if step % EXCHANGE == 0:
            _follow(average, job.module, run.config["ema"] ** EXCHANGE, step / EXCHANGE)
        if count == run.config["log_every"] or clock.progress >= 1:
            if shared is not None:
                with shared.locked():
                    samples += int(shared.notes[1]) * run.config["batch"]
                    shared.notes[1] = 0
            rate_seen = (samples - before) / (time.monotonic() - window)
            log(
                run.options.work / f"{job.name}.jsonl",
                job=job.name,
                step=step,
                samples=samples,
                loss=total.item() / count,
                lr=rate,
                per_second=rate_seen,
                hours_left=max(clock.total - clock.spent, 0) / 3600,
                clock=time.strftime("%H:%M"),
                **job.measure(),
            )
            save_atomically(
                {
                    "model": job.module.state_dict(),
                    "average": average,
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                    "samples": samples,
                    "spent": clock.spent,
                },
                run.options.work / f"{job.name}.pt",
            )
            job.refresh()
            total.zero_()
            count, window, before = 0, time.monotonic(), samples


@torch.no_grad()
def _follow(average: dict[str, Tensor], module: nn.Module, ema: float, step: float) -> None:
    """Move the averaged weights towards the present ones; early on faster."""
    keep = min(ema, (1 + step) / (10 + step))
    for key, value in module.state_dict().items():
        if value.dtype.is_floating_point:
            average[key].lerp_(value, 1 - keep)
        else:
            average[key].copy_(value)


def _help(index: int, run: Run) -> None:
    """A helper: takes the leader's weights, trains, exchanges; ends with the leader."""
    os.nice(5)
    torch.set_num_threads(run.threads)
    torch.manual_seed(run.options.seed + 1 + index)
    job = run.build(run.options.device)
    shared = Shared(
        run.options.work, job.name, job.module, leader=False, workers=1 + run.options.helpers
    )
    optimizer = _optimizer(job, run)
    rng = np.random.default_rng([run.options.seed, 1 + index, time.time_ns()])
    step, leader = 0, os.getppid()
    # A leader that was killed leaves no word; its helper then has another parent.
    while shared.notes[2] == 1 and os.getppid() == leader:
        _step(job, run, optimizer, rng, progress=float(shared.notes[0]), step=step)
        step += 1
        if step % EXCHANGE == 0:
            shared.exchange(EXCHANGE)
        if step % run.config["log_every"] == 0:
            job.refresh()
