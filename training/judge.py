"""Train the judge on rendered scenes with their exact masks, made on demand."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from daam_nb.menagerie.judge import LABELS, Doubt, Judge, build_judge, settled
from daam_nb.menagerie.world import Scene, scene
from daam_nb.storage import whole_file
from training.loop import Run, train
from training.options import Options
from training.seeing import DIRECTIONS, seen_color, seen_place
from training.shares import Share
from training.softening import softened, through_autoencoder
from training.vae import as_batch

# Far from the scenes the diffusion model was trained on.
FIRST_SEED = 10_000_000
LAST_SEED = FIRST_SEED + 2**31

HELD = 120
"""Held-out scenes that each line of the log is measured on."""

SCENES, FEW_SCENES = (300, 500), (40, 40)
"""How many scenes the judge's doubt is chosen on, and its accuracy measured on; in a short run."""


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
    """Cross entropy of each pixel, on scenes made to look like generated images.

    Parameters
    ----------
    device
        What it trains on.
    config
        The whole configuration.
    work
        Holds `vae`.
    """

    name = "judge"

    def __init__(self, device: str, *, config: dict[str, Any], work: Path) -> None:
        self.module = build_judge().to(device)
        self._config, self._device = config["judge"], device
        self.vae = AutoencoderKL.from_pretrained(work / "vae").to(device).eval()
        held = [scene(i, ("test", "unseen")[i % 2]) for i in range(HELD)]
        rendered = as_batch(np.stack([np.asarray(s.image) for s in held]), device)
        self._images = {
            "": rendered,
            "_decoded": torch.cat([through_autoencoder(p, self.vae) for p in rendered.split(50)]),
        }
        self._exact = np.stack([label_map(s) for s in held])

    def refresh(self) -> None:
        """Nothing to do: scenes are made on demand."""

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one batch of new scenes, trained combinations and held-out ones alike."""
        seeds = FIRST_SEED + rng.integers(2**31, size=self._config["batch"])
        made = [scene(int(s), ("train", "unseen")[int(s) % 2]) for s in seeds]
        images = as_batch(np.stack([np.asarray(s.image) for s in made]), self._device)
        exact = torch.from_numpy(np.stack([label_map(s) for s in made])).to(self._device)
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**62)))
        kind = torch.device(self._device).type
        # Nouns first: clean scenes, and objects' pixels count more than the background's.
        amount = min(progress / self._config["plain_until"], 1.0)
        with torch.autocast(kind, torch.bfloat16, enabled=self._config["bf16"]):
            images, exact = softened(
                images, exact, vae=self.vae, generator=generator, amount=amount
            )
            logits = self.module(images)
        weight = torch.ones(len(LABELS), device=self._device)
        weight[0] = 0.3 + 0.7 * amount
        return functional.cross_entropy(logits.float(), exact, weight=weight)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Accuracy on scenes of the other splits, as rendered and through the autoencoder."""
        found: dict[str, float] = {}
        for suffix, images in self._images.items():
            predicted = torch.cat([self.module(p).argmax(1) for p in images.split(50)])
            labels = predicted.cpu().numpy()
            found[f"pixel_accuracy{suffix}"] = float((labels == self._exact).mean())
            found[f"mean_iou{suffix}"] = mean_iou(labels, self._exact)
        return found


def train_judge(
    config: dict[str, Any], options: Options, folder: Path, *, short: bool = False
) -> None:
    """Train, or continue, and write `judge.safetensors` (float16) into `folder`.

    The file's metadata define when the judge is in doubt (`choose_doubt`).

    Parameters
    ----------
    config
        The whole configuration.
    options
        Its `work` holds `vae`; receives `judge.pt` and `judge.jsonl`.
    folder
        Receives `judge.safetensors` and `judge.json`.
    short
        Choose the doubt, and measure the accuracy, on few scenes.
    """
    build = partial(JudgeJob, config=config, work=options.work)
    job = train(Run(build, config["judge"], options))
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half().contiguous().cpu() for k, v in job.module.state_dict().items()}
    chosen_on, measured_on = FEW_SCENES if short else SCENES
    doubt = choose_doubt(job, scenes=chosen_on)
    file = folder / "judge.safetensors"
    with whole_file(file) as part:
        save_file(state, part, metadata={"doubt": json.dumps(asdict(doubt))})
    note(file, config["judge"], scenes=measured_on)


def note(file: Path, config: dict[str, Any], *, scenes: int = SCENES[1]) -> None:
    """Write `judge.json` next to the weights: their checksum, configuration and accuracy.

    Parameters
    ----------
    file
        The judge's weights.
    config
        The table `judge` that they were trained with.
    scenes
        Number of scenes for measuring the accuracy.
    """
    facts = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "configuration": config,
        "accuracy": accuracy(Judge(file), scenes=scenes),
    }
    file.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


@torch.no_grad()
def choose_doubt(job: Any, *, scenes: int = SCENES[0]) -> Doubt:
    """Choose on training scenes, made like generated images, when no noun is claimed.

    Returns
    -------
    Doubt
        Among the choices that claim an absent noun in at most 1 % of the images, the one that finds
        most of the nouns shown by 40 pixels or more; if there is none, the one that claims least.
    """
    made = [scene(LAST_SEED + i, ("train", "unseen")[i % 2]) for i in range(scenes)]
    images = as_batch(np.stack([np.asarray(s.image) for s in made]))
    exact = torch.from_numpy(np.stack([label_map(s) for s in made]))
    images, exact = softened(images, exact, vae=job.vae, generator=torch.Generator().manual_seed(0))
    chances = torch.cat([job.module(part).softmax(dim=1) for part in images.split(50)])
    tried = []
    for confidence, share in product((0.3, 0.4, 0.5, 0.6, 0.7, 0.8), (0.0, 0.15, 0.3, 0.45)):
        doubt = Doubt(confidence=confidence, share=share)
        right, wrong = presence(settled(chances, doubt), exact.numpy(), least=doubt.least)
        print(json.dumps({**asdict(doubt), "found": right.value, "claimed": wrong.value}))
        tried.append((wrong.value > 0.01, right.value, -wrong.value, doubt))
    within = [one for one in tried if not one[0]]
    if within:
        return max(within, key=lambda one: one[1:3])[3]
    return max(tried, key=lambda one: (one[2], one[1]))[3]


def presence(
    found: np.ndarray[Any, Any], exact: np.ndarray[Any, Any], *, least: int
) -> tuple[Share, Share]:
    """Shares of nouns shown (by 40 pixels or more) that are found; of images with a false one.

    A claim is false when the noun has no pixel in the exact labels.
    """
    shown: list[bool] = []
    false: list[bool] = []
    for a, b in zip(found, exact, strict=True):
        claims, pixels = (np.bincount(one.ravel(), minlength=len(LABELS))[1:] for one in (a, b))
        shown += list(claims[pixels >= 40] >= least)
        false.append(bool(((claims >= least) & (pixels == 0)).any()))
    return Share.of(shown), Share.of(false)


def accuracy(judge: Judge, *, scenes: int = SCENES[1]) -> dict[str, Any]:
    """Measure a judge on held-out rendered scenes, and properties read from its masks.

    Returns
    -------
    dict
        `mean_iou` (labels, over all pixels) and `pixel_accuracy`; `mean_iou_undoubting`, the same
        when every region is named, however unlikely; `found`, the share of nouns
        shown that it finds; `claimed`, of images in which it claims an absent one; `color` and
        `relation`, of objects and pairs found, how many are read right.
    """
    made = [scene(i, ("test", "unseen")[i % 2]) for i in range(scenes)]
    labels = judge.label_maps([s.image for s in made])
    exact = np.stack([label_map(s) for s in made])
    found, claimed = presence(labels, exact, least=judge.doubt.least)
    sure, judge.doubt = judge.doubt, replace(judge.doubt, confidence=0.0)
    undoubting = judge.label_maps([s.image for s in made])
    judge.doubt = sure
    colors, relations = [], []
    for shown, seen in zip(made, labels, strict=True):
        masks = [seen == LABELS.index(thing.noun) for thing in shown.objects]
        if shown.kind != "count":
            for thing, mask in zip(shown.objects, masks, strict=True):
                if thing.color and mask.any():
                    colors.append(seen_color(np.asarray(shown.image), mask) == thing.color)
        if shown.relation in DIRECTIONS:
            place = seen_place(masks[0], masks[1])
            if place:
                relations.append(place.relation == shown.relation)
    return {
        "scenes": scenes,
        "doubt": asdict(judge.doubt),
        "mean_iou": round(mean_iou(labels, exact), 4),
        "mean_iou_undoubting": round(mean_iou(undoubting, exact), 4),
        "pixel_accuracy": round(float((labels == exact).mean()), 4),
        "found": found.facts(),
        "claimed": claimed.facts(),
        "colour": Share.of(colors).facts(),
        "relation": Share.of(relations).facts(),
    }
