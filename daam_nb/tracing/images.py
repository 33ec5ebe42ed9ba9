"""From a pipeline's output to images."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

_CHANNELS = (1, 3, 4)


def returned_latents(output: Any, *, like: Tensor) -> Tensor:
    """Return the latents that a pipeline returned in place of images, else `like`.

    Parameters
    ----------
    output
        As for `pil_images`.
    like
        Result of the scheduler's last step; a callback may have changed it afterwards.
    """
    images = getattr(output, "images", None)
    if images is None and isinstance(output, tuple) and output:
        images = output[0]
    return images if isinstance(images, Tensor) and images.shape == like.shape else like


def pil_images(output: Any) -> tuple[Image.Image, ...]:
    """Return the images of a pipeline's output; none if it returned latents.

    Parameters
    ----------
    output
        What the pipeline's call returned: an output object with ``images`` (or ``rgb``), or a tuple
        whose first item holds them; PIL images, arrays (image, y, x, channel) or tensors
        (image, channel, y, x) with values in [0, 1].
    """
    images = getattr(output, "images", None)
    if images is None:
        images = getattr(output, "rgb", None)  # beside the depth, of LDM3D
    if images is None and isinstance(output, tuple) and output:
        images = output[0]
    if isinstance(images, Image.Image):
        return (images,)
    if isinstance(images, list | tuple):
        return tuple(image for image in images if isinstance(image, Image.Image))
    if isinstance(images, Tensor):
        if images.ndim != 4 or images.shape[1] != 3:  # latents have 4 or more channels
            return ()
        images = images.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    if isinstance(images, np.ndarray) and images.ndim == 4 and images.shape[-1] in _CHANNELS:
        # Rounded as diffusers' own numpy_to_pil rounds, so that all output types agree.
        scaled = (images.clip(0, 1) * 255).round().astype("uint8")
        return tuple(Image.fromarray(p.squeeze(-1) if p.shape[-1] == 1 else p) for p in scaled)
    return ()
