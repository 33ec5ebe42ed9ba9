"""Scheduler of a look: it gives the pipeline's loop its timesteps and the next latents.

A pipeline asks its scheduler three things: the timesteps, how the latents are scaled before they
are given to the denoiser, and, when the denoiser has run, the latents of the next timestep. Here it
returns the timesteps of the look, does not scale, and returns the image's own latents with the
noise of that timestep. So text, sizes, guidance and packing are the pipeline's own, as when it
draws.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError


class LookScheduler(ABC):
    """Scheduler that returns the image's noised latents, one timestep after the other.

    Parameters
    ----------
    scheduler
        The pipeline's own, whose settings pipelines read.
    timesteps
        In the order of the loop.
    clean
        The image's latents, as the pipeline's call takes them.

    Attributes
    ----------
    first
        The latents that the loop begins with.
    """

    init_noise_sigma = 1.0
    order = 1

    def __init__(self, scheduler: Any, timesteps: Sequence[float], clean: Tensor) -> None:
        self.config = scheduler.config
        self.timesteps = self._as_tensor(timesteps).to(clean.device)
        self.num_inference_steps = len(timesteps)
        self.clean = clean
        self._step = 0

    def _as_tensor(self, timesteps: Sequence[float]) -> Tensor:
        return torch.tensor(timesteps, dtype=torch.int64)

    @property
    @abstractmethod
    def first(self) -> Tensor: ...

    @abstractmethod
    def following(self, prediction: Tensor, sample: Tensor) -> Tensor:
        """The latents after the current step: those of the next timestep, or the result."""

    def begin(self) -> Tensor:
        """The initial latents of the loop."""
        self._expected = self.first
        return self._expected

    # What pipelines call ----------------------------------------------------------------------

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
    ) -> None:
        """Keep the timesteps of the look."""
        self.timesteps = self.timesteps.to(device)

    def set_begin_index(self, begin_index: int = 0) -> None:  # noqa: B027 (asked of all)
        """The loop begins with the first timestep."""

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """Return the latents unchanged: those of the forward process need no scaling."""
        return sample

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True
    ) -> tuple[Tensor]:
        """Return the latents of the next timestep.

        Raises
        ------
        ShapeError
            If the loop used other latents than it was given.
        """
        at = float(self.timesteps[self._step])
        if float(timestep) != at or not torch.equal(sample, self._expected):
            raise ShapeError(
                "The pipeline's loop did not run its denoiser on the image's latents at timestep "
                f"{at:g}: a hook or a callback changes them. look() needs unchanged latents; "
                "remove it."
            )
        self._expected = self.following(model_output, sample)
        self._step += 1
        return (self._expected,)


class NoisedSchedule(LookScheduler):
    """Schedule with the same noise at every timestep, scaled to the timestep's level.

    Parameters
    ----------
    noise
        As `clean`.
    """

    def __init__(
        self, scheduler: Any, timesteps: Sequence[float], clean: Tensor, noise: Tensor
    ) -> None:
        super().__init__(scheduler, timesteps, clean)
        self.noise = noise

    @property
    def first(self) -> Tensor:
        return self.noised(0)

    def following(self, prediction: Tensor, sample: Tensor) -> Tensor:
        after = self._step + 1
        return self.noised(after) if after < len(self.timesteps) else self.clean

    @abstractmethod
    def noised(self, step: int) -> Tensor:
        """The latents at a step's timestep."""


class DiffusionSchedule(NoisedSchedule):
    """x_t = sqrt(a_t) x + sqrt(1 - a_t) noise (Ho et al. 2020, eq. 4), a_t of the scheduler."""

    def __init__(
        self, scheduler: Any, timesteps: Sequence[float], clean: Tensor, noise: Tensor
    ) -> None:
        super().__init__(scheduler, timesteps, clean, noise)
        # Rounded to the latents' dtype before the root, as diffusers' `add_noise` does.
        self._signal = scheduler.alphas_cumprod.to(device=clean.device, dtype=clean.dtype)

    def noised(self, step: int) -> Tensor:
        signal = self._signal[self.timesteps[step].to(self._signal.device)]
        noised: Tensor = signal**0.5 * self.clean + (1 - signal) ** 0.5 * self.noise
        return noised


class FlowSchedule(NoisedSchedule):
    """x_t = (1 - s) x + s noise, s the timestep as a share of all (Esser et al. 2024, eq. 13)."""

    def _as_tensor(self, timesteps: Sequence[float]) -> Tensor:
        return torch.tensor(timesteps, dtype=torch.float32)

    def noised(self, step: int) -> Tensor:
        share = self.timesteps[step] / int(self.config.get("num_train_timesteps", 1000))
        sigma = share.to(device=self.clean.device, dtype=self.clean.dtype)
        return sigma * self.noise + (1.0 - sigma) * self.clean


class InversionSchedule(LookScheduler):
    """DDIM inversion: the model's own predictions move the image towards noise, step by step.

    The prediction at timestep t is computed from the latents of the previous timestep, and moves
    them to t, as in diffusers' `DDIMInverseScheduler`.

    References
    ----------
    Song et al. 2021, "Denoising Diffusion Implicit Models", section 4.3; Mokady et al. 2023,
    "Null-text Inversion", section 3.2.
    """

    def __init__(self, scheduler: Any, timesteps: Sequence[float], clean: Tensor) -> None:
        super().__init__(scheduler, timesteps, clean)
        self._alphas = scheduler.alphas_cumprod.to(clean.device)
        to_one = bool(scheduler.config.get("set_alpha_to_one", True))
        self._initial = self._alphas.new_tensor(1.0) if to_one else self._alphas[0]

    @property
    def first(self) -> Tensor:
        return self.clean

    def following(self, prediction: Tensor, sample: Tensor) -> Tensor:
        before = self._alphas[self.timesteps[self._step - 1]] if self._step else self._initial
        after = self._alphas[self.timesteps[self._step]]
        image, noise = self._split(prediction, sample, before)
        noised: Tensor = after**0.5 * image + (1 - after) ** 0.5 * noise
        return noised

    def _split(self, prediction: Tensor, sample: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Split latents into the image and the noise that the model predicts."""
        beta = 1 - alpha
        match self.config.get("prediction_type", "epsilon"):
            case "v_prediction":
                image = alpha**0.5 * sample - beta**0.5 * prediction
                return image, alpha**0.5 * prediction + beta**0.5 * sample
            case "sample":
                return prediction, (sample - alpha**0.5 * prediction) / beta**0.5
            case _:
                return (sample - beta**0.5 * prediction) / alpha**0.5, prediction
