"""Interventions with each other, with traces, and undone whatever happens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import daam_nb
from daam_nb.errors import InterventionError, NothingRecordedError, UnsupportedPipelineError
from daam_nb.recording import load
from daam_nb.tracing import ablate, generate, replay, reproduce, reweight, taps, trace
from tests import pipeline_variants as v
from tests import pipelines
from tests.tracing.cases import Case, sized
from tests.tracing.intervened import image
from tests.tracing.test_interrupts import Injector, distinct_moments
from tests.tracing.traces import assert_nothing_left, snapshot

CAT = 3
USUAL = Case("usual", pipelines.sd1)
SHORT = Case("short", pipelines.sd1, sized(num_inference_steps=1, prompt="a dog"))


class Stop(Exception):
    """Raised by the tests."""


def halved(attention: Tensor, _layer: str, _step: int) -> Tensor:
    attention = attention.clone()
    attention[1, :, :, CAT] *= 0.5
    return attention


# --- with traces ------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda pipe: pipe, v.with_explicit_softmax, v.with_slicing])
def test_a_trace_sees_the_attention_that_was_used(sd1: Any, change: Callable[[Any], Any]) -> None:
    """In either nesting order: the same recording, equal to the written-out computation."""
    change(sd1)
    expected, seen = image(USUAL, sd1, halved)
    with trace(sd1, dtype=torch.float32, tokens="all") as outer, reweight(sd1, "cat", 0.5):
        first = USUAL.run(sd1)
    with reweight(sd1, "cat", 0.5), trace(sd1, dtype=torch.float32, tokens="all") as inner:
        second = USUAL.run(sd1)
    assert np.array_equal(first, second)
    assert np.abs(first - expected).max() < 1e-5
    for tracer in (outer, inner):
        run = tracer.recording
        for layer in run.layers:
            for step, was in enumerate(seen[layer.name]):
                used = was[1].transpose(1, 2).unflatten(-1, layer.size)  # (head, key, y, x)
                torch.testing.assert_close(run.attention[layer.name][step], used, atol=1e-5, rtol=0)


def test_the_recording_says_what_was_changed(sd1: Any, tmp_path: Any) -> None:
    with ablate(sd1, words="cat", steps=slice(1, None)), reweight(sd1, "red", 40):
        run = generate(sd1, "a red cat", seed=3, num_inference_steps=2, height=64, width=96)
    words = [
        "ablate('cat', steps=slice(1, None, None), passes='prompt')",
        "reweight('red', times 40, passes='prompt')",
    ]
    assert run.facts.batch["interventions"] == words
    assert any(all(word in line for word in words) for line in run.manifest.captured)
    again = reproduce(run, sd1)
    assert not again
    assert again.why[0].startswith(f"attention: changed by {words[0]}, then {words[1]}")
    assert max(float(maps[:, :, 2].max()) for maps in run.attention.values()) > 1.5
    saved = load(run.save(tmp_path / "run"))  # weights above 1 are no damage here
    for name, maps in run.attention.items():
        assert torch.equal(saved.attention[name], maps)


def test_an_untouched_recording_says_nothing(sd1: Any) -> None:
    with ablate(sd1, words="dog"):
        SHORT.run(sd1)
    run = generate(sd1, "a dog", seed=3, num_inference_steps=1, height=64, width=96)
    assert "interventions" not in run.facts.batch
    assert reproduce(run, sd1)


def test_the_top_level_names() -> None:
    assert daam_nb.ablate is ablate
    assert daam_nb.replay is replay
    assert daam_nb.reweight is reweight


# --- with each other --------------------------------------------------------------------------


def test_several_are_applied_from_the_outermost_on(sd1: Any) -> None:
    with trace(sd1, keep="replay", dtype=torch.float32) as tracer:
        plain = USUAL.run(sd1)
    run = tracer.recording
    with ablate(sd1, words="cat"):
        ablated = USUAL.run(sd1)
    with replay(sd1, run), reweight(sd1, "cat", 0.5):
        half_of_recorded = USUAL.run(sd1)
    expected, _ = image(
        USUAL, sd1, lambda was, layer, step: halved(_recorded(run, was, layer, step), layer, step)
    )
    assert np.abs(half_of_recorded - expected).max() < 1e-5
    with reweight(sd1, "cat", 0.5), reweight(sd1, "cat", 0.0):
        assert np.array_equal(USUAL.run(sd1), ablated)
    with ablate(sd1, words="cat"), replay(sd1, run):  # the replay comes last, so nothing is left
        assert np.abs(USUAL.run(sd1) - plain).max() <= 1e-5


def _recorded(run: Any, was: Tensor, layer: str, step: int) -> Tensor:
    halves = (run.negative_attention, run.attention)
    return torch.stack([half[layer][step].flatten(2).transpose(1, 2) for half in halves]).to(was)


def test_two_halves_are_a_quarter(sd1: Any) -> None:
    with reweight(sd1, "cat", 0.25):
        quarter = USUAL.run(sd1)
    with reweight(sd1, "cat", 0.5), reweight(sd1, "cat", 0.5):
        assert np.array_equal(USUAL.run(sd1), quarter)


def test_two_pipelines_at_once(sd1: Any) -> None:
    other = pipelines.sd1(seed=5)
    plain = USUAL.run(other)
    with ablate(sd1, words="cat"):
        changed = USUAL.run(sd1)
        assert np.array_equal(USUAL.run(other), plain)
    assert not np.array_equal(changed, USUAL.run(sd1))


def test_several_calls_in_one_block(sd1: Any) -> None:
    with ablate(sd1, words="cat"):
        first, second = USUAL.run(sd1), USUAL.run(sd1)
    assert np.array_equal(first, second)


# --- undone -----------------------------------------------------------------------------------


def test_nothing_is_left(sd1: Any) -> None:
    plain = USUAL.run(sd1)
    before = snapshot(sd1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ablate(sd1, words="cat"))
        tracer = stack.enter_context(trace(sd1))
        stack.enter_context(reweight(sd1, "red", 2))
        USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert tracer.recordings
    assert np.array_equal(USUAL.run(sd1), plain)


def test_closed_in_another_order(sd1: Any) -> None:
    before = snapshot(sd1)
    first, second = ablate(sd1, words="cat"), reweight(sd1, "red", 2)
    with reweight(sd1, "red", 2):
        expected = USUAL.run(sd1)
    first.__enter__()
    second.__enter__()
    USUAL.run(sd1)
    first.__exit__(None, None, None)
    assert np.array_equal(USUAL.run(sd1), expected)
    second.__exit__(None, None, None)
    assert_nothing_left(before, snapshot(sd1))


@pytest.mark.parametrize("where", ["callback", "kernel", "body"])
def test_after_an_exception(sd1: Any, where: str) -> None:
    plain = USUAL.run(sd1)
    before = snapshot(sd1)

    def stop(*_args: Any, **_kwargs: Any) -> Any:
        raise Stop

    attention = sd1.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    with pytest.raises(Stop), ablate(sd1, words="cat"):
        if where == "callback":
            sd1(**USUAL.arguments(sd1), callback_on_step_end=stop)
        elif where == "kernel":  # inside a module, its editor still on
            handle = attention.to_out[0].register_forward_pre_hook(stop)
            try:
                USUAL.run(sd1)
            finally:
                handle.remove()
        raise Stop
    assert not taps.running.editors
    assert_nothing_left(before, snapshot(sd1))
    assert np.array_equal(USUAL.run(sd1), plain)


class ChangingInjector(Injector):
    """The interrupts of `tests.tracing.test_interrupts`, in an intervention."""

    def _call(self, pipe: Any) -> None:
        with ablate(pipe, words="dog"):
            SHORT.run(pipe)


def test_after_interrupts_at_random_moments(sd1: Any) -> None:
    plain = SHORT.run(sd1)
    counting = ChangingInjector(None, ours=True)
    assert not counting.run(sd1)
    before = snapshot(sd1)
    hit = 0
    for moment in distinct_moments(counting.places, 25, seed="interventions"):
        injector = ChangingInjector(moment, ours=True)
        hit += injector.run(sd1)
        assert not taps.running.editors, injector.places[-1]
        assert_nothing_left(before, snapshot(sd1))
    assert hit >= 20
    assert np.array_equal(SHORT.run(sd1), plain)


# --- threads, and what is not this pipeline ---------------------------------------------------


def test_threads_with_pipelines_of_their_own() -> None:
    """One ablates while the other draws as ever, both a few times."""
    pipes = [pipelines.sd1(), pipelines.sd1()]
    with ablate(pipes[0], words="cat"):
        expected = [USUAL.run(pipes[0])]
    expected.append(USUAL.run(pipes[1]))
    wrong: list[int] = []

    def draw(which: int) -> None:
        for _ in range(3):
            with ablate(pipes[which], words="cat" if which == 0 else []):
                if not np.array_equal(USUAL.run(pipes[which]), expected[which]):
                    wrong.append(which)

    threads = [threading.Thread(target=draw, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_another_thread_is_not_in_the_block(sd1: Any) -> None:
    plain = USUAL.run(sd1)
    got: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: got.append(USUAL.run(sd1)))
    with (
        pytest.raises(InterventionError, match=r"Nothing was changed by ablate\('cat'.*own thread"),
        ablate(sd1, words="cat"),
    ):
        thread.start()
        thread.join()
    assert np.array_equal(got[0], plain)


def test_a_copy_of_the_pipeline_is_another_one(sd1: Any) -> None:
    copy = type(sd1)(**sd1.components, requires_safety_checker=False)
    with pytest.raises(InterventionError, match="not a copy of it"), ablate(sd1, words="cat"):
        copy.set_progress_bar_config(disable=True)
        USUAL.run(copy)


def test_the_same_one_twice(sd1: Any) -> None:
    one = ablate(sd1, words="cat")
    with one:
        with pytest.raises(NothingRecordedError, match="This intervention is already open"):
            one.__enter__()
        USUAL.run(sd1)
    with one:  # one after the other is fine
        USUAL.run(sd1)


def test_a_denoiser_that_was_exchanged(sd1: Any) -> None:
    text = "unet was replaced after the intervention"
    with pytest.raises(UnsupportedPipelineError, match=text), ablate(sd1, words="cat"):
        sd1.unet = pipelines.unet()
        USUAL.run(sd1)
