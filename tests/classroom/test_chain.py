"""The arithmetic of q and p: against diffusers, against Bayes' rule, by hand."""

from __future__ import annotations

from math import prod, sqrt

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from daam_nb.classroom import Chain, chain_of
from daam_nb.errors import SelectionError, ShapeError, UnsupportedPipelineError
from tests.pipelines import sd1


class Bare:
    """Only a scheduler: all that `chain_of` reads."""

    def __init__(self, scheduler: object) -> None:
        self.scheduler = scheduler


def test_by_hand() -> None:
    chain = Chain((499, 999), (1.0, 0.8, 0.2))
    assert chain.beta(1) == pytest.approx(0.2)
    assert chain.beta(2) == pytest.approx(0.75)
    assert chain.kept(2) == pytest.approx(0.5)
    assert chain.posterior(1) == pytest.approx((1, 0, 0))
    # sqrt(.8) * .75 / .8, sqrt(.25) * .2 / .8, .2 / .8 * .75
    assert chain.posterior(2) == pytest.approx((0.838525, 0.125, 0.1875), abs=1e-6)


def test_the_steps_together_lose_what_the_alpha_bars_say() -> None:
    chain = chain_of(sd1(), 7)
    for t in range(1, 8):
        kept = prod(1 - chain.beta(step) for step in range(1, t + 1))
        assert kept == pytest.approx(chain.alpha_bars[t])


def test_the_posterior_is_bayes_rule() -> None:
    chain = chain_of(sd1(), 5)
    for t in range(2, 6):
        # q(x_{t-1} | x_0) is the prior, q(x_t | x_{t-1}) the likelihood; both are normal.
        prior = 1 / (1 - chain.alpha_bars[t - 1])
        likelihood = (1 - chain.beta(t)) / chain.beta(t)
        variance = 1 / (prior + likelihood)
        of_clean = variance * prior * sqrt(chain.alpha_bars[t - 1])
        of_noisy = variance * likelihood / chain.kept(t)
        assert chain.posterior(t) == pytest.approx((of_clean, of_noisy, variance))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_step_back_is_that_of_diffusers(kind: str) -> None:
    from daam_nb.classroom.processes import _clean

    scheduler = DDPMScheduler(
        prediction_type=kind,
        clip_sample=False,
        variance_type="fixed_small",
        timestep_spacing="linspace",
    )
    scheduler.set_timesteps(timesteps=[999, 749, 499, 249])
    chain = Chain(
        (249, 499, 749, 999),
        (1.0, *(float(scheduler.alphas_cumprod[t]) for t in (249, 499, 749, 999))),
    )
    noisy, seen = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    for t in (2, 3, 4):
        timestep = chain.timesteps[t - 1]
        made = scheduler.step(seen, timestep, noisy, generator=torch.Generator().manual_seed(t))
        clean = _clean(kind, noisy, seen, chain.alpha_bars[t])
        assert torch.allclose(clean, made.pred_original_sample, atol=1e-4)
        of_clean, of_noisy, variance = chain.posterior(t)
        noise = torch.randn(noisy.shape, generator=torch.Generator().manual_seed(t))
        back = of_clean * clean + of_noisy * noisy + sqrt(variance) * noise
        assert torch.allclose(back, made.prev_sample, atol=1e-4)


def test_the_noisiest_timestep_is_always_there() -> None:
    for steps in (1, 3, 20, 999, 1000):
        chain = chain_of(sd1(), steps)
        assert chain.steps == steps == len(set(chain.timesteps))
        assert chain.timesteps[-1] == 999
    assert chain.timesteps == tuple(range(1000))


def test_what_cannot_be_is_refused() -> None:
    chain = Chain((499, 999), (1.0, 0.8, 0.2))
    for t in (0, 3, -1):
        with pytest.raises(SelectionError, match="steps 1 to 2"):
            chain.beta(t)
    with pytest.raises(ShapeError, match="one alpha bar more"):
        Chain((1, 2), (1.0, 0.5))
    with pytest.raises(ShapeError, match="fall from 1"):
        Chain((1, 2), (1.0, 0.5, 0.5))
    for steps in (0, 1001):
        with pytest.raises(SelectionError, match="1000 timesteps"):
            chain_of(sd1(), steps)
    with pytest.raises(UnsupportedPipelineError, match="alphas_cumprod"):
        chain_of(Bare(FlowMatchEulerDiscreteScheduler()))
