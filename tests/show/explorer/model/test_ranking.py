"""From a place back to the words: hand-made attention with known answers."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import SelectionError
from daam_nb.maps import heat_maps
from daam_nb.recording import Kept
from daam_nb.show.explorer.model.ranking import bars, every_map, inside, words_at, words_in
from daam_nb.show.explorer.model.selection import Selected
from daam_nb.show.explorer.model.subject import Subject, subject_of
from tests.show.explorer.opened import TEXT, selections
from tests.tiny_recordings import tiny_recording

WHOLE = Selected(1, "all", -1, -1, (0, 3))
BOX = [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 0.0]]


@pytest.fixture
def of() -> Subject:
    return subject_of(tiny_recording(TEXT, steps=3))[0]


def test_a_pixels_words_are_the_maps_values_there(of: Subject) -> None:
    found = words_at(of, WHOLE, 0.3, 0.95)
    maps = heat_maps(of.run, layers="all")
    cell = (2, 11)  # of 8 x 12
    expected = {one.label: float(one.values[cell]) for one in maps.words}
    assert {row.text: row.value for row in found} == pytest.approx(expected)
    assert [row.value for row in found] == pytest.approx(sorted(expected.values(), reverse=True))
    assert sum(row.share for row in found) == pytest.approx(1)
    assert found[0].share == pytest.approx(found[0].value / sum(expected.values()))


@pytest.mark.parametrize("kept", ["steps", "sum"])
def test_any_pixel_of_any_selection_has_the_exact_maps_value(kept: Kept) -> None:
    of, _ = subject_of(tiny_recording(TEXT, steps=6, heads=(2, 3), kept=kept))
    chance = random.Random(0)
    for selected in selections(of, 25):
        y, x = chance.random(), chance.random()
        cell = int(y * of.grid[0]), int(x * of.grid[1])
        maps = every_map(of, selected, special=True)
        for row in words_at(of, selected, y, x, special=True):
            assert row.value == pytest.approx(float(maps[row.word][cell]), abs=2e-7)


def test_the_corners_of_the_image_are_its_corner_cells(of: Subject) -> None:
    maps = every_map(of, WHOLE)
    last = words_at(of, WHOLE, 1.0, 1.0)
    assert last[0].value == pytest.approx(max(float(maps[n][-1, -1]) for n in range(6)))
    first = words_at(of, WHOLE, 0, 0)
    assert first[0].value == pytest.approx(max(float(maps[n][0, 0]) for n in range(6)))


def test_special_tokens_are_ranked_on_demand_only(of: Subject) -> None:
    assert len(words_at(of, WHOLE, 0.5, 0.5)) == 6
    ranked = words_at(of, WHOLE, 0.5, 0.5, special=True)
    assert "start of text" in [row.text for row in ranked]


def test_a_regions_words_are_the_means_over_its_cells(of: Subject) -> None:
    maps = every_map(of, WHOLE)
    found = {row.word: row.value for row in words_in(of, maps, BOX)}
    for number in range(6):
        assert found[number] == pytest.approx(float(maps[number][:4, :6].mean()), rel=1e-5)


def test_bars_tell_steps_and_layers_apart() -> None:
    run = tiny_recording(TEXT, steps=3)
    column = 2  # the key position of "red"
    for number, layer in enumerate(run.layers):
        for step in range(3):
            # 0.001 per step and 0.01 per layer, the same everywhere
            run.attention[layer.name][step, :, column] = 0.001 * step + 0.01 * number
    of, _ = subject_of(run)
    found = bars(of, Selected(1, "all", -1, -1, (1, 3)), BOX)
    assert found.by_step == pytest.approx([0.02, 0.021, 0.022], abs=2e-5)
    assert [layer for layer, _ in found.by_layer] == [0, 1, 2, 3, 4]
    expected = [0.0015 + 0.01 * number for number in range(5)]
    assert [value for _, value in found.by_layer] == pytest.approx(expected, abs=2e-5)
    assert found.inside == pytest.approx(0.25, abs=0.01)
    one = bars(of, Selected(1, "all", 3, 1, (2, 3)), BOX)
    assert one.by_layer == ((3, pytest.approx(0.032, abs=2e-5)),)
    assert one.by_step == pytest.approx([0.03, 0.031, 0.032], abs=2e-5)


def test_bars_of_a_sum_are_its_mean() -> None:
    run = tiny_recording(TEXT, steps=4, kept="sum")
    for tensor in run.attention.values():
        tensor.fill_(0.4)
    found = bars(subject_of(run)[0], Selected(1, "all", -1, -1, (0, 1)), BOX)
    assert found.by_step == pytest.approx([0.1])
    assert found.by_layer[0][1] == pytest.approx(0.1)


def test_bars_look_at_the_region_alone() -> None:
    run = tiny_recording(TEXT, steps=1)
    for tensor in run.attention.values():
        tensor.zero_()
        height, width = tensor.shape[-2:]
        tensor[..., height // 2 :, width // 2 :] = 0.5
    of, _ = subject_of(run)
    assert bars(of, Selected(1, "paper", -1, -1, (0, 1)), BOX).by_step == (0.0,)
    rest = [[0.5, 0.5], [0.5, 1.0], [1.0, 1.0], [1.0, 0.5]]
    assert bars(of, Selected(1, "paper", -1, -1, (0, 1)), rest).by_step == pytest.approx((0.5,))


def test_cells_inside_a_polygon_by_hand() -> None:
    triangle = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]  # below the diagonal
    found = inside(triangle, (4, 4))
    assert found.sum() in (6, 10)  # the diagonal's centers lie on the edge
    assert found[3, 0]
    assert not found[0, 3]
    assert inside(BOX, (4, 8))[:2, :4].all()
    assert inside(BOX, (4, 8)).sum() == 8


def test_a_polygon_that_crosses_itself_follows_the_even_odd_rule() -> None:
    twice = [*BOX, *BOX]  # round twice: every cell is crossed an even number of times
    assert inside(twice, (4, 4)).sum() == 1  # no cell; the middle is taken


def test_a_tiny_region_is_the_cell_of_its_middle() -> None:
    found = inside([[0.51, 0.9], [0.52, 0.9], [0.52, 0.91]], (4, 4))
    assert np.argwhere(found).tolist() == [[2, 3]]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_any_polygon_has_cells(polygon: list[tuple[float, float]], size: tuple[int, int]) -> None:
    found = inside(polygon, size)
    assert found.shape == size
    assert found.any()


@pytest.mark.parametrize(
    "polygon",
    [[], [[0, 0], [1, 1]], [[0, 0], [1, 1], [2, 0]], [[0, 0], [1, 1], ["a", 0]], "abc", None, 3,
     [[0, 0], [1, 1], [float("nan"), 0]], [[0, 0, 0], [1, 1, 1], [0, 1, 1]], [[0, 0], [1, 1], 5]],
)  # fmt: skip
def test_what_is_no_region_is_refused(polygon: object) -> None:
    with pytest.raises(SelectionError, match=r"A region|outside the image"):
        inside(polygon, (4, 4))  # type: ignore[arg-type]


def test_a_place_outside_the_image_is_refused(of: Subject) -> None:
    with pytest.raises(SelectionError, match=r"x=1.01 lies outside the image"):
        words_at(of, WHOLE, 0.5, 1.01)


def test_nothing_attended_has_no_share() -> None:
    run = tiny_recording(TEXT, steps=1)
    for tensor in run.attention.values():
        torch.Tensor.zero_(tensor)
    of, _ = subject_of(run)
    found = words_at(of, Selected(0, "all", -1, -1, (0, 1)), 0.5, 0.5)
    assert {row.share for row in found} == {0.0}
