"""Rendered images made like generated ones: what changes, and what the labels say then."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.menagerie import scene
from training import softening
from training.judge import label_map, mean_iou, presence
from training.softening import softened
from training.vae import as_batch, build_vae

CONFIG = tomllib.loads((Path(__file__).parents[2] / "training" / "short.toml").read_text())


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor, Any]:
    torch.manual_seed(0)
    made = [scene(seed) for seed in range(16)]
    images = as_batch(np.stack([np.asarray(one.image) for one in made]))
    labels = torch.from_numpy(np.stack([label_map(one) for one in made]))
    return images, labels, build_vae(CONFIG["vae"]).eval()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_labels_cover_what_the_masks_do() -> None:
    one = scene(1)
    labels = label_map(one)
    assert ((labels > 0) == one.masks.any(axis=0)).all()
    assert len(np.unique(labels[labels > 0])) == len({thing.noun for thing in one.objects})


def test_the_same_generator_gives_the_same_batch_and_leaves_the_originals(batch: Any) -> None:
    images, labels, vae = batch
    before, exact = images.clone(), labels.clone()
    first, second = (softened(images, labels, vae=vae, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert torch.equal(images, before) and torch.equal(labels, exact)
    assert first[0].shape == images.shape and first[1].dtype == torch.int64


def test_at_amount_zero_no_label_changes(batch: Any) -> None:
    images, labels, vae = batch
    made, kept = softened(images, labels, vae=vae, generator=seeded(), amount=0.0)
    assert torch.equal(kept, labels)
    assert 0 < (made - images).abs().mean() < 0.2


def test_what_is_ruined_or_patched_is_labeled_background(batch: Any, monkeypatch: Any) -> None:
    images, labels, vae = batch
    for share in ("WARPED", "RUINED", "PATCHED", "ENCODED"):
        monkeypatch.setattr(softening, share, 0.0)
    for share in ("RUINED", "PATCHED"):
        monkeypatch.setattr(softening, share, 1.0)
        _, made = softened(images, labels, vae=vae, generator=seeded())
        monkeypatch.setattr(softening, share, 0.0)
        changed = made != labels
        assert changed.any() and (made[changed] == 0).all()


def test_a_warp_moves_labels_with_their_pixels(batch: Any, monkeypatch: Any) -> None:
    _, labels, vae = batch
    for share in ("RUINED", "PATCHED", "ENCODED"):
        monkeypatch.setattr(softening, share, 0.0)
    monkeypatch.setattr(softening, "WARPED", 1.0)
    # Images painted in their own labels stay so, but for the slopes between two of them.
    painted = (labels[:, None].float() / 14 - 1).expand(-1, 3, -1, -1)
    made, followed = softened(painted, labels, vae=vae, generator=seeded())
    assert (followed != labels).float().mean() > 0.01
    error = (made[:, 0] - (followed.float() / 14 - 1)).abs()
    still = (made[:, 0] - (labels.float() / 14 - 1)).abs()
    assert error.mean() < still.mean()


def test_accuracy_by_hand() -> None:
    exact = np.zeros((1, 8, 8), dtype=np.int64)
    exact[0, :4] = 1
    found = exact.copy()
    found[0, 3] = 0  # a quarter of label 1 missed
    assert mean_iou(found, exact) == pytest.approx((24 / 32 + 32 / 40) / 2)
    exact = np.zeros((2, 16, 16), dtype=np.int64)
    exact[0, :5, :10] = 1  # 50 pixels: shown
    found = np.zeros_like(exact)
    found[0, :3, :10], found[1, :3, :10] = 1, 2
    right, wrong = presence(found, exact, least=24)
    assert (right.right, right.n, wrong.right, wrong.n) == (1, 1, 1, 2)
    assert presence(found, exact, least=31)[0].right == 0
