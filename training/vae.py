"""Train the autoencoder: 64 x 64 RGB to 16 x 16 latents and back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from daam_nb.menagerie.world import SIZE, scene
from training.loop import Run, train
from training.options import Options
from training.scenes import images

CROP, TRIES = 32, 4
"""Height and width of a training crop in pixels, and how many places are tried for it."""


def build_vae(config: dict[str, Any]) -> AutoencoderKL:
    """An untrained autoencoder of the sizes in the table `vae` (factor 4, no attention).

    Its latents are normalized by its own weights (`normalize`), hence a scaling factor of 1.
    """
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=tuple(config["block_out_channels"]),
        layers_per_block=config["layers_per_block"],
        latent_channels=config["latent_channels"],
        norm_num_groups=config["norm_num_groups"],
        sample_size=SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def as_batch(pixels: np.ndarray[Any, Any] | Tensor, device: str = "cpu") -> Tensor:
    """(n, y, x, 3) uint8 pixels to (n, 3, y, x) float32 in -1..1, on the device."""
    batch = pixels if isinstance(pixels, Tensor) else torch.from_numpy(np.array(pixels))
    return batch.to(device).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1


class VaeJob:
    """Loss: L1 of the pixels + L1 of their differences (edges) + KL of the latents.

    Parameters
    ----------
    device
        What it trains on.
    config
        The whole configuration.
    work
        Holds `scenes`.
    start
        Folder of exported weights to start from; None starts untrained.
    """

    name = "vae"

    def __init__(
        self, device: str, *, config: dict[str, Any], work: Path, start: Path | None = None
    ) -> None:
        self._config, self._device, self._scenes = config["vae"], device, work / "scenes"
        self.module: AutoencoderKL = build_vae(self._config).to(device)
        if torch.device(device).type != "cpu":
            self.module.to(memory_format=torch.channels_last)
        if start is not None:
            self.module.load_state_dict(AutoencoderKL.from_pretrained(start / "vae").state_dict())
        compiled = self._config.get("compile")
        self._restore = torch.compile(self._restored) if compiled else self._restored
        held = np.stack([np.asarray(scene(i, "test").image) for i in range(64)])
        self._held = as_batch(held, device)
        self.refresh()

    def refresh(self) -> None:
        """Look for new shards; on a GPU the first ones stay in its memory."""
        self._store = images(self._scenes)
        if torch.device(self._device).type != "cpu" and not hasattr(self, "_resident"):
            kept = np.concatenate(self._store[: self._config["resident_shards"]])
            self._resident = torch.from_numpy(kept).to(self._device)

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one random batch."""
        if torch.device(self._device).type == "cpu":
            whole = progress > self._config["whole_from"]
            batch = as_batch(self._crops(rng, whole=whole), self._device)
        else:
            rows = torch.from_numpy(rng.integers(len(self._resident), size=self._config["batch"]))
            batch = as_batch(self._resident[rows.to(self._device)], self._device)
        kind = torch.device(self._device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self._config["bf16"]):
            restored, mean, logvar = self._restore(batch)
        error = restored.float() - batch
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        kl = 0.5 * (mean.float() ** 2 + logvar.float().exp() - 1 - logvar.float()).mean()
        return (
            error.abs().mean()
            + self._config["edge_weight"] * edges
            + self._config["kl_weight"] * kl
        )

    def _restored(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images from latents drawn for `batch`, and the latents' mean and log variance."""
        posterior = self.module.encode(batch).latent_dist
        latents = posterior.mean + posterior.std * torch.randn_like(posterior.mean)
        return self.module.decode(latents).sample, posterior.mean, posterior.logvar

    def _crops(self, rng: np.random.Generator, *, whole: bool) -> np.ndarray[Any, Any]:
        """Parts of random images where most happens, or a quarter as many whole images.

        Most of an image is smooth background; the details of objects are what takes long.
        """
        count = self._config["batch"] // (4 if whole else 1)
        chosen = []
        for which in rng.integers(len(self._store), size=count):
            image = self._store[which][rng.integers(len(self._store[which]))]
            corners = rng.integers(SIZE - CROP + 1, size=(TRIES, 2))
            parts = [image[y : y + CROP, x : x + CROP] for y, x in corners]
            busiest = int(np.argmax([part[::2, ::2].std(axis=(0, 1)).sum() for part in parts]))
            chosen.append(image if whole else parts[busiest])
        return np.stack(chosen)

    def measure(self) -> dict[str, float]:
        """Quality on scenes of the test split."""
        return {"psnr_test": psnr(self.module, self._held)}


def train_vae(config: dict[str, Any], options: Options) -> AutoencoderKL:
    """Train, or continue, until the configured hours are spent; then write `work/vae`.

    Parameters
    ----------
    config
        The whole configuration.
    options
        Its `work` holds `scenes`; receives `vae.pt`, `vae.jsonl` and `vae`.
    """
    work = options.work
    build = partial(VaeJob, config=config, work=work, start=options.start)
    model: AutoencoderKL = train(Run(build, config["vae"], options)).module  # type: ignore[assignment]
    sample = np.concatenate([p[:512] for p in images(work / "scenes")[:4]])
    normalize(model, sample, options.device)
    model.save_pretrained(work / "vae")
    return model


@torch.no_grad()
def normalize(model: AutoencoderKL, pixels: np.ndarray[Any, Any], device: str) -> None:
    """Give every latent channel mean 0 and deviation 1, by changing the 1 x 1 convolutions.

    Stable Diffusion's pipeline knows one scalar factor; folding the statistics of each channel
    into `quant_conv` and `post_quant_conv` leaves nothing for it to do, and restored images
    are what they were.

    Parameters
    ----------
    pixels
        (n, y, x, 3), uint8: scenes to measure the latents on.
    """
    means = torch.cat(
        [
            model.encode(as_batch(part, device)).latent_dist.mode()
            for part in np.array_split(pixels, max(len(pixels) // 64, 1))
        ]
    )
    mean, std = means.mean(dim=(0, 2, 3)), means.std(dim=(0, 2, 3))
    count = len(mean)
    into, back = model.quant_conv, model.post_quant_conv
    into.weight[:count] /= std[:, None, None, None]
    into.bias[:count] = (into.bias[:count] - mean) / std
    into.bias[count:] -= 2 * std.log()
    back.bias += back.weight[:, :, 0, 0] @ mean
    back.weight *= std[None, :, None, None]


@torch.no_grad()
def psnr(model: AutoencoderKL, batch: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of restored images, the mean over the batch."""
    restored = model.decode(model.encode(batch).latent_dist.mode()).sample.clamp(-1, 1)
    error = functional.mse_loss(restored, batch, reduction="none").mean(dim=(1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())
