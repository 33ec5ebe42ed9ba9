"""What is kept (keep, layers, steps, tokens, negative, dtype, memory), against the full run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import MemoryBudgetError, SelectionError, WordNotFoundError
from daam_nb.recording import Recording
from daam_nb.tracing import trace
from tests import pipelines
from tests.tracing.cases import PROMPT_TOKENS, Case, guidance_off_after_first_step, sized
from tests.tracing.expected import (
    FLOAT32,
    STORED_HALF,
    Expected,
    assert_attention,
    assert_recorded,
    observe,
    row_of,
)

USUAL = Case("usual", pipelines.sd1)
BOTH = Case("both", pipelines.sd1, sized(negative_prompt="a blue house"))
COLUMNS = tuple(range(PROMPT_TOKENS + 2))
POSITIVE, NEGATIVE = [1, 1, 1], [0, 0, 0]
EVERY_COLUMN = tuple(range(77))


def record(pipe: Any, case: Case = USUAL, **options: Any) -> Recording:
    with trace(pipe, **{"dtype": torch.float32} | options) as tracer:
        case.run(pipe)
    return tracer.recording


def skipped(run: Recording) -> str:
    return "\n".join(f"{item.what}: {item.why}" for item in run.manifest.skipped)


def nbytes(runs: Iterable[Recording]) -> int:
    """Bytes of everything that recordings hold."""
    total = 0
    for run in runs:
        maps = (*run.attention.values(), *run.negative_attention.values())
        total += sum(values.nbytes for values in maps)
        total += 0 if run.latents is None else run.latents.nbytes
    return total


def test_by_default_everything_of_the_prompts_tokens_in_float16(
    plain: Any, plain_expected: Expected
) -> None:
    with trace(plain) as tracer:
        USUAL.run(plain)
    run = tracer.recording
    assert_recorded(
        run,
        plain_expected,
        POSITIVE,
        columns=COLUMNS,
        atol=STORED_HALF,
        dtype=torch.float16,
    )
    assert run.kept == "steps"
    assert [run.prompt.tokens[i].piece for i in run.columns][1:4] == ["a</w>", "red</w>", "cat</w>"]
    assert run.negative_attention == {}
    said = " ".join(run.manifest.captured)
    assert "7 layers" in said
    assert "9 tokens" in said
    assert "3 steps" in said
    assert "68 token positions: padding" in skipped(run)
    assert "negative" in skipped(run)


@pytest.mark.parametrize(
    ("choice", "stages"),
    [("paper", {"down", "up"}), ("mid", {"mid"}), (["up", "mid"], {"up", "mid"})],
)
def test_layers(plain: Any, plain_expected: Expected, choice: Any, stages: set[str]) -> None:
    run = record(plain, layers=choice)
    kept = [name for name in plain_expected.attention if name.split("_")[0] in stages]
    assert [layer.name for layer in run.layers] == kept
    assert_attention(
        run.attention, plain_expected, POSITIVE, columns=COLUMNS, atol=FLOAT32, layers=kept
    )
    left_out = set(plain_expected.attention) - set(kept)
    assert all(name in skipped(run) for name in left_out)
    assert not any(name in skipped(run) for name in kept)


def test_layers_by_a_function_and_by_name(plain: Any, plain_expected: Expected) -> None:
    wide = record(plain, layers=lambda layer: layer.size[0] == 8)
    assert {layer.size for layer in wide.layers} == {(8, 12)}
    name = next(iter(plain_expected.attention))
    one = record(plain, layers=[name])
    assert list(one.attention) == [name]


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (slice(1, None), (1, 2)),
        ([2, 0], (0, 2)),
        (1, (1,)),
        (range(2), (0, 1)),
        (slice(-1, None), (2,)),
        (slice(0, 3, 2), (0, 2)),
    ],
)
def test_steps(plain: Any, plain_expected: Expected, choice: Any, kept: tuple[int, ...]) -> None:
    run = record(plain, keep_steps=choice)
    assert run.steps == kept
    assert_attention(
        run.attention, plain_expected, POSITIVE, columns=COLUMNS, atol=FLOAT32, steps=kept
    )
    assert len(run.timesteps) == 3  # of every step, kept or not
    assert run.latents is not None
    assert len(run.latents) == 4
    missing = [step for step in range(3) if step not in kept]
    assert f"steps {', '.join(map(str, missing))}" in skipped(run)


def test_steps_of_a_second_order_scheduler(plain_expected: Expected) -> None:
    from diffusers import HeunDiscreteScheduler

    pipe = pipelines.sd1()
    pipe.scheduler = HeunDiscreteScheduler.from_config(pipe.scheduler.config)
    expected = observe(pipe, USUAL.run)
    assert len(expected.timesteps) == 5
    run = record(pipe, keep_steps=[0, 3, 4])
    assert run.steps == (0, 3, 4)
    assert_attention(
        run.attention, expected, [1] * 5, columns=COLUMNS, atol=FLOAT32, steps=(0, 3, 4)
    )
    assert run.facts.num_steps == 5


@pytest.mark.parametrize(
    ("choice", "columns"),
    [
        (["cat"], (3,)),
        ("cat", (3,)),
        (["giraffe", "red"], (2, 6, 7)),
        (["a"], (1, 5)),  # every occurrence
        ([0, 8], (0, 8)),
        (["cat", 76], (3, 76)),
        ("all", EVERY_COLUMN),
    ],
)
def test_tokens(
    plain: Any, plain_expected: Expected, choice: Any, columns: tuple[int, ...]
) -> None:
    run = record(plain, tokens=choice)
    assert run.columns == columns
    assert_attention(run.attention, plain_expected, POSITIVE, columns=columns, atol=FLOAT32)


def test_negative(plain: Any) -> None:
    expected = observe(plain, BOTH.run)
    run = record(plain, BOTH, negative=True)
    assert_recorded(run, expected, POSITIVE, columns=COLUMNS, atol=FLOAT32)
    assert run.negative_prompt is not None
    assert run.negative_prompt.text == "a blue house"
    assert run.negative_columns == (0, 1, 2, 3, 4)
    assert_attention(run.negative_attention, expected, NEGATIVE, columns=range(5), atol=FLOAT32)
    assert "negative" not in skipped(run)


def test_negative_of_several_prompts_and_images(plain: Any) -> None:
    negatives = ["blue", "a green tree"]
    case = Case(
        "many",
        pipelines.sd1,
        sized(prompt=["a red cat", "a dog"], negative_prompt=negatives, num_images_per_prompt=2),
    )
    expected = observe(plain, case.run)
    with trace(plain, negative=True, dtype=torch.float32) as tracer:
        case.run(plain)
    for image, run in enumerate(tracer.recordings):
        positive, negative = row_of("np", image, 4)
        assert negative is not None
        assert run.negative_prompt is not None
        assert run.negative_prompt.text == negatives[image // 2]
        tokens = (1, 3)[image // 2]
        assert run.negative_columns == tuple(range(tokens + 2))
        assert_attention(
            run.negative_attention,
            expected,
            [negative] * 3,
            columns=run.negative_columns,
            atol=FLOAT32,
        )
        assert_attention(run.attention, expected, [positive] * 3, columns=run.columns, atol=FLOAT32)


def test_negative_of_a_prompt_that_has_none(plain: Any, plain_expected: Expected) -> None:
    run = record(plain, negative=True)
    assert run.negative_prompt is not None
    assert run.negative_prompt.text == ""
    assert run.negative_columns == (0, 1)
    assert_attention(run.negative_attention, plain_expected, NEGATIVE, columns=(0, 1), atol=FLOAT32)


def test_negative_without_guidance_is_listed_as_skipped(plain: Any) -> None:
    case = Case("off", pipelines.sd1, sized(guidance_scale=1.0))
    run = record(plain, case, negative=True)
    assert run.negative_attention == {}
    assert "negative prompt's maps: no row of any pass was a negative prompt's" in skipped(run)


def test_negative_while_guidance_stops_is_listed_as_skipped(plain: Any) -> None:
    call = sized(
        callback_on_step_end=guidance_off_after_first_step,
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
    )
    case = Case("dynamic", pipelines.sd1, call, layout=("np", "p", "p"))
    expected = observe(plain, case.run)
    run = record(plain, case, negative=True)
    assert_recorded(run, expected, [1, 0, 0], columns=COLUMNS, atol=FLOAT32)
    assert "negative prompt's maps: rows of it were in 1 of 3 steps only" in skipped(run)


def test_replay_keeps_every_column_of_both_passes(plain: Any) -> None:
    expected = observe(plain, BOTH.run)
    run = record(plain, BOTH, keep="replay")
    assert run.kept == "replay"
    assert_recorded(run, expected, POSITIVE, columns=EVERY_COLUMN, atol=FLOAT32)
    assert run.negative_columns == EVERY_COLUMN
    assert_attention(run.negative_attention, expected, NEGATIVE, columns=EVERY_COLUMN, atol=FLOAT32)
    for maps in run.attention.values():
        assert torch.allclose(maps.sum(dim=2), torch.ones(()), atol=1e-5)


def test_sum_is_the_sum_over_steps(plain: Any, plain_expected: Expected) -> None:
    run = record(plain, keep="sum", dtype=torch.float16)  # dtype is of steps: sums are float32
    assert run.kept == "sum"
    assert run.steps == (0, 1, 2)
    assert [layer.name for layer in run.layers] == list(plain_expected.attention)
    for name, maps in run.attention.items():
        wanted = plain_expected.of_row(name, POSITIVE)[:, :, list(COLUMNS)]
        assert maps.dtype == torch.float32
        assert torch.allclose(maps, wanted.sum(dim=0, keepdim=True), atol=3 * FLOAT32, rtol=0)
    assert nbytes([run]) < nbytes([record(plain)])


def test_choices_together(plain: Any) -> None:
    expected = observe(plain, BOTH.run)
    run = record(plain, BOTH, layers="up", keep_steps=slice(1, 3), tokens=["a"], negative=True)
    kept = [name for name in expected.attention if name.startswith("up")]
    for attention, rows, columns in (
        (run.attention, POSITIVE, (1, 5)),
        (run.negative_attention, NEGATIVE, (1,)),
    ):
        assert_attention(
            attention, expected, rows, columns=columns, atol=FLOAT32, layers=kept, steps=(1, 2)
        )
    summed = record(plain, BOTH, keep="sum", layers="up", keep_steps=[1, 2], tokens=["a"])
    for name, maps in summed.attention.items():
        assert torch.allclose(maps[0], run.attention[name].sum(0), atol=2 * FLOAT32, rtol=0)


@pytest.mark.parametrize(
    ("choice", "negative", "columns"),
    [
        (["cat"], "a blue house", (0, 1, 2, 3, 4)),  # it has none: its own columns
        (["cat", "a"], "a blue house", (1,)),
        (["red", "cat"], "a cat and a red cat", (2, 5, 6)),
        ([3], "a blue house", (3,)),
        ("all", "blue", EVERY_COLUMN),
    ],
)
def test_words_choose_in_the_prompt_and_what_the_negative_prompt_has(
    plain: Any, choice: Any, negative: str, columns: tuple[int, ...]
) -> None:
    case = Case("chosen", pipelines.sd1, sized(negative_prompt=negative))
    expected = observe(plain, case.run)
    run = record(plain, case, tokens=choice, negative=True)
    assert run.negative_columns == columns
    assert_attention(run.negative_attention, expected, NEGATIVE, columns=columns, atol=FLOAT32)
    assert_attention(run.attention, expected, POSITIVE, columns=run.columns, atol=FLOAT32)


def test_a_word_that_one_of_several_prompts_lacks(plain: Any) -> None:
    case = Case("two", pipelines.sd1, sized(prompt=["a cat", "a dog"]))
    with pytest.raises(WordNotFoundError, match="cat"):
        record(plain, case, tokens=["cat"])


def test_sum_with_the_negative_prompt(plain: Any) -> None:
    expected = observe(plain, BOTH.run)
    run = record(plain, BOTH, keep="sum", negative=True)
    for name, maps in run.negative_attention.items():
        wanted = expected.of_row(name, NEGATIVE)[:, :, :5].sum(dim=0, keepdim=True)
        assert torch.allclose(maps, wanted, atol=3 * FLOAT32, rtol=0)


def test_bfloat16_storage(plain: Any, plain_expected: Expected) -> None:
    run = record(plain, dtype=torch.bfloat16)
    assert_recorded(run, plain_expected, POSITIVE, columns=COLUMNS, atol=4e-3, dtype=torch.bfloat16)


# --- the budget -------------------------------------------------------------------------------


BUDGETED: list[dict[str, Any]] = [
    {},
    {"dtype": torch.float32},
    {"keep": "sum"},
    {"keep": "replay"},
    {"layers": "up", "tokens": ["cat"], "keep_steps": [0]},
    {"negative": True},
]


@pytest.mark.parametrize("options", BUDGETED, ids=lambda o: "-".join(o) or "default")
@pytest.mark.parametrize("each", [1, 2])
def test_the_estimate_is_what_is_held(sd1: Any, options: dict[str, Any], each: int) -> None:
    """A tenth more than what is really held is enough, a tenth less is refused before step 0."""
    case = Case("case", pipelines.sd1, sized(num_images_per_prompt=each))
    with trace(sd1, **options) as tracer:
        case.run(sd1)
    held = nbytes(tracer.recordings)
    with trace(sd1, memory=int(held * 1.1), **options):
        case.run(sd1)
    with (
        pytest.raises(MemoryBudgetError, match="tokens=") as caught,
        trace(sd1, memory=int(held * 0.9), **options),
    ):
        case.run(sd1)
    assert isinstance(caught.value, MemoryError)


def test_over_budget_means_that_no_step_was_made(sd1: Any) -> None:
    ran: list[str] = []
    handle = sd1.unet.conv_in.register_forward_pre_hook(lambda *_: ran.append("unet"))
    with pytest.raises(MemoryBudgetError) as caught, trace(sd1, memory="10 kB"):
        USUAL.run(sd1)
    handle.remove()
    assert ran == []
    text = str(caught.value)
    for way_out in ("tokens=", "layers=", "keep_steps=", 'keep="sum"', "memory="):
        assert way_out in text
    assert "KiB" in text  # both sizes, for people
    assert "No step" in text


def test_sizes_of_memory(plain: Any) -> None:
    for memory in (10**9, "1 GiB", "1.5gb", "900 MB"):
        record(plain, memory=memory)
    for wrong in ("lots", "-1 GiB", 0, -5, 1.5, "1 parsec"):
        with pytest.raises(SelectionError, match="memory"):
            trace(plain, memory=wrong)  # type: ignore[arg-type]


# --- choices that select nothing --------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tokens": ["zebra"]}, WordNotFoundError, "zebra"),
        ({"tokens": [77]}, SelectionError, "77"),
        ({"tokens": []}, SelectionError, "token"),
        ({"keep_steps": [3]}, SelectionError, "3"),
        ({"keep_steps": slice(5, 9)}, SelectionError, "steps"),
        ({"layers": "nowhere"}, SelectionError, "nowhere"),
        ({"layers": lambda _layer: False}, SelectionError, "layers"),
    ],
)
def test_what_selects_nothing_is_refused_before_the_first_step(
    sd1: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    ran: list[str] = []
    handle = sd1.unet.conv_in.register_forward_pre_hook(lambda *_: ran.append("unet"))
    with pytest.raises(error, match=text), trace(sd1, **options):
        USUAL.run(sd1)
    handle.remove()
    assert ran == []


@pytest.mark.parametrize(
    "options",
    [
        {"keep": "everything"},
        {"dtype": torch.int8},
        {"tokens": [1.5]},
        {"tokens": [True]},
        {"keep_steps": ["first"]},
        {"keep_steps": True},
        {"keep_steps": [True, False]},
        {"keep_steps": slice(True, None)},
        {"keep_steps": slice(None, None, torch.tensor(True))},
        {"keep_steps": np.array([True, False])},
        {"keep": "replay", "tokens": ["cat"]},
        {"keep": "replay", "keep_steps": [0]},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused_at_once(plain: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SelectionError):
        trace(plain, **options)
