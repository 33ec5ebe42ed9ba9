"""Both directions walked on real tiny pipelines."""

from __future__ import annotations

import pytest
import torch

from daam_nb.classroom import Chain, chain_of, forward, reverse
from daam_nb.errors import UnsupportedPipelineError
from tests.pipelines import instruct_pix2pix, lcm, sd1, sd2, sdxl


def test_forward_ends_in_noise_with_the_variance_that_was_promised() -> None:
    chain = chain_of(sd1(), 10)
    clean = torch.full((4, 64, 64), 2.0)
    states = forward(chain, clean, seed=3)
    assert states.shape == (11, 4, 64, 64)
    assert torch.equal(states[0], clean)
    for t, state in enumerate(states):
        share = chain.alpha_bars[t]
        assert float(state.mean()) == pytest.approx(2 * share**0.5, abs=0.05)
        assert float(state.var()) == pytest.approx(1 - share, abs=0.05)
    assert torch.equal(states, forward(chain, clean, seed=3))
    assert not torch.equal(states, forward(chain, clean, seed=4))


def test_a_perfect_model_finds_back() -> None:
    """Where the model says the truth, the last state is the image itself."""
    pipe = sd1()
    chain = chain_of(pipe, 6)
    truth = torch.randn(4, 12, 12, generator=torch.Generator().manual_seed(1))

    def oracle(rows: torch.Tensor, timestep: int, **_: object) -> tuple[torch.Tensor]:
        share = chain.alpha_bars[chain.timesteps.index(timestep) + 1]
        return ((rows - share**0.5 * truth) / (1 - share) ** 0.5,)

    pipe.unet.forward = oracle
    steps: list[int] = []
    found = reverse(pipe, chain, "a cat", seed=0, progress=steps.append)
    assert steps == [6, 5, 4, 3, 2, 1]
    assert found.noisy.shape == (7, 4, 12, 12)
    assert found.guesses.shape == (6, 4, 12, 12)
    assert torch.allclose(found.guesses, truth.expand(6, -1, -1, -1), atol=1e-4)
    assert torch.allclose(found.noisy[0], truth, atol=1e-4)


@pytest.mark.parametrize("make", [sd1, sd2])
def test_each_state_is_one_draw_from_p_around_the_guess(make: object) -> None:
    pipe = make()  # type: ignore[operator]
    before = torch.get_rng_state()
    chain = chain_of(pipe, 3)
    found = reverse(pipe, chain, "a cat", seed=5, guidance_scale=3.0)
    assert torch.equal(torch.get_rng_state(), before)
    of_clean, of_noisy, variance = chain.posterior(3)
    assert variance > 0
    mean = of_clean * found.guesses[2] + of_noisy * found.noisy[3]
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(torch.randn(4, 12, 12, generator=generator), found.noisy[3])
    noise = torch.randn(4, 12, 12, generator=generator)
    assert torch.allclose(found.noisy[2], mean + variance**0.5 * noise, atol=1e-5)
    assert torch.allclose(found.noisy[0], found.guesses[0], atol=1e-4)


def test_prompt_and_guidance_matter_and_no_guidance_is_one_pass() -> None:
    pipe = sd1()
    chain = chain_of(pipe, 2)
    ends = [
        reverse(pipe, chain, prompt, guidance_scale=guidance).noisy[0]
        for prompt, guidance in (("a cat", 1.0), ("a cat", 7.5), ("a dog", 7.5))
    ]
    assert not torch.allclose(ends[0], ends[1])
    assert not torch.allclose(ends[1], ends[2])


@pytest.mark.parametrize("make", [sdxl, lcm, instruct_pix2pix])
def test_other_pipelines_are_refused_by_name(make: object) -> None:
    pipe = make()  # type: ignore[operator]
    with pytest.raises(UnsupportedPipelineError, match=type(pipe).__name__):
        reverse(pipe, Chain((999,), (1.0, 0.1)), "a cat")
