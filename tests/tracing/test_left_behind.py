"""Nothing is left behind: however a trace ends, in whatever order, in whatever thread."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import NothingRecordedError
from daam_nb.tracing import trace
from tests import pipelines
from tests.tracing.cases import PROMPT_TOKENS, Case, sized
from tests.tracing.expected import FLOAT32, Expected, assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

USUAL = Case("sd1", pipelines.sd1)
SHORT = Case("short", pipelines.sd1, sized(num_inference_steps=1, prompt="a dog"))
COLUMNS = range(PROMPT_TOKENS + 2)


class Stop(Exception):
    """Raised by the tests."""


def stop_in_callback(_pipe: Any, step: int, _t: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    if step == 1:
        raise Stop
    return tensors


def test_the_snapshot_sees_what_may_be_left(sd1: Any) -> None:
    """Each of these would be a trace left behind; the helper must see every one."""

    def changed(change: Callable[[], Callable[[], Any]]) -> None:
        before = snapshot(sd1)
        undo = change()
        after = snapshot(sd1)
        undo()
        with pytest.raises(AssertionError):
            assert_nothing_left(before, after)
        assert_nothing_left(before, snapshot(sd1))

    attention = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2

    def patch(owner: Any, name: str, value: Any) -> Callable[[], Callable[[], Any]]:
        def change() -> Callable[[], Any]:
            if name in vars(owner):
                old = vars(owner)[name]
                setattr(owner, name, value)
                return lambda: setattr(owner, name, old)
            setattr(owner, name, value)
            return lambda: delattr(owner, name)

        return change

    def hook() -> Callable[[], Any]:
        return attention.register_forward_hook(lambda *_: None).remove

    def random_numbers() -> Callable[[], Any]:
        state = torch.random.get_rng_state()
        torch.rand(1)
        return lambda: torch.random.set_rng_state(state)

    def stance() -> Callable[[], Any]:
        manager = torch.compiler.set_stance("force_eager")
        return lambda: manager.__exit__(None, None, None)

    changed(hook)
    changed(random_numbers)
    changed(stance)
    changed(patch(torch.nn.functional, "scaled_dot_product_attention", print))
    changed(patch(type(attention), "get_attention_scores", print))
    changed(patch(type(sd1), "__call__", print))
    changed(patch(sd1, "encode_prompt", print))
    changed(patch(sd1.scheduler, "step", print))
    changed(patch(sd1.unet, "forward", print))
    changed(patch(attention, "processor", attention.processor.__class__()))
    changed(patch(attention, "new", 1))


def test_an_exception_in_a_callback(sd1: Any) -> None:
    before = snapshot(sd1)
    with pytest.raises(Stop), trace(sd1) as tracer:
        sd1(**USUAL.arguments(sd1), callback_on_step_end=stop_in_callback)
    assert_nothing_left(before, snapshot(sd1))
    assert tracer.recordings == ()


@pytest.mark.parametrize("where", ["attention", "tokens", "unet", "scheduler", "kernel", "vae"])
def test_an_exception_inside_the_pipeline(
    sd1: Any, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise Stop

    undo = None
    if where == "attention":
        attention = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2
        undo = attention.to_k.register_forward_hook(fail)
    elif where == "tokens":
        undo = sd1.text_encoder.register_forward_hook(fail)
    elif where == "unet":
        undo = sd1.unet.conv_out.register_forward_hook(fail)
    elif where == "scheduler":
        monkeypatch.setattr(sd1.scheduler, "step", fail)
    elif where == "kernel":
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fail)
    else:
        undo = sd1.vae.decoder.register_forward_hook(fail)
    before = snapshot(sd1)
    with pytest.raises(Stop), trace(sd1) as tracer:
        USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert tracer.recordings == ()
    if undo is not None:
        undo.remove()
    monkeypatch.undo()
    with trace(sd1, dtype=torch.float32) as tracer:  # and a later trace is not disturbed
        USUAL.run(sd1)
    assert_recorded(
        tracer.recording, observe(sd1, USUAL.run), [1, 1, 1], columns=COLUMNS, atol=FLOAT32
    )


def test_a_failed_call_and_a_good_one_in_the_same_trace(sd1: Any, plain_expected: Expected) -> None:
    before = snapshot(sd1)
    with trace(sd1, dtype=torch.float32) as tracer:
        with pytest.raises(Stop):
            sd1(**USUAL.arguments(sd1), callback_on_step_end=stop_in_callback)
        with pytest.raises(ValueError, match="prompt"):  # diffusers' own check of arguments
            sd1(**USUAL.arguments(sd1) | {"prompt": 3})
        with pytest.raises(TypeError):  # not even the signature fits
            sd1(*range(99))
        USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert_recorded(tracer.recording, plain_expected, [1, 1, 1], columns=COLUMNS, atol=FLOAT32)


def test_what_users_put_on_the_pipeline_stays_and_works(sd1: Any) -> None:
    calls: list[str] = []
    original = sd1.scheduler.step
    sd1.scheduler.step = lambda *a, **k: (calls.append("step"), original(*a, **k))[1]
    attention = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    attention.register_forward_hook(lambda *_: calls.append("hook"), always_call=True)
    attention.register_forward_pre_hook(lambda *_: calls.append("pre-hook"))
    before = snapshot(sd1)
    with trace(sd1):
        USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert calls == ["pre-hook", "hook", "step"] * 3


def test_hooks_put_on_inside_the_trace_stay(sd1: Any) -> None:
    calls: list[str] = []
    with trace(sd1):
        attention = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2
        attention.register_forward_hook(lambda *_: calls.append("hook"))
        USUAL.run(sd1)
    USUAL.run(sd1)
    assert calls == ["hook"] * 6


def test_a_function_wrapped_by_others_inside_the_trace_keeps_working(sd1: Any) -> None:
    """Somebody patches the same function inside the block and takes the patch off after it."""
    ours = torch.nn.functional.scaled_dot_product_attention
    seen: list[int] = []

    def theirs(*args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        return inside(*args, **kwargs)

    try:
        with trace(sd1, dtype=torch.float32) as tracer:
            inside = torch.nn.functional.scaled_dot_product_attention
            torch.nn.functional.scaled_dot_product_attention = theirs
            USUAL.run(sd1)
        assert seen
        count = len(seen)
        USUAL.run(sd1)  # through their wrapper and what is left of ours
        assert len(seen) == 2 * count
    finally:
        torch.nn.functional.scaled_dot_product_attention = ours
    assert_recorded(
        tracer.recording, observe(sd1, USUAL.run), [1, 1, 1], columns=COLUMNS, atol=FLOAT32
    )


# --- nested, interleaved, threaded ------------------------------------------------------------


def test_nested_traces_of_one_pipeline(sd1: Any, plain_expected: Expected) -> None:
    before = snapshot(sd1)
    with trace(sd1, dtype=torch.float32) as outer:
        first = USUAL.run(sd1)
        with trace(sd1, dtype=torch.float32, layers="up") as inner:
            second = USUAL.run(sd1)
        third = USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert len(outer.recordings) == 3
    for recording in outer.recordings:
        assert_recorded(recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)
    assert [layer.stage for layer in inner.recording.layers] == ["up"] * 4
    for name, maps in inner.recording.attention.items():
        assert torch.equal(maps, outer.recordings[1].attention[name])
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)


@pytest.mark.parametrize("closing", ["inner first", "outer first"])
def test_traces_of_two_pipelines_close_in_any_order(sd1: Any, closing: str) -> None:
    other = pipelines.sdxl()
    SHORT.run(other)
    before = snapshot(sd1, other)
    first, second = trace(sd1, dtype=torch.float32), trace(other, dtype=torch.float32)
    first.__enter__()
    second.__enter__()
    USUAL.run(sd1)
    USUAL.run(other)
    order = [second, first] if closing == "inner first" else [first, second]
    order[0].__exit__(None, None, None)
    last = sd1 if order[1] is first else other
    SHORT.run(last)  # the one still open goes on watching
    order[1].__exit__(None, None, None)
    assert_nothing_left(before, snapshot(sd1, other))
    for tracer, pipe in ((first, sd1), (second, other)):
        assert len(tracer.recordings) == (2 if pipe is last else 1)
        assert_recorded(
            tracer.recordings[0],
            observe(pipe, USUAL.run),
            [1, 1, 1],
            columns=COLUMNS,
            atol=FLOAT32,
        )


def test_two_traces_of_one_pipeline_close_in_the_order_they_opened(
    sd1: Any, plain_expected: Expected
) -> None:
    before = snapshot(sd1)
    first, second = trace(sd1, dtype=torch.float32), trace(sd1, dtype=torch.float32)
    first.__enter__()
    second.__enter__()
    USUAL.run(sd1)
    first.__exit__(None, None, None)
    USUAL.run(sd1)
    second.__exit__(None, None, None)
    assert_nothing_left(before, snapshot(sd1))
    assert (len(first.recordings), len(second.recordings)) == (1, 2)
    for recording in (*first.recordings, *second.recordings):
        assert_recorded(recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)


@pytest.mark.parametrize("kernel", ["sdpa", "explicit"])
def test_two_threads_that_close_interleaved(kernel: str) -> None:
    """A opens, B opens, both paint at once, A closes while B goes on painting, B closes."""
    from tests.pipeline_variants import with_explicit_softmax

    pipes = [pipelines.sd1(seed=seed) for seed in (30, 31)]
    if kernel == "explicit":
        pipes = [with_explicit_softmax(pipe) for pipe in pipes]
    expected = [observe(pipe, USUAL.run) for pipe in pipes]
    before = snapshot(*pipes)
    barrier = threading.Barrier(2, timeout=60)
    done: dict[int, Any] = {}

    def work(place: int) -> None:
        try:
            if place == 1:
                barrier.wait()  # A is open
            with trace(pipes[place], dtype=torch.float32) as tracer:
                if place == 0:
                    barrier.wait()
                barrier.wait()  # both are open
                USUAL.run(pipes[place])
                barrier.wait()  # both have painted
                if place == 1:
                    barrier.wait()  # A is closed
                    USUAL.run(pipes[place])
            if place == 0:
                barrier.wait()
            done[place] = tracer
        except BaseException as error:
            done[place] = error
            barrier.abort()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for place in range(2):
        if isinstance(done[place], BaseException):
            raise done[place]
        assert len(done[place].recordings) == 1 + place
        for recording in done[place].recordings:
            assert_recorded(recording, expected[place], [1] * 3, columns=COLUMNS, atol=FLOAT32)
    assert_nothing_left(before, snapshot(*pipes))


def test_a_pipeline_run_outside_of_the_traces_context_is_not_recorded(
    sd1: Any, plain_expected: Expected
) -> None:
    """The same pipeline in another thread, and another pipeline in this one."""
    other = pipelines.sd1(seed=40)
    untraced = USUAL.run(other)
    images: list[Any] = []
    with trace(sd1, dtype=torch.float32) as tracer:
        thread = threading.Thread(target=lambda: images.append(SHORT.run(sd1)))
        thread.start()
        thread.join()
        assert np.array_equal(USUAL.run(other), untraced)
        assert tracer.recordings == ()
        USUAL.run(sd1)
    assert np.array_equal(images[0], SHORT.run(sd1))
    assert_recorded(tracer.recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)


def test_a_thread_that_is_given_the_context_is_recorded(sd1: Any, plain_expected: Expected) -> None:
    """As `asyncio.to_thread` does it."""
    before = snapshot(sd1)
    with trace(sd1, dtype=torch.float32) as tracer:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(USUAL.run, sd1))
        thread.start()
        thread.join()
    assert_nothing_left(before, snapshot(sd1))
    assert_recorded(tracer.recording, plain_expected, [1] * 3, columns=COLUMNS, atol=FLOAT32)


def test_only_another_thread_ran_it(sd1: Any) -> None:
    before = snapshot(sd1)
    with pytest.raises(NothingRecordedError), trace(sd1):
        thread = threading.Thread(target=SHORT.run, args=(sd1,))
        thread.start()
        thread.join()
    assert_nothing_left(before, snapshot(sd1))
