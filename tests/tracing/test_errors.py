"""What cannot be watched is an error that says what to do; the image is never lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import (
    DaamError,
    NothingRecordedError,
    UnsupportedPipelineError,
    WatchError,
)
from daam_nb.prompt import Prompt
from daam_nb.tracing import running, trace
from daam_nb.tracing.buffers import Buffers
from tests import pipelines
from tests.pipeline_variants import with_handmade_attention
from tests.tracing.cases import PROMPT, PROMPT_TOKENS, Case, embedded, embedded_twice, sized
from tests.tracing.expected import FLOAT32, Expected, assert_recorded, observe
from tests.tracing.traces import assert_nothing_left, snapshot

USUAL = Case("usual", pipelines.sd1, sized(output_type="pil"))


@pytest.mark.parametrize("build", [pipelines.ddpm, pipelines.dit], ids=["DDPM", "DiT"])
def test_an_unknown_pipeline_is_refused_by_name(build: Any) -> None:
    pipe = build()
    before = snapshot(pipe)
    with pytest.raises(UnsupportedPipelineError, match=type(pipe).__name__) as caught:
        trace(pipe)
    assert "Stable Diffusion" in str(caught.value)  # what would have been right
    assert isinstance(caught.value, TypeError)
    assert_nothing_left(before, snapshot(pipe))


def test_something_else_than_a_pipeline_is_refused() -> None:
    for wrong in (None, "stable-diffusion", torch.nn.Linear(2, 2)):
        with pytest.raises(UnsupportedPipelineError):
            trace(wrong)


def test_nothing_recorded(sd1: Any) -> None:
    before = snapshot(sd1)
    with pytest.raises(NothingRecordedError, match="not called") as caught, trace(sd1) as tracer:
        pass
    assert "inside the `with` block" in str(caught.value)
    assert_nothing_left(before, snapshot(sd1))
    with pytest.raises(NothingRecordedError, match="call the pipeline"):
        _ = tracer.recording


def test_a_copy_of_the_pipeline_is_not_the_pipeline(sd1: Any) -> None:
    copy = type(sd1)(**sd1.components, requires_safety_checker=False)
    copy.set_progress_bar_config(disable=True)
    with pytest.raises(NothingRecordedError, match="not a copy"), trace(sd1):
        USUAL.run(copy)


def test_the_users_own_error_is_not_hidden_by_ours(sd1: Any) -> None:
    with pytest.raises(ZeroDivisionError), trace(sd1):
        _ = 1 / 0


def test_one_recording_is_asked_of_several(sd1: Any) -> None:
    with trace(sd1) as tracer:
        sd1(**sized(num_images_per_prompt=2))
    with pytest.raises(NothingRecordedError, match=r"2 recordings.*tracer\.recordings"):
        _ = tracer.recording


def test_a_trace_is_used_once_at_a_time(sd1: Any) -> None:
    tracer = trace(sd1)
    with tracer:
        with pytest.raises(DaamError, match="already open"), tracer:
            pass
        USUAL.run(sd1)
    assert len(tracer.recordings) == 1


def test_parts_exchanged_inside_the_block_are_refused(sd1: Any) -> None:
    other = pipelines.sd1(seed=5)
    before = snapshot(sd1)
    scheduler, unet = sd1.scheduler, sd1.unet
    for name, part in (("scheduler", other.scheduler), ("unet", other.unet)):
        with pytest.raises(UnsupportedPipelineError, match=name), trace(sd1):
            setattr(sd1, name, part)
            USUAL.run(sd1)
        sd1.scheduler, sd1.unet = scheduler, unet
        assert_nothing_left(before, snapshot(sd1))


# --- watching fails: the image is kept ------------------------------------------------------


class Broken(Exception):
    """Raised by the tests inside of watching."""


def _fail(*_args: Any, **_kwargs: Any) -> None:
    raise Broken("broken on purpose")


PLACES = {
    "storage": (Buffers, "write"),
    "rows of a later pass": (running, "batch_rows"),
    "the end": (Buffers, "finished"),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_image_survives_a_failure_of_watching(
    sd1: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    untraced = USUAL.run(sd1)
    before = snapshot(sd1)
    with monkeypatch.context() as patch:
        patch.setattr(*PLACES[place], _fail)
        with pytest.raises(WatchError, match="broken on purpose") as caught, trace(sd1) as tracer:
            returned = USUAL.run(sd1)
    assert_nothing_left(before, snapshot(sd1))
    assert np.array_equal(np.asarray(returned[0]), np.asarray(untraced[0]))
    assert len(caught.value.images) == 1
    assert np.array_equal(np.asarray(caught.value.images[0]), np.asarray(untraced[0]))
    assert ".images" in str(caught.value)
    assert isinstance(caught.value.__cause__, Broken)
    assert tracer.recordings == ()


def test_a_failure_in_one_call_keeps_the_other_calls(
    sd1: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WatchError) as caught, trace(sd1) as tracer:
        USUAL.run(sd1)
        with monkeypatch.context() as patch:
            patch.setattr(Buffers, "write", _fail)
            sd1(**sized(output_type="pil", num_images_per_prompt=2))
    assert len(tracer.recordings) == 1
    assert len(caught.value.images) >= 2


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_images_as_arrays_survive_too(sd1: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    untraced = np.asarray(USUAL.run(sd1)[0])
    monkeypatch.setattr(Buffers, "write", _fail)
    with pytest.raises(WatchError) as caught, trace(sd1):
        sd1(**USUAL.arguments(sd1) | {"output_type": kind})
    assert np.array_equal(np.asarray(caught.value.images[0]), untraced)


def test_attention_that_nobody_can_see_is_an_error_not_silence() -> None:
    pipe = with_handmade_attention(pipelines.sd1())
    untraced = USUAL.run(pipe)
    before = snapshot(pipe)
    with pytest.raises(WatchError, match="HandmadeAttention") as caught, trace(pipe):
        USUAL.run(pipe)
    assert_nothing_left(before, snapshot(pipe))
    assert np.array_equal(np.asarray(caught.value.images[0]), np.asarray(untraced[0]))
    assert "set_default_attn_processor" in str(caught.value)


# --- embeddings need their text ---------------------------------------------------------------


def test_embeddings_without_the_text_ask_for_it(sd1: Any) -> None:
    call = embedded(PROMPT)(sd1)
    with pytest.raises(DaamError, match="trace\\(pipe, prompt="), trace(sd1):
        sd1(**call)


def test_embeddings_with_a_prompt_of_the_wrong_length(sd1: Any) -> None:
    call = embedded(PROMPT)(sd1)
    short = Prompt.from_tokenizer(PROMPT, sd1.tokenizer, max_length=20)
    with pytest.raises(DaamError, match=r"20 tokens.*77 columns"), trace(sd1, prompt=short):
        sd1(**call)


def test_embeddings_of_two_windows(sd1: Any) -> None:
    """154 columns, made as prompt-weighting libraries make them: each window has its own ends."""
    first, second = "a red cat and " * 18 + "a dog in", "green field"  # 75 + 2 tokens
    ids = sd1.tokenizer(first).input_ids
    assert len(ids) == 77
    case = Case("154", pipelines.sd1, embedded_twice(first, second))
    expected = observe(sd1, case.run)
    with trace(sd1, prompt=f"{first} {second}", tokens="all", dtype=torch.float32) as tracer:
        case.run(sd1)
    run = tracer.recording
    assert_recorded(run, expected, [1, 1, 1], columns=range(154), atol=FLOAT32)
    # "field" is the second token of the second window, whose column 77 is its start of text.
    assert run.prompt.token_indices("field") == (79,)
    assert run.prompt.cut is None


def test_embeddings_of_several_prompts(sd1: Any) -> None:
    texts = [PROMPT, "a dog"]
    positive, negative = sd1.encode_prompt(texts, "cpu", 1, True, ["blue", ""])
    call = {
        name: value
        for name, value in sized(
            prompt_embeds=positive, negative_prompt_embeds=negative, num_images_per_prompt=2
        ).items()
        if name != "prompt"
    }
    with trace(sd1, prompt=texts, dtype=torch.float32) as tracer:
        sd1(**call, generator=torch.Generator().manual_seed(0))
    assert [run.prompt.text for run in tracer.recordings] == [PROMPT, PROMPT, "a dog", "a dog"]
    expected = observe(
        sd1, lambda pipe: pipe(**call, generator=torch.Generator().manual_seed(0)).images
    )
    for image, run in enumerate(tracer.recordings):
        columns = range((PROMPT_TOKENS, 2)[image // 2] + 2)
        assert_recorded(run, expected, [4 + image] * 3, columns=columns, atol=FLOAT32)
    with pytest.raises(DaamError, match="3 texts"), trace(sd1, prompt=["a", "b", "c"]):
        sd1(**call)


def test_a_prompt_that_the_pipeline_rewrites(sd1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps would stand under the wrong words: refuse."""
    original = sd1.encode_prompt
    monkeypatch.setattr(
        sd1, "encode_prompt", lambda prompt, *a, **k: original("a blue house", *a, **k)
    )
    with pytest.raises(DaamError, match="other tokens"), trace(sd1):
        USUAL.run(sd1)


def test_textual_inversion_tokens_belong_to_their_word(sd1: Any) -> None:
    from tests.pipeline_variants import with_textual_inversion

    pipe = with_textual_inversion(sd1, vectors=3)
    with trace(pipe) as tracer:
        pipe(**sized(prompt="a <thing> and a cat"))
    run = tracer.recording
    assert run.prompt.text == "a <thing> and a cat"
    assert run.prompt.token_indices("cat") == (7,)
    start = run.prompt.text.index("<")
    assert run.prompt.token_indices((start, start + len("<thing>"))) == (2, 3, 4)


def test_the_plain_pipeline_was_left_as_it_was(plain: Any, plain_expected: Expected) -> None:
    case = Case("usual", pipelines.sd1)
    assert np.array_equal(case.run(plain), plain_expected.images)
