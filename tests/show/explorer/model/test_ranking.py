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
from daam_nb.show.explorer.model.ranking import (
    background,
    bars,
    every_map,
    in_region,
    inside,
    lift_of,
    shares_of,
    shifts,
    values_at,
    words_at,
    words_in,
)
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
    found = words_at(of, every_map(of, WHOLE), 0.3, 0.95, order="share")
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
        for word, value in values_at(of, selected, y, x, special=True).items():
            assert value == pytest.approx(float(maps[word][cell]), abs=2e-7)


def test_the_corners_of_the_image_are_its_corner_cells(of: Subject) -> None:
    maps = every_map(of, WHOLE)
    last = words_at(of, maps, 1.0, 1.0, order="share")
    assert last[0].value == pytest.approx(max(float(maps[n][-1, -1]) for n in range(6)))
    first = words_at(of, maps, 0, 0, order="share")
    assert first[0].value == pytest.approx(max(float(maps[n][0, 0]) for n in range(6)))


def test_special_tokens_are_ranked_on_demand_only(of: Subject) -> None:
    assert len(values_at(of, WHOLE, 0.5, 0.5)) == len(every_map(of, WHOLE)) == 6
    ranked = words_at(of, every_map(of, WHOLE, special=True), 0.5, 0.5)
    assert "start of text" in [row.text for row in ranked]
    assert len(values_at(of, WHOLE, 0.5, 0.5, special=True)) == len(ranked)


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
        words_at(of, {}, 0.5, 1.01)
    with pytest.raises(SelectionError, match=r"x=1.01 lies outside the image"):
        values_at(of, WHOLE, 0.5, 1.01)


def test_nothing_attended_has_no_share() -> None:
    run = tiny_recording(TEXT, steps=1)
    for tensor in run.attention.values():
        torch.Tensor.zero_(tensor)
    of, _ = subject_of(run)
    maps = every_map(of, Selected(0, "all", -1, -1, (0, 1)))
    for found in (words_at(of, maps, 0.5, 0.5), words_in(of, maps, BOX)):
        assert {(row.share, row.lift, row.chance) for row in found} == {(0.0, 0.0, (0.0, 0.0))}


# --- lift and chance, by hand ---------------------------------------------------------------------

# Two words on 1 x 4 cells, each with half of the image's attention.
TWO = {0: torch.tensor([[4.0, 0, 2, 2]]), 1: torch.tensor([[1.0, 3, 2, 2]])}


def test_a_share_and_its_lift_by_hand() -> None:
    assert shares_of({0: 3.0, 1: 1.0}) == {0: 0.75, 1: 0.25}
    assert shares_of({0: 0.0, 1: 0.0}) == {0: 0.0, 1: 0.0}
    assert lift_of(0.75, 0.5) == 1.5
    assert lift_of(0.75, 0.0) == 0.0


def test_what_chance_gives_at_a_cell_is_over_all_cells() -> None:
    of = background(TWO)
    assert of.shares == {0: 0.5, 1: 0.5}
    # Shares 4/5, 0, 1/2, 1/2 over 1/2: lifts 0, 1, 1, 1.6; 5 % lies at 0.15 of the first gap.
    assert of.chance[0] == pytest.approx((0.15, 1 + 0.85 * 0.6))
    assert of.chance[1] == pytest.approx((0.4 + 0.15 * 0.6, 1 + 0.85 * 1))  # 0.4, 1, 1, 2


def test_what_chance_gives_in_a_region_is_of_others_of_its_size_and_shape() -> None:
    cells = np.array([[True, True, False, False]])
    assert shifts(cells) == [(0, 1), (0, 2)]
    values, of = in_region(TWO, cells)
    assert values == {0: 2.0, 1: 2.0}
    # Elsewhere it is 2 of 7 and 4 of 8, over half: lifts 4/7 and 1.
    assert of.chance[0] == pytest.approx((4 / 7 + 0.05 * 3 / 7, 4 / 7 + 0.95 * 3 / 7))


def test_a_region_that_fits_nowhere_else_has_no_chance() -> None:
    cells = np.ones((1, 4), dtype=bool)
    assert shifts(cells) == []
    assert in_region(TWO, cells)[1].chance == {}


def test_a_region_keeps_its_shape_and_stays_in_the_image() -> None:
    cells = inside([[0.1, 0.2], [0.5, 0.3], [0.4, 0.6]], (24, 40))
    moves = shifts(cells)
    assert len(set(moves)) == len(moves) <= 16 * 16
    assert (0, 0) not in moves
    rows, columns = cells.nonzero()
    down, right = ({move[axis] for move in moves} for axis in (0, 1))
    assert (min(down), max(down)) == (-rows.min(), 23 - rows.max())
    assert (min(right), max(right)) == (-columns.min(), 39 - columns.max())
    for move in moves:
        moved = np.roll(cells, move, (0, 1)).nonzero()
        assert (moved[0] - moved[0].min() == rows - rows.min()).all()


def test_lifts_of_a_recording_by_its_maps(of: Subject) -> None:
    maps = every_map(of, WHOLE)
    values = np.stack([own.double().numpy() for own in maps.values()])
    shares = values / values.sum(0)
    whole = values.mean((1, 2)) / values.mean((1, 2)).sum()
    lifts = shares / whole[:, None, None]
    found = words_at(of, maps, 0.3, 0.95)
    assert [row.lift for row in found] == sorted((row.lift for row in found), reverse=True)
    for row in found:
        assert row.lift == pytest.approx(lifts[row.word, 2, 11])
        assert row.chance == pytest.approx(tuple(np.percentile(lifts[row.word], (5, 95))))
    for row in words_in(of, maps, BOX):
        inner = values[:, :4, :6].mean((1, 2))
        assert row.lift == pytest.approx(inner[row.word] / inner.sum() / whole[row.word], rel=1e-5)
        elsewhere = np.array(
            [values[:, y : y + 4, x : x + 6].mean((1, 2)) for y in range(5) for x in range(7)][1:]
        )
        others = (elsewhere / elsewhere.sum(1, keepdims=True) / whole)[:, row.word]
        assert row.chance == pytest.approx(tuple(np.percentile(others, (5, 95))), rel=1e-6)


def test_over_the_whole_image_every_lift_is_1(of: Subject) -> None:
    everywhere = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    for row in words_in(of, every_map(of, WHOLE), everywhere):
        assert row.lift == pytest.approx(1)
        assert row.chance is None
