"""Train the UNet and the text encoder together, by v-prediction on stored latents."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.captioned import CaptionedJob, Parts, stratified_shares, text_config
from training.loop import Job, Run, train
from training.options import Options

STEPS = 1000
"""Timesteps of the noise schedule, as in Stable Diffusion."""


PARTS: Parts = {
    "text": (CLIPTextModel, "text_encoder"),
    "unet": (UNet2DConditionModel, "unet"),
}
"""The trained parts, by their names in a checkpoint."""


def build_text(config: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder; `config` is the table `text`."""
    return CLIPTextModel(text_config(config, tokenizer, length=config["length"]))


def build_unet(config: dict[str, Any], *, channels: int, text_width: int) -> UNet2DConditionModel:
    """An untrained UNet: cross attention at 16 x 16, 8 x 8 and in the middle (4 x 4)."""
    model = UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=tuple(config["block_out_channels"]),
        layers_per_block=config["layers_per_block"],
        cross_attention_dim=text_width,
        # diffusers' name notwithstanding, this is the number of heads.
        attention_head_dim=config["heads"],
        norm_num_groups=config["norm_num_groups"],
    )
    return model


def build_parts(config: dict[str, Any], tokenizer: CLIPTokenizer) -> nn.ModuleDict:
    """The untrained `PARTS` of a whole configuration."""
    return nn.ModuleDict(
        {
            "text": build_text(config["text"], tokenizer),
            "unet": build_unet(
                config["unet"],
                channels=config["vae"]["latent_channels"],
                text_width=config["text"]["width"],
            ),
        }
    )


def noise_schedule() -> dict[str, Any]:
    """The noise schedule that training and sampling share."""
    return {
        "num_train_timesteps": STEPS,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": False,
    }


def draw_timesteps(
    rng: np.random.Generator, count: int, *, center: float = 1.0
) -> np.ndarray[Any, Any]:
    """Timesteps of a batch: a quarter evenly spread, the others where words matter most.

    With little noise the image itself shows its content, and with pure noise there is no layout
    yet; in between, around timestep 730, the caption matters most. Three quarters are drawn there
    (`stratified_shares`).

    Parameters
    ----------
    center
        Logit of the middle of those three quarters, as a share of all timesteps. The layout is
        decided earlier than the objects: 2 is timestep 880.

    Returns
    -------
    ndarray
        (count,), int64 in 0..999, in random order.
    """
    shares = stratified_shares(rng, count, center=center, spread=0.9)
    drawn: np.ndarray[Any, Any] = np.clip(shares * STEPS, 0, STEPS - 1).astype(np.int64)
    return drawn


class DiffusionJob(CaptionedJob):
    """Weighted v-prediction loss; text encoder and UNet in one module."""

    name, parts = "diffusion", PARTS

    def __init__(
        self, device: str, *, config: dict[str, Any], work: Path, start: Path | None = None
    ) -> None:
        super().__init__(device, config=config, work=work, start=start, build=build_parts)
        unet = self.module["unet"]
        if torch.device(device).type == "cpu":
            # At these small heads plain matrix products are faster there than the fused kernel.
            unet.set_attn_processor(AttnProcessor())
        else:
            unet.to(memory_format=torch.channels_last)
        # About a quarter faster on a CPU; needs a C++ compiler, and a minute to begin with.
        self._unet = torch.compile(unet) if self._config.get("compile") else unet
        self._signal = DDPMScheduler(**noise_schedule()).alphas_cumprod.to(device)

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one random batch.

        The v-error is weighted by 1 / (1 + SNR / 8), which gives little weight to the last traces
        of noise.
        """
        clean, tokens = self._batches.draw(rng, progress)
        count = len(clean)
        drawn = draw_timesteps(rng, count, center=self._config.get("centre", 1.0))
        timesteps = torch.from_numpy(drawn).to(self._device)
        signal = self._signal[timesteps][:, None, None, None]
        noise = torch.randn_like(clean)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * clean
        kind = torch.device(self._device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self._config["bf16"]):
            words = self.module["text"](tokens).last_hidden_state
            predicted = self._unet(noisy, timesteps, words).sample
        error = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        weight = 1 / (1 + signal.flatten() / (1 - signal.flatten()) / 8)
        return (error * weight).mean()


def train_diffusion(config: dict[str, Any], options: Options) -> Job:
    """Train, or continue, until the configured hours are spent.

    Parameters
    ----------
    config
        The whole configuration.
    options
        Its `work` holds `tokenizer` and `latents`; receives `diffusion.pt` and `diffusion.jsonl`.
    """
    build = partial(DiffusionJob, config=config, work=options.work, start=options.start)
    return train(Run(build, config["diffusion"], options))
