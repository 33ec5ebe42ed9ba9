"""Circumstances around a call that must not change what is recorded, or must be seen."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from daam_nb.maps import heat_maps
from daam_nb.tracing import trace, vouch_for
from tests import pipelines
from tests.tracing.cases import PROMPT_TOKENS, Case, sized
from tests.tracing.expected import FLOAT32, HALF, Expected, assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

USUAL = Case("usual", pipelines.sd1)
COLUMNS = range(PROMPT_TOKENS + 2)


def test_autocast_does_not_reach_our_own_arithmetic(sd1: Any) -> None:
    """Projections run in bfloat16, as the user asked; softmax stays float32."""

    def run(pipe: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return USUAL.run(pipe)

    untraced = run(sd1)
    expected = observe(sd1, run)
    assert not np.array_equal(untraced, USUAL.run(sd1))  # it does something
    with trace(sd1, dtype=torch.float32) as tracer:
        traced = run(sd1)
    assert np.array_equal(traced, untraced)
    assert_recorded(tracer.recording, expected, [1, 1, 1], columns=COLUMNS, atol=HALF)


def test_inference_mode(sd1: Any, plain_expected: Expected) -> None:
    """Recordings made in it can be worked with outside of it."""
    with torch.inference_mode(), trace(sd1, dtype=torch.float32) as tracer:
        traced = USUAL.run(sd1)
    run = tracer.recording
    assert np.array_equal(traced, plain_expected.images)
    assert_recorded(run, plain_expected, [1, 1, 1], columns=COLUMNS, atol=FLOAT32)
    assert heat_maps(run).word("cat").values.shape == (8, 12)
    for maps in run.attention.values():
        maps.add_(0.0)  # an inference tensor would refuse


def test_gradients_are_neither_kept_nor_switched_off(sd1: Any) -> None:
    with torch.enable_grad(), trace(sd1) as tracer:
        USUAL.run(sd1)
        assert torch.is_grad_enabled()
    assert not any(maps.requires_grad for maps in tracer.recording.attention.values())
    assert all(parameter.grad is None for parameter in sd1.unet.parameters())


def test_a_loop_that_the_user_interrupts(sd1: Any) -> None:
    """diffusers' own way out: `pipe._interrupt` skips the steps that are left."""

    def stop(pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        pipe._interrupt = step == 1
        return {}

    call = sized(num_inference_steps=4, callback_on_step_end=stop)
    case = Case("interrupted", pipelines.sd1, call)
    expected = observe(sd1, case.run)
    assert len(expected.timesteps) == 2
    with trace(sd1, dtype=torch.float32) as tracer:
        case.run(sd1)
    run = tracer.recording
    assert_recorded(run, expected, [1, 1], columns=COLUMNS, atol=FLOAT32)
    assert run.facts.num_steps == 2
    assert run.latents is not None
    assert len(run.latents) == 3


@pytest.mark.parametrize("keep", ["steps", "sum", "replay"])
def test_chosen_steps_that_are_never_reached(sd1: Any, keep: str) -> None:
    """Steps asked for, announced, and then not made: what is not there is not made up."""

    def stop(pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        pipe._interrupt = step == 1
        return {}

    call = sized(num_inference_steps=4, callback_on_step_end=stop)
    options = {} if keep == "replay" else {"keep_steps": [1, 3]}
    with trace(sd1, keep=keep, dtype=torch.float32, **options) as tracer:  # type: ignore[arg-type]
        sd1(**call, generator=torch.Generator().manual_seed(0))
    run = tracer.recording
    assert run.steps == ((0, 1) if keep == "replay" else (1,))
    expected = observe(
        sd1, lambda pipe: pipe(**call, generator=torch.Generator().manual_seed(0)).images
    )
    for name, maps in run.attention.items():
        wanted = expected.of_row(name, [1, 1])[list(run.steps)][:, :, list(run.columns)]
        if keep == "sum":
            wanted = wanted.sum(dim=0, keepdim=True)
        assert torch.allclose(maps, wanted, atol=2 * FLOAT32, rtol=0)


class Mine(StableDiffusionPipeline):
    """A subclass that inherits `__call__`."""


class Preset(StableDiffusionPipeline):
    """A subclass with a `__call__` of its own."""

    def __call__(self, prompt: str, **options: Any) -> Any:
        """The parent's, with fewer steps."""
        return super().__call__(prompt, **options | {"num_inference_steps": 2})


@pytest.mark.parametrize("kind", [Mine, vouch_for(Preset)])
def test_subclasses(kind: type) -> None:
    pipe = kind(**pipelines.sd1().components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    untraced = USUAL.run(pipe)
    expected = observe(pipe, USUAL.run)
    before = snapshot(pipe)
    with trace(pipe, dtype=torch.float32) as tracer:
        traced = USUAL.run(pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert np.array_equal(traced, untraced)
    steps = len(expected.timesteps)
    assert_recorded(tracer.recording, expected, [1] * steps, columns=COLUMNS, atol=FLOAT32)


def test_arguments_by_position(sd1: Any) -> None:
    arguments = ("a dog", 64, 96, 2)  # prompt, height, width, steps
    untraced = sd1(*arguments, generator=torch.Generator().manual_seed(0)).images[0]
    with trace(sd1) as tracer:
        sd1(*arguments, generator=torch.Generator().manual_seed(0))
    run = tracer.recording
    assert run.prompt.text == "a dog"
    assert run.image is not None
    assert np.array_equal(np.asarray(run.image), np.asarray(untraced))


def test_nothing_of_ours_keeps_the_pipeline_alive() -> None:
    pipe = pipelines.sd1()
    with trace(pipe) as tracer:
        USUAL.run(pipe)
    run = tracer.recording
    gone = weakref.ref(pipe.unet)
    del pipe, tracer
    gc.collect()
    assert gone() is None
    assert run.attention  # the recording lives on


def test_the_images_of_a_call_share_no_memory(sd1: Any) -> None:
    with trace(sd1, negative=True) as tracer:
        sd1(**sized(num_images_per_prompt=2))
    first, second = tracer.recordings
    starts = [
        maps.untyped_storage().data_ptr()
        for run in (first, second)
        for part in (run.attention, run.negative_attention)
        for maps in part.values()
    ]
    assert len(set(starts)) == len(starts)
    for run in (first, second):
        for maps in run.attention.values():  # and none holds more than it shows
            assert maps.untyped_storage().nbytes() == maps.nbytes
