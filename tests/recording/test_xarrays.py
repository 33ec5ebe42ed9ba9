"""Recordings and maps as labeled arrays of xarray."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from daam_nb.errors import MissingExtraError, NotKeptError, SelectionError
from daam_nb.maps import heat_maps
from tests.tiny_recordings import tiny_recording

xarray = pytest.importorskip("xarray")
RUN = tiny_recording("a cat and a dog", steps=6, kept_steps=(1, 4), negative="ugly", heads=(2, 3))
UP = "up_blocks.1"


def test_one_layer_has_the_five_axes_with_their_names() -> None:
    array = RUN.to_xarray(UP)
    layer = RUN.layers[3]
    assert array.dims == ("step", "head", "token", "y", "x")
    assert np.array_equal(array.values, RUN.attention[layer.name].numpy())
    assert list(array.step) == [1, 4]
    assert list(array.timestep) == [RUN.timesteps[1], RUN.timesteps[4]]
    assert list(array.token) == list(RUN.columns)
    assert list(array.piece) == [token.piece for token in RUN.tokens]
    assert (array.sizes["head"], array.sizes["y"], array.sizes["x"]) == (3, *layer.size)
    assert array.attrs["layer"] == layer.name and array.attrs["units"] == "attention probability"
    cat = array.sel(step=4, head=2, token=2)
    assert np.array_equal(cat.values, RUN.at(UP, step=4, head=2, token=2).numpy())


def test_all_layers_are_a_tree() -> None:
    tree = RUN.to_xarray()
    assert list(tree.children) == [layer.name for layer in RUN.layers]
    for layer in RUN.layers:
        assert tree[layer.name]["attention"].identical(RUN.to_xarray(layer))
    assert tree.attrs["prompt"] == "a cat and a dog"


def test_the_negative_prompt() -> None:
    array = RUN.to_xarray(UP, negative=True)
    assert np.array_equal(array.values, RUN.negative_attention[RUN.layers[3].name].numpy())
    assert array.attrs["prompt"] == "ugly"
    with pytest.raises(NotKeptError, match="negative=True"):
        tiny_recording().to_xarray(UP, negative=True)


def test_a_sum_has_no_steps() -> None:
    run = tiny_recording(steps=3, kept="sum")
    array = run.to_xarray(UP)
    assert array.dims == ("head", "token", "y", "x")
    assert array.attrs["units"] == "attention probability, summed over 3 steps"
    assert np.array_equal(array.values, run.at(UP).numpy())


def test_what_is_written_into_it_is_not_in_the_recording() -> None:
    before = RUN.attention[RUN.layers[3].name].clone()
    RUN.to_xarray(UP)[:] = 0
    assert torch.equal(RUN.attention[RUN.layers[3].name], before)


def test_bfloat16_is_read() -> None:
    run = tiny_recording(dtype=torch.bfloat16)
    assert np.array_equal(run.to_xarray(UP).values, run.at(UP).float().numpy())


def test_layers_that_cannot_be() -> None:
    with pytest.raises(NotKeptError, match="'attic' selects none"):
        RUN.to_xarray("attic")
    with pytest.raises(SelectionError, match="matches 2 layers"):
        RUN.to_xarray("up_blocks")


def test_the_map_of_a_word() -> None:
    word_map = heat_maps(RUN)["cat"]
    array = word_map.to_xarray()
    assert array.dims == ("y", "x")
    assert np.array_equal(array.values, word_map.values.numpy())
    assert array.attrs == {
        "label": "cat",
        "choice": word_map.choice,
        "units": "attention probability",
    }


def test_without_xarray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    for call in (RUN.to_xarray, heat_maps(RUN).to_xarray, heat_maps(RUN)["cat"].to_xarray):
        with pytest.raises(MissingExtraError, match=r'pip install "daam_nb\[studies\]"'):
            call()
