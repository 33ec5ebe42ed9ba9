"""Gradient maps from arrays that were made up: selection, units, files and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import DaamError, NotKeptError, RecordingFormatError, SelectionError, ShapeError
from daam_nb.maps import heat_maps
from daam_nb.recording import Gradients, altered, load, sealed
from daam_nb.recording.gradients import merged
from daam_nb.show.figures import head_sheet, step_strip, words_row
from tests.storage.contents import resign
from tests.tiny_recordings import tiny_recording, with_gradients

UNIT = "first-order change of the prediction, as a share of it"
RUN = with_gradients(tiny_recording("a cat and a dog", steps=6, kept_steps=[0, 2, 3, 5]))


@pytest.mark.parametrize(
    "choice, places, factor",
    [
        ({}, [0, 1, 2, 3], 1 / 4),
        ({"steps": [2, 5]}, [1, 3], 1 / 2),
        ({"steps": 3, "layers": "all"}, [2], 1),
        ({"reduction": "sum"}, [0, 1, 2, 3], 1),
    ],
    ids=str,
)
def test_a_map_is_the_mean_of_the_chosen_steps(
    choice: dict[str, Any], places: list[int], factor: float
) -> None:
    maps = heat_maps(RUN, kind="gradient", **choice)
    assert [word.text for word in maps] == ["cat", "dog"]
    assert RUN.gradients is not None
    for number, word in enumerate(("cat", "dog")):
        expected = RUN.gradients.shares.double().numpy()[places, number].sum(0) * factor
        np.testing.assert_allclose(maps[word].values.numpy(), expected, rtol=1e-6)
    assert maps.unit.startswith(UNIT) and "the whole network, step" in maps.choice
    assert "heads" not in maps.choice and "layers" not in maps.choice


def test_of_a_sum_over_steps_each_step_of_the_gradients_counts() -> None:
    run = with_gradients(tiny_recording("a cat and a dog", steps=4, kept="sum"))
    assert run.gradients is not None and len(run.gradients.shares) == 4
    expected = run.gradients.shares[:, 1].double().mean(0).float()
    assert torch.allclose(heat_maps(run, kind="gradient")["dog"].values, expected)


def test_layers_and_heads_cannot_be_chosen() -> None:
    for choice in ({"layers": "up"}, {"layers": [RUN.layers[0].name]}):
        with pytest.raises(SelectionError, match=r"of the whole network.*Leave out layers="):
            heat_maps(RUN, kind="gradient", **choice)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="Leave out heads="):
        heat_maps(RUN, kind="gradient", heads=0)
    maps = heat_maps(RUN, kind="gradient")
    with pytest.raises(SelectionError, match="not of single heads"):
        maps.by_head("cat")
    with pytest.raises(SelectionError, match="cannot be made for single heads"):
        maps.in_heads("cat", RUN.layers[0])


def test_maps_of_a_network_that_lacks_the_papers_layers_are_the_same() -> None:
    middle = [layer for layer in RUN.layers if layer.stage == "mid"]
    fine = [layer for layer in RUN.layers if layer.size == RUN.facts.latent_size][:1]
    layers = (*fine, *middle)
    attention = {layer.name: RUN.attention[layer.name] for layer in layers}
    run = replace(RUN, layers=layers, attention=attention)
    got, expected = (heat_maps(of, kind="gradient")["cat"].values for of in (run, RUN))
    assert torch.equal(got, expected)


def test_what_was_not_added_is_named_with_the_way_out() -> None:
    plain = tiny_recording("a cat and a dog")
    with pytest.raises(NotKeptError, match=r"no gradients.*add_gradients\(run, pipe\)"):
        heat_maps(plain, kind="gradient")
    with pytest.raises(NotKeptError, match=r"'and' was not added.*holds those of 'cat"):
        heat_maps(RUN, kind="gradient")["and"]
    both = with_gradients(tiny_recording("a dog", negative="a bad cat"), ((2,),))
    with pytest.raises(NotKeptError, match="not for the negative prompt's"):
        heat_maps(both, kind="gradient", negative=True)
    assert "and" not in heat_maps(RUN, kind="gradient")


def test_a_phrase_has_a_map_of_its_own() -> None:
    run = with_gradients(tiny_recording("a red cat and a dog"), ((2, 3), (3,)))
    maps = heat_maps(run, kind="gradient")
    assert [word.text for word in maps] == ["red cat", "cat"]
    assert not torch.equal(maps["red cat"].values, maps["cat"].values)


def test_tokens_that_are_no_stretch_of_the_text_have_no_map() -> None:
    text = "a red cat and a dog"
    for tokens in ((2, 6), (3, 2), (0,), (1, 11), (9,)):
        run = with_gradients(tiny_recording(text), (tokens, (3,)))
        assert [word.text for word in heat_maps(run, kind="gradient")] == ["cat"]
        assert len(heat_maps(run, kind="gradient").words) == 1


def test_figures_show_them() -> None:
    words_row(heat_maps(RUN, kind="gradient")).to_matplotlib()
    step_strip(RUN, "cat", kind="gradient").to_matplotlib()
    with pytest.raises(SelectionError):
        head_sheet(RUN, "cat", kind="gradient").to_matplotlib()


def test_they_are_saved_and_loaded(tmp_path: Path) -> None:
    run = sealed(RUN)
    again = load(run.save(tmp_path / "run"))
    assert again.gradients is not None and run.gradients is not None
    assert again.gradients.words == run.gradients.words
    assert torch.equal(again.gradients.shares, run.gradients.shares)
    assert torch.equal(again.gradients.outputs, run.gradients.outputs)
    assert again.nbytes == run.nbytes and altered(again) == ()
    assert run.nbytes - tiny_recording("a cat and a dog", steps=6, kept_steps=[0, 2, 3, 5]).nbytes \
        == run.gradients.nbytes > 0  # fmt: skip
    run.gradients.shares[0, 0, 0, 0] += 1
    assert altered(run) == ("gradients/prediction/shares",)
    with pytest.raises(RecordingFormatError, match="gradients/prediction/shares"):
        run.save(tmp_path / "other")


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_that_are_no_norms_are_not_saved(value: float, tmp_path: Path) -> None:
    run = with_gradients(tiny_recording("a cat and a dog"))
    assert run.gradients is not None
    run.gradients.shares[0, 0, 0, 0] = value
    with pytest.raises(RecordingFormatError, match="gradients/prediction/shares"):
        run.save(tmp_path / "run")


@pytest.mark.parametrize(
    "words, error",
    [
        ([[99]], "key position 99"),
        ([[-1]], "."),
        ([], "at least one word"),
        ([[2], []], "must have tokens"),
        ([[2], [2]], "each word once"),
        ([[2]], "shape"),
        ("cat", "."),
        ([["2"], ["5"]], "."),
        ([[2]] * 30_000, "words with gradients"),
    ],
    ids=lambda value: f"{value!r:.30}",
)
def test_strangers_words_are_refused(words: Any, error: str, tmp_path: Path) -> None:
    folder = with_gradients(tiny_recording("a cat and a dog")).save(tmp_path / "run")
    resign(folder, lambda content: content["facts"].__setitem__("gradients", words))
    with pytest.raises(DaamError, match=error):
        load(folder)


def test_arrays_that_do_not_fit_are_refused() -> None:
    good = with_gradients(tiny_recording("a cat and a dog", steps=3)).gradients
    assert good is not None
    run = tiny_recording("a cat and a dog", steps=3)
    for broken in (
        {"shares": good.shares},
        {**good.prediction, "more": good.outputs},
        {**good.prediction, "shares": good.shares[:2]},
        {**good.prediction, "shares": good.shares[..., :4]},
        {**good.prediction, "shares": good.shares.int()},
        {**good.prediction, "outputs": good.outputs[:1]},
    ):
        with pytest.raises(ShapeError, match="gradients"):
            replace(run, gradients=Gradients(good.words, broken))


def test_gradients_of_words_add_up() -> None:
    run = tiny_recording("a cat and a dog", steps=3)
    first, second = (
        with_gradients(run, words, seed=seed).gradients
        for words, seed in ((((2,), (5,)), 0), (((1,), (2,)), 1))
    )
    assert first is not None and second is not None
    assert merged(None, second) is second
    both = merged(first, second)
    assert both.words == ((1,), (2,), (5,))
    expected = torch.stack([second.shares[:, 0], second.shares[:, 1], first.shares[:, 1]], 1)
    assert torch.equal(both.shares, expected) and torch.equal(both.outputs, second.outputs)
