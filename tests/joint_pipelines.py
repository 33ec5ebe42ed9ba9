"""Tiny real pipelines of joint attention, as `tests.pipelines` has them of UNets."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FluxControlImg2ImgPipeline,
    FluxControlInpaintPipeline,
    FluxControlNetImg2ImgPipeline,
    FluxControlNetInpaintPipeline,
    FluxControlNetModel,
    FluxControlNetPipeline,
    FluxControlPipeline,
    FluxFillPipeline,
    FluxImg2ImgPipeline,
    FluxInpaintPipeline,
    FluxKontextInpaintPipeline,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3ControlNetModel,
    SD3Transformer2DModel,
    StableDiffusion3ControlNetInpaintingPipeline,
    StableDiffusion3ControlNetPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3InpaintPipeline,
    StableDiffusion3PAGPipeline,
    StableDiffusion3Pipeline,
)
from transformers import T5Config, T5EncoderModel

from tests.pipelines import WIDTH_OF_TEXT, quiet, seeded, text_encoder, vae
from tests.tiny_tokenizers import clip_tokenizer, t5_tokenizer

_SD3: dict[str, Any] = {
    "sample_size": 16,
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 3,
    "attention_head_dim": 8,
    "num_attention_heads": 4,
    "caption_projection_dim": 32,
    "joint_attention_dim": 2 * WIDTH_OF_TEXT,
    "pooled_projection_dim": 2 * WIDTH_OF_TEXT,
    "pos_embed_max_size": 32,
    "qk_norm": "rms_norm",
}

_FLUX: dict[str, Any] = {
    "patch_size": 1,
    "in_channels": 16,
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 2 * WIDTH_OF_TEXT,
    "pooled_projection_dim": WIDTH_OF_TEXT,
    "axes_dims_rope": (4, 4, 8),
}


def t5_encoder(tokenizer: Any) -> T5EncoderModel:
    """A T5 encoder of two layers for the tokenizer's vocabulary."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=2 * WIDTH_OF_TEXT,
        d_kv=8,
        d_ff=37,
        num_heads=4,
        num_layers=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return T5EncoderModel(config).eval()


def _vae(**changes: Any) -> Any:
    return vae(shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False, **changes)


def _wake(layers: torch.nn.Module) -> None:
    """Give a ControlNet an effect: its last layers begin at zero."""
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, std=0.3)


def sharpen_joint(model: torch.nn.Module, factor: float = 2.0) -> None:
    """Make attention far from uniform where queries and keys are normalized: by their norms."""
    for name, module in model.named_modules():
        if name.endswith((".norm_q", ".norm_k", ".norm_added_q", ".norm_added_k")):
            torch.nn.init.normal_(module.weight, mean=factor / 2, std=factor / 4)
        elif name.endswith((".to_q", ".to_k", ".add_q_proj", ".add_k_proj")):
            module.weight.data.mul_(factor)


def _sd3_parts(*, t5: bool = True, window: int = 77, **changes: Any) -> dict[str, Any]:
    first = clip_tokenizer(model_max_length=window)
    second = clip_tokenizer(model_max_length=window, pad_token="!")
    third = t5_tokenizer(model_max_length=77)
    model = SD3Transformer2DModel(**_SD3 | {"dual_attention_layers": (0,)} | changes).eval()
    sharpen_joint(model)
    return {
        "tokenizer": first,
        "tokenizer_2": second,
        "tokenizer_3": third if t5 else None,
        "text_encoder": text_encoder(first, projection=True, window=window),
        "text_encoder_2": text_encoder(second, projection=True, window=window),
        "text_encoder_3": t5_encoder(third) if t5 else None,
        "transformer": model,
        "vae": _vae(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


def sd3(*, seed: int = 11, t5: bool = True, window: int = 77, **changes: Any) -> Any:
    """Stable Diffusion 3.5: joint attention in three blocks, the first of them dual."""
    with seeded(seed):
        parts = _sd3_parts(t5=t5, window=window, **changes)
    return quiet(StableDiffusion3Pipeline(**parts))


def sd3_img2img(*, seed: int = 11) -> Any:
    """Stable Diffusion 3 from an image."""
    with seeded(seed):
        parts = _sd3_parts()
    return quiet(StableDiffusion3Img2ImgPipeline(**parts))


def sd3_inpaint(*, seed: int = 11) -> Any:
    """Stable Diffusion 3 inpainting; diffusers asks for 16 latent channels."""
    with seeded(seed):
        parts = _sd3_parts(in_channels=16, out_channels=16)
        parts["vae"] = _vae(latent_channels=16)
    return quiet(StableDiffusion3InpaintPipeline(**parts))


def sd3_controlnet(*, seed: int = 11) -> Any:
    """Stable Diffusion 3 with a ControlNet, which has joint attention of its own."""
    with seeded(seed):
        parts = _sd3_parts()
        net = SD3ControlNetModel(**_SD3 | {"num_layers": 1, "qk_norm": None}).eval()
        _wake(net.controlnet_blocks)
    return quiet(StableDiffusion3ControlNetPipeline(**parts, controlnet=net))


def sd3_controlnet_inpaint(*, seed: int = 11) -> Any:
    """Stable Diffusion 3 inpainting by a ControlNet, which is given the image and the mask."""
    with seeded(seed):
        parts = _sd3_parts(in_channels=16, out_channels=16)
        parts["vae"] = _vae(latent_channels=16)
        changes = {"num_layers": 1, "qk_norm": None, "in_channels": 16, "out_channels": 16}
        net = SD3ControlNetModel(**_SD3 | changes, extra_conditioning_channels=1).eval()
        _wake(net.controlnet_blocks)
    return quiet(StableDiffusion3ControlNetInpaintingPipeline(**parts, controlnet=net))


def sd3_pag(*, seed: int = 11) -> Any:
    """Stable Diffusion 3 with perturbed attention guidance."""
    with seeded(seed):
        parts = _sd3_parts()
    return quiet(StableDiffusion3PAGPipeline(**parts, pag_applied_layers=["blocks.1"]))


def _flux_parts(**changes: Any) -> dict[str, Any]:
    first, second = clip_tokenizer(), t5_tokenizer(model_max_length=77)
    model = FluxTransformer2DModel(**_FLUX | changes).eval()
    sharpen_joint(model)
    return {
        "tokenizer": first,
        "tokenizer_2": second,
        "text_encoder": text_encoder(first),
        "text_encoder_2": t5_encoder(second),
        "transformer": model,
        "vae": _vae(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


def flux(*, seed: int = 12, **changes: Any) -> Any:
    """FLUX.1: two double and two single blocks, the text before the image."""
    with seeded(seed):
        parts = _flux_parts(**changes)
    return quiet(FluxPipeline(**parts))


def flux_img2img(*, seed: int = 12) -> Any:
    """FLUX.1 from an image."""
    with seeded(seed):
        parts = _flux_parts()
    return quiet(FluxImg2ImgPipeline(**parts))


def flux_kontext(*, seed: int = 12) -> Any:
    """FLUX.1 Kontext: an image to refer to stands behind the image among the keys."""
    with seeded(seed):
        parts = _flux_parts()
    return quiet(FluxKontextPipeline(**parts))


def flux_inpaint(*, seed: int = 12) -> Any:
    """FLUX.1 inpainting with a text-to-image transformer."""
    with seeded(seed):
        parts = _flux_parts()
    return quiet(FluxInpaintPipeline(**parts))


def flux_fill(*, seed: int = 12) -> Any:
    """FLUX.1 Fill: image and mask (8 x 8 for each of 4 cells) are channels of the input."""
    with seeded(seed):
        parts = _flux_parts(in_channels=16 + 16 + 4 * 64, out_channels=16)
    return quiet(FluxFillPipeline(**parts))


def flux_control(*, seed: int = 12) -> Any:
    """FLUX.1 Canny and Depth: the image that controls is channels of the input."""
    with seeded(seed):
        parts = _flux_parts(in_channels=32, out_channels=16)
    return quiet(FluxControlPipeline(**parts))


def flux_kontext_inpaint(*, seed: int = 12) -> Any:
    """FLUX.1 Kontext inpainting: the image itself stands behind the image among the keys."""
    with seeded(seed):
        parts = _flux_parts()
    return quiet(FluxKontextInpaintPipeline(**parts))


def flux_control_img2img(*, seed: int = 12) -> Any:
    """FLUX.1 Canny and Depth from an image."""
    with seeded(seed):
        parts = _flux_parts(in_channels=32, out_channels=16)
    return quiet(FluxControlImg2ImgPipeline(**parts))


def flux_control_inpaint(*, seed: int = 12) -> Any:
    """FLUX.1 Canny and Depth inpainting."""
    with seeded(seed):
        parts = _flux_parts(in_channels=32, out_channels=16)
    return quiet(FluxControlInpaintPipeline(**parts))


def flux_controlnet(*, seed: int = 12, kind: type = FluxControlNetPipeline) -> Any:
    """FLUX.1 with a ControlNet, also from an image and inpainting."""
    with seeded(seed):
        parts = _flux_parts()
        net = FluxControlNetModel(**_FLUX | {"num_layers": 1, "num_single_layers": 1}).eval()
        _wake(net.controlnet_blocks)
        _wake(net.controlnet_single_blocks)
    return quiet(kind(**parts, controlnet=net))


def flux_controlnet_img2img() -> Any:
    """FLUX.1 with a ControlNet, from an image."""
    return flux_controlnet(kind=FluxControlNetImg2ImgPipeline)


def flux_controlnet_inpaint() -> Any:
    """FLUX.1 with a ControlNet, inpainting."""
    return flux_controlnet(kind=FluxControlNetInpaintPipeline)
