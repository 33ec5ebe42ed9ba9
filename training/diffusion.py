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
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.batches import Batches
from training.loop import Job, Run, train
from training.options import Options

STEPS = 1000
"""Timesteps of the noise schedule, as in Stable Diffusion."""


def build_text(config: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=config["width"],
            intermediate_size=4 * config["width"],
            num_hidden_layers=config["layers"],
            num_attention_heads=config["heads"],
            max_position_embeddings=config["length"],
            projection_dim=config["width"],
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


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


def noise_schedule() -> dict[str, Any]:
    """The noise schedule that training and sampling share."""
    return {
        "num_train_timesteps": STEPS,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": False,
    }


def draw_timesteps(
    rng: np.random.Generator, count: int, *, centre: float = 1.0
) -> np.ndarray[Any, Any]:
    """Timesteps of a batch: a quarter evenly spread, the others where words matter most.

    With little noise the picture itself tells what it shows, and with nothing but noise there is
    no place yet; in between, around timestep 730, the caption decides. Three quarters are drawn
    there (logit-normal, as in Esser et al. 2024, https://arxiv.org/abs/2403.03206). Both parts
    are stratified over the batch.

    Parameters
    ----------
    centre
        Logit of the middle of those three quarters, as a share of all timesteps. Where things go
        is decided earlier than what they are: 2 stands for timestep 880.

    Returns
    -------
    ndarray
        (count,), int64 in 0..999, in random order.
    """
    even = count // 4
    share = (np.arange(even) + rng.random(even)) / max(even, 1)
    rest = (np.arange(count - even) + rng.random(count - even)) / (count - even)
    normal = torch.special.ndtri(torch.from_numpy(rest)).numpy()
    middle = 1 / (1 + np.exp(-(centre + 0.9 * normal)))
    both = np.clip(np.concatenate([share, middle]) * STEPS, 0, STEPS - 1)
    drawn: np.ndarray[Any, Any] = rng.permutation(both.astype(np.int64))
    return drawn


class DiffusionJob:
    """Weighted v-prediction loss; text encoder and UNet in one module."""

    name = "diffusion"

    def __init__(self, device: str, *, config: dict[str, Any], work: Path) -> None:
        self._config, self._device = config["diffusion"], device
        self.tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
        text = build_text(config["text"], self.tokenizer)
        unet = build_unet(
            config["unet"],
            channels=config["vae"]["latent_channels"],
            text_width=config["text"]["width"],
        )
        self.module: nn.ModuleDict = nn.ModuleDict({"text": text, "unet": unet}).to(device)
        self.module.train()
        if torch.device(device).type == "cpu":
            # At these small heads plain matrix products are faster there than the fused kernel.
            unet.set_attn_processor(AttnProcessor())
        else:
            unet.to(memory_format=torch.channels_last)
        # About a quarter faster on a CPU; needs a C++ compiler, and a minute to begin with.
        self._unet = torch.compile(unet) if self._config.get("compile") else unet
        self._signal = DDPMScheduler(**noise_schedule()).alphas_cumprod.to(device)
        self._batches = Batches(work, self._config, self.tokenizer, device)

    def refresh(self) -> None:
        """Take in the scenes that were encoded since."""
        self._batches.refresh()

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one random batch.

        The v-error is weighted by 1 / (1 + SNR / 8), which spends little on the last traces of
        noise.
        """
        clean, tokens = self._batches.draw(rng, progress)
        count = len(clean)
        drawn = draw_timesteps(rng, count, centre=self._config.get("centre", 1.0))
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

    def measure(self) -> dict[str, float]:
        """Nothing beyond the loss."""
        return {"scenes": float(len(self._batches))}


def train_diffusion(config: dict[str, Any], options: Options) -> Job:
    """Train, or continue, until the configured hours are spent.

    Parameters
    ----------
    config
        The whole configuration.
    options
        Its `work` holds `tokenizer` and `latents`; receives `diffusion.pt` and `diffusion.jsonl`.
    """
    build = partial(_job, config=config, work=options.work, start=options.start)
    return train(Run(build, config["diffusion"], options))


def _job(device: str, *, config: dict[str, Any], work: Path, start: Path | None) -> DiffusionJob:
    job = DiffusionJob(device, config=config, work=work)
    if start is not None:
        text = CLIPTextModel.from_pretrained(start / "text_encoder", dtype=torch.float32)
        unet = UNet2DConditionModel.from_pretrained(start / "unet", torch_dtype=torch.float32)
        job.module["text"].load_state_dict(text.state_dict())
        job.module["unet"].load_state_dict(unet.state_dict())
    return job
