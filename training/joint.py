"""Train the second model: Stable Diffusion 3's joint attention, by rectified flow.

Same world, autoencoder and tokenizer as the first model. Images are read as 256 patches of one
latent pixel each, so that attention maps are 16 x 16.

The pipeline has no third text encoder (T5). Instead `StableDiffusion3Pipeline` puts columns of
zeros after the captions' tokens; their number depends on the version: 256 by default
(`max_sequence_length`), in older versions of diffusers as many as the tokenizer's length. Zeros
have no position, so all these columns are equal in every layer, and N of them act like one whose
attention score is raised by log N. So the transformer is trained with one column and a random N,
which is exact, a tenth to a half cheaper, and makes a model that works for any N that a pipeline
chooses.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import SD3Transformer2DModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from training.captioned import CaptionedJob, Parts, stratified_shares, text_config
from training.loop import Job, Run, train
from training.options import Options

STEPS = 1000
"""What a noise share of 1 is as a timestep, as in Stable Diffusion 3."""

PARTS: Parts = {
    "text_encoder": (CLIPTextModelWithProjection, "text_encoder"),
    "text_encoder_2": (CLIPTextModelWithProjection, "text_encoder_2"),
    "transformer": (SD3Transformer2DModel, "transformer"),
}
"""The trained parts by their names in the pipeline."""


def build_transformer(
    config: dict[str, Any], *, channels: int, text_width: int
) -> SD3Transformer2DModel:
    """An untrained transformer; every block begins as the identity (adaLN-zero).

    References
    ----------
    Peebles and Xie 2023, "Scalable Diffusion Models with Transformers", section 3.2,
    https://arxiv.org/abs/2212.09748: the initial weights, which diffusers leaves to the trainer.
    """
    model = SD3Transformer2DModel(
        sample_size=16,
        patch_size=1,
        in_channels=channels,
        out_channels=channels,
        num_layers=config["layers"],
        attention_head_dim=config["head_width"],
        num_attention_heads=config["heads"],
        joint_attention_dim=text_width,
        caption_projection_dim=config["heads"] * config["head_width"],
        pooled_projection_dim=text_width,
        pos_embed_max_size=16,
        qk_norm="rms_norm",
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    for name, module in model.named_modules():
        if name.endswith((".norm1.linear", ".norm1_context.linear")) or name in {
            "norm_out.linear",
            "proj_out",
        }:
            nn.init.zeros_(module.weight)
    return model


def build_parts(config: dict[str, Any], tokenizer: CLIPTokenizer) -> nn.ModuleDict:
    """The untrained `PARTS` of a whole configuration."""
    sizes = config["joint_model"]
    first, second = (
        CLIPTextModelWithProjection(
            text_config(sizes[name], tokenizer, length=config["text"]["length"])
        )
        for name in ("text", "text_2")
    )
    transformer = build_transformer(
        sizes,
        channels=config["vae"]["latent_channels"],
        text_width=sizes["text"]["width"] + sizes["text_2"]["width"],
    )
    return nn.ModuleDict(dict(zip(PARTS, (first, second, transformer), strict=True)))


def embed(parts: nn.ModuleDict, tokens: Tensor, *, nulls: int) -> tuple[Tensor, Tensor]:
    """Encode captions like the pipeline's `encode_prompt`, without a third text encoder.

    Parameters
    ----------
    tokens
        (caption, token), ids of captions padded to the tokenizer's length.
    nulls
        Number of columns of zeros instead of the third encoder's.

    Returns
    -------
    words
        (caption, token + nulls, channel): the last hidden states but one of both encoders, side
        by side.
    pooled
        (caption, channel): both projections at the end of the text.
    """
    made = [parts[name](tokens, output_hidden_states=True) for name in list(PARTS)[:2]]
    words = torch.cat([m.hidden_states[-2] for m in made], dim=-1)
    pooled = torch.cat([m.text_embeds for m in made], dim=-1)
    return functional.pad(words, (0, 0, 0, nulls)), pooled


class CountedNull:
    """Joint attention in which the last column of the text stands for several equal ones.

    It computes what diffusers' `JointAttnProcessor2_0` does with that column repeated. The score
    is raised by further channels of queries and keys, not by a mask, because only attention
    without a mask has the fastest kernels.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        *,
        log_copies: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Attention of patches and words; `log_copies` (sample,) counts the last column."""

        def by_head(projected: Tensor) -> Tensor:
            return projected.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        queries, keys, values = (
            by_head(to(hidden_states)) for to in (attn.to_q, attn.to_k, attn.to_v)
        )
        more_queries, more_keys, more_values = (
            by_head(to(encoder_hidden_states))
            for to in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        )
        query = torch.cat([attn.norm_q(queries), attn.norm_added_q(more_queries)], dim=2)
        key = torch.cat([attn.norm_k(keys), attn.norm_added_k(more_keys)], dim=2)
        value = torch.cat([values, more_values], dim=2)  # (sample, head, patch + word, channel)
        width = query.shape[-1]
        room = 8 - width % 8  # kernels ask for multiples of eight channels
        raised = (log_copies * width**0.5)[:, None, None, None].to(key.dtype)
        last = torch.arange(key.shape[2], device=key.device) == key.shape[2] - 1
        extra = functional.pad(raised * last[:, None], (0, room - 1))  # (sample, 1, key, room)
        key = torch.cat([key, extra.expand(-1, attn.heads, -1, -1)], dim=-1)
        query = functional.pad(query, (0, room), value=1.0)
        value = functional.pad(value, (0, room))
        seen = functional.scaled_dot_product_attention(query, key, value, scale=width**-0.5)
        seen = seen[..., :width].transpose(1, 2).flatten(2)
        patches, words = seen.split([hidden_states.shape[1], encoder_hidden_states.shape[1]], dim=1)
        if not attn.context_pre_only:
            words = attn.to_add_out(words)
        return attn.to_out[0](patches), words


def draw_noise_shares(
    rng: np.random.Generator, count: int, *, center: float
) -> np.ndarray[Any, Any]:
    """Shares of noise of a batch, most of them where captions decide (`stratified_shares`).

    Parameters
    ----------
    center
        Logit of the middle of the logit-normal part. 0.8, a share of 0.69, has the signal-to-noise
        ratio of timestep 730 of the first model, around which captions matter most.

    Returns
    -------
    ndarray
        (count,), float32 in 0..1, 1 is pure noise, in random order.
    """
    return stratified_shares(rng, count, center=center, spread=1.0).astype(np.float32)


class JointJob(CaptionedJob):
    """Rectified-flow loss; both text encoders and the transformer in one module."""

    name, parts = "joint", PARTS

    def __init__(
        self, device: str, *, config: dict[str, Any], work: Path, start: Path | None = None
    ) -> None:
        super().__init__(device, config=config, work=work, start=start, build=build_parts)
        self.module["transformer"].set_attn_processor(CountedNull())
        self._embed, self._predict = embed, self._velocity
        # transformers hooks its layers at the first call, in a way that the compiler cannot follow.
        with torch.no_grad():
            embed(self.module, torch.zeros(1, 1, dtype=torch.long, device=device), nulls=1)
        if self._config["compile"] == "blocks":
            # All blocks but the last share one compilation, which starts in a fraction of the time.
            for block in self.module["transformer"].transformer_blocks:
                block.compile()
            self._embed = torch.compile(embed)
        elif self._config["compile"] == "whole":
            self._predict = torch.compile(self._velocity)

    def loss(self, rng: np.random.Generator, progress: float) -> Tensor:
        """Loss of one random batch: the mean square error of the velocity, noise - image."""
        clean, tokens = self._batches.draw(rng, progress)
        count = len(clean)
        low, high = np.log(self._config["nulls"])
        drawn = np.stack(
            [
                draw_noise_shares(rng, count, center=self._config["centre"]),
                rng.uniform(low, high, count).astype(np.float32),
            ]
        )
        share, log_copies = torch.from_numpy(drawn).to(self._device, non_blocking=True)
        noise = torch.randn_like(clean)
        mixed = torch.lerp(clean, noise, share[:, None, None, None])
        kind = torch.device(self._device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self._config["bf16"]):
            predicted = self._predict(mixed, tokens, share * STEPS, log_copies)
        return functional.mse_loss(predicted.float(), noise - clean)

    def _velocity(
        self, mixed: Tensor, tokens: Tensor, timesteps: Tensor, log_copies: Tensor
    ) -> Tensor:
        """The predicted noise - image, from captions to patches."""
        words, pooled = self._embed(self.module, tokens, nulls=1)
        (predicted,) = self.module["transformer"](
            hidden_states=mixed,
            encoder_hidden_states=words,
            pooled_projections=pooled,
            timestep=timesteps,
            joint_attention_kwargs={"log_copies": log_copies},
            return_dict=False,
        )
        return predicted


def train_joint(config: dict[str, Any], options: Options) -> Job:
    """Train, or continue, until the configured hours are spent.

    Parameters
    ----------
    config
        The whole configuration.
    options
        Its `work` holds `tokenizer` and `latents`; receives `joint.pt` and `joint.jsonl`.
    """
    build = partial(JointJob, config=config, work=options.work, start=options.start)
    return train(Run(build, config["joint"], options))
