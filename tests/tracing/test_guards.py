"""What is checked of every call while it runs: steps, grids, and what is exchanged on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    StableDiffusionPanoramaPipeline,
    StableDiffusionPipeline,
)

from daam_nb.errors import (
    DaamError,
    InterventionError,
    NothingRecordedError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.tracing import ablate, generate, trace, vouch_for
from daam_nb.tracing.guards import Loop, scheduled, why_not_the_grid
from tests import pipelines
from tests.joint_pipelines import flux
from tests.known_pipelines import CALLS, build
from tests.pipeline_variants import with_scheduler
from tests.tracing.cases import Case, sized

USUAL = Case("usual", pipelines.sd1, sized(output_type="pil"))


def of_class(kind: type) -> Any:
    """A pipeline of a class that is vouched for."""
    parts = pipelines.sd1().components
    taken = {name: part for name, part in parts.items() if name != "image_encoder"}
    return pipelines.quiet(vouch_for(kind)(**taken, requires_safety_checker=False))


# --- one step of the loop is one step of the recording ----------------------------------------


class Wide(StableDiffusionPanoramaPipeline):
    """diffusers' panorama, of views of 8 x 8 cells, as a class that somebody vouched for."""

    def get_views(self, height: int, width: int, **_options: Any) -> Any:
        return super().get_views(height, width, window_size=8, stride=4)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


@pytest.mark.parametrize("scheduler", [None, HeunDiscreteScheduler])
def test_views_that_are_painted_one_after_the_other(scheduler: Any) -> None:
    """Three views a step were recorded as three steps of the whole image."""
    pipe = of_class(Wide)
    if scheduler is not None:
        with_scheduler(pipe, scheduler)
    with pytest.raises(WatchError, match=r"step number [12] was made at timestep") as caught:
        generate(pipe, "a cat", seed=0, num_inference_steps=2, height=64, width=128)
    assert [image.size for image in caught.value.images] == [(128, 64)]


def test_the_loops_of_schedulers() -> None:
    """By hand: what is right, and at which step what is wrong is noticed."""
    heun = (999.0, 499.5, 499.5, 0.0, 0.0)
    right = [
        ((3, 2, 1), (3, 2, 1)),
        ((3, 2, 1), (2, 1)),  # image to image
        ((3, 2, 1), (3, 2)),  # interrupted
        (heun, heun),
        (heun, heun[2:]),  # begins at the second of two
        (heun, heun[1:]),
        ((1, 501, 501, 1), (1, 501, 501, 1)),  # up and down
        ((0.1,), (float(torch.tensor(0.1)),)),
    ]
    for timesteps, steps in right:
        loop = Loop(timesteps)
        assert [loop.why_not(step) for step in steps] == [""] * len(steps)
    wrong = [
        ((3, 2, 1), (3, 3), 1),
        ((3, 2, 1), (3, 1), 1),  # leaves one out
        ((3, 2, 1), (4,), 0),
        ((3, 2, 1), (3, 2, 1, 1), 3),
        (heun, (999.0, 499.5, 499.5, 499.5), 3),
        ((), (3,), 0),
    ]
    for timesteps, steps, at in wrong:
        loop = Loop(timesteps)
        answers = [loop.why_not(step) for step in steps]
        assert [bool(answer) for answer in answers] == [place >= at for place in range(len(steps))]
        assert f"step number {at}" in answers[at]


def test_the_timesteps_of_a_scheduler() -> None:
    scheduler = EulerDiscreteScheduler()
    scheduler.set_timesteps(3)
    assert scheduled(scheduler) == (999.0, 499.5, 0.0)
    assert scheduled(object()) == ()


def exchange(part: str, other: Any) -> Callable[..., dict[str, Any]]:
    """A callback that puts another part in place behind the first step."""

    def callback(pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        if step == 0:
            setattr(pipe, part, other)
        return {}

    return callback


def test_a_scheduler_that_is_exchanged_midway(sd1: Any) -> None:
    """It was blamed on passes that are not separate steps."""
    original = sd1.scheduler
    other = copy.deepcopy(original)
    other.set_timesteps(3)
    call = USUAL.arguments(sd1) | {"callback_on_step_end": exchange("scheduler", other)}
    why = "scheduler was replaced within the call, after step 0"
    with pytest.raises(WatchError, match=why) as caught, trace(sd1):
        sd1(**call)
    assert len(caught.value.images) == 1
    sd1.scheduler = original
    with pytest.raises(UnsupportedPipelineError, match=why), ablate(sd1, words="cat"):
        sd1(**call)


def test_a_denoiser_that_is_exchanged_midway(sd1: Any) -> None:
    """The steps behind it were said not to be among those asked for."""
    original, other = sd1.unet, pipelines.sd1(seed=5).unet
    call = USUAL.arguments(sd1) | {"callback_on_step_end": exchange("unet", other)}
    with pytest.raises(WatchError, match="Step 1 was made without the watched unet"), trace(sd1):
        sd1(**call)
    sd1.unet = original
    with pytest.raises(InterventionError, match="Step 1"), ablate(sd1, words="cat"):
        sd1(**call)


class OwnScheduler(StableDiffusionPipeline):
    """A class whose loop takes a copy of its scheduler, as several of diffusers do."""

    def __call__(self, prompt: str, steps: int = 1, **_options: Any) -> Any:
        text, _ = self.encode_prompt(prompt, "cpu", 1, False)
        scheduler = copy.deepcopy(self.scheduler)
        scheduler.set_timesteps(steps)
        latents = torch.zeros(1, 4, 8, 12)
        for t in scheduler.timesteps:
            noise = self.unet(latents, t, encoder_hidden_states=text).sample
            latents = scheduler.step(noise, t, latents).prev_sample
        return (latents.detach(),)


@pytest.mark.parametrize(
    ("steps", "why"),
    [(1, "made no step of its DDIMScheduler"), (2, "ran twice on the prompt within")],
)
def test_steps_of_another_scheduler_are_no_steps(steps: int, why: str) -> None:
    pipe = of_class(OwnScheduler)
    with pytest.raises(WatchError, match=why), trace(pipe):
        pipe("a cat", steps=steps)


# --- the grid is the image's ----------------------------------------------------------------


class Half(StableDiffusionPipeline):
    """A class that draws the left half and mirrors it."""

    def __call__(self, prompt: str, **options: Any) -> Any:
        out = super().__call__(prompt, **options)
        half = out.images
        out.images = torch.cat([half, half.flip(-1)], dim=-1)
        return out


@pytest.mark.parametrize(("kind", "what"), [("pt", "64 x 192"), ("latent", r"\(8, 24\)")])
def test_a_grid_that_is_not_the_images(kind: str, what: str) -> None:
    pipe = of_class(Half)
    with pytest.raises(WatchError, match=f"latents of \\(8, 12\\).*{what}") as caught, trace(pipe):
        pipe(**sized(output_type=kind))
    assert len(caught.value.images) == (kind == "pt")


def test_a_crop_that_is_painted_and_put_back_is_refused_before_it_is() -> None:
    """The map of the crop was stretched over the whole image."""
    pipe = pipelines.inpaint()
    ran: list[int] = []
    pipe.unet.register_forward_hook(lambda *_: ran.append(1))
    call = sized(
        image=pipelines.image((128, 128)),
        mask_image=pipelines.half_mask((128, 128)),
        padding_mask_crop=8,
        output_type="pil",
    )
    with pytest.raises(UnsupportedPipelineError, match="padding_mask_crop=8"), trace(pipe):
        pipe(**call)
    assert ran == []


def test_grids_by_hand() -> None:
    pipe = pipelines.sd1()
    image = pipelines.image((64, 96))
    assert why_not_the_grid(pipe, (8, 12), [image], None) == ""
    assert "96 x 64 pixels" in why_not_the_grid(pipe, (12, 8), [image], None)
    assert why_not_the_grid(flux(), (8, 12), [image], None) == ""
    packed = torch.zeros(1, 24, 16)  # FLUX's latents have no grid of their own
    assert why_not_the_grid(flux(), (8, 12), [], (packed,)) == ""


# --- reasons that are given are true ----------------------------------------------------------


class TwoPasses(StableDiffusionPipeline):
    """A class that guides by a second pass on the negative prompt."""

    def __call__(self, prompt: str, guidance_scale: float = 4.0, **_options: Any) -> Any:
        positive, negative = self.encode_prompt(prompt, "cpu", 1, True, "blue")
        self.scheduler.set_timesteps(2)
        latents = torch.randn(1, 4, 8, 12, generator=torch.Generator().manual_seed(0))
        for t in self.scheduler.timesteps:
            with torch.no_grad():
                noise = self.unet(latents, t, encoder_hidden_states=positive).sample
                other = self.unet(latents, t, encoder_hidden_states=negative).sample
            noise = other + guidance_scale * (noise - other)
            latents = self.scheduler.step(noise, t, latents).prev_sample
        return (latents,)


def skipped(run: Any) -> dict[str, str]:
    """What the manifest says is missing, and why."""
    return {item.what: item.why for item in run.manifest.skipped}


def test_guidance_in_a_way_of_its_own_is_not_called_none() -> None:
    """It was "made without guidance"."""
    pipe = of_class(TwoPasses)
    with trace(pipe, negative=True) as tracer:
        pipe("a cat")
    why = skipped(tracer.recording)["the negative prompt's maps"]
    assert "passes of their own" in why


def test_without_guidance_no_cause_is_given_that_nobody_knows(sd1: Any) -> None:
    with trace(sd1, negative=True) as tracer:
        sd1(**sized(guidance_scale=1.0))
    why = skipped(tracer.recording)["the negative prompt's maps"]
    assert why == "no row of any pass was a negative prompt's"


@pytest.mark.parametrize(
    ("name", "default"), [("StableDiffusionGLIGENPipeline", 7.5), ("StableUnCLIPPipeline", 10.0)]
)
def test_the_guidance_is_the_default_of_the_signature(name: str, default: float) -> None:
    """It was recorded as none where the pipeline has no attribute of that name."""
    pipe = build(name)
    assert not isinstance(getattr(type(pipe), "guidance_scale", None), property)
    with trace(pipe) as tracer:
        pipe(prompt="a cat", num_inference_steps=2, **CALLS[name][0])
    assert tracer.recording.facts.guidance == default
    assert "guidance_scale" not in tracer.recording.facts.call  # it was not given


def test_a_call_that_did_not_come_to_its_end_is_not_called_none(sd1: Any) -> None:
    """It was "not called inside the `with` block"."""
    tracer = trace(sd1)
    tracer.__enter__()
    with pytest.raises(ValueError, match="prompt"):
        sd1(**USUAL.arguments(sd1) | {"prompt": 3})
    with pytest.raises(NothingRecordedError, match=r"1 calls .* none finished"):
        tracer.__exit__(None, None, None)


def test_other_output_is_not_called_latents(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(**sized(output_type="np"))
    assert "the image" not in skipped(tracer.recording)
    pipe = of_class(TwoPasses)
    with trace(pipe) as tracer:
        pipe("a cat")
    assert "no images that can be read" in skipped(tracer.recording)["the image"]


def test_the_images_of_a_guard_are_the_untraced_ones(sd1: Any) -> None:
    """A guard that trips does not touch what is drawn."""
    other = copy.deepcopy(sd1.scheduler)
    other.set_timesteps(3)
    original = sd1.scheduler
    images = []
    for traced in (False, True):
        call = USUAL.arguments(sd1) | {"callback_on_step_end": exchange("scheduler", other)}
        if not traced:
            images.append(sd1(**call).images[0])
        else:
            with pytest.raises(DaamError) as caught, trace(sd1):
                sd1(**call)
            assert isinstance(caught.value, WatchError)
            images.append(caught.value.images[0])
        sd1.scheduler = original
    assert np.array_equal(*(np.asarray(image) for image in images))
