"""A look worked out without the package: encoded, noised and passed through the denoiser by hand.

The parts of the pipeline are called one by one, and noise is added by diffusers' own schedulers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from PIL import Image
from torch import Tensor

PROMPT = "a red cat and a giraffe"
TIMESTEPS = (900, 500, 100)


@torch.no_grad()
def clean_latents(pipe: Any, image: Image.Image) -> Tensor:
    """(1, channel, y, x): the mean that the VAE predicts, scaled as image-to-image does."""
    pixels = np.asarray(image)[None].astype(np.float32) / 255.0  # (1, y, x, channel)
    batch = 2.0 * torch.from_numpy(pixels).permute(0, 3, 1, 2) - 1.0
    mean = pipe.vae.encode(batch).latent_dist.mean
    scaled = (mean - (pipe.vae.config.shift_factor or 0.0)) * pipe.vae.config.scaling_factor
    return scaled.contiguous()


def noise_like(latents: Tensor, seed: int) -> Tensor:
    return torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))


def noised(pipe: Any, image: Image.Image, *, seed: int = 0) -> Tensor:
    """(timestep, channel, y, x), by diffusers' own `add_noise` or `scale_noise`."""
    clean = clean_latents(pipe, image)
    noise = noise_like(clean, seed)
    if hasattr(pipe, "transformer"):
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.timesteps = torch.tensor(TIMESTEPS, dtype=torch.float32)
        scheduler.sigmas = scheduler.timesteps / 1000
        frames = [scheduler.scale_noise(clean, t[None], noise) for t in scheduler.timesteps]
    else:
        config = pipe.scheduler.config
        names = ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps")
        ddpm = DDPMScheduler(**{name: config[name] for name in names})
        frames = [ddpm.add_noise(clean, noise, torch.tensor([t])) for t in TIMESTEPS]
    return torch.cat(frames)


@torch.no_grad()
def passes(pipe: Any, image: Image.Image, *, prompt: str = PROMPT, seed: int = 0) -> None:
    """Run the denoiser at each timestep, on the prompt alone."""
    frames = noised(pipe, image, seed=seed)
    size = (image.height, image.width)
    if not hasattr(pipe, "transformer"):
        encoded = pipe.encode_prompt(prompt, device="cpu", num_images_per_prompt=1, **_OFF)
        added = None
        if hasattr(pipe, "text_encoder_2"):
            sizes = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32)
            added = {"text_embeds": encoded[2], "time_ids": sizes}
        for t, frame in zip(TIMESTEPS, frames, strict=True):
            pipe.unet(
                frame[None],
                torch.tensor(t),
                encoder_hidden_states=encoded[0],
                added_cond_kwargs=added,
            )
        return
    if hasattr(pipe, "tokenizer_3"):
        text, _, pooled, _ = pipe.encode_prompt(prompt, prompt, prompt, **_OFF)
        for t, frame in zip(TIMESTEPS, frames, strict=True):
            pipe.transformer(
                hidden_states=frame[None],
                timestep=torch.tensor([float(t)]),
                encoder_hidden_states=text,
                pooled_projections=pooled,
            )
        return
    text, pooled, text_ids = pipe.encode_prompt(prompt, prompt, max_sequence_length=512)
    rows, columns = frames.shape[2] // 2, frames.shape[3] // 2
    places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()
    ids = torch.cat([torch.zeros(len(places), 1), places], dim=1)
    for t, frame in zip(TIMESTEPS, frames, strict=True):
        cells = frame.unfold(1, 2, 2).unfold(2, 2, 2)  # (channel, row, column, 2, 2)
        pipe.transformer(
            hidden_states=cells.permute(1, 2, 0, 3, 4).reshape(1, rows * columns, -1),
            timestep=torch.tensor([t / 1000]),
            guidance=None,
            encoder_hidden_states=text,
            pooled_projections=pooled,
            txt_ids=text_ids,
            img_ids=ids,
        )


_OFF = {"do_classifier_free_guidance": False}
