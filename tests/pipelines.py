"""Tiny real diffusers pipelines: every class is the real one, only the sizes are small.

Plain functions, for any test: ``pipe = sd1()``. Each builds in well under half a second and makes
an image of 64 x 96 pixels in 2-3 steps in about a tenth of a second. Weights come from a fixed
local seed; the global random state is as it was. Two calls build equal pipelines that share
nothing. Attention projections are scaled up, so that attention is far from uniform and a mix-up
of rows, columns or steps cannot hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPAGPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from PIL import Image
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from tests.tiny_tokenizers import clip_tokenizer

WIDTH_OF_TEXT = 32
"""Channels of one tiny text encoder."""

SIZE = (64, 96)
"""(height, width) of the images of the tests, in pixels: not square; latents are (8, 12)."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of a fixed seed inside, the caller's random state afterwards."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


# --- parts ------------------------------------------------------------------------------------


def text_encoder(tokenizer: Any, *, projection: bool = False, window: int = 77) -> Any:
    """A CLIP text encoder of two layers for the tokenizer's vocabulary."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH_OF_TEXT,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        max_position_embeddings=window,
        projection_dim=WIDTH_OF_TEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder = (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)
    return encoder.eval()


def vae(*, levels: int = 4, **changes: Any) -> AutoencoderKL:
    """A VAE whose latents are 2 ** (levels - 1) times smaller than the image."""
    config: dict[str, Any] = {
        "block_out_channels": [4] * levels,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "latent_channels": 4,
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "sample_size": 32,
    }
    return AutoencoderKL(**(config | changes)).eval()


def unet(**changes: Any) -> UNet2DConditionModel:
    """A UNet with cross-attention in its down, mid and up blocks, at three sizes.

    Heads are 2, 4 and 8 (mid block): a reader who takes one number for all of them errs.
    """
    config: dict[str, Any] = {
        "sample_size": 12,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16, 16),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": WIDTH_OF_TEXT,
        "attention_head_dim": (2, 4, 8),
        "norm_num_groups": 2,
    }
    model = UNet2DConditionModel(**(config | changes)).eval()
    sharpen(model)
    return model


def sharpen(model: torch.nn.Module, factor: float = 4.0) -> None:
    """Scale the projections of cross-attention, so that attention is far from uniform."""
    for name, module in model.named_modules():
        if name.endswith("attn2"):
            module.to_q.weight.data.mul_(factor)
            module.to_k.weight.data.mul_(factor)


def ddim(**changes: Any) -> DDIMScheduler:
    """Stable Diffusion's DDIM."""
    config: dict[str, Any] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        "set_alpha_to_one": False,
        "clip_sample": False,
    }
    return DDIMScheduler(**(config | changes))


def lcm_scheduler() -> LCMScheduler:
    """The scheduler of latent consistency models."""
    return LCMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
    )


def sd_parts(*, window: int = 77, vae_levels: int = 4, **unet_changes: Any) -> dict[str, Any]:
    """All parts of a Stable Diffusion pipeline, of the present random state."""
    tokenizer = clip_tokenizer(model_max_length=window)
    return {
        "tokenizer": tokenizer,
        "text_encoder": text_encoder(tokenizer, window=window),
        "unet": unet(**unet_changes),
        "vae": vae(levels=vae_levels),
        "scheduler": ddim(),
    }


NO_SAFETY: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}
"""Parts that pipelines are made without."""


def quiet(pipe: Any) -> Any:
    """Without a progress bar."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


# --- pipelines --------------------------------------------------------------------------------


def sd1(*, seed: int = 0, window: int = 77, vae_levels: int = 4, **unet_changes: Any) -> Any:
    """Stable Diffusion 1.x."""
    with seeded(seed):
        parts = sd_parts(window=window, vae_levels=vae_levels, **unet_changes)
    return quiet(StableDiffusionPipeline(**parts, **NO_SAFETY))


def sd2(*, seed: int = 1) -> Any:
    """Stable Diffusion 2.x: linear projections, v-prediction."""
    with seeded(seed):
        parts = sd_parts(use_linear_projection=True)
    parts["scheduler"] = ddim(prediction_type="v_prediction")
    return quiet(StableDiffusionPipeline(**parts, **NO_SAFETY))


def sdxl_unet(**changes: Any) -> UNet2DConditionModel:
    """A UNet of Stable Diffusion XL: two attention layers in each block, sizes as a condition."""
    config: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4),
        "transformer_layers_per_block": (1, 2),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + WIDTH_OF_TEXT,
        "cross_attention_dim": 2 * WIDTH_OF_TEXT,
        "use_linear_projection": True,
    }
    return unet(**(config | changes))


def sdxl_parts() -> dict[str, Any]:
    """All parts of a Stable Diffusion XL pipeline, of the present random state."""
    first, second = clip_tokenizer(), clip_tokenizer(pad_token="!")
    return {
        "tokenizer": first,
        "tokenizer_2": second,
        "text_encoder": text_encoder(first),
        "text_encoder_2": text_encoder(second, projection=True),
        "unet": sdxl_unet(),
        "vae": vae(),
        "scheduler": ddim(),
    }


def _sdxl_parts(seed: int) -> dict[str, Any]:
    with seeded(seed):
        return sdxl_parts()


def sdxl(*, seed: int = 2) -> Any:
    """Stable Diffusion XL: two text encoders, two attention layers in each block."""
    return quiet(StableDiffusionXLPipeline(**_sdxl_parts(seed), add_watermarker=False))


def sdxl_img2img(*, seed: int = 2) -> Any:
    """SDXL from an image."""
    return quiet(StableDiffusionXLImg2ImgPipeline(**_sdxl_parts(seed), add_watermarker=False))


def sdxl_inpaint(*, seed: int = 2) -> Any:
    """SDXL inpainting with a text-to-image UNet."""
    return quiet(StableDiffusionXLInpaintPipeline(**_sdxl_parts(seed), add_watermarker=False))


def sdxl_controlnet(*, seed: int = 2) -> Any:
    """SDXL with a ControlNet."""
    parts = _sdxl_parts(seed)
    net = controlnet_of(parts["unet"], seed)
    return quiet(
        StableDiffusionXLControlNetPipeline(**parts, controlnet=net, add_watermarker=False)
    )


def sdxl_pag(*, seed: int = 2) -> Any:
    """SDXL with perturbed attention guidance."""
    parts = _sdxl_parts(seed)
    return quiet(
        StableDiffusionXLPAGPipeline(**parts, add_watermarker=False, pag_applied_layers="mid")
    )


def img2img(*, seed: int = 3) -> Any:
    """Stable Diffusion 1.x from an image."""
    with seeded(seed):
        parts = sd_parts()
    return quiet(StableDiffusionImg2ImgPipeline(**parts, **NO_SAFETY))


def inpaint(*, seed: int = 4, channels: int = 4) -> Any:
    """Inpainting with a text-to-image UNet (4 channels) or a trained one (9)."""
    with seeded(seed):
        parts = sd_parts(in_channels=channels)
    return quiet(StableDiffusionInpaintPipeline(**parts, **NO_SAFETY))


def controlnet(*, seed: int = 5) -> Any:
    """Stable Diffusion 1.x with a ControlNet (which has cross-attention of its own)."""
    with seeded(seed):
        parts = sd_parts()
    net = controlnet_of(parts["unet"], seed)
    return quiet(StableDiffusionControlNetPipeline(**parts, controlnet=net, **NO_SAFETY))


def controlnet_of(model: UNet2DConditionModel, seed: int) -> ControlNetModel:
    """A ControlNet of a UNet, with an effect: its last layers begin at zero."""
    with seeded(seed + 100):
        net = ControlNetModel.from_unet(
            model, conditioning_embedding_out_channels=(4, 4, 4, 4)
        ).eval()
        for name, parameter in net.named_parameters():
            if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond")):
                torch.nn.init.normal_(parameter, std=0.3)  # from_unet leaves them at zero
    return net


def pag(*, seed: int = 6) -> Any:
    """Perturbed attention guidance: each prompt's row is in the batch twice."""
    with seeded(seed):
        parts = sd_parts()
    return quiet(StableDiffusionPAGPipeline(**parts, **NO_SAFETY, pag_applied_layers="mid"))


def lcm(*, seed: int = 7) -> Any:
    """Latent consistency: guidance is embedded, so there is no unconditional pass."""
    with seeded(seed):
        parts = sd_parts(time_cond_proj_dim=16)
    parts["scheduler"] = lcm_scheduler()
    return quiet(LatentConsistencyModelPipeline(**parts, **NO_SAFETY))


def instruct_pix2pix(*, seed: int = 8) -> Any:
    """InstructPix2Pix: three rows per image, and the prompt's row comes first."""
    with seeded(seed):
        parts = sd_parts(in_channels=8)
    return quiet(StableDiffusionInstructPix2PixPipeline(**parts, **NO_SAFETY))


def ddpm(*, seed: int = 9) -> Any:
    """A pipeline without text: nothing to watch."""
    with seeded(seed):
        model = UNet2DModel(
            sample_size=8,
            block_out_channels=(8, 8),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            norm_num_groups=2,
        ).eval()
    return quiet(DDPMPipeline(unet=model, scheduler=DDPMScheduler()))


def dit(*, seed: int = 10) -> Any:
    """A transformer pipeline that is not of the UNet family."""
    with seeded(seed):
        model = DiTTransformer2DModel(
            sample_size=8,
            in_channels=4,
            out_channels=8,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            patch_size=2,
            norm_type="ada_norm_zero",
        ).eval()
        parts = {"transformer": model, "vae": vae(), "scheduler": ddim()}
    return quiet(DiTPipeline(**parts))


# --- images to start from -------------------------------------------------------------------


def image(size: tuple[int, int] = SIZE, *, seed: int = 0) -> Image.Image:
    """Noise as an RGB image of (height, width) pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def half_mask(size: tuple[int, int] = SIZE) -> Image.Image:
    """A mask that lets the left half be painted anew."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[:, : size[1] // 2] = 255
    return Image.fromarray(mask)
