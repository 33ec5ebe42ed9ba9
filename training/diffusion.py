"""Train the UNet and the text encoder together, by v-prediction on stored latents."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from daam_nb.menagerie.taxonomy import COLOURS, SIZES
from training.loop import Job, Run, train
from training.scenes import facts

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
    # At these small heads plain matrix products are faster on a CPU than the fused kernel.
    model.set_attn_processor(AttnProcessor())
    return model


def noise_schedule() -> dict[str, Any]:
    """The noise schedule that training and sampling share."""
    return {
        "num_train_timesteps": STEPS,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "clip_sample": False,
    }


def is_plain(caption: str) -> bool:
    """Whether no object in a caption has a colour of its own or is small: what is learnt first."""
    objects = re.sub(r"on an? \w+ background", "", caption).replace(",", " ").split()
    return not {*COLOURS, *SIZES["small"]} & set(objects)


def states_a_direction(caption: str) -> bool:
    """Whether a caption says on which side of another an object is."""
    return bool({"left", "right", "above", "over", "below", "under"} & set(caption.split()))


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
        self._config, self._device, self._work = config["diffusion"], device, work
        self.tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
        text = build_text(config["text"], self.tokenizer)
        unet = build_unet(
            config["unet"],
            channels=config["vae"]["latent_channels"],
            text_width=config["text"]["width"],
        )
        self.module: nn.ModuleDict = nn.ModuleDict({"text": text, "unet": unet}).to(device)
        self.module.train()
        # About a quarter faster on a CPU; needs a C++ compiler, and a minute to begin with.
        self._unet = torch.compile(unet) if self._config.get("compile") else unet
        self._signal = DDPMScheduler(**noise_schedule()).alphas_cumprod.to(device)
        self._empty = torch.tensor(
            self.tokenizer("", padding="max_length").input_ids, dtype=torch.long
        )
        self._shards = 0
        self.refresh()

    def refresh(self) -> None:
        """Load the shards of latents again when there are more of them."""
        paths = sorted((self._work / "latents").glob("[0-9]*.npz"))
        if len(paths) == self._shards:
            return
        read = [dict(np.load(path)) for path in paths]
        self._latents = np.concatenate([r["latents"] for r in read])
        self._tokens = np.concatenate([r["tokens"] for r in read])
        single = np.concatenate([r["single"] for r in read])
        captions = [
            caption
            for path in paths
            for caption in facts(self._work / "scenes" / f"{path.stem}.npy")["captions"]
        ]
        plain = np.array([is_plain(caption) for caption in captions])
        # Rows by (one object?, plain?).
        self._rows = {
            (one, easy): np.flatnonzero((single == one) & (plain == easy))
            for one in (True, False)
            for easy in (True, False)
        }
        self._directed = np.flatnonzero([states_a_direction(caption) for caption in captions])
        self._shards = len(paths)

    def _draw(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """Latents and token ids of a batch.

        Early on more single objects and more plain ones than the world has; and, where the
        configuration has `directed`, that share with a caption that states a direction.
        """
        count = self._config["batch"]
        own = {key: len(rows) / len(self._latents) for key, rows in self._rows.items()}
        one = self._share(own[True, True] + own[True, False], "single", progress)
        easy = self._share(own[True, True] + own[False, True], "plain", progress)
        rows = np.array(
            [
                rng.choice(self._rows[bool(single), bool(plain)])
                for single, plain in zip(
                    rng.random(count) < one, rng.random(count) < easy, strict=True
                )
            ]
        )
        directed = rng.random(count) < self._config.get("directed", 0.0)
        if directed.any():
            rows[directed] = rng.choice(self._directed, directed.sum())
        latents = torch.from_numpy(self._latents[rows]).float()
        tokens = torch.from_numpy(self._tokens[rows]).long()
        tokens[rng.random(count) < self._config["caption_dropout"]] = self._empty
        return latents.to(self._device), tokens.to(self._device)

    def _share(self, own: float, name: str, progress: float) -> float:
        """A group's share now: from `<name>_early` to its own, over `<name>_until` of the run."""
        early = max(1 - progress / self._config[f"{name}_until"], 0.0)
        return float(own + (self._config[f"{name}_early"] - own) * early)

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one random batch.

        The v-error is weighted by 1 / (1 + SNR / 8), which spends little on the last traces of
        noise.
        """
        clean, tokens = self._draw(rng, progress)
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
        return {"scenes": float(len(self._latents))}


def train_diffusion(
    config: dict[str, Any],
    work: Path,
    *,
    seed: int,
    device: str = "cpu",
    helpers: int = 0,
    start: Path | None = None,
) -> Job:
    """Train, or continue, until the configured hours are spent.

    Parameters
    ----------
    config
        The whole configuration.
    work
        Holds `tokenizer` and `latents`; receives `diffusion.pt` and `diffusion.jsonl`.
    start
        Folder of exported weights to start from, with a fresh optimizer and a warm-up; ignored
        once `diffusion.pt` exists.
    """
    build = partial(_job, config=config, work=work, start=start)
    return train(Run(build, config["diffusion"], work, seed, device, helpers))


def _job(device: str, *, config: dict[str, Any], work: Path, start: Path | None) -> DiffusionJob:
    job = DiffusionJob(device, config=config, work=work)
    if start is not None:
        text = CLIPTextModel.from_pretrained(start / "text_encoder", dtype=torch.float32)
        unet = UNet2DConditionModel.from_pretrained(start / "unet", torch_dtype=torch.float32)
        job.module["text"].load_state_dict(text.state_dict())
        job.module["unet"].load_state_dict(unet.state_dict())
    return job
