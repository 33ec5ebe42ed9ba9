"""Colors and places read from scenes whose truth is known; shares and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from daam_nb.menagerie import COLORS, scene
from daam_nb.menagerie.render import paint_background
from training.seeing import DIRECTIONS, seen_color, seen_place, standing_out
from training.shares import Share


def plain(rgb: tuple[int, int, int]) -> np.ndarray:
    return np.full((8, 8, 3), rgb, dtype=np.uint8)


ALL = np.ones((8, 8), dtype=bool)


@pytest.mark.parametrize("name", COLORS)
def test_each_color_is_its_own_name_lighter_and_darker_too(name: str) -> None:
    rgb = np.array(COLORS[name])
    for tint in (rgb, rgb // 2, rgb + (255 - rgb) // 3):
        assert seen_color(plain(tuple(tint)), ALL) == name


def test_red_on_both_sides_of_the_hue_circle_does_not_average_to_cyan() -> None:
    image = plain((220, 20, 40))
    image[:, ::2] = (220, 40, 20)
    assert seen_color(image, ALL) == "red"


def test_gray_and_nothing_have_no_color() -> None:
    assert seen_color(plain((128, 130, 128)), ALL) is None
    assert seen_color(plain((215, 40, 40)), ~ALL) is None


def test_only_what_the_mask_covers_counts_and_its_rim_does_not() -> None:
    image = plain(COLORS["blue"])
    image[2:7, 2:7] = COLORS["yellow"]
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:8, 1:8] = True
    # 24 of the mask's 49 pixels are blue, all of them on its rim.
    assert seen_color(image, mask) == "yellow"
    assert seen_color(image, ALL & ~mask) == "blue"


def box(top: int, left: int) -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    mask[top : top + 8, left : left + 8] = True
    return mask


def test_places_by_the_farther_axis() -> None:
    first = seen_place(box(10, 5), box(20, 40))
    assert first is not None
    assert first.relation == "left of" and first.signs == ("left of", "above")
    below = seen_place(box(50, 30), box(5, 10))
    assert below is not None and below.relation == "below"
    assert seen_place(box(0, 0), np.zeros((64, 64), dtype=bool)) is None


def test_exact_masks_of_scenes_give_back_what_was_stated() -> None:
    colors, relations = [], []
    for seed in range(150):
        one = scene(seed, "test", kind=("single", "pair")[seed % 2])
        for thing, mask in zip(one.objects, one.masks, strict=True):
            if thing.color:
                colors.append(seen_color(np.asarray(one.image), mask) == thing.color)
        if one.relation in DIRECTIONS:
            place = seen_place(one.masks[0], one.masks[1])
            relations.append(place is not None and place.relation == one.relation)
    assert len(colors) > 50 and np.mean(colors) > 0.97
    assert len(relations) > 30 and np.mean(relations) > 0.95


def test_what_stands_out_is_the_object_without_a_judge() -> None:
    overlaps, colors = [], []
    for seed in range(120):
        one = scene(seed, "test", kind="single")
        out = standing_out(np.asarray(one.image), one.background)
        overlaps.append((out & one.masks[0]).sum() / (out | one.masks[0]).sum())
        if one.objects[0].color:
            colors.append(seen_color(np.asarray(one.image), out) == one.objects[0].color)
    assert np.mean(overlaps) > 0.7 and len(colors) > 30 and np.mean(colors) > 0.95
    empty = (paint_background("grass", np.random.default_rng(9)) * 255).astype(np.uint8)
    assert standing_out(empty, "grass").mean() < 0.01


def test_shares_have_wilsons_interval() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857), table I, method 3: 81 of 263.
    low, high = Share(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert Share(0, 20).interval[0] == 0 and round(Share(0, 20).interval[1], 4) == 0.1611
    assert Share.of([True, False, True]) == Share(2, 3)


def test_nothing_counted_is_unknown() -> None:
    nothing = Share.of([])
    assert math.isnan(nothing.value) and nothing.interval == (0.0, 1.0)
    assert nothing.facts()["share"] is None


def test_differences_have_newcombes_interval() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 873), table II, method 10: 56/70 less 48/80.
    gap, low, high = Share(56, 70).minus(Share(48, 80))
    assert (round(gap, 4), round(low, 4), round(high, 4)) == (0.2, 0.0524, 0.3339)
