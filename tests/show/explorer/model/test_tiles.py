"""The grid of heads: values, numbers to sort by, and how they travel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from daam_nb.maps import entropy, intersection_over_area
from daam_nb.show.explorer.model.subject import subject_of
from daam_nb.show.explorer.model.tiles import overlaps, tiles_of
from tests.show.explorer.opened import TEXT
from tests.tiny_recordings import tiny_recording


def test_tiles_are_the_mean_of_what_was_recorded() -> None:
    run = tiny_recording(TEXT, steps=4, heads=(2, 3))
    of, _ = subject_of(run)
    tiles = tiles_of(of, 2, (1, 3))
    assert tiles.key == "[2,1,3]"
    column = run.columns.index(of.entries[2].tokens[0])
    for layer, maps in zip(of.layers, tiles.maps, strict=True):
        expected = run.attention[layer.name][1:3, :, column].float().mean(0)
        assert maps.shape == (layer.heads, *layer.size)
        np.testing.assert_allclose(maps, expected.numpy(), atol=1e-7)


def test_tiles_of_a_sum_are_its_mean() -> None:
    run = tiny_recording(TEXT, steps=4, kept="sum")
    of, _ = subject_of(run)
    column = run.columns.index(of.entries[2].tokens[0])
    for layer, maps in zip(of.layers, tiles_of(of, 2, (0, 1)).maps, strict=True):
        expected = run.attention[layer.name][0, :, column] / 4
        np.testing.assert_allclose(maps, expected.numpy(), atol=1e-7)


def test_numbers_to_sort_by() -> None:
    of, _ = subject_of(tiny_recording(TEXT, steps=3))
    tiles = tiles_of(of, 1, (0, 3))
    for number, layer in enumerate(of.layers):
        for head in range(layer.heads):
            values = tiles.maps[number][head]
            cells = layer.size[0] * layer.size[1]
            assert tiles.mean[number][head] == pytest.approx(values.mean(dtype=np.float64))
            assert tiles.peak[number][head] == pytest.approx(values.max())
            assert tiles.entropy[number][head] == pytest.approx(
                entropy(values) / math.log2(cells), abs=1e-6
            )


def test_entropy_is_0_in_one_cell_and_1_where_all_are_equal() -> None:
    run = tiny_recording(TEXT, steps=1)
    for name, tensor in run.attention.items():
        tensor.fill_(0.5)
        if "mid_block" in name:
            tensor.zero_()
            tensor[..., 0, 1] = 1.0
    of, _ = subject_of(run)
    found = tiles_of(of, 1, (0, 1)).entropy
    assert found[0] == pytest.approx((1.0, 1.0))
    assert found[2] == (0.0, 0.0)


def test_overlap_is_the_share_of_attention_inside_the_mask() -> None:
    of, _ = subject_of(tiny_recording(TEXT, steps=3))
    tiles = tiles_of(of, 1, (0, 3))
    mask = torch.zeros(of.grid, dtype=torch.bool)
    mask[:4, :6] = True  # whole cells of the layers at (8, 12) and (4, 6)
    found = overlaps(tiles, mask)
    for number, size in ((0, (8, 12)), (1, (4, 6))):
        inside = np.zeros(size, dtype=np.float32)
        inside[: size[0] // 2, : size[1] // 2] = 1
        expected = intersection_over_area(tiles.maps[number][1], inside)
        assert found[number][1] == pytest.approx(expected, abs=1e-5)
    assert overlaps(tiles, torch.ones_like(mask))[2] == pytest.approx([1.0, 1.0])
    assert overlaps(tiles, torch.zeros_like(mask))[2] == [0.0, 0.0]


def test_tiles_of_one_layer_are_sent_larger() -> None:
    of, _ = subject_of(tiny_recording(TEXT, steps=3, heads=(2, 3)))
    tiles = tiles_of(of, 1, (0, 2))
    packed, meta = tiles.packed_layer(1, 3)
    assert meta["key"] == tiles.key
    assert meta["tile"] == [2, 3]  # of (4, 6): means over areas
    raw = np.frombuffer(packed, np.uint8).reshape(3, 2, 3)
    values = raw / 255 * np.asarray(meta["scales"])[:, None, None]
    expected = tiles.maps[1].reshape(3, 2, 2, 3, 2).mean((2, 4))
    assert np.abs(values - expected).max() <= expected.max() / 500
    assert tiles.packed_layer(1, 64)[1]["tile"] == [4, 6]


def test_packed_tiles_can_be_read_back() -> None:
    of, _ = subject_of(tiny_recording(TEXT, steps=3, heads=(2, 3)))
    tiles = tiles_of(of, 1, (0, 2))
    packed, meta = tiles.packed()
    assert len(packed) == sum(
        layer.heads * size[0] * size[1]
        for layer, size in zip(of.layers, of.tile_sizes, strict=True)
    )
    for number, layer in enumerate(of.layers):
        height, width = meta["tile"][number]  # type: ignore[index]
        start = meta["offsets"][number]  # type: ignore[index]
        raw = np.frombuffer(packed, np.uint8)[start : start + layer.heads * height * width]
        scales = np.asarray(meta["scales"][number])[:, None, None]  # type: ignore[index]
        values = raw.reshape(layer.heads, height, width) / 255 * scales
        assert np.abs(values - tiles.maps[number]).max() <= tiles.maps[number].max() / 500
