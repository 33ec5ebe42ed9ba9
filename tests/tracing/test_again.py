"""`draw_again`: the recorded image again, under a change or none; refused before, or left clean."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

from daam_nb.errors import DaamError, ReproductionError, UnsupportedPipelineError, WrongKindError
from daam_nb.recording import Recording
from daam_nb.tracing import ablate, generate, reweight, trace
from daam_nb.tracing.again import Stopped, cautions_again, check_again, draw_again
from tests import joint_pipelines, pipelines
from tests.tracing.traces import assert_nothing_left, snapshot

FEW: dict[str, Any] = {"num_inference_steps": 3, "height": 64, "width": 96}
TEXT = "a cat and a dog"


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.quiet(pipelines.sd1())


@pytest.fixture(scope="module")
def run(pipe: Any) -> Recording:
    recorded = generate(pipe, TEXT, seed=3, **FEW)
    assert isinstance(recorded, Recording)
    return recorded


def pixels(run: Recording) -> np.ndarray:
    return np.asarray(run.image)


def assert_equal(one: Recording, other: Recording) -> None:
    assert np.array_equal(pixels(one), pixels(other))
    assert one.latents is not None and other.latents is not None
    assert torch.equal(one.latents, other.latents)
    assert one.steps == other.steps and one.columns == other.columns
    assert list(one.attention) == list(other.attention)
    for name, values in one.attention.items():
        assert torch.equal(values, other.attention[name])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keep": "sum"},
        {"keep": "replay"},
        {"keep_steps": [1], "layers": "up", "tokens": ["dog"], "negative": True},
        {"negative_prompt": "a bird", "guidance_scale": 3.0},
    ],
)
def test_nothing_changed_is_the_first_image_bit_for_bit(pipe: Any, options: Any) -> None:
    first = generate(pipe, TEXT, seed=3, **FEW, **options)
    before = snapshot(pipe)
    again = draw_again(first, pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert_equal(first, again)
    assert not again.facts.omitted  # so that it can be drawn again itself
    unchanged = draw_again(first, pipe, lambda twin: reweight(twin, "dog", 1))
    assert_equal(first, unchanged)


def test_an_image_of_a_batch_is_drawn_with_the_batch(pipe: Any) -> None:
    runs = generate(pipe, [TEXT, "a bird"], seed=5, num_images_per_prompt=2, **FEW)
    for first in runs[1:3]:
        assert_equal(first, draw_again(first, pipe))


def test_a_change_is_the_librarys_own(pipe: Any, run: Recording) -> None:
    with ablate(pipe, words="dog", heads=[0]):
        expected = generate(pipe, TEXT, seed=3, **FEW)
    before = snapshot(pipe)
    changed = draw_again(run, pipe, lambda twin: ablate(twin, words="dog", heads=[0]))
    assert_nothing_left(before, snapshot(pipe))
    assert_equal(expected, changed)
    assert changed.facts.batch["interventions"] == expected.facts.batch["interventions"]
    assert not np.array_equal(pixels(run), pixels(changed))


def test_it_is_told_of_every_step(pipe: Any, run: Recording) -> None:
    told: list[tuple[int, int]] = []
    draw_again(run, pipe, progress=lambda step, steps: told.append((step, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("asked", [1, 2, 3, 5, 7])
def test_it_stops_wherever_it_is_asked_to(pipe: Any, run: Recording, asked: int) -> None:
    answers = iter([False] * (asked - 1) + [True] * 9)
    before = snapshot(pipe)
    with pytest.raises(Stopped):
        draw_again(
            run,
            pipe,
            lambda twin: ablate(twin, words="dog", text_encoder=True),
            is_stopped=lambda: next(answers),
        )
    assert_nothing_left(before, snapshot(pipe))
    assert_equal(run, draw_again(run, pipe))


def test_an_error_in_the_middle_leaves_nothing(pipe: Any, run: Recording) -> None:
    def fail(step: int, _: int) -> None:
        if step == 2:
            raise MemoryError("no room")

    before = snapshot(pipe)
    with pytest.raises(MemoryError, match="no room"):
        draw_again(run, pipe, lambda twin: ablate(twin, words="dog"), progress=fail)
    with pytest.raises(DaamError, match="bird"):
        draw_again(run, pipe, lambda twin: ablate(twin, words="bird"))
    assert_nothing_left(before, snapshot(pipe))


def test_the_pipeline_can_be_called_meanwhile(pipe: Any, run: Recording) -> None:
    """Its scheduler is its own: neither call notices the other."""
    begun, go_on = threading.Event(), threading.Event()
    drawn: list[Recording] = []

    def wait(step: int, _: int) -> None:
        if step == 1:
            begun.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=lambda: drawn.append(draw_again(run, pipe, progress=wait)))
    thread.start()
    assert begun.wait(60)
    with trace(pipe) as tracer:
        pipe(TEXT, generator=torch.Generator().manual_seed(3), **FEW)
    go_on.set()
    thread.join(60)
    assert_equal(run, tracer.recording)
    assert_equal(run, drawn[0])


def test_a_change_of_the_user_is_not_part_of_it(pipe: Any, run: Recording) -> None:
    with ablate(pipe, words="dog") as change:
        assert_equal(run, draw_again(run, pipe))
        pipe(TEXT, **FEW)
    assert change is not None


# --- refused before anything is drawn -------------------------------------------------------------


def of_class(pipe: Any) -> Any:
    return pipelines.img2img()


def of_scheduler(pipe: Any) -> Any:
    other = copy.copy(pipe)
    other.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    return other


def of_dtype(pipe: Any) -> Any:
    return pipelines.sd1().to(torch.bfloat16)


def of_weights(pipe: Any) -> Any:
    other = pipelines.sd1()
    with torch.no_grad():
        for parameter in other.unet.parameters():
            parameter.mul_(1.5)
    return other


def of_decoder(pipe: Any) -> Any:
    other = pipelines.sd1()
    with torch.no_grad():
        for parameter in other.vae.parameters():
            parameter.mul_(1.5)
    return other


def of_free_u(pipe: Any) -> Any:
    other = pipelines.sd1()
    other.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    return other


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (of_class, "class is StableDiffusionPipeline, and this one's is StableDiffusionImg2Img"),
        (of_scheduler, "scheduler is DDIMScheduler, and this one's is EulerDiscreteScheduler"),
        (of_dtype, "dtype is float32, and this one's is bfloat16"),
        (of_weights, "weights of the unet are not those"),
        (of_decoder, "weights of the vae are not those"),
        (of_free_u, "The model was changed by nothing"),
    ],
)
def test_another_pipeline_is_refused_by_its_true_reason(
    pipe: Any, run: Recording, other: Callable[[Any], Any], why: str
) -> None:
    with pytest.raises(ReproductionError, match=why):
        draw_again(run, other(pipe), progress=lambda *_: pytest.fail("it drew"))


def test_what_is_no_pipeline_or_cannot_be_changed_is_refused(pipe: Any, run: Recording) -> None:
    with pytest.raises(UnsupportedPipelineError, match="cannot be changed"):
        check_again(run, joint_pipelines.sd3(t5=False))
    with pytest.raises(UnsupportedPipelineError):
        check_again(run, pipe.unet)
    with pytest.raises(WrongKindError, match="order is"):
        check_again(pipe, run)  # type: ignore[arg-type]


def test_recordings_that_cannot_be_drawn_again_say_so_before(pipe: Any, run: Recording) -> None:
    def refused(recording: Recording, why: str) -> None:
        with pytest.raises(ReproductionError, match=why):
            check_again(recording, pipe)

    refused(replace(run, image=None), "no image")
    with trace(pipe) as tracer:
        pipe(TEXT, **FEW)
    refused(tracer.recording, "without a generator")
    with trace(pipe) as tracer:
        latents = torch.randn(1, 4, 8, 12)
        pipe(TEXT, latents=latents, generator=torch.Generator().manual_seed(0), **FEW)
    refused(tracer.recording, "used latents, which a recording does not keep")
    with ablate(pipe, words="dog"):
        changed = generate(pipe, TEXT, seed=3, **FEW)
    refused(changed, r"changed by ablate\('dog'")


def test_other_noise_than_the_recorded_is_noticed(pipe: Any, run: Recording) -> None:
    assert run.latents is not None
    other = replace(run, latents=run.latents.flip(-1))
    with pytest.raises(ReproductionError, match="noise"):
        draw_again(other, pipe)


def test_what_is_otherwise_than_it_was_is_named(pipe: Any, run: Recording) -> None:
    assert cautions_again(run, pipe) == ()
    facts = replace(run.facts, device="cuda:0", versions={**run.facts.versions, "torch": "1.0"})
    named = " ".join(cautions_again(replace(run, facts=facts), pipe))
    assert "torch 1.0 then" in named and "device cuda:0 then, cpu now" in named
