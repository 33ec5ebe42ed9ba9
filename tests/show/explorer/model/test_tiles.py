"""The grid of heads: values, numbers to sort by, and how they travel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from daam_nb.maps import entropy, heat_maps, intersection_over_area
from daam_nb.show.explorer.model.selection import LayerHeads, Numbers, Selected
from daam_nb.show.explorer.model.subject import Subject, subject_of
from daam_nb.show.explorer.model.tiles import overlaps, step_tiles_of, tiles_of
from tests.show.explorer.opened import TEXT
from tests.tiny_recordings import tiny_recording, with_effects, with_gradients


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


# --- layers at every step -------------------------------------------------------------------------


def selected(of: Subject, layer: int, head: int | Numbers | LayerHeads) -> Selected:
    return Selected(2, "all", layer, head, (0, 1))


def test_layers_at_every_step_are_what_heat_maps_records_of_them() -> None:
    run = tiny_recording(TEXT, steps=4, heads=(2, 3))
    of, _ = subject_of(run)
    tiles = step_tiles_of(of, selected(of, -1, -1))
    assert (tiles.key, tiles.layers) == ("[2,-1]", tuple(range(len(run.layers))))
    column = run.columns.index(of.entries[2].tokens[0])
    for layer, maps in zip(of.layers, tiles.maps, strict=True):
        expected = run.attention[layer.name][:, :, column].float().mean(1)  # (step, y, x)
        np.testing.assert_allclose(maps, expected.numpy(), atol=1e-7)
    # What `heat_maps` gives of one layer and step has the same mean where nothing is interpolated.
    layer = next(layer for layer in of.layers if layer.size == of.grid)
    word = heat_maps(run, layers=layer.name, steps=3).token(column)
    np.testing.assert_allclose(tiles.maps[of.layers.index(layer)][3], word.values, atol=1e-6)


def test_heads_that_are_chosen_are_those_of_the_layers_at_every_step() -> None:
    run = tiny_recording(TEXT, steps=3, heads=(2, 3))
    of, _ = subject_of(run)
    column = run.columns.index(of.entries[2].tokens[0])
    wide = tuple(n for n, layer in enumerate(of.layers) if layer.heads == 3)
    narrow = tuple(n for n, layer in enumerate(of.layers) if layer.heads == 2)
    cases: list[tuple[int, int | Numbers | LayerHeads, str, dict[int, list[int]]]] = [
        (-1, 2, "[2,2]", {n: [2] for n in wide}),
        (-1, (0, 2), "[2,[0,2]]", {n: [0, 2] if n in wide else [0] for n in (*wide, *narrow)}),
        (wide[0], 2, f"[2,[[{wide[0]},2]]]", {wide[0]: [2]}),
        (wide[0], -1, "[2,-1]", {n: list(range(of.layers[n].heads)) for n in (*wide, *narrow)}),
        (-1, ((0, 1), (1, 0)), "[2,[[0,1],[1,0]]]", {0: [1], 1: [0]}),
    ]
    for layer, head, key, heads in cases:
        tiles = step_tiles_of(of, selected(of, layer, head))
        assert tiles.key == key
        assert tiles.layers == tuple(sorted(heads))
        for number, maps in zip(tiles.layers, tiles.maps, strict=True):
            recorded = run.attention[of.layers[number].name][:, heads[number], column]
            np.testing.assert_allclose(maps, recorded.float().mean(1).numpy(), atol=1e-7)


def test_layers_at_every_step_are_packed_as_heads_are() -> None:
    run = tiny_recording(TEXT, steps=3)
    of, _ = subject_of(run)
    tiles = step_tiles_of(of, selected(of, -1, -1))
    packed, meta = tiles.packed()
    assert meta["layers"] == list(range(len(of.layers)))
    for number, maps in enumerate(tiles.maps):
        height, width = meta["tile"][number]  # type: ignore[index]
        at = meta["offsets"][number]  # type: ignore[index]
        levels = np.frombuffer(packed, np.uint8, 3 * height * width, at).reshape(3, height, width)
        scales = np.array(meta["scales"][number])[:, None, None] / 255  # type: ignore[index]
        np.testing.assert_allclose(levels * scales, maps, atol=float(maps.max()) / 500)


def test_of_a_sum_there_is_one_step() -> None:
    run = tiny_recording(TEXT, steps=4, kept="sum")
    of, _ = subject_of(run)
    assert {len(maps) for maps in step_tiles_of(of, selected(of, -1, -1)).maps} == {1}


@pytest.mark.parametrize("kind", ["share", "effect", "gradient"])
def test_other_kinds_have_layers_at_every_step_too(kind: str) -> None:
    words = ((2,), (3,))
    run = with_gradients(with_effects(tiny_recording(TEXT, steps=3), words), words)
    of, choice = subject_of(run, kind=kind, layers="all")
    word = next(n for n, entry in enumerate(of.entries) if entry.tokens == (3,))
    tiles = step_tiles_of(of, Selected(word, choice, -1, -1, (0, 1)))
    compared = 0
    for number, layer in enumerate(of.layers):
        for step in range(of.step_count):
            names = [layer.name] if of.kind.of_layers else "all"
            maps = heat_maps(run, kind=kind, layers=names, steps=run.steps[step])
            expected = of.view.map_of(maps, of.entries[word]).values
            if layer.size == of.grid:  # so that nothing was interpolated
                np.testing.assert_allclose(tiles.maps[number][step], expected.numpy(), atol=1e-6)
                compared += 1
    assert compared >= of.step_count
