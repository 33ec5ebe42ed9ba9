"""Where a place looks, and refined maps, from made-up self-attention, in plain numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError, ShapeError, WrongKindError
from daam_nb.maps import heat_maps, refined, self_attention_map
from daam_nb.recording import Recording, altered, load, sealed
from tests.maps.naive import bicubic
from tests.tiny_recordings import tiny_recording, with_self_attention

STEPS = 4


def attentive(kept: Any = "steps") -> Recording:
    return with_self_attention(tiny_recording("a cat and a dog", steps=STEPS), kept=kept)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.3, 0.7), (1.0, 1.0)])
@pytest.mark.parametrize("steps", [None, [1, 3]])
def test_the_map_of_a_place_equals_its_definition(place: Any, steps: Any) -> None:
    run = attentive()
    maps = self_attention_map(run, place, steps=steps)
    raised = []
    for layer in run.self_attention.layers:
        (height, width), array = layer.size, run.self_attention.probabilities[layer.name]
        y, x = (min(int(p * n), n - 1) for p, n in zip(place, layer.size, strict=True))
        row = array[steps or slice(None), y * width + x].double().mean(0).numpy()
        native = row.reshape(height, width) * height * width
        raised.append(np.clip(bicubic(native, run.facts.latent_size), 0, None))
    assert np.abs(maps.numpy() - np.mean(raised, axis=0)).max() < 1e-4
    assert not maps.derived and "self-attention" in maps.choice
    assert maps.label == f"({place[0]:.2f}, {place[1]:.2f})"


def test_a_refined_map_is_a_power_of_the_matrix_times_the_map() -> None:
    run = attentive()
    word_map = heat_maps(run)["dog"]
    finest = [la for la in run.self_attention.layers if la.size == run.facts.latent_size]
    matrix = np.mean(
        [run.self_attention.probabilities[la.name].double().numpy().mean(0) for la in finest],
        axis=0,
    )
    matrix /= matrix.sum(1, keepdims=True)
    expected = np.linalg.matrix_power(matrix, 3) @ word_map.numpy().astype(float).ravel()
    result = refined(run, word_map, power=3)
    assert np.abs(result.numpy().ravel() - expected).max() < 1e-6
    assert result.unit == word_map.unit and not result.derived
    assert "refined by self-attention of 2 layers, power 3" in result.choice
    flat = word_map.numpy().max() - word_map.numpy().min()
    assert result.numpy().max() - result.numpy().min() < flat


def test_a_sum_gives_the_mean_over_steps() -> None:
    each, summed = attentive(), attentive("sum")
    place = (0.5, 0.5)
    expected = self_attention_map(each, place).values
    assert torch.allclose(self_attention_map(summed, place).values, expected, atol=1e-5)
    assert torch.allclose(
        refined(summed, heat_maps(summed)["dog"]).values,
        refined(each, heat_maps(each)["dog"]).values,
        atol=1e-6,
    )
    with pytest.raises(NotKeptError, match="self_attention='steps'"):
        self_attention_map(summed, place, steps=1)


def test_wrong_input_is_refused() -> None:
    run = attentive()
    for place in ((2, 3), (-0.1, 0), (0.5,), "ab", 3):
        with pytest.raises(SelectionError, match="each from 0 to 1"):
            self_attention_map(run, place)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="selects none"):
        self_attention_map(run, (0, 0), layers="attn9")
    plain = tiny_recording("a cat and a dog", steps=STEPS)
    with pytest.raises(NotKeptError, match="no self-attention"):
        self_attention_map(plain, (0, 0))
    with pytest.raises(NotKeptError, match="no self-attention"):
        refined(plain, heat_maps(plain)["dog"])
    with pytest.raises(WrongKindError, match="takes a map of a word"):
        refined(run, "dog")  # type: ignore[arg-type]
    word_map = heat_maps(run)["dog"]
    with pytest.raises(SelectionError, match="resized or made by hand"):
        refined(run, word_map.resize())
    with pytest.raises(SelectionError, match="resized or made by hand"):
        refined(run, replace(word_map, values=word_map.values))
    other = tiny_recording("a dog", steps=STEPS)
    with pytest.raises(SelectionError, match="another recording"):
        refined(run, heat_maps(other)["dog"])
    with pytest.raises(SelectionError, match="power"):
        refined(run, word_map, power=0)


def test_parts_that_do_not_fit_are_refused_and_changes_noticed(tmp_path: Any) -> None:
    run = attentive()
    held = run.self_attention
    name = held.layers[0].name
    short = {**held.probabilities, name: held.probabilities[name][:1]}
    with pytest.raises(ShapeError, match="The self-attention' probabilities"):
        replace(run, self_attention=replace(held, probabilities=short))
    with pytest.raises(ShapeError, match="a self-attention layer, which reads no text"):
        replace(run, layers=(held.layers[0], *run.layers[1:]))
    with pytest.raises(SelectionError, match="'sum' or 'steps'"):
        replace(held, kept="all")
    with pytest.raises(ShapeError, match="holds no self-attention"):
        replace(held, layers=(replace(held.layers[0], size=(64, 64)),))
    run = sealed(run)
    opened = load(run.save(tmp_path / "run"))
    assert opened.self_attention.layers == held.layers and opened.nbytes == run.nbytes
    run.self_attention.probabilities[name].mul_(0.5)
    assert altered(run) == (f"self_attention/probabilities/{name}",)
