from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
import torch

from daam_nb.errors import (
    AmbiguousWordError,
    NotKeptError,
    SelectionError,
    TruncatedWordError,
    WordNotFoundError,
)
from daam_nb.maps import heat_maps
from daam_nb.recording import Manifest, Recording, Skipped
from daam_nb.recording.facts import NEGATIVE_MAPS
from tests.tiny_recordings import tiny_recording

UP = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"


@pytest.fixture(scope="module")
def run() -> Recording:
    return tiny_recording(
        "a cat and a black dog", kept_steps=(1, 2, 4), steps=5, tokens=(0, 2, 5, 6, 7), heads=(2, 3)
    )


def test_one_cell_of_everything_by_hand(run: Recording) -> None:
    whole = run.attention[UP]
    for (i, step), head, (j, token) in itertools.product(
        enumerate((1, 2, 4)), range(3), enumerate((0, 2, 5, 6, 7))
    ):
        picked = run.at("up_blocks.1", step=step, head=head, token=token)
        assert picked.shape == (4, 6)
        assert torch.equal(picked, whole[i, head, j])


@pytest.mark.parametrize("step", [None, 2])
@pytest.mark.parametrize("head", [None, 1])
@pytest.mark.parametrize("token", [None, 5])
def test_axes_not_chosen_keep_their_order(run: Recording, step: Any, head: Any, token: Any) -> None:
    place = (
        slice(None) if step is None else 1,
        slice(None) if head is None else head,
        slice(None) if token is None else 2,
    )
    assert torch.equal(run.at(UP, step=step, head=head, token=token), run.attention[UP][place])


def test_it_is_a_view(run: Recording) -> None:
    assert run.at(UP, step=2, token=5).untyped_storage().data_ptr() == (
        run.attention[UP].untyped_storage().data_ptr()
    )


def test_layers_by_name_prefix_stage_or_themselves(run: Recording) -> None:
    for choice in (UP, "up_blocks.1", "up_blocks.1.attentions", run.layers[3]):
        assert torch.equal(run.at(choice), run.attention[UP])
    assert run.at("mid").shape == (3, 3, 5, 2, 3)


def test_a_word_is_the_mean_over_its_tokens(run: Recording) -> None:
    dog = run.at(UP, step=4, head=2, word="black dog")
    expected = (run.attention[UP][2, 2, 2].float() + run.attention[UP][2, 2, 3].float()) / 2
    assert dog.dtype == torch.float32
    assert torch.allclose(dog, expected, atol=1e-7)
    assert torch.equal(run.at(UP, word=(12, 21), head=2, step=4), dog)
    assert torch.equal(run.at(UP, word="cat"), run.at(UP, token=2).float())


def test_of_a_sum_there_is_no_step_axis() -> None:
    run = tiny_recording(kept="sum")
    assert torch.equal(run.at("mid", head=1, token=3), run.attention[run.layers[2].name][0, 1, 3])
    assert run.at("mid").shape == (2, 7, 2, 3)
    with pytest.raises(
        NotKeptError, match=r"Step 1 was not kept separately: the steps 0, 1, 2 were"
    ):
        run.at("mid", step=1)


def test_the_unconditional_pass() -> None:
    run = tiny_recording(negative="bad weather")
    held = run.negative_attention[UP]
    assert torch.equal(run.at(UP, negative=True, token=2, step=0, head=0), held[0, 0, 2])
    assert torch.equal(run.at(UP, negative=True, word="weather"), held[:, :, 2].float())
    with pytest.raises(WordNotFoundError):
        run.at(UP, negative=True, word="cat")


@pytest.mark.parametrize(
    ("error", "choice", "message"),
    [
        (NotKeptError, {"layer": "up_blocks.0"}, "not kept: 'up_blocks.0' selects none of the 5"),
        (SelectionError, {"layer": "up"}, "'up' matches 2 layers. Choose one of 'up_blocks.1.att"),
        (SelectionError, {"layer": 3}, "by its name or a Layer, not by 3"),
        (
            NotKeptError,
            {"step": 0},
            r"Step 0 was not kept; this recording holds 1, 2, 4 of the 5 steps",
        ),
        (NotKeptError, {"step": -1}, "Step -1 was not kept; this recording holds 1, 2, 4"),
        (NotKeptError, {"head": 3}, "There is no head 3: this layer has the heads 0 to 2"),
        (NotKeptError, {"head": -1}, "There is no head -1"),
        (
            NotKeptError,
            {"token": 1},
            r"Token 1 was not kept; this recording holds 0 '<\|startoftext\|>', 2 'cat",
        ),
        (NotKeptError, {"token": 99}, "Token 99 was not kept"),
        (NotKeptError, {"word": "and"}, "Token 3 was not kept; .* Record with tokens=None"),
        (NotKeptError, {"negative": True}, "unconditional pass was not kept"),
        (SelectionError, {"token": 2, "word": "cat"}, "Both token=2 and word='cat' are given"),
        (WordNotFoundError, {"word": "horse"}, "'horse' is not a word"),
        (AmbiguousWordError, {"word": "a"}, "'a' occurs 2 times"),
    ],
)
def test_what_is_not_there(
    run: Recording, error: type[Exception], choice: dict[str, Any], message: str
) -> None:
    with pytest.raises(error, match=message):
        run.at(**({"layer": UP} | choice))


def test_a_word_that_was_cut() -> None:
    run = tiny_recording("one two three four five", length=5)
    with pytest.raises(TruncatedWordError, match="'five' is at"):
        run.at("mid", word="five")


def test_the_reason_why_there_are_no_negative_maps_is_that_of_the_manifest() -> None:
    why = Skipped(NEGATIVE_MAPS, "rows of it were in 2 of 4 steps only")
    run = dataclasses.replace(tiny_recording(), manifest=Manifest((), (why,)))
    message = r"negative prompt \(rows of it were in 2 of 4 steps only\)"
    with pytest.raises(NotKeptError, match=message):
        run.at(run.layers[0], negative=True)
    with pytest.raises(NotKeptError, match=message):
        heat_maps(run, negative=True)
