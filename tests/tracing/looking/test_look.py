"""A look records what the denoiser computes of the noised image, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMInverseScheduler, EulerDiscreteScheduler
from PIL import Image

import daam_nb as dnb
from daam_nb.errors import ReproductionError
from daam_nb.recording import altered
from daam_nb.tracing import look, redraw, reproduce
from tests import joint_pipelines, pipelines
from tests.tracing.expected import FLOAT32, assert_attention, observe
from tests.tracing.looking.by_hand import (
    PROMPT,
    TIMESTEPS,
    clean_latents,
    noised,
    passes,
)
from tests.tracing.models.joint import observe_joint
from tests.tracing.traces import assert_nothing_left, snapshot

IMAGE = pipelines.image()
EXACT: dict[str, Any] = {"t": list(TIMESTEPS), "dtype": torch.float32}


def with_euler() -> Any:
    """Of a sampler that scales its latents otherwise: it makes no difference."""
    pipe = pipelines.sd1()
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    build: Callable[[], Any]
    observe: Callable[..., Any] = observe
    columns: int = 9


CASES = (
    Case("sd1", pipelines.sd1),
    Case("sd2, v-prediction", pipelines.sd2),
    Case("sd1, Euler", with_euler),
    Case("sdxl", pipelines.sdxl),
    Case("sd3", joint_pipelines.sd3, observe_joint),
    Case("flux", joint_pipelines.flux, observe_joint, columns=8),
)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


def test_attention_and_latents_are_those_of_the_noised_image(case: Case) -> None:
    pipe = case.build()
    pipe(PROMPT, num_inference_steps=1, height=64, width=96)  # diffusers puts its own on it
    expected = case.observe(pipe, lambda pipe: passes(pipe, IMAGE, seed=3))
    before = snapshot(pipe)
    run = look(pipe, IMAGE, PROMPT, seed=3, **EXACT)
    assert_nothing_left(before, snapshot(pipe))
    assert run.timesteps == tuple(map(float, TIMESTEPS))
    assert run.steps == (0, 1, 2)
    columns = tuple(range(case.columns))
    assert run.columns == columns
    assert_attention(run.attention, expected, [0, 0, 0], columns=columns, atol=FLOAT32)
    assert run.latents is not None
    frames = torch.cat([noised(pipe, IMAGE, seed=3), clean_latents(pipe, IMAGE)])
    assert torch.equal(run.latents, frames)


def test_a_look_is_the_same_twice_and_saved(case: Case, tmp_path: Path) -> None:
    pipe = case.build()
    first, second = (look(pipe, IMAGE, PROMPT, **EXACT) for _ in range(2))
    for layer in first.attention:
        assert torch.equal(first.attention[layer], second.attention[layer])
    other = look(pipe, IMAGE, PROMPT, seed=1, **EXACT)
    assert first.latents is not None and other.latents is not None
    assert not torch.equal(first.latents[0], other.latents[0])
    assert torch.equal(first.latents[-1], other.latents[-1])
    first.save(tmp_path / "look")
    loaded = dnb.load(tmp_path / "look")
    assert loaded.facts == first.facts
    assert loaded.image is not None
    assert np.array_equal(np.asarray(loaded.image), np.asarray(IMAGE))
    assert not altered(loaded)
    assert dnb.heat_maps(loaded)["cat"].size == first.facts.latent_size


def test_what_is_drawn_afterwards_is_the_same(sd1: Any) -> None:
    def drawn() -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        return np.asarray(sd1(PROMPT, num_inference_steps=2, generator=generator).images[0])

    before = drawn()
    scheduler, timesteps = sd1.scheduler, sd1.scheduler.timesteps
    look(sd1, IMAGE, PROMPT)
    assert sd1.scheduler is scheduler
    assert torch.equal(scheduler.timesteps, timesteps)
    assert np.array_equal(drawn(), before)


def test_by_default_there_are_seven_timesteps_spread_out(sd1: Any) -> None:
    run = look(sd1, IMAGE, PROMPT)
    assert run.timesteps == (999, 850, 700, 550, 400, 250, 100)


@pytest.mark.parametrize(
    ("t", "timesteps"),
    [
        (500, (500,)),
        (0.5, (500,)),
        ([0.25, 0.75], (750, 250)),
        ((100, 900, 0), (900, 100, 0)),
        (np.arange(0, 1000, 400), (800, 400, 0)),
        (torch.tensor([0.0, 1.0]), (999, 0)),
        ([1, 1.0], (999, 1)),
    ],
)
def test_timesteps_are_numbers_of_the_scheduler_or_shares(
    plain: Any, t: Any, timesteps: tuple[float, ...]
) -> None:
    assert look(plain, IMAGE, PROMPT, t=t, keep="sum").timesteps == timesteps


def test_timesteps_of_a_flow_model_need_not_be_whole() -> None:
    run = look(joint_pipelines.sd3(), IMAGE, PROMPT, t=[0.1255, 500, 1000])
    assert run.timesteps == (1000.0, 500.0, pytest.approx(125.5))


def test_it_says_that_it_is_a_look(sd1: Any) -> None:
    run = look(sd1, IMAGE, PROMPT, seed=5, t=[200, 400])
    words = run.facts.batch["look"]
    assert "the model did not draw this image" in words
    assert "2 timesteps" in words and "seed 5" in words
    assert run.facts.seed == 5
    assert run.facts.guidance is None
    assert run.facts.scheduler == "DDIMScheduler"
    assert run.facts.call == {"guidance_scale": 1.0}
    assert run.facts.omitted == ()
    assert run.facts.batch["prompts"] == [PROMPT]
    assert any("look" in line for line in run.manifest.captured)
    assert not any("latents before each" in line for line in run.manifest.captured)
    assert not run.manifest.why_not("the image")
    assert words in run._repr_html_()
    figure = dnb.overlay(run, "cat")
    assert words[1:] in " ".join(figure.caption)


def test_nothing_is_drawn_again_of_a_look(sd1: Any) -> None:
    run = look(sd1, IMAGE, PROMPT, seed=5)
    with pytest.raises(ReproductionError, match=r"is a look.* look\(pipe, run.image"):
        reproduce(run, sd1)
    with pytest.raises(ReproductionError, match="no image to reproduce"):
        redraw(run, sd1, [0])


def test_the_image_is_kept_and_the_callers_left_as_it_is(sd1: Any) -> None:
    mine = IMAGE.copy()
    run = look(sd1, mine, PROMPT)
    assert run.image is not mine
    assert np.array_equal(np.asarray(run.image), np.asarray(IMAGE))
    assert mine.tobytes() == IMAGE.tobytes()


# --- options -----------------------------------------------------------------------------------


def test_guidance_gives_both_passes(sd1: Any) -> None:
    options = {"guidance_scale": 4.0, "negative": True, "negative_prompt": "a dog"}
    run = look(sd1, IMAGE, PROMPT, **options, **EXACT)
    assert run.facts.guidance == 4.0
    assert run.negative_prompt is not None and run.negative_prompt.text == "a dog"
    alone = look(sd1, IMAGE, PROMPT, **EXACT)
    other = look(sd1, IMAGE, "a dog", **EXACT)
    for layer, attention in run.attention.items():
        assert torch.allclose(attention, alone.attention[layer], atol=FLOAT32)
        negative = run.negative_attention[layer]
        assert torch.allclose(negative, other.attention[layer], atol=FLOAT32)


def test_guidance_of_flux_is_its_true_guidance() -> None:
    pipe = joint_pipelines.flux()
    options = {"true_cfg_scale": 4.0, "negative": True, "negative_prompt": "a dog"}
    run = look(pipe, IMAGE, PROMPT, **options, **EXACT)
    assert run.negative_prompt is not None
    alone = look(pipe, IMAGE, PROMPT, **EXACT)
    for layer, attention in run.attention.items():
        assert torch.equal(attention, alone.attention[layer])


def test_options_of_a_trace(sd1: Any) -> None:
    whole = look(sd1, IMAGE, PROMPT, **EXACT)
    run = look(sd1, IMAGE, PROMPT, layers="mid", keep_steps=[0, 2], tokens="cat", **EXACT)
    (layer,) = run.layers
    assert run.steps == (0, 2) and run.columns == (3,)
    assert torch.equal(run.attention[layer.name], whole.attention[layer.name][[0, 2]][:, :, [3]])
    summed = look(sd1, IMAGE, PROMPT, keep="sum", **EXACT)
    for name, attention in summed.attention.items():
        assert torch.allclose(attention[0], whole.attention[name].sum(0), atol=1e-5)
    replayed = look(sd1, IMAGE, PROMPT, keep="replay", **EXACT)
    assert len(replayed.columns) == 77


def test_effects_are_recorded_and_added(sd1: Any) -> None:
    run = look(sd1, IMAGE, PROMPT, effects=["cat"], tokens="all", **EXACT)
    maps = dnb.heat_maps(run, kind="effect")
    assert float(maps["cat"].values.max()) > 0
    added = dnb.add_effects(look(sd1, IMAGE, PROMPT, tokens="all", **EXACT), sd1, ["cat"])
    assert torch.allclose(
        dnb.heat_maps(added, kind="effect")["cat"].values, maps["cat"].values, atol=1e-4
    )


def test_an_image_may_be_a_path_or_an_array(sd1: Any, tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "image.png")
    wanted = look(sd1, IMAGE, PROMPT, **EXACT)
    for image in (tmp_path / "image.png", str(tmp_path / "image.png"), np.asarray(IMAGE)):
        run = look(sd1, image, PROMPT, **EXACT)
        assert run.latents is not None and wanted.latents is not None
        assert torch.equal(run.latents, wanted.latents)


def test_resizing_is_asked_for_and_said(sd1: Any) -> None:
    large = Image.fromarray(np.asarray(pipelines.image((150, 301))))
    run = look(sd1, large, PROMPT, resize=(64, 128))
    assert run.facts.image_size == (64, 128)
    assert run.facts.batch["look_size"] == [150, 301]
    assert "resized from 150 x 301 to 64 x 128 pixels" in run.facts.batch["look"]
    wanted = large.resize((128, 64), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(run.image), np.asarray(wanted))
    # The tiny UNet was made for 12 x 12 cells: 96 x 96 pixels.
    assert look(sd1, large, PROMPT, resize=True).facts.image_size == (64, 136)
    kept = look(sd1, pipelines.image((96, 96)), PROMPT, resize=True)
    assert "look_size" not in kept.facts.batch


def test_offloaded_models_are_looked_with(sd1: Any) -> None:
    pytest.importorskip("accelerate")
    wanted = look(sd1, IMAGE, PROMPT, **EXACT)
    sd1.enable_model_cpu_offload(device="cpu")
    run = look(sd1, IMAGE, PROMPT, **EXACT)
    assert torch.equal(run.attention[run.layers[0].name], wanted.attention[run.layers[0].name])
    sd1(PROMPT, num_inference_steps=1)


# --- inversion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sd2, pipelines.sdxl])
def test_an_inversion_is_that_of_diffusers(build: Callable[[], Any]) -> None:
    pipe = build()
    run = look(pipe, IMAGE, PROMPT, inversion=True, dtype=torch.float32)
    inverse = DDIMInverseScheduler.from_config(pipe.scheduler.config)
    inverse.set_timesteps(50)
    assert run.timesteps == tuple(map(float, inverse.timesteps))
    latents = clean_latents(pipe, IMAGE)
    frames = [latents]
    encoded = pipe.encode_prompt(
        PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    added = None
    if hasattr(pipe, "text_encoder_2"):
        sizes = torch.tensor([[64.0, 96.0, 0.0, 0.0, 64.0, 96.0]])
        added = {"text_embeds": encoded[2], "time_ids": sizes}
    with torch.no_grad():
        for t in inverse.timesteps:
            prediction = pipe.unet(latents, t, encoded[0], added_cond_kwargs=added).sample
            latents = inverse.step(prediction, t, latents).prev_sample
            frames.append(latents)
    assert run.latents is not None
    assert torch.allclose(run.latents, torch.cat(frames), rtol=1e-5, atol=1e-5)
    assert "50 steps of DDIM inversion" in run.facts.batch["look"]
    assert run.facts.seed is None


def test_an_inversion_takes_its_own_steps(sd1: Any) -> None:
    run = look(sd1, IMAGE, PROMPT, inversion=True, t=[0.6, 0.2, 0.4], keep_steps=[1])
    assert run.timesteps == (200, 400, 600)
    assert run.steps == (1,)
