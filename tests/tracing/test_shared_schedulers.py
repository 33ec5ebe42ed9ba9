"""A scheduler that somebody else sets or steps within a watched call: what is said and kept."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)

from daam_nb.errors import BusyPipelineError, DaamError, WatchError
from daam_nb.tracing import ablate, trace
from tests import pipelines

SCHEDULERS = [EulerDiscreteScheduler, DPMSolverMultistepScheduler]


def pipe_with(scheduler: type[Any]) -> Any:
    pipe = pipelines.sd1()
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    return pipe


def draw(pipe: Any, **options: Any) -> Any:
    generator = torch.Generator().manual_seed(1)
    return pipe("a cat", generator=generator, num_inference_steps=4, **options)


def behind_step_1(action: Callable[[Any, Any, Any], None]) -> dict[str, Any]:
    def callback(pipe: Any, step: int, t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step == 1:
            action(pipe, t, tensors["latents"])
        return {}

    return {"callback_on_step_end": callback}


def call_again(pipe: Any, *_: Any) -> None:
    pipe("a dog", num_inference_steps=3)


def step_it(pipe: Any, t: Any, latents: Any) -> None:
    pipe.scheduler.step(torch.zeros_like(latents), t, latents)


def in_a_thread(pipe: Any, *_: Any) -> None:
    thread = threading.Thread(target=lambda: pipe.scheduler.set_timesteps(3))
    thread.start()
    thread.join()


def another_that_shares_it(pipe: Any, *_: Any) -> None:
    type(pipe)(**pipe.components)("a dog", num_inference_steps=3)


@pytest.mark.parametrize("kind", SCHEDULERS)
@pytest.mark.parametrize(
    ("action", "said"),
    [
        (call_again, "the same pipeline was called behind step 1"),
        (another_that_shares_it, "another StableDiffusionPipeline was called behind step 1"),
        (step_it, "set or stepped by something other than the call's own loop"),
    ],
)
def test_a_call_that_cannot_be_finished_says_why(
    kind: Any, action: Callable[..., None], said: str
) -> None:
    pipe = pipe_with(kind)
    with pytest.raises(IndexError):  # so it is without us
        draw(pipe, **behind_step_1(action))
    with pytest.raises(BusyPipelineError, match=said) as caught, trace(pipe):
        draw(pipe, **behind_step_1(action))
    assert "from_config(pipe.scheduler.config)" in str(caught.value)
    assert "copy.deepcopy(pipe.scheduler)" in str(caught.value)
    assert isinstance(caught.value.__cause__, IndexError)
    with pytest.raises(DaamError), ablate(pipe, words="cat"):  # named before it comes so far
        draw(pipe, **behind_step_1(action))
    with trace(pipe) as tracer:  # nothing is left behind
        draw(pipe)
    assert tracer.recording.facts.num_steps == 4


def test_timesteps_set_by_another_thread_are_named() -> None:
    pipe = pipe_with(EulerDiscreteScheduler)
    with pytest.raises(BusyPipelineError, match="set or stepped by something"), trace(pipe):
        draw(pipe, **behind_step_1(in_a_thread))


def test_an_image_that_can_be_finished_is_kept() -> None:
    pipe = pipe_with(DDIMScheduler)
    plain = draw(pipe, **behind_step_1(call_again)).images
    said = "the same pipeline was called behind step 1"
    with pytest.raises(WatchError, match=said) as caught, trace(pipe):
        draw(pipe, **behind_step_1(call_again))
    assert any(np.array_equal(image, plain[0]) for image in caught.value.images)


@pytest.mark.parametrize("kind", [*SCHEDULERS, DDIMScheduler])
def test_the_ways_out(kind: Any) -> None:
    pipe, other = pipe_with(kind), pipe_with(kind)

    def all_of_it(pipe: Any, t: Any, latents: Any) -> None:
        step_it(type("Own", (), {"scheduler": copy.deepcopy(pipe.scheduler)}), t, latents)
        call_again(other)

    plain = draw(pipe).images[0]
    with trace(pipe) as tracer:
        image = draw(pipe, **behind_step_1(all_of_it)).images[0]
    assert np.array_equal(image, plain) and tracer.recording.facts.num_steps == 4


def test_an_error_of_ones_own_stays_what_it_is() -> None:
    pipe = pipe_with(EulerDiscreteScheduler)

    def mistake(*_: Any) -> None:
        raise IndexError("mine")

    with pytest.raises(IndexError, match=r"^mine$"), trace(pipe):
        draw(pipe, **behind_step_1(mistake))


def test_a_scheduler_that_could_not_set_its_timesteps_says_so_itself() -> None:
    pipe = pipe_with(PNDMScheduler)  # which takes 4 steps at least
    with pytest.raises(ValueError, match="broadcast"), trace(pipe):
        pipe("a dog", num_inference_steps=3)
