from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.errors import DaamError, SelectionError, ShapeError
from daam_nb.recording import Facts, Layer, Recording
from tests.tiny_recordings import tiny_prompt, tiny_recording


@pytest.fixture(scope="module")
def run() -> Recording:
    return tiny_recording(negative="bad weather")


def changed(run: Recording, name: str, change: Any) -> dict[str, torch.Tensor]:
    """The attention of one layer changed, in a copy."""
    return dict(run.attention) | {name: change(run.attention[name])}


@pytest.mark.parametrize("kept", ["steps", "sum", "replay"])
def test_a_whole_recording_is_born(kept: Any) -> None:
    run = tiny_recording(kept=kept, kept_steps=(0, 2), tokens=(2, 4), heads=(1, 3))
    steps = 1 if kept == "sum" else 2
    assert run.attention[run.layers[0].name].shape == (steps, 1, 2, 8, 12)
    assert run.attention[run.layers[2].name].shape == (steps, 3, 2, 2, 3)


def test_lists_and_numpy_numbers_become_plain_tuples(run: Recording) -> None:
    made = dataclasses.replace(
        run,
        columns=list(np.array(run.columns)),
        steps=np.array(run.steps),
        timesteps=torch.tensor(run.timesteps),
        layers=list(run.layers),
    )
    assert made.columns == run.columns and type(made.columns[0]) is int
    assert made.steps == run.steps and type(made.steps[0]) is int
    assert made.timesteps == run.timesteps and type(made.timesteps[0]) is float
    assert made.layers == run.layers


MID = "mid_block.attentions.0.transformer_blocks.0.attn2"
EXTRA = Layer("extra", "up", (2, 3), 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda r: {"layers": ()}, "needs at least one layer"),
        (
            lambda r: {"layers": (*r.layers, r.layers[0])},
            "'down_blocks.0.* is listed more than once",
        ),
        (lambda r: {"layers": (*r.layers, EXTRA)}, "attention lacks the layer 'extra'"),
        (lambda r: {"layers": r.layers[1:]}, "attention holds what is no layer .*'down_blocks.0"),
        (lambda r: {"columns": ()}, "columns are empty; a recording must keep at least one"),
        (lambda r: {"columns": (0, 1, 2, 3, 4, 5, 12)}, r"columns hold 12; with .* the last is 11"),
        (lambda r: {"columns": (0, 1, 2, 3, 4, 5, -1)}, "columns hold -1"),
        (
            lambda r: {"columns": (0, 1, 2, 3, 4, 5, 5)},
            r"columns are \[0, 1, 2, 3, 4, 5, 5\]; each may occur only once",
        ),
        (lambda r: {"columns": (0, 1, 2)}, r"has the shape \(3, 2, 7, 8, 12\); with .*3 tokens"),
        (lambda r: {"steps": ()}, "steps are empty"),
        (lambda r: {"steps": (0, 1, 3)}, "steps hold 3; with num_steps = 3 the last is 2"),
        (lambda r: {"steps": (0, 2, 1)}, r"steps are \[0, 2, 1\]; they must be in ascending order"),
        (lambda r: {"steps": (0, 1)}, r"has the shape .* with 2 step\(s\)"),
        (lambda r: {"timesteps": (1.0, 2.0)}, "2 timesteps for the 3 steps of the loop"),
        (lambda r: {"kept": "some"}, "kept is 'some'; it must be one of 'steps', 'sum', 'replay'"),
        (lambda r: {"kept": "sum"}, r"with 1 step\(s\), 2 heads"),
        (lambda r: {"attention": {}}, "attention lacks the layer 'down_blocks.0"),
        (
            lambda r: {"attention": changed(r, MID, lambda t: t.transpose(3, 4))},
            r"has the shape \(3, 2, 7, 3, 2\).*size \(2, 3\) it must be .* = \(3, 2, 7, 2, 3\)",
        ),
        (lambda r: {"attention": changed(r, MID, lambda t: t.int())}, "is torch.int32; it must be"),
        (lambda r: {"attention": changed(r, MID, lambda t: t.to("meta"))}, r"on meta; .*\.cpu\(\)"),
        (lambda r: {"image": Image.new("RGB", (64, 96))}, "The image is 96 x 64 and .* 64 x 96"),
        (
            lambda r: {"latents": r.latents[1:]},
            r"latents have the shape \(3, 4, 8, 12\); with 3",
        ),
        (lambda r: {"latents": r.latents.mT}, r"\(4, 4, 12, 8\); .* = \(4, channels, 8, 12\)"),
        (lambda r: {"latents": r.latents[0]}, r"latents have the shape \(4, 8, 12\)"),
        (lambda r: {"negative_prompt": None}, "without the negative_prompt that it belongs to"),
        (lambda r: {"negative_columns": ()}, "negative_columns are empty"),
        (lambda r: {"negative_attention": {}}, "negative_attention lacks the layer"),
        (lambda r: {"negative_columns": (0, 1)}, "negative_attention of 'down_blocks.0.* 2 tokens"),
    ],
)
def test_parts_that_do_not_fit_together(run: Recording, changes: Any, message: str) -> None:
    with pytest.raises((ShapeError, SelectionError), match=message):
        dataclasses.replace(run, **changes(run))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (0, 4)}, r"image_size is \(0, 4\); it must be \(height, width\)"),
        ({"latent_size": (4,)}, r"latent_size is \(4,\)"),
        ({"num_steps": 0}, "num_steps is 0; it must be at least 1"),
    ],
)
def test_facts_are_checked_at_birth(changes: Any, message: str) -> None:
    sizes = {"image_size": (64, 96), "latent_size": (8, 12), "num_steps": 3}
    with pytest.raises(ShapeError, match=message):
        Facts(model="m", pipeline="p", scheduler="s", **(sizes | changes))


def test_a_negative_prompt_without_its_attention_is_fine(run: Recording) -> None:
    made = dataclasses.replace(run, negative_attention={}, negative_columns=())
    assert made.negative_prompt == run.negative_prompt


def test_nothing_can_be_set_afterwards(run: Recording) -> None:
    for name in ("image", "latents", "kept"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(run, name, None)


def test_image_and_latents_default_to_none() -> None:
    run = tiny_recording(image=False, latents=False)
    assert (run.image, run.latents) == (None, None)
    names = {field.name: field.default for field in dataclasses.fields(Recording)}
    assert names["image"] is None and names["latents"] is None


def test_tokens_words_and_bytes() -> None:
    run = tiny_recording("a cat, and a dog", tokens=(0, 2, 4, 6), image=False)
    assert [token.piece for token in run.tokens] == [
        *("<|startoftext|>", "cat</w>", "and</w>", "dog</w>")
    ]
    assert [word.text for word in run.words] == ["cat", "and", "dog"]
    cells = 2 * (8 * 12 + 4 * 6) + 2 * 3
    assert run.nbytes == 3 * 2 * 4 * cells * 2 + 4 * 4 * 8 * 12 * 4


def test_words_that_were_cut_are_no_words_of_the_recording() -> None:
    run = tiny_recording("one two three four five", length=5)
    assert run.prompt.cut == (14, 23)
    assert [word.text for word in run.words] == ["one", "two", "three"]


def test_a_recording_can_be_copied_and_pickled(run: Recording) -> None:
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert torch.equal(other.attention[MID], run.attention[MID])
        assert torch.equal(other.latents, run.latents)
        assert other.image.tobytes() == run.image.tobytes()
        assert other.prompt == run.prompt


def test_every_error_is_of_the_family(run: Recording) -> None:
    with pytest.raises(DaamError):
        dataclasses.replace(run, prompt=tiny_prompt("a", length=3))
