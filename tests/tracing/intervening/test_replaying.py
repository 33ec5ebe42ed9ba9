"""`replay`: the recorded attention, step by step, in place of the model's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb.errors import InterventionError, NotKeptError, SelectionError, ShapeError
from daam_nb.prompt import Prompt
from daam_nb.recording import Recording, load
from daam_nb.tracing import Alignment, ablate, align, replay, trace
from tests import pipeline_variants as v
from tests import pipelines
from tests.tracing.cases import PLAIN, PROMPT, Case, sized
from tests.tracing.intervened import image

USUAL = Case("usual", pipelines.sd1)
BLUE = Case("blue", pipelines.sd1, sized(prompt=PROMPT.replace("red", "blue")))
UNGUIDED = Case("unguided", pipelines.sd1, sized(guidance_scale=1.0))
ATOL = 1e-5


def recorded(case: Case, pipe: Any, dtype: torch.dtype = torch.float32) -> list[Recording]:
    with trace(pipe, keep="replay", dtype=dtype) as tracer:
        case.run(pipe)
    return list(tracer.recordings)


TWO_TEXTS: dict[str, Any] = {
    "prompt": [PROMPT, "a dog"],
    "negative_prompt": ["blue", "a green tree"],
}
CALLS = {
    "unguided": sized(guidance_scale=1.0),
    "two prompts": sized(**TWO_TEXTS),
    "two prompts, two images each, unguided": sized(
        prompt=[PROMPT, "a dog"], num_images_per_prompt=2, guidance_scale=1.0
    ),
    "square": PLAIN,
    "tall, odd latents": PLAIN | {"height": 104, "width": 40},
}

PIPES = {
    "sd1": pipelines.sd1,
    "fused": lambda: v.with_fused_qkv(pipelines.sd1()),
    "dispatcher": lambda: v.with_dispatcher(pipelines.sd1()),
    "sdxl": pipelines.sdxl,
    "explicit": lambda: v.with_explicit_softmax(pipelines.sd1()),
    "sliced": lambda: v.with_slicing(pipelines.sd1(), 1),
    "lora": lambda: v.with_lora(pipelines.sd1()),
}


@pytest.mark.parametrize("name", PIPES)
def test_its_own_attention_gives_its_image(name: str) -> None:
    pipe = PIPES[name]()
    plain = USUAL.run(pipe)
    [exact] = recorded(USUAL, pipe)
    with replay(pipe, exact):
        assert np.abs(USUAL.run(pipe) - plain).max() <= 1e-5
    [half] = recorded(USUAL, pipe, torch.float16)
    with replay(pipe, half):
        got = USUAL.run(pipe)
    assert np.abs(got - plain).max() <= 1 / 255
    assert not np.array_equal(got, plain)  # half precision was really put in


@pytest.mark.parametrize("name", CALLS)
def test_its_own_attention_in_every_kind_of_call(sd1: Any, name: str) -> None:
    """In float32 and in float16, also while a trace watches; and nothing ablated, bit for bit."""
    case = Case(name, pipelines.sd1, CALLS[name])
    plain = case.run(sd1)
    with ablate(sd1):
        assert np.array_equal(case.run(sd1), plain)
    exact = recorded(case, sd1)
    with replay(sd1, exact):
        alone = case.run(sd1)
        seen = recorded(case, sd1)
    assert np.abs(alone - plain).max() <= 1e-5
    for then, now in zip(exact, seen, strict=True):
        for layer, maps in then.attention.items():
            assert torch.equal(now.attention[layer], maps)  # what was used is what was replayed
    with replay(sd1, exact), trace(sd1):
        assert np.array_equal(case.run(sd1), alone)
    with replay(sd1, recorded(case, sd1, torch.float16)):
        half = case.run(sd1)
    assert np.abs(half - plain).max() <= 1 / 255


def test_from_disk(sd1: Any, tmp_path: Any) -> None:
    plain = USUAL.run(sd1)
    recorded(USUAL, sd1)[0].save(tmp_path / "run")
    with replay(sd1, load(tmp_path / "run")):
        assert np.abs(USUAL.run(sd1) - plain).max() <= 1e-5


def test_into_another_prompt(sd1: Any) -> None:
    """The blue image painted with the red one's attention, both passes, against written-out."""
    _, seen = image(USUAL, sd1, lambda attention, *_: attention)

    def rewrite(_attention: Tensor, layer: str, step: int) -> Tensor:
        return seen[layer][step]

    expected, _ = image(BLUE, sd1, rewrite)
    [run] = recorded(USUAL, sd1)
    with replay(sd1, run):
        got = BLUE.run(sd1)
    assert np.abs(got - expected).max() < ATOL
    assert np.abs(got - BLUE.run(sd1)).max() > 1e-3
    assert np.abs(got - USUAL.run(sd1)).max() > 1e-3


def test_words_steps_and_the_prompts_rows_alone(sd1: Any) -> None:
    _, seen = image(USUAL, sd1, lambda attention, *_: attention)

    def rewrite(attention: Tensor, layer: str, step: int) -> Tensor:
        attention = attention.clone()
        if step < 2 and layer.startswith("up"):
            attention[1, :, :, 3] = seen[layer][step][1, :, :, 3]
        return attention

    expected, _ = image(BLUE, sd1, rewrite)
    [run] = recorded(USUAL, sd1)
    with replay(sd1, run, words="cat", steps=slice(0, 2), layers="up"):
        assert np.abs(BLUE.run(sd1) - expected).max() < ATOL


def test_passes(sd1: Any) -> None:
    _, seen = image(USUAL, sd1, lambda attention, *_: attention)

    def rewrite(attention: Tensor, layer: str, step: int) -> Tensor:
        return torch.stack([attention[0], seen[layer][step][1]])

    expected, _ = image(BLUE, sd1, rewrite)
    [run] = recorded(USUAL, sd1)
    with replay(sd1, run, passes="prompt"):
        assert np.abs(BLUE.run(sd1) - expected).max() < ATOL


def test_unequal_prompts_with_an_alignment(sd1: Any) -> None:
    """'a red cat and a giraffe' into 'a cat and a dog': two tokens of giraffe become one of dog."""
    new = "a cat and a dog"
    case = Case("new", pipelines.sd1, sized(prompt=new))
    _, seen = image(USUAL, sd1, lambda attention, *_: attention)

    def rewrite(attention: Tensor, layer: str, step: int) -> Tensor:
        was = seen[layer][step]
        attention = attention.clone()
        attention[0] = was[0]
        for column, sources in {0: [0], 1: [1], 2: [3], 3: [4], 4: [5], 5: [6, 7]}.items():
            attention[1, :, :, column] = was[1, :, :, sources].sum(-1)
        attention[1, :, :, 6:75] = was[1, :, :, 8:77]  # end of text and padding; two are left over
        return attention

    expected, _ = image(case, sd1, rewrite)
    [run] = recorded(USUAL, sd1)
    with (
        pytest.raises(ShapeError, match=r"has 9 tokens and 'a cat and a dog' has 7.*alignment="),
        replay(sd1, run),
    ):
        case.run(sd1)
    with replay(sd1, run, alignment="words"):
        assert np.abs(case.run(sd1) - expected).max() < ATOL
    by_hand = align(run.prompt, Prompt.from_tokenizer(new, sd1.tokenizer))
    with replay(sd1, run, alignment=by_hand):
        assert np.abs(case.run(sd1) - expected).max() < ATOL


def test_a_batch(sd1: Any) -> None:
    """One recording for each image of a batch, in order; their own images come out."""
    case = Case("two", pipelines.sd1, sized(prompt=[PROMPT, "a dog"], num_images_per_prompt=2))
    plain = case.run(sd1)
    runs = recorded(case, sd1)
    with replay(sd1, runs):
        assert np.abs(case.run(sd1) - plain).max() <= 1e-5
    with (
        pytest.raises(SelectionError, match="2 recordings are given for 4 images"),
        replay(sd1, runs[:2]),
    ):
        case.run(sd1)


def test_one_recording_for_every_image(sd1: Any) -> None:
    several = Case("several", pipelines.sd1, sized(num_images_per_prompt=2))
    _, seen = image(USUAL, sd1, lambda attention, *_: attention)

    def rewrite(_attention: Tensor, layer: str, step: int) -> Tensor:
        return seen[layer][step][[0, 0, 1, 1]]

    expected, _ = image(several, sd1, rewrite)
    [run] = recorded(USUAL, sd1)
    with replay(sd1, run):
        assert np.abs(several.run(sd1) - expected).max() < ATOL


# --- what cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["steps", "sum"])
def test_a_recording_that_lacks_columns(plain: Any, keep: Any) -> None:
    with trace(plain, keep=keep, tokens="all") as tracer:
        USUAL.run(plain)
    with pytest.raises(NotKeptError, match=rf'keep="{keep}".*keep="replay"'):
        replay(plain, tracer.recording)


def test_calls_that_do_not_fit(sd1: Any) -> None:
    [run] = recorded(USUAL, sd1)

    def refused(error: type[Exception], text: str, **changes: Any) -> None:
        with pytest.raises(error, match=text), replay(sd1, run):
            Case("other", pipelines.sd1, sized(**changes)).run(sd1)

    refused(SelectionError, r"in 3 steps and this call makes 4.*num_inference_steps=3",
            num_inference_steps=4)  # fmt: skip
    refused(
        ShapeError,
        r"2 heads of \(8, 12\) cells; this call has it with 2 heads of \(8, 8\)",
        width=64,
    )
    refused(ShapeError, 'negative prompt .* has 2 tokens and .* has 4.*passes="prompt"',
            negative_prompt="a dog")  # fmt: skip
    beyond = Alignment(((1, 99, 1.0),))
    with (
        pytest.raises(SelectionError, match=r"names column 99.*0 to 76"),
        replay(sd1, run, alignment=beyond),
    ):
        USUAL.run(sd1)
    new = Prompt.from_tokenizer("a blue dog", sd1.tokenizer)
    for alignment in (align(new, run.prompt), align(run.prompt, new), align(new, new)):
        with (
            pytest.raises(SelectionError, match="as the recorded prompt and"),
            replay(sd1, run, alignment=alignment),
        ):
            USUAL.run(sd1)
    with pytest.raises(SelectionError, match="alignment='tokens'"):
        replay(sd1, run, alignment="tokens")  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="No recording"):
        replay(sd1, [])


def test_a_recording_without_guidance_for_a_guided_call(sd1: Any) -> None:
    [run] = recorded(UNGUIDED, sd1)
    plain = UNGUIDED.run(sd1)
    with replay(sd1, run):
        assert np.abs(UNGUIDED.run(sd1) - plain).max() <= 1e-5
    with (
        pytest.raises(NotKeptError, match=r'made without guidance.*passes="prompt"'),
        replay(sd1, run),
    ):
        USUAL.run(sd1)
    with replay(sd1, run, passes="prompt"):
        USUAL.run(sd1)


def test_rows_that_a_recording_does_not_hold() -> None:
    pag = pipelines.pag()
    [run] = recorded(Case("pag", pipelines.pag), pag)
    with (
        pytest.raises(InterventionError, match=r"more than once in a step.*pag_scale=0"),
        replay(pag, run),
    ):
        USUAL.run(pag)


def test_another_network(sd1: Any) -> None:
    [run] = recorded(USUAL, sd1)
    other = pipelines.sd1(up_block_types=("CrossAttnUpBlock2D",) * 3)
    text = r"does not hold up_blocks\.0.*choose layers="
    with pytest.raises(ShapeError, match=text), replay(other, run):
        USUAL.run(other)
    with replay(other, run, layers=["down", "mid"]):
        USUAL.run(other)
