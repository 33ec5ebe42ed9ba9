"""`look`: a model's attention to a prompt, in an image that it did not make."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from daam_nb.errors import (
    InterventionError,
    SelectionError,
    UnsupportedPipelineError,
    WrongKindError,
)
from daam_nb.kinds import check_flag, kind_of, number_between
from daam_nb.recording import Manifest, Recording, sealed
from daam_nb.recording.looks import LOOK, LOOK_FILE, LOOK_SIZE
from daam_nb.tracing.arguments import refuse_unknown
from daam_nb.tracing.attached import open_changes
from daam_nb.tracing.call_values import check_values
from daam_nb.tracing.looking.encoding import check_vae, encoded
from daam_nb.tracing.looking.images import ResizeChoice, fitted, read_image
from daam_nb.tracing.looking.schedules import (
    DiffusionSchedule,
    FlowSchedule,
    InversionSchedule,
    LookScheduler,
)
from daam_nb.tracing.looking.timesteps import inversion_timesteps, read_timesteps
from daam_nb.tracing.making import TRACE_OPTIONS
from daam_nb.tracing.models import Adapter, adapter_of
from daam_nb.tracing.session import trace

if TYPE_CHECKING:
    from PIL import Image

_LAST_SEED = 2**64 - 1  # of torch
_MULTIPLE = 8  # pipelines of diffusers refuse other sizes, whatever their VAE
_IS_T = "give t=, the timesteps at which the model looks at the image."
_IS_OF_IMAGE = "the size is the image's; resize= changes it."
_STAYS = "the latents of a look are the image's and are not changed."
_SETTLED = {
    **dict.fromkeys(("num_inference_steps", "timesteps", "sigmas"), _IS_T),
    **dict.fromkeys(("strength", "denoising_end", "eta"), _IS_T),
    **dict.fromkeys(("height", "width"), _IS_OF_IMAGE),
    **dict.fromkeys(("callback", "callback_steps", "callback_on_step_end"), _STAYS),
    **dict.fromkeys(("latents", "callback_on_step_end_tensor_inputs"), _STAYS),
    "generator": "give seed=.",
    "num_images_per_prompt": "for other noise look again, with another seed=.",
    **dict.fromkeys(("output_type", "return_dict"), "a look returns a Recording."),
    **dict.fromkeys(("prompt_embeds", "negative_prompt_embeds"), "give the texts themselves."),
}
"""Arguments of the pipeline's call that a look settles itself."""


def look(
    pipe: Any,
    image: Image.Image | str | Any,
    prompt: str,
    *,
    t: float | Iterable[float] | None = None,
    seed: int = 0,
    resize: ResizeChoice = False,
    inversion: bool = False,
    **options: Any,
) -> Recording:
    """Record a model's attention in an image that it did not make, such as a photograph.

    The image is encoded by the VAE and noised to a few timesteps, and the denoiser is run once at
    each, with the prompt. Its predictions are not used: every timestep starts from the image
    itself.

    Parameters
    ----------
    pipe
        A text-to-image pipeline of Stable Diffusion 1, 2, XL, 3, 3.5 or FLUX.1.
    image
        A PIL image, the path of a file, or an array (y, x, 3) of uint8; opaque, 8 bits per channel.
    prompt
        The text whose words are to be found in the image.
    t
        The timesteps: ints are the scheduler's numbers, in most models 0 (the image) to 999
        (noise); floats are fractions of that range, 0.0 to 1.0. One or several. Default: seven,
        from 0.1 to 0.999 of the range.
    seed
        Seed of the noise, which is the same at every timestep; drawn on the CPU, so that results do
        not depend on the device. The global random state is not changed.
    resize
        False: an image that does not fit the latent grid is refused. True: resize to about the
        number of pixels that the model was trained for. (height, width): resize to that size, in
        pixels.
    inversion
        Whether to noise the image with the model itself, step by step (DDIM inversion), and record
        each step; no noise is drawn. `t` then gives the steps, by default 50, evenly spaced. For
        Stable Diffusion 1, 2 and XL.
    **options
        The options of `trace` (``keep``, ``layers``, ``keep_steps``, ``tokens``, ``negative``,
        ``memory``, ``dtype``, ``encoder``, ``effects``, ``concepts``, ``self_attention``); all
        others go to the pipeline's call (``negative_prompt``, ``prompt_2``, ...), unless they
        control sampling. Guidance is off: give ``guidance_scale`` (of FLUX.1: ``true_cfg_scale``)
        for both passes.

    Returns
    -------
    Recording
        As for a generated image. Its steps are the timesteps, from noise to the image (for an
        inversion from the image to noise); its image is the one that was encoded; its latents are
        the denoiser's inputs, and last the image's own (for an inversion the noise it became). Its
        facts and manifest state that it is a look.

    Raises
    ------
    UnsupportedPipelineError
        If the pipeline's loop or its noising process is not known, before anything is run.
    WrongKindError, ShapeError
        If it is not an image, is transparent, does not have 8 bits per channel, or does not fit the
        grid.
    SelectionError, UnknownOptionError
        For invalid timesteps, seeds or options.
    InterventionError
        Inside `ablate`, `reweight` or `replay`.

    Notes
    -----
    The latents are the mean that the VAE's encoder predicts. Diffusion models see
    ``sqrt(a) x + sqrt(1 - a) noise`` (Ho et al. 2020, eq. 4), flow models ``(1 - s) x + s noise``
    (Esser et al. 2024, eq. 13), where s is the timestep as a fraction: the pipeline's sampler makes
    no difference.

    Examples
    --------
    >>> run = look(pipe, "cat.jpg", "a cat on a sofa", resize=True)  # doctest: +SKIP
    """
    adapter = _adapter(pipe, image, prompt)
    refuse_unknown(
        pipe,
        options,
        where="look()",
        own=("image", "prompt", "t", "seed", "resize", "inversion", *TRACE_OPTIONS),
        without=_SETTLED,
    )
    check_values(pipe, options)
    check_flag(inversion, "inversion")
    number_between(seed, "seed", low=0, high=_LAST_SEED)
    _check_pipeline(adapter, inversion=inversion)
    timesteps = _timesteps(adapter, t, inversion=inversion)
    if inversion and seed != 0:
        raise SelectionError(
            f"seed={seed}: an inversion draws no noise, so a seed has no effect. Leave it out."
        )
    pixels = read_image(image)
    resized = fitted(pixels, resize, multiple=_multiple(adapter), own_size=_own_size(adapter))
    watching = {name: options.pop(name) for name in TRACE_OPTIONS if name in options}
    trace(pipe, **watching)  # refuses what it cannot read before anything is encoded
    clean = encoded(pipe, resized, device=pipe._execution_device, dtype=_dtype(adapter))
    look_at = _Look(
        resized,
        (pixels.height, pixels.width),
        timesteps,
        seed=None if inversion else seed,
        file=Path(image).name if isinstance(image, str | os.PathLike) else "",
    )
    run = _recorded(adapter, look_at, prompt, clean, watching, options)
    run = replace(run, facts=replace(run.facts, scheduler=type(pipe.scheduler).__name__))
    return _as_look(run, look_at, {*options, adapter.guidance_argument})


@dataclass(frozen=True, eq=False)
class _Look:
    """The image of a look, and how it is noised.

    Attributes
    ----------
    image, size_before
        The encoded image, and (height, width) of the given one.
    file
        Name of its file; empty if it was not read from one.
    timesteps
        Ascending.
    seed
        None: by inversion.
    """

    image: Image.Image
    size_before: tuple[int, int]
    timesteps: tuple[float, ...]
    seed: int | None
    file: str

    @property
    def size(self) -> tuple[int, int]:
        return (self.image.height, self.image.width)

    def __str__(self) -> str:
        count = len(self.timesteps)
        how = (
            f"taken towards noise in {count} steps of DDIM inversion, and looked at in each"
            if self.seed is None
            else f"looked at once at each of {count} timesteps, with the noise of seed {self.seed}"
        )
        before, now = (f"{height} x {width}" for height, width in (self.size_before, self.size))
        resized = "" if before == now else f"; it was resized from {before} to {now} pixels"
        return f"the model did not draw this image: it was put in, {how}{resized}"


def _adapter(pipe: Any, image: Any, prompt: Any) -> Adapter:
    """Return the pipeline's adapter, after checking the types of the three main arguments."""
    if hasattr(image, "encode_prompt") or not isinstance(prompt, str):
        raise WrongKindError(
            "look(pipe, image, prompt) takes a pipeline, an image and a text, in this order, not "
            f"{kind_of(pipe)}, {kind_of(image)} and {kind_of(prompt)}."
        )
    if isinstance(image, Recording):
        raise WrongKindError(
            "look(pipe, image, prompt) takes an image, not a recording. Its image: run.image."
        )
    adapter = adapter_of(pipe)
    if changes := open_changes(pipe):
        raise InterventionError(
            f"{changes[0].change} is open on this pipeline, but look() runs a copy of its loop, "
            "which interventions do not change. Look outside the `with` block."
        )
    return adapter


def _check_pipeline(adapter: Adapter, *, inversion: bool) -> None:
    """Raise an `UnsupportedPipelineError` unless this pipeline can be shown images exactly."""
    pipe, name = adapter.pipe, adapter.pipe_name
    if adapter.loop_name not in adapter.looks_with:
        loops = ", ".join(adapter.looks_with)
        raise UnsupportedPipelineError(
            f"{name} cannot be shown an image: "
            + (
                f"look() runs the loop of {loops}. Make one of the same parts: "
                f"{adapter.looks_with[0]}.from_pipe(pipe)."
                if loops
                else "which of its pipelines takes latents, and how they are noised, its adapter "
                "does not say (looks_with, noising)."
            )
        )
    check_vae(pipe)
    scheduler, config = pipe.scheduler, pipe.scheduler.config
    flows = config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction"
    if adapter.noising == "diffusion" and (
        flows or not isinstance(getattr(scheduler, "alphas_cumprod", None), Tensor)
    ):
        raise UnsupportedPipelineError(
            f"{name} cannot be shown an image: its scheduler, a {type(scheduler).__name__}, adds "
            "noise other than by alphas_cumprod, which is not supported. Nothing was run."
        )
    if inversion and adapter.noising != "diffusion":
        raise UnsupportedPipelineError(
            f"{name} is a flow model, and DDIM inversion is for diffusion models. Look without it: "
            "inversion=False."
        )
    channels = int(pipe.vae.config.latent_channels)
    if adapter.latent_channels != channels:
        raise UnsupportedPipelineError(
            f"The VAE of {name} makes latents of {channels} channels, but its {adapter.component} "
            f"takes {adapter.latent_channels}: its input is more than the image."
        )


def _timesteps(adapter: Adapter, t: Any, *, inversion: bool) -> tuple[float, ...]:
    scheduler = adapter.pipe.scheduler
    config = scheduler.config
    if adapter.noising == "flow":
        return read_timesteps(t, count=_trained(config), whole=False)
    count = len(scheduler.alphas_cumprod)
    if inversion and t is None:
        return inversion_timesteps(count=count, offset=int(config.get("steps_offset", 0)))
    return read_timesteps(t, count=count, whole=True)


def _trained(config: Any) -> int:
    return int(config.get("num_train_timesteps", 1000))


def _multiple(adapter: Adapter) -> int:
    """Pixels that height and width must be multiples of."""
    cells = next(n for n in range(1, 65) if min(adapter.grid((n, n))) == 1)
    return math.lcm(cells * int(adapter.pipe.vae_scale_factor), _MULTIPLE)


def _own_size(adapter: Adapter) -> tuple[int, int] | None:
    """(height, width) in pixels that a model was trained on, if stated."""
    config: Any = adapter.net.config
    cells = getattr(adapter.pipe, "default_sample_size", None) or config.get("sample_size")
    sides: Sequence[int] = cells if isinstance(cells, list | tuple) else (cells, cells)
    factor = int(adapter.pipe.vae_scale_factor)
    return (sides[0] * factor, sides[1] * factor) if all(sides) else None


def _dtype(adapter: Adapter) -> torch.dtype:
    dtype: Any = adapter.net.dtype
    assert isinstance(dtype, torch.dtype)
    return dtype


def _schedule(adapter: Adapter, look_at: _Look, clean: Tensor) -> LookScheduler:
    scheduler, packed = adapter.pipe.scheduler, adapter.packed(clean)
    if look_at.seed is None:
        return InversionSchedule(scheduler, look_at.timesteps, packed)
    generator = torch.Generator().manual_seed(look_at.seed)
    noise = adapter.packed(torch.randn(clean.shape, generator=generator).to(clean))
    kind = FlowSchedule if adapter.noising == "flow" else DiffusionSchedule
    return kind(scheduler, look_at.timesteps[::-1], packed, noise)


def _recorded(  # noqa: PLR0917 (all that a call is made of)
    adapter: Adapter,
    look_at: _Look,
    prompt: str,
    clean: Tensor,
    watching: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Recording:
    """Run the pipeline's loop on the noised latents.

    A copy of the pipeline with the same parts runs it: the pipeline's scheduler, and calls of other
    threads on it, are not affected.
    """
    pipe = adapter.pipe
    schedule = _schedule(adapter, look_at, clean)
    runner = copy.copy(pipe)
    vars(runner)["scheduler"] = schedule
    height, width = look_at.size
    try:
        with trace(runner, **watching) as tracer:
            runner(
                prompt=prompt,
                latents=schedule.begin(),
                height=height,
                width=width,
                num_inference_steps=len(look_at.timesteps),
                output_type="latent",
                **{adapter.guidance_argument: 1.0, **options},
            )
    finally:
        if "_all_hooks" in vars(runner):  # of models that wait on the CPU: made anew by each call
            vars(pipe)["_all_hooks"] = vars(runner)["_all_hooks"]
    return tracer.recording


def _as_look(run: Recording, look_at: _Look, own: set[str]) -> Recording:
    """The recording with the image and the facts of the look."""
    more: dict[str, Any] = {}
    if look_at.size != look_at.size_before:
        more[LOOK_SIZE] = list(look_at.size_before)
    if look_at.file:
        more[LOOK_FILE] = look_at.file
    facts = replace(
        run.facts,
        seed=look_at.seed,
        batch={**run.facts.batch, LOOK: str(look_at), **more},
        call={name: value for name, value in run.facts.call.items() if name in own},
        omitted=tuple(name for name in run.facts.omitted if name in own),
    )
    latents = (
        f"latents of the image before each of {len(run.timesteps)} steps towards noise, and after "
        "the last"
        if look_at.seed is None
        else f"latents of the image with the noise of each of {len(run.timesteps)} timesteps, and "
        "without noise"
    )
    captured = (
        latents if line.startswith("latents before") else line for line in run.manifest.captured
    )
    skipped = (item for item in run.manifest.skipped if item.what != "the image")
    manifest = Manifest((f"a look: {look_at}", *captured), tuple(skipped))
    return sealed(replace(run, image=look_at.image, facts=facts, manifest=manifest))
