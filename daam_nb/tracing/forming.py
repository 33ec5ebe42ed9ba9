"""The forming image: a recording's latents, decoded on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from daam_nb.errors import (
    NotKeptError,
    SelectionError,
    ShapeError,
    UnsupportedPipelineError,
    WrongKindError,
)
from daam_nb.kinds import check_slice, kind_of, names_checked, whole_numbers
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.tracing.images import pil_images
from daam_nb.tracing.models import Adapter, adapter_class_of
from daam_nb.tracing.models.adapter import unscaled

if TYPE_CHECKING:
    from PIL.Image import Image

OF_LATENTS = "daam_nb latents"  # as the explorer's strip reads it


@names_checked
def forming_images(
    run: Recording, pipe: Any, steps: int | slice | Iterable[int] | None = None
) -> tuple[Image, ...]:
    """Decode the latents of chosen steps with the pipeline's VAE.

    Parameters
    ----------
    run
        A recording with latents.
    pipe
        A pipeline with the VAE that decoded the image.
    steps
        Which of the ``num_steps + 1`` frames: frame i is the denoiser's input at step i (0 is pure
        noise in text-to-image), the last (-1) is the result. Default: all. Slices are half-open,
        integers may be negative.

    Returns
    -------
    tuple of PIL.Image.Image
        In the requested order. The last frame is the image itself, except for what a pipeline does
        after decoding (a safety checker, a pasted original in inpainting). The `info` of each names
        the run it was decoded from, so that `explore` refuses frames of another run.

    Raises
    ------
    NotKeptError
        If the recording has no latents.
    SelectionError
        If a step lies outside the loop.
    ShapeError
        If the VAE expects another number of latent channels.

    Notes
    -----
    These are the noisy latents x_t of Ho et al. 2020, "Denoising Diffusion Probabilistic Models",
    not the model's estimate of the clean image.
    """
    check_recording(run, where="forming_images()", order="forming_images(run, pipe)", other=pipe)
    if run.latents is None:
        raise NotKeptError("This recording has no latents, so there is no forming image to show.")
    images = decoded_images(pipe, run.latents[_frames(steps, len(run.latents))])
    for image in images:
        image.info[OF_LATENTS] = run.facts.digests.get("latents", "")
    return images


@torch.no_grad()
def decoded_images(pipe: Any, latents: Tensor) -> tuple[Image, ...]:
    """Decode latents with a pipeline's VAE, as the pipeline itself does at the end.

    Parameters
    ----------
    pipe
        A pipeline with a VAE.
    latents
        (image, channel, y, x), noisy or not, on any device.

    Raises
    ------
    ShapeError
        If the VAE expects another number of latent channels.
    """
    vae = getattr(pipe, "vae", None)
    if vae is None:
        raise WrongKindError(
            f"Latents are decoded with a pipeline's VAE, and {kind_of(pipe)} has none."
        )
    adapter = _adapter_class(pipe)
    channels = getattr(vae.config, "latent_channels", None)  # not every VAE says
    if channels is not None and latents.shape[1] != channels:
        raise ShapeError(
            f"The VAE of {type(pipe).__name__} takes {channels} latent channels, but this "
            f"recording's latents have {latents.shape[1]}. Give the pipeline that made the "
            "recording."
        )
    images: list[Image] = []
    dtype = vae.dtype
    # SDXL's VAE overflows in float16 and says so; its pipelines upcast it, others do not.
    says_so = hasattr(pipe, "upcast_vae") and bool(getattr(vae.config, "force_upcast", False))
    upcast = dtype == torch.float16 and says_so
    try:
        if upcast:
            vae.to(torch.float32)
        for frame in latents:  # one at a time: a whole loop of large images would not fit
            latent = frame[None].to(device=vae.device, dtype=vae.dtype)
            decoded = adapter.decode(vae, latent)
            array = pipe.image_processor.postprocess(decoded, output_type="np")
            images += pil_images((array,))
    finally:
        if upcast:
            vae.to(dtype)
    return tuple(images)


def with_decoded(frames: Tensor, given: Tensor, config: Any) -> Tensor:
    """Replace the last frame with what was decoded, if they differ.

    A callback or a pasted original may change the latents after the scheduler's last step.

    Parameters
    ----------
    frames
        (step, channel, y, x): the scheduler's inputs, and its last result.
    given
        (channel, y, x): the VAE's input, on the CPU.
    config
        The VAE's.

    Returns
    -------
    Tensor
        `frames` as they are where their last one is what was decoded, but for rounding. Else the
        last one is, of the latents that the VAE is given as `given`, the nearest.
    """
    last = frames[-1]
    if given.shape != last.shape or getattr(config, "scaling_factor", None) is None:
        return frames
    rounding = 8 * max(torch.finfo(given.dtype).eps, torch.finfo(last.dtype).eps)
    now = unscaled(last[None].to(given.dtype), config)[0]
    if torch.allclose(now, given, rtol=rounding, atol=rounding):
        return frames
    scale = unscaled(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, len(last), 1, 1), config)
    shift, factor = scale[0], scale[1] - scale[0]
    result = ((given.float() - shift) / factor).to(last.dtype)
    return torch.cat([frames[:-1], _settled(result, given, config)[None]])


def _settled(latent: Tensor, given: Tensor, config: Any) -> Tensor:
    """The neighbor of each value that becomes `given` as the VAE's input, if there is one."""
    best = latent
    for direction in (float("inf"), -float("inf")):
        beside = latent
        for _ in range(3):
            beside = torch.nextafter(beside, torch.full_like(beside, direction))
            hit = unscaled(beside[None].to(given.dtype), config)[0] == given
            missed = unscaled(best[None].to(given.dtype), config)[0] != given
            best = torch.where(hit & missed, beside, best)
    return best


def _frames(steps: int | slice | Iterable[int] | None, count: int) -> list[int]:
    every = range(count)
    if steps is None:
        return list(every)
    if isinstance(steps, slice):
        chosen = list(every[check_slice(steps, "steps")])
    else:
        asked = list(whole_numbers(steps, "step"))
        outside = [step for step in asked if not -count <= step < count]
        if outside:
            raise SelectionError(
                f"Frames {outside} are outside this recording's {count} (0 to {count - 1}; the "
                "last is the result)."
            )
        chosen = [every[step] for step in asked]
    if not chosen:
        raise SelectionError(f"steps={steps!r} selects none of the {count} frames.")
    return chosen


def _adapter_class(pipe: Any) -> type[Adapter]:
    """The family that can decode; for a pipeline of no family, the most common way."""
    try:
        return adapter_class_of(pipe)
    except UnsupportedPipelineError:
        return Adapter
