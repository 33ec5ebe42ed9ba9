"""Pixels -> latents, by a pipeline's VAE, as the image-to-image pipelines of diffusers do."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.tracing.models.adapter import scaled


def check_vae(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` unless a pipeline can encode images."""
    vae = getattr(pipe, "vae", None)
    if not callable(getattr(vae, "encode", None)) or not hasattr(pipe, "image_processor"):
        raise UnsupportedPipelineError(
            f"{type(pipe).__name__} has no VAE that encodes images, so it cannot be shown one. "
            "Load the pipeline with its `vae`."
        )


@torch.no_grad()
def encoded(pipe: Any, image: Image.Image, *, device: Any, dtype: torch.dtype) -> Tensor:
    """Encode an image to latents, (1, channel, y, x), in the denoiser's scaling.

    The mean of what the VAE's encoder predicts, not a sample of it: the same image has the same
    latents.
    """
    vae = pipe.vae
    before = vae.dtype
    # SDXL's VAE overflows in float16 and says so; diffusers encodes in float32 then.
    upcast = before == torch.float16 and bool(getattr(vae.config, "force_upcast", False))
    try:
        if upcast:
            vae.to(torch.float32)
        pixels = pipe.image_processor.preprocess(image, height=image.height, width=image.width)
        output = vae.encode(pixels.to(device=device, dtype=vae.dtype))
        distribution = getattr(output, "latent_dist", None)
        latents: Tensor = output.latents if distribution is None else distribution.mode()
    finally:
        if upcast:
            vae.to(before)
    if not bool(latents.isfinite().all()):
        raise ShapeError(
            f"The VAE of {type(pipe).__name__} returns values that are not finite in {before}. "
            "Load it in float32: pipe.vae.to(torch.float32)."
        )
    # In the layout of drawn latents: that of a convolution would round the denoiser otherwise.
    return scaled(latents, vae.config).to(dtype).contiguous()
