"""Rendered images made to look like generated ones, for the judge to learn from.

Generated images come out of the autoencoder, their outlines waver, and some of what they show is
nothing at all: blobs with the colors of a thing, but not its shape. Each of that is imitated where
the exact labels stay known: scenes are warped with their labels; objects ruined by a strong warp
and patches without meaning are painted over them, both labeled background; a share passes through
the autoencoder with noise on its latents; and blur, noise and color shifts follow.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

WARPED, RUINED, PATCHED, ENCODED = 0.5, 0.35, 0.15, 0.3
"""Shares of a batch that are warped, that show something ruined, patches without meaning, and that
are passed through the autoencoder."""

PIXELS_MOVED = 2.5
LATENT_NOISE = 0.35
"""Largest deviation of the noise on latents, whose own deviation is about 1."""


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(count, 1, 1, 1, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def _smooth(count: int, channels: int, cells: int, size: int, generator: torch.Generator) -> Tensor:
    """Smooth noise of deviation about 1: (count, channels, size, size)."""
    rough = torch.randn(count, channels, cells, cells, generator=generator, device=generator.device)
    return functional.interpolate(rough, (size, size), mode="bicubic", align_corners=True)


def _moved_grid(shape: torch.Size, moved: Tensor) -> Tensor:
    """Places to sample at: (n, y, x, 2), the regular grid plus `moved` (n, 2, y, x) in pixels."""
    size = shape[-1]
    line = torch.linspace(-1 + 1 / size, 1 - 1 / size, size, device=moved.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], dim=-1) + moved.permute(0, 2, 3, 1) * 2 / size


def _sampled(images: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    return functional.grid_sample(
        images, grid, mode=mode, padding_mode="reflection", align_corners=False
    )


def _warp(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Move pixels smoothly by a few; labels move with them."""
    count, size = len(images), images.shape[-1]
    strength = _uniform(count, 0.2, 1.0, generator) * PIXELS_MOVED
    grid = _moved_grid(images.shape, _smooth(count, 2, 5, size, generator) * strength)
    followed = _sampled(labels[:, None].float(), grid, "nearest")
    return _sampled(images, grid), followed[:, 0].long()


def _ruin(
    images: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paint other images' objects, warped beyond recognition, over these: nothing to be named."""
    count, size = len(images), images.shape[-1]
    shown = (other_labels > 0)[:, None].float()
    # About the side of what is shown, in pixels.
    side = shown.sum(dim=(1, 2, 3), keepdim=True).sqrt()
    cells = int(torch.randint(6, 13, (1,), generator=rng, device=rng.device))
    moved = _smooth(count, 2, cells, size, rng) * side * _uniform(count, 0.15, 0.4, rng)
    grid = _moved_grid(images.shape, moved)
    texture, alpha = _sampled(others, grid), _sampled(shown, grid)
    smooth = functional.avg_pool2d(torch.cat([texture, alpha], dim=1), 5, 1, 2)
    soft = _uniform(count, 0, 1, rng) < 0.5
    texture, alpha = (
        torch.where(soft, smooth[:, :3], texture),
        torch.where(soft, smooth[:, 3:], alpha),
    )
    alpha = torch.sigmoid(12 * (alpha - 0.5))
    painted = images + alpha * (texture - images)
    return painted, torch.where(alpha[:, 0] > 0.5, torch.zeros_like(labels), labels)


def _patch(
    images: Tensor, labels: Tensor, others: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paint a blob that shows nothing: smooth colors, or another image's shuffled pieces."""
    count, size = len(images), images.shape[-1]
    line = torch.linspace(0, 1, size, device=images.device)
    y, x = line[:, None], line[None, :]
    center_y, center_x = (_uniform(count, 0.1, 0.9, generator) for _ in range(2))
    high, wide = (_uniform(count, 0.08, 0.28, generator) for _ in range(2))
    inside = 1 - ((y - center_y) / high) ** 2 - ((x - center_x) / wide) ** 2
    alpha = torch.sigmoid(6 * (inside + 0.5 * _smooth(count, 1, 7, size, generator)))
    colors = (0.7 * _smooth(count, 3, 6, size, generator)).clamp(-1, 1)
    pieces = functional.pixel_unshuffle(others, 4)  # (n, 3 * 16, 16, 16)
    order = torch.randperm(pieces[0, 0].numel(), generator=generator, device=images.device)
    shuffled = pieces.flatten(2)[..., order].view_as(pieces)
    texture = torch.where(
        _uniform(count, 0, 1, generator) < 0.5, colors, functional.pixel_shuffle(shuffled, 4)
    )
    painted = images + alpha * (texture - images)
    return painted, torch.where(alpha[:, 0] > 0.5, torch.zeros_like(labels), labels)


@torch.no_grad()
def through_autoencoder(
    images: Tensor, vae: Any, generator: torch.Generator | None = None
) -> Tensor:
    """Images encoded and decoded; with a generator, after noise on the latents."""
    latents = vae.encode(images).latent_dist.mode()
    if generator is not None:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        latents = latents + _uniform(len(latents), 0, LATENT_NOISE, generator) * noise
    restored: Tensor = vae.decode(latents).sample.float().clamp(-1, 1)
    return restored


def softened(
    images: Tensor,
    labels: Tensor,
    *,
    vae: Any,
    generator: torch.Generator,
    amount: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """A batch like generated images, with its labels.

    Parameters
    ----------
    images
        (n, 3, y, x), float32 in -1..1, rendered.
    labels
        (n, y, x), int64, exact.
    vae
        The autoencoder that generated images come out of.
    generator
        Source of every choice, on the images' device.
    amount
        0..1: multiplies the shares of the batch that are warped, patched and encoded.

    Returns
    -------
    images, labels
        Of the same shapes. What a patch covers is labeled background.
    """
    count = len(images)
    images, labels = images.clone(), labels.clone()
    others, other_labels = images.roll(1, dims=0), labels.roll(1, dims=0)

    def chosen(share: float) -> Tensor:
        order = torch.randperm(count, generator=generator, device=images.device)
        return order[: round(amount * share * count)]

    if len(rows := chosen(WARPED)):
        images[rows], labels[rows] = _warp(images[rows], labels[rows], generator)
    if len(rows := chosen(RUINED)):
        images[rows], labels[rows] = _ruin(
            images[rows], labels[rows], others[rows], other_labels[rows], generator
        )
    if len(rows := chosen(PATCHED)):
        images[rows], labels[rows] = _patch(images[rows], labels[rows], others[rows], generator)
    if len(rows := chosen(ENCODED)):
        images[rows] = through_autoencoder(images[rows], vae, generator)
    return _blurred_and_shifted(images, generator), labels


def _blurred_and_shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    count = len(images)
    soft = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), "replicate"), 3, 1)
    images = images + _uniform(count, 0, 1, generator) * (soft - images)
    device = images.device
    gain = 1 + 0.08 * torch.randn(count, 3, 1, 1, generator=generator, device=device)
    shift = 0.05 * torch.randn(count, 3, 1, 1, generator=generator, device=device)
    noise = torch.randn(images.shape, generator=generator, device=device)
    return images * gain + shift + _uniform(count, 0, 0.1, generator) * noise
