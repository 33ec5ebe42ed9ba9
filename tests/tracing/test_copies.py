"""Copies made while something is open hold nothing of ours; threads see all of it or nothing."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

from daam_nb.errors import BusyPipelineError, InterventionError, WatchError
from daam_nb.tracing import ablate, trace
from tests import pipelines
from tests.pipeline_variants import with_scheduler
from tests.tracing.cases import PROMPT_TOKENS, Case, sized
from tests.tracing.expected import FLOAT32, Expected, assert_recorded
from tests.tracing.traces import Snapshot, assert_nothing_left, of_pipeline, snapshot

USUAL = Case("usual", pipelines.sd1)
SHORT = Case("short", pipelines.sd1, sized(num_inference_steps=1, prompt="a dog"))
COLUMNS = range(PROMPT_TOKENS + 2)


def pickled(thing: Any) -> Any:
    """What a pickle of it opens as."""
    return pickle.loads(pickle.dumps(thing))


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
}


def behavior(pipe: Any) -> Snapshot:
    """What stands on a pipeline's objects, without what differs between any two of them."""
    kept = {}
    for name, value in of_pipeline(pipe).items():
        if name == "type" or name.startswith("class "):
            continue
        if isinstance(value, dict):
            kept[name] = sorted(value)
    return kept


# --- copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_schedulers_step_is_its_own(sd1: Any, how: str) -> None:
    """Euler counts its steps: the copy's count moves, the original's does not."""
    with_scheduler(sd1, EulerDiscreteScheduler)
    sd1.scheduler.set_timesteps(3)
    noise = torch.zeros(1, 4, 8, 12)
    with trace(sd1) as tracer:
        twin = COPIES[how](sd1.scheduler)
        assert "step" not in vars(twin)
        twin.step(noise, twin.timesteps[0], noise)
        assert (twin.step_index, sd1.scheduler.step_index) == (1, None)
        USUAL.run(sd1)
        late = COPIES[how](sd1.scheduler)
    assert len(tracer.recording.steps) == 3
    late.set_timesteps(3)
    for scheduler in (twin, late):  # and they go on working
        before = scheduler.step_index or 0
        scheduler.step(noise, scheduler.timesteps[before], noise)
        assert scheduler.step_index == before + 1


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
@pytest.mark.parametrize("open_one", [trace, lambda pipe: ablate(pipe, words="dog")])
def test_a_copied_pipeline_is_as_untraced(sd1: Any, how: str, open_one: Any) -> None:
    untraced = SHORT.run(sd1)
    clean = behavior(sd1)
    before = snapshot(sd1)
    with open_one(sd1):
        twin = COPIES[how](sd1)
        assert behavior(twin) == clean
        assert np.array_equal(SHORT.run(twin), untraced)
        SHORT.run(sd1)
    assert np.array_equal(SHORT.run(twin), untraced)
    assert_nothing_left(before, snapshot(sd1))


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_a_copied_module_holds_no_hook(sd1: Any, part: str) -> None:
    with trace(sd1):
        twin = copy.deepcopy(getattr(sd1, part))
        hooks = [
            hook
            for module in twin.modules()
            for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        ]
        assert hooks == []
        SHORT.run(sd1)


def test_pipelines_made_of_a_traced_one_are_untraced(sd1: Any) -> None:
    untraced = SHORT.run(sd1)
    with trace(sd1) as tracer:
        other = pipelines.quiet(type(sd1).from_pipe(sd1, requires_safety_checker=False))
        other.scheduler = type(sd1.scheduler).from_config(sd1.scheduler.config)
        assert np.array_equal(SHORT.run(other), untraced)
        assert tracer.recordings == ()
        SHORT.run(sd1)
    assert len(tracer.recordings) == 1
    assert np.array_equal(SHORT.run(other), untraced)


def test_copies_made_in_the_middle_of_a_call(sd1: Any) -> None:
    """As TextToVideoZero copies its scheduler, and as users keep one in a callback."""
    twins: list[Any] = []

    def keep(pipe: Any, _step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        twins.append(copy.deepcopy(pipe.scheduler))
        return {}

    with trace(sd1) as tracer:
        sd1(**USUAL.arguments(sd1), callback_on_step_end=keep)
    assert len(tracer.recording.steps) == 3
    noise = torch.ones(1, 4, 8, 12)
    for twin in twins:
        assert "step" not in vars(twin)
        given = twin.step(noise, 1, noise).prev_sample
        assert torch.equal(given, sd1.scheduler.step(noise, 1, noise).prev_sample)


def test_a_method_that_is_put_on_the_scheduler_inside(sd1: Any) -> None:
    """It is watched while it is there, and it is the user's to take away."""
    steps: list[int] = []
    with trace(sd1) as tracer:
        original = sd1.scheduler.step
        sd1.scheduler.step = lambda *a, **k: (steps.append(1), original(*a, **k))[1]
        USUAL.run(sd1)
        del sd1.scheduler.step
        with pytest.raises(AttributeError):
            del sd1.scheduler.step
        USUAL.run(sd1)
    assert len(steps) == 3
    assert [len(run.steps) for run in tracer.recordings] == [3, 3]


# --- threads ----------------------------------------------------------------------------------


def in_thread(work: Callable[[], Any]) -> Any:
    """The result of `work` in another thread, or the error that it ended with."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    return results[0]


def test_a_second_thread_that_traces_the_running_pipeline_is_refused(
    sd1: Any, plain_expected: Expected
) -> None:
    """Its scheduler holds the first call's place in the loop; nothing is drawn."""
    answers: list[Any] = []

    def traced() -> Any:
        with trace(sd1) as tracer:
            SHORT.run(sd1)
        return tracer

    def begin_another(_pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        if step == 0:
            answers.append(in_thread(traced))
        return {}

    before = snapshot(sd1)
    with trace(sd1, dtype=torch.float32) as tracer:
        images = sd1(**USUAL.arguments(sd1), callback_on_step_end=begin_another).images
    assert_nothing_left(before, snapshot(sd1))
    assert isinstance(answers[0], BusyPipelineError)
    assert "from_config(pipe.scheduler.config)" in str(answers[0])
    assert np.array_equal(images, plain_expected.images)
    assert_recorded(tracer.recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)
    assert len(in_thread(traced).recordings) == 1  # later, it is free


def test_a_call_that_another_thread_disturbs_is_no_recording(sd1: Any) -> None:
    def disturb(_pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        if step == 0:
            in_thread(lambda: SHORT.run(sd1))
        return {}

    call = USUAL.arguments(sd1) | {"callback_on_step_end": disturb}
    with pytest.raises(WatchError, match="same scheduler was used") as caught, trace(sd1):
        sd1(**call)
    assert len(caught.value.images) == 1
    with pytest.raises(InterventionError, match="same scheduler"), ablate(sd1, words="cat"):
        sd1(**call)


def test_two_threads_at_once(sd1: Any, plain_expected: Expected) -> None:
    """Each gets its own right recording and image, or is refused before it paints."""
    barrier = threading.Barrier(2, timeout=60)
    answers: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            with trace(sd1, dtype=torch.float32) as tracer:
                barrier.wait()
                answers[number] = USUAL.run(sd1), tracer
        except Exception as error:
            answers[number] = error

    before = snapshot(sd1)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert_nothing_left(before, snapshot(sd1))
    refused = [answer for answer in answers.values() if isinstance(answer, Exception)]
    assert all(isinstance(error, BusyPipelineError) for error in refused), refused
    assert len(refused) < 2
    for answer in answers.values():
        if not isinstance(answer, Exception):
            images, tracer = answer
            assert np.array_equal(images, plain_expected.images)
            assert_recorded(
                tracer.recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32
            )


def test_two_pipelines_that_share_all_weights_at_once(sd1: Any, plain_expected: Expected) -> None:
    """With a scheduler each, as the error advises."""
    other = pipelines.quiet(type(sd1).from_pipe(sd1, requires_safety_checker=False))
    other.scheduler = type(sd1.scheduler).from_config(sd1.scheduler.config)
    answers: list[Any] = []

    def traced() -> Any:
        with trace(other, dtype=torch.float32) as tracer:
            images = USUAL.run(other)
        return images, tracer.recording

    def begin_another(_pipe: Any, step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        if step == 1:
            answers.append(in_thread(traced))
        return {}

    with trace(sd1, dtype=torch.float32) as tracer:
        images = sd1(**USUAL.arguments(sd1), callback_on_step_end=begin_another).images
    for drawn, run in ((images, tracer.recording), *answers):
        assert np.array_equal(drawn, plain_expected.images)
        assert_recorded(run, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)


def test_traces_that_open_and_close_while_another_thread_paints(
    sd1: Any, plain_expected: Expected
) -> None:
    """An untraced call sees nothing of them, at no moment."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def flicker() -> None:
        try:
            while not stop.is_set():
                with pytest.raises(ZeroDivisionError), trace(sd1), ablate(sd1, words="a"):
                    _ = 1 / 0
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        images = [USUAL.run(sd1) for _ in range(3)]
    finally:
        stop.set()
        thread.join(timeout=60)
    assert errors == []
    for drawn in images:
        assert np.array_equal(drawn, plain_expected.images)


# --- generators and tasks ---------------------------------------------------------------------


def test_a_trace_inside_a_generator(sd1: Any, plain_expected: Expected) -> None:
    def recordings() -> Iterator[Any]:
        for _ in range(2):
            with trace(sd1, dtype=torch.float32) as tracer:
                USUAL.run(sd1)
            yield tracer.recording

    before = snapshot(sd1)
    for run in recordings():
        assert_recorded(run, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)
    assert_nothing_left(before, snapshot(sd1))


def test_tasks_each_have_their_own_trace(sd1: Any) -> None:
    """Two tasks of one loop, their blocks interleaved: each records its own call."""
    gate: list[asyncio.Lock] = []

    def draw(text: str) -> None:
        sd1(**SHORT.arguments(sd1) | {"prompt": text})

    async def task(text: str) -> Any:
        with trace(sd1) as tracer:
            await asyncio.sleep(0)
            async with gate[0]:  # a pipeline makes one image at a time
                await asyncio.to_thread(draw, text)
            await asyncio.sleep(0)
        return tracer.recording

    async def both() -> list[Any]:
        gate.append(asyncio.Lock())
        return list(await asyncio.gather(task("a dog"), task("a cat")))

    before = snapshot(sd1)
    # A thread of its own: a browser test in the same process leaves a loop running in this one.
    with ThreadPoolExecutor(1) as loop_thread:
        recordings = loop_thread.submit(lambda: asyncio.run(both())).result()
    assert [run.prompt.text for run in recordings] == ["a dog", "a cat"]
    assert_nothing_left(before, snapshot(sd1))


def test_copies_under_a_trace_and_an_ablation(sd1: Any) -> None:
    """The copy is neither recorded nor changed, in whatever order the two are open."""
    untraced = SHORT.run(sd1)
    with ablate(sd1, words="dog"), trace(sd1) as tracer:
        twin = copy.deepcopy(sd1)
        changed = SHORT.run(sd1)
        assert np.array_equal(SHORT.run(twin), untraced)
        with trace(twin) as second:
            assert np.array_equal(SHORT.run(twin), untraced)
    assert not np.array_equal(changed, untraced)
    assert len(tracer.recordings) == len(second.recordings) == 1
    assert "interventions" in tracer.recording.facts.batch
    assert "interventions" not in second.recording.facts.batch
