"""Both directions of diffusion, run step by step on a pipeline's own latents."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import torch
from torch import Tensor

from daam_nb.classroom.chain import Chain
from daam_nb.errors import SelectionError, ShapeError, UnsupportedPipelineError, WrongKindError
from daam_nb.kinds import kind_of, number_between


@dataclass(frozen=True, eq=False)
class Reverse:
    """The reverse process, from noise to an image.

    Attributes
    ----------
    noisy
        x_0, x_1, ..., x_T: (T + 1, channel, y, x), float32. `noisy[t - 1]` was drawn from
        p(x_{t-1} | x_t); `noisy[T]` is pure noise.
    guesses
        The model's estimates of the clean latent from x_1, ..., x_T: (T, channel, y, x);
        `guesses[t - 1]` belongs to `noisy[t]`.
    """

    noisy: Tensor
    guesses: Tensor


def forward(chain: Chain, latent: Tensor, *, seed: int = 0) -> Tensor:
    """Run the forward process from a clean latent to noise: steps from q(x_t | x_{t-1}).

    Parameters
    ----------
    chain
        Its steps.
    latent
        x_0: (channel, y, x).
    seed
        Seed of the noise; the global random state is not touched.

    Returns
    -------
    Tensor
        x_0, ..., x_T: (T + 1, channel, y, x), float32.
    """
    if not isinstance(chain, Chain):
        raise WrongKindError(f"forward() takes a Chain, not {kind_of(chain)}: chain_of(pipe).")
    if not isinstance(latent, Tensor) or latent.ndim != 3:
        shape = tuple(latent.shape) if isinstance(latent, Tensor) else kind_of(latent)
        raise ShapeError(
            f"A clean latent must have the shape (channel, y, x), not {shape}. From a recording: "
            "run.latents[-1]."
        )
    seed = number_between(seed, "seed", low=0, high=2**64 - 1)
    generator = torch.Generator().manual_seed(seed)
    states = [latent.float().cpu()]
    for t in range(1, chain.steps + 1):
        noise = torch.randn(latent.shape, generator=generator)
        states.append(chain.kept(t) * states[-1] + sqrt(chain.beta(t)) * noise)
    return torch.stack(states)


@torch.no_grad()
def reverse(
    pipe: Any,
    chain: Chain,
    prompt: str,
    *,
    seed: int = 0,
    guidance_scale: float = 7.5,
    progress: Callable[[int], object] | None = None,
) -> Reverse:
    """Run the reverse process from noise to an image: steps from p(x_{t-1} | x_t).

    The model's estimate replaces x_0 in q(x_{t-1} | x_t, x_0), and the variance is that of q (Ho et
    al. 2020, section 3.2); a pipeline's own scheduler usually needs fewer steps.

    Parameters
    ----------
    pipe
        A Stable Diffusion 1.x or 2.x pipeline.
    chain
        The chain, as from `chain_of(pipe, ...)`.
    prompt
        The text the model reads.
    seed
        Seed of x_T and of the noise of each step, drawn on the CPU.
    guidance_scale
        Classifier-free guidance; 1 or less turns it off, as in the pipelines of diffusers.
    progress
        Called with t after each step, from T down to 1.

    Raises
    ------
    UnsupportedPipelineError
        For a pipeline whose model takes more than a noisy latent, a timestep and one text.
    """
    if not isinstance(chain, Chain):
        raise WrongKindError(f"reverse() takes a Chain, not {kind_of(chain)}: chain_of(pipe).")
    guess = Guess(pipe, prompt, guidance_scale)
    seed = number_between(seed, "seed", low=0, high=2**64 - 1)
    generator = torch.Generator().manual_seed(seed)
    noisy = [torch.randn(guess.shape, generator=generator)]
    guesses = []
    for t in range(chain.steps, 0, -1):
        clean = guess(noisy[-1], chain.timesteps[t - 1], chain.alpha_bars[t])
        of_clean, of_noisy, variance = chain.posterior(t)
        noise = torch.randn(guess.shape, generator=generator) if t > 1 else 0.0
        noisy.append(of_clean * clean + of_noisy * noisy[-1] + sqrt(variance) * noise)
        guesses.append(clean)
        if progress is not None:
            progress(t)
    return Reverse(torch.stack(noisy[::-1]), torch.stack(guesses[::-1]))


class Guess:
    """The model's estimate of the clean latent, given a noisy one and a prompt."""

    def __init__(self, pipe: Any, prompt: str, guidance: float) -> None:
        check(pipe)
        if not isinstance(prompt, str):
            raise WrongKindError(f"The prompt must be a text, not {kind_of(prompt)}.")
        check_guidance(guidance)
        self._pipe = pipe
        self._guidance = guidance
        guided = guidance > 1  # as `do_classifier_free_guidance` of diffusers' pipelines
        texts = pipe.encode_prompt(prompt, pipe.unet.device, 1, guided)
        self._texts = torch.cat([texts[1], texts[0]]) if guided else texts[0]
        size = pipe.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.shape = (int(pipe.unet.config.in_channels), int(height), int(width))

    @torch.no_grad()
    def __call__(self, noisy: Tensor, timestep: int, alpha_bar: float) -> Tensor:
        """The guess of x_0 for x_t: (channel, y, x), float32, on the CPU."""
        unet = self._pipe.unet
        rows = noisy.to(unet.device, unet.dtype).expand(len(self._texts), *self.shape)
        seen = unet(rows, timestep, encoder_hidden_states=self._texts, return_dict=False)[0]
        without, *with_text = seen.float().cpu()  # without guidance there is one row alone
        seen = without
        for latent in with_text:
            seen = without + self._guidance * (latent - without)
        return _clean(self._pipe.scheduler.config.prediction_type, noisy, seen, alpha_bar)


def _clean(kind: str, noisy: Tensor, seen: Tensor, alpha_bar: float) -> Tensor:
    """The model's output as an estimate of x_0; models differ in what they predict."""
    if kind == "sample":
        return seen
    if kind == "v_prediction":
        return sqrt(alpha_bar) * noisy - sqrt(1 - alpha_bar) * seen
    if kind == "epsilon":
        return (noisy - sqrt(1 - alpha_bar) * seen) / sqrt(alpha_bar)
    raise UnsupportedPipelineError(
        f"The scheduler's prediction_type is {kind!r}; supported are epsilon, v_prediction and "
        "sample."
    )


def check_guidance(scale: object) -> None:
    """Raise a `SelectionError` unless it is a finite number."""
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not (number and isfinite(scale)):  # type: ignore[arg-type]
        raise SelectionError(
            f"guidance_scale={scale!r} must be a number, such as 5.0; 1 or less turns guidance off."
        )


def check(pipe: Any) -> None:
    """Refuse a pipeline whose model takes more than a noisy latent, a timestep and one text.

    Raises
    ------
    UnsupportedPipelineError
    """
    if not hasattr(pipe, "components"):
        raise UnsupportedPipelineError(
            f"The classroom takes a diffusers pipeline, not {kind_of(pipe)}. The shipped one: "
            "daam_nb.menagerie.load()."
        )
    config = getattr(getattr(pipe, "unet", None), "config", None)
    plain = (
        config is not None
        and hasattr(pipe, "vae")
        and config.get("addition_embed_type") is None
        and config.get("time_cond_proj_dim") is None
        and config.get("in_channels") == pipe.vae.config.latent_channels
    )
    if not plain:
        raise UnsupportedPipelineError(
            f"{type(pipe).__name__} needs more than a noisy latent, a timestep and one text, so "
            "this page cannot walk p(x_{t-1} | x_t) with it. Use a Stable Diffusion 1.x or 2.x "
            "pipeline."
        )


def check_text_only(pipe: Any) -> None:
    """Refuse a pipeline that draws from an image or with guidance other than by the text.

    Raises
    ------
    UnsupportedPipelineError
    """
    parameters = inspect.signature(type(pipe).__call__).parameters
    for name, what in (
        ("image", "draws from an image"),
        ("pag_scale", "has perturbed guidance, which this p(x_{t-1} | x_t) does not model"),
    ):
        if name in parameters:
            raise UnsupportedPipelineError(
                f"{type(pipe).__name__} {what} ({name}=), and the classroom draws from text alone. "
                "Use a Stable Diffusion 1.x or 2.x pipeline for text to image."
            )
