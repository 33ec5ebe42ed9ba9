"""Conditions that every recorded call must meet, for any pipeline, checked at run time.

Loop                one step of the loop is one step of the recording
why_not_the_grid    the grid times the VAE's factor is the image
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from daam_nb.errors import UnsupportedPipelineError

# Timesteps of neighboring steps differ by far more, and a pipeline may round them to its dtype.
_SAME_TIMESTEP = {"rel_tol": 1e-4, "abs_tol": 1e-6}


class Loop:
    """Follows ``scheduler.step`` through the timesteps that the scheduler was set to.

    Parameters
    ----------
    timesteps
        All timesteps, in order. A call may begin after the first (image to image) and end before
        the last; second-order schedulers repeat timesteps.
    """

    def __init__(self, timesteps: Sequence[float]) -> None:
        self.timesteps = tuple(timesteps)
        self.made = 0
        self._places = set(range(len(self.timesteps)))

    def why_not(self, timestep: float) -> str:
        """Advance to the next step; return what is wrong with it, empty if nothing is."""
        following = {place + 1 for place in self._places} if self.made else self._places
        self._places = {
            place
            for place in following
            if place < len(self.timesteps)
            and math.isclose(self.timesteps[place], timestep, **_SAME_TIMESTEP)
        }
        self.made += 1
        if self._places:
            return ""
        return (
            f"the scheduler's step number {self.made - 1} was made at timestep {timestep:g}, which "
            f"is not the next of those it was set to ({_few(self.timesteps)}): it is not called "
            "once for each step of the loop, so the steps cannot be identified."
        )


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise before a call's first step if it requests something that cannot be recorded.

    Raises
    ------
    UnsupportedPipelineError
        For a crop that is inpainted and pasted back: maps would not fit the whole image.
    """
    margin = arguments.get("padding_mask_crop")
    if margin is not None:
        raise UnsupportedPipelineError(
            f"padding_mask_crop={margin} inpaints a crop of the image and pastes it back, so maps "
            "would not fit the whole image. Nothing was drawn. Leave it out, or crop the image "
            "yourself and record that."
        )


def why_unpainted(step: int, part: str) -> str:
    """Explain why a step to be kept ran without the prompt."""
    return (
        f"Step {step} was made without the watched {part} running on the prompt: it was replaced "
        "during the call, or the pipeline skipped it."
    )


def _few(timesteps: Sequence[float]) -> str:
    numbers = [f"{timestep:g}" for timestep in timesteps]
    return ", ".join(numbers if len(numbers) <= 6 else [*numbers[:3], "...", *numbers[-2:]])


def scheduled(scheduler: Any) -> tuple[float, ...]:
    """The timesteps that a scheduler is set to, in order."""
    timesteps = getattr(scheduler, "timesteps", None)
    if timesteps is None:
        return ()
    return tuple(float(timestep) for timestep in torch.as_tensor(timesteps).flatten().tolist())


def why_not_the_grid(
    pipe: Any, latent_size: tuple[int, int], images: Sequence[Image.Image], output: Any
) -> str:
    """Explain why the watched latents are not those of the whole image; empty if they are.

    Parameters
    ----------
    pipe
        The pipeline, with its VAE's scale factor.
    latent_size
        (height, width) of the denoiser's latents.
    images
        The images.
    output
        The pipeline's output: latents if there are no images.
    """
    factor = int(getattr(pipe, "vae_scale_factor", 8))
    height, width = (length * factor for length in latent_size)
    for image in images:
        if (image.height, image.width) != (height, width):
            return (
                f"the denoiser was given latents of {latent_size} (height, width), which the VAE "
                f"decodes to {height} x {width} pixels, but the image has {image.height} x "
                f"{image.width}: the denoiser saw a part or another version of it, so its "
                "attention does not fit the image"
            )
    latents = getattr(output, "images", output[0] if isinstance(output, tuple) else None)
    if images or not isinstance(latents, Tensor) or latents.ndim != 4:
        return ""
    if tuple(latents.shape[-2:]) != latent_size:
        return (
            f"the denoiser was given latents of {latent_size} (height, width), but those that the "
            f"pipeline returned are {tuple(latents.shape[-2:])}: it saw only a part of them"
        )
    return ""
