"""Arithmetic of a diffusion process with a few steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from daam_nb.errors import SelectionError, ShapeError, UnsupportedPipelineError
from daam_nb.kinds import number_between


@dataclass(frozen=True)
class Chain:
    """A Markov chain x_0, x_1, ..., x_T from an image to noise, and its reverse.

    Attributes
    ----------
    timesteps
        T numbers, rising: the model's own timestep at the chain's step 1, 2, ..., T.
    alpha_bars
        T + 1 numbers, falling from 1: the share of the variance of x_t that is still the
        image's, at step 0, 1, ..., T.

    References
    ----------
    Ho, Jain, Abbeel 2020, "Denoising Diffusion Probabilistic Models", eq. 2, 4, 6, 7,
    https://arxiv.org/abs/2006.11239. A chain of fewer steps than the model was trained with keeps
    the alpha bars of its steps and takes its betas from them: Nichol, Dhariwal 2021, "Improved
    Denoising Diffusion Probabilistic Models", eq. 19, https://arxiv.org/abs/2102.09672.
    """

    timesteps: tuple[int, ...]
    alpha_bars: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.alpha_bars) != len(self.timesteps) + 1 or not self.timesteps:
            raise ShapeError(
                "A chain needs at least one timestep, and one alpha bar more than timesteps (for "
                f"the clean image), not {len(self.timesteps)} timesteps and {len(self.alpha_bars)} "
                "alpha bars."
            )
        falling = all(a > b for a, b in zip(self.alpha_bars, self.alpha_bars[1:], strict=False))
        if self.alpha_bars[0] != 1 or not falling or self.alpha_bars[-1] < 0:
            raise ShapeError(
                "Alpha bars must fall from 1 (the clean image) towards 0 (pure noise); these are "
                f"{[round(value, 4) for value in self.alpha_bars]}."
            )

    @property
    def steps(self) -> int:
        """T: the number of steps from the image to noise."""
        return len(self.timesteps)

    def beta(self, t: int) -> float:
        """Variance of the noise that step t adds: q(x_t | x_{t-1}), eq. 2."""
        return 1 - self.alpha_bars[self._step(t)] / self.alpha_bars[t - 1]

    def kept(self, t: int) -> float:
        """The factor of x_{t-1} in step t: the square root of 1 - beta_t, eq. 2."""
        return sqrt(1 - self.beta(t))

    def posterior(self, t: int) -> tuple[float, float, float]:
        """Mean and variance of x_{t-1} for a known x_t and x_0: q(x_{t-1} | x_t, x_0), eq. 6 and 7.

        Returns
        -------
        tuple of float
            The weights of x_0 and of x_t in the mean, and the variance. At t = 1 they are 1, 0, 0:
            the last step adds no noise.
        """
        before, now, beta = self.alpha_bars[t - 1], self.alpha_bars[self._step(t)], self.beta(t)
        return (
            sqrt(before) * beta / (1 - now),
            sqrt(1 - beta) * (1 - before) / (1 - now),
            (1 - before) / (1 - now) * beta,
        )

    def _step(self, t: int) -> int:
        if isinstance(t, bool) or not isinstance(t, int) or not 1 <= t <= self.steps:
            raise SelectionError(
                f"There is no step {t}: this chain has the steps 1 to {self.steps}."
            )
        return t


def chain_of(pipe: Any, num_inference_steps: int = 20) -> Chain:
    """Take evenly spaced timesteps of the schedule that a pipeline's model was trained with.

    Parameters
    ----------
    pipe
        A pipeline whose scheduler has `alphas_cumprod`.
    num_inference_steps
        T, at most the number of training timesteps. The last one is always the noisiest.

    Raises
    ------
    UnsupportedPipelineError
        For a scheduler of another kind (flow matching has no alpha bars).
    SelectionError
        For more steps than in training, or fewer than one.
    """
    scheduler = getattr(pipe, "scheduler", None)
    every = getattr(scheduler, "alphas_cumprod", None)
    if every is None:
        whose = type(pipe if scheduler is None else scheduler).__name__
        raise UnsupportedPipelineError(
            f"{whose} has no alphas_cumprod, so there are no q and p of a "
            "variance-preserving diffusion to show. Use a Stable Diffusion 1.x or 2.x pipeline."
        )
    try:
        steps = number_between(num_inference_steps, "num_inference_steps", low=1, high=len(every))
    except SelectionError as error:
        raise SelectionError(
            f"{error} The model was trained with {len(every)} timesteps; use 1 to {len(every)} of "
            "them."
        ) from None
    timesteps = tuple(round(t * len(every) / steps) - 1 for t in range(1, steps + 1))
    return Chain(timesteps, (1.0, *(float(every[timestep]) for timestep in timesteps)))
