"""`add_effects`: what a live trace would have recorded, from its attention and the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from daam_nb.errors import (
    NotKeptError,
    ReproductionError,
    SelectionError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording, altered
from daam_nb.tracing import ablate, add_effects, generate
from tests import joint_pipelines, pipelines
from tests.tracing.cases import PROMPT
from tests.tracing.traces import snapshot

CALL: dict[str, Any] = {"num_inference_steps": 3, "height": 64, "width": 96, "seed": 0}


def compared(run: Recording, live: Recording, *, share: float, field: str = "effects") -> None:
    """Every part within a share of its largest value."""
    got, expected = getattr(run, field), getattr(live, field)
    assert got.words == expected.words
    for part, arrays in expected.arrays.items():
        for name, array in arrays.items():
            difference = (got.arrays[part][name].float() - array.float()).abs().max()
            assert difference <= share * array.float().abs().max(), (part, name)


@pytest.mark.parametrize("build", [pipelines.sd1, pipelines.sdxl], ids=["sd1", "sdxl"])
@pytest.mark.parametrize("dtype, share", [(torch.float32, 1e-5), (torch.float16, 2e-3)], ids=str)
def test_they_are_those_of_a_live_trace(build: Any, dtype: torch.dtype, share: float) -> None:
    pipe = build()
    options = CALL | {"dtype": dtype, "tokens": "all", "negative": True, "negative_prompt": "a dog"}
    live = generate(pipe, PROMPT, effects=True, **options)
    plain = generate(pipe, PROMPT, **options)
    assert plain.effects is None
    before = snapshot(pipe)
    run = add_effects(plain, pipe)
    assert snapshot(pipe) == before
    compared(run, live, share=share)
    compared(run, live, share=share, field="negative_effects")
    assert all(torch.equal(run.attention[name], plain.attention[name]) for name in run.attention)
    assert altered(run) == ()
    for choice in ({}, {"steps": 1}, {"heads": 0, "layers": "up"}):
        got = heat_maps(run, kind="effect", **choice)["cat"].values
        expected = heat_maps(live, kind="effect", **choice)["cat"].values
        assert (got - expected).abs().max() <= share * expected.max()


def test_one_image_of_a_batch_and_some_steps_and_layers() -> None:
    pipe = pipelines.sd1()
    options = CALL | {"keep_steps": [0, 2], "layers": "up", "dtype": torch.float32}
    live = generate(pipe, ["a dog", PROMPT], effects=["a"], tokens="all", **options)
    plain = generate(pipe, ["a dog", PROMPT], tokens="all", **options)
    compared(add_effects(plain[1], pipe, "a"), live[1], share=1e-5)


def test_a_recording_for_replay_has_all_that_is_needed() -> None:
    pipe = pipelines.sd1()
    run = add_effects(generate(pipe, PROMPT, keep="replay", dtype=torch.float32, **CALL), pipe)
    live = generate(pipe, PROMPT, keep="replay", effects=True, dtype=torch.float32, **CALL)
    compared(run, live, share=1e-5)


def test_what_lacks_columns_or_steps_is_refused_before_anything_runs() -> None:
    pipe = pipelines.sd1()
    with pytest.raises(NotKeptError, match="lacks the attention to the key positions 9-76"):
        add_effects(generate(pipe, PROMPT, **CALL), pipe)
    with pytest.raises(NotKeptError, match="one sum over its steps"):
        add_effects(generate(pipe, PROMPT, keep="sum", tokens="all", **CALL), pipe)


def test_other_pipelines_words_and_orders_are_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, tokens="all", **CALL)
    with pytest.raises(WordNotFoundError, match="zebra"):
        add_effects(run, pipe, ["zebra"])
    with pytest.raises(WrongKindError, match=r"add_effects\(run, pipe\)"):
        add_effects(pipe, run)
    with pytest.raises(UnsupportedPipelineError, match="no effect maps"):
        add_effects(run, joint_pipelines.sd3())
    with pytest.raises(UnknownOptionError):
        add_effects(run, pipe, steps=3)
    with pytest.raises(ReproductionError):
        add_effects(run, pipelines.sdxl())


def test_other_weights_are_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, tokens="all", **CALL)
    with torch.no_grad():
        pipe.unet.conv_out.weight.mul_(0.5)
    with pytest.raises(ReproductionError, match="weights of the unet are not those"):
        add_effects(run, pipe)


@pytest.mark.parametrize("part", ["text_encoder", "unet"])
def test_hooks_that_came_later_are_refused(part: str) -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, tokens="all", **CALL)
    next(getattr(pipe, part).children()).register_forward_hook(lambda *_: None)
    with pytest.raises(ReproductionError, match=f"changed by nothing.*{part}: hooks on 1 module"):
        add_effects(run, pipe, "cat")


def test_an_edited_recording_does_not_pass_as_the_models() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, tokens="all", **CALL)
    run.attention[run.layers[0].name].mul_(0.5)
    with pytest.raises(ReproductionError, match="not what the pipeline made"):
        add_effects(run, pipe)


def test_words_hidden_while_it_was_recorded_are_refused() -> None:
    pipe = pipelines.sd1()
    with ablate(pipe, words="cat", text_encoder=True):
        run = generate(pipe, PROMPT, tokens="all", **CALL)
    with pytest.raises(ReproductionError, match="hidden in the text encoder"):
        add_effects(run, pipe, ["red"])


def test_words_add_up_and_none_is_refused() -> None:
    pipe = pipelines.sd1()
    run = generate(pipe, PROMPT, tokens="all", dtype=torch.float32, **CALL)
    both = add_effects(run, pipe, ["cat", "giraffe"])
    in_turn = add_effects(add_effects(run, pipe, ["giraffe"]), pipe, ["cat"])
    assert in_turn.effects.words == both.effects.words == ((3,), (6, 7))
    compared(in_turn, both, share=1e-6)
    again = add_effects(both, pipe, ["cat"])
    assert again.effects.words == both.effects.words
    with pytest.raises(SelectionError, match="no word"):
        add_effects(run, pipe, False)
    for words in ([], 3, ["cat", 2]):
        with pytest.raises(SelectionError, match=r"^words=.* selects no words.*words=\["):
            add_effects(run, pipe, words)
