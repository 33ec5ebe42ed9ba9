"""Train the judge on rendered scenes with their exact masks, made as they are needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from daam_nb.menagerie.judge import LABELS, build_judge
from daam_nb.menagerie.world import Scene, scene
from training.loop import Run, train
from training.vae import as_batch

# Far from the scenes the diffusion model was trained on.
FIRST_SEED = 10_000_000


def label_map(made: Scene) -> np.ndarray[Any, Any]:
    """The exact labels of a scene: (y, x) int64 numbers of `LABELS`."""
    labels = np.zeros((64, 64), dtype=np.int64)
    for thing, mask in zip(made.objects, made.masks, strict=True):
        labels[mask] = LABELS.index(thing.noun)
    return labels


def mean_iou(predicted: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    """Intersection over union of each label over all pixels, averaged over labels that occur."""
    scores = []
    for label in range(len(LABELS)):
        a, b = predicted == label, exact == label
        if b.any():
            scores.append((a & b).sum() / (a | b).sum())
    return float(np.mean(scores))


class JudgeJob:
    """Cross entropy of each pixel; pictures are blurred and made noisy at random.

    The judge will look at generated pictures, which are softer than rendered ones.
    """

    name = "judge"

    def __init__(self, device: str, *, config: dict[str, Any]) -> None:
        self.module = build_judge().to(device)
        self._config, self._device = config, device
        held = [scene(i, ("test", "unseen")[i % 2]) for i in range(200)]
        self._pictures = as_batch(np.stack([np.asarray(s.image) for s in held]), device)
        self._exact = np.stack([label_map(s) for s in held])

    def refresh(self) -> None:
        """Scenes are made as they are needed."""

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one batch of new scenes, trained combinations and held-out ones alike."""
        seeds = FIRST_SEED + rng.integers(2**31, size=self._config["batch"])
        made = [scene(int(s), ("train", "unseen")[int(s) % 2]) for s in seeds]
        pictures = as_batch(np.stack([np.asarray(s.image) for s in made]), self._device)
        exact = torch.from_numpy(np.stack([label_map(s) for s in made])).to(self._device)
        soft = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), "replicate"), 3, 1)
        mix = torch.rand(len(made), 1, 1, 1, device=self._device)
        pictures = pictures + mix * (soft - pictures)
        noise = 0.1 * torch.rand_like(mix)
        pictures = pictures + noise * torch.randn_like(pictures)
        kind = torch.device(self._device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self._config["bf16"]):
            logits = self.module(pictures)
        return functional.cross_entropy(logits.float(), exact)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Accuracy on scenes of the other splits."""
        predicted = torch.cat([self.module(p).argmax(1) for p in self._pictures.split(50)])
        found = predicted.cpu().numpy()
        return {
            "pixel_accuracy": float((found == self._exact).mean()),
            "mean_iou": mean_iou(found, self._exact),
        }


def train_judge(
    config: dict[str, Any], work: Path, folder: Path, *, seed: int, device: str, helpers: int
) -> None:
    """Train, or continue, and write `judge.safetensors` (float16) into `folder`."""
    job = train(Run(partial(JudgeJob, config=config), config, work, seed, device, helpers))
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half().contiguous().cpu() for k, v in job.module.state_dict().items()}
    save_file(state, folder / "judge.safetensors")
