"""Two recordings side by side: what is linked, by which words, and their difference."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from daam_nb.maps import heat_maps
from daam_nb.show.explorer import Comparison, explore
from daam_nb.show.explorer.model.entries import entries_of
from daam_nb.show.explorer.page.comparing import matching
from tests.tiny_recordings import tiny_prompt, tiny_recording

KEPT = tuple(range(12))


def compared(left: str = "a red fox", right: str = "a red cat", **options: int) -> Comparison:
    runs = tiny_recording(left, seed=0, **options), tiny_recording(right, seed=1)  # type: ignore[arg-type]
    return explore(*runs, parser=False)


def shown(comparison: Comparison) -> list[str]:
    return [one.words[one.word].text for one in (comparison.left, comparison.right)]


def test_one_hand_moves_both() -> None:
    both = compared()
    both.left.choose(steps=1, threshold=0.7, opacity=0.1)
    assert (both.right.steps, both.right.threshold, both.right.opacity) == ((1,), 0.7, 0.1)
    both.right.choose(layer=1, head=1, choice="all")
    assert both.left.selected == replace(both.right.selected, word=both.left.word)
    both.right.colormap = "viridis"
    assert both.left.colormap == "viridis"


def test_layer_and_head_move_together() -> None:
    both = explore(
        *(tiny_recording("a fox", heads=(2, 4), seed=seed) for seed in (0, 1)), parser=False
    )
    both.left.choose(layer=1, head=3)
    both.right.choose(layer=0, head=1)
    assert (both.left.layer, both.left.head) == (0, 1)


def test_words_are_matched_by_text_and_else_by_place() -> None:
    both = compared("a red fox", "the red cat")
    both.left.word = "red"
    assert shown(both) == ["red", "red"]
    both.left.word = "fox"
    assert shown(both) == ["fox", "cat"]
    both.left.word_b = "red"
    assert both.right.words[both.right.word_b].text == "red"
    both.left.word_b = None
    assert both.right.word_b == -1


def test_a_word_without_counterpart_leaves_the_other_as_it_is() -> None:
    both = compared("a red fox", "a red cat on a mat")
    both.left.word = "fox"
    assert shown(both) == ["fox", "red"]
    assert "“fox” has no counterpart" in both.note


def test_the_same_occurrence_is_matched() -> None:
    entries = entries_of(tiny_prompt("a dog and a cat"), KEPT)
    others = entries_of(tiny_prompt("a cat beside a dog"), KEPT)
    assert matching(entries, 3, others) == 3  # the second "a"
    assert matching(entries, 1, others) == 4
    start = next(n for n, one in enumerate(entries) if one.kind == "start")
    assert others[matching(entries, start, others)].kind == "start"  # type: ignore[index]
    third = entries_of(tiny_prompt("one a"), KEPT)
    assert matching(entries, 3, third) is None


def test_the_difference_is_that_of_the_exact_maps() -> None:
    both = compared()
    maps = [heat_maps(one.run).word("red").resize(both.difference().shape) for one in
            (both.left, both.right)]  # fmt: skip
    peaks = [float(heat_maps(one.run).word("red").values.max()) for one in (both.left, both.right)]
    expected = maps[0].numpy() / peaks[0] - maps[1].numpy() / peaks[1]
    np.testing.assert_allclose(both.difference(), expected, atol=1e-6)
    both.left.difference_scale = "common"
    np.testing.assert_allclose(both.difference(), maps[0].numpy() - maps[1].numpy(), atol=1e-6)


def test_a_recording_does_not_differ_from_itself_and_is_drawn_white() -> None:
    run = tiny_recording("a red fox")
    both = explore(run, run, parser=False)
    assert not both.difference().any()
    pixels = np.asarray(both.image)
    assert (pixels > 240).all()


def test_red_is_where_the_left_one_is_higher() -> None:
    left, right = tiny_recording("a fox"), tiny_recording("a fox")
    for run, place in ((left, slice(0, 1)), (right, slice(-1, None))):
        for tensor in run.attention.values():
            tensor.fill_(0.01)
            tensor[..., place] = 0.9
    both = explore(left, right, parser=False)
    pixels = np.asarray(both.image).astype(int)
    middle = pixels.shape[0] // 2
    red, blue = pixels[middle, 3], pixels[middle, -4]
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_the_difference_is_told_in_words_and_its_sides_are_marked() -> None:
    left, right = tiny_recording("a fox"), tiny_recording("a fox")
    for run, place in ((left, slice(0, 1)), (right, slice(-1, None))):
        for tensor in run.attention.values():
            tensor.fill_(0.01)
            tensor[..., place] = 0.9
    both = explore(left, right, parser=False)
    assert "The left map is higher most at 1% from the left" in both.told
    assert "The right map is higher most at 99% from the left" in both.told
    assert both.image is not None
    assert (np.asarray(both.image) == 255).all(-1).any()  # a white + and a white −
    assert both.told.startswith("Difference of two maps of “fox”.")  # there is one seed
    same = explore(left, left, parser=False)
    assert "They are equal everywhere" in same.told


def test_the_differences_scale_is_a_choice_of_both() -> None:
    both = compared()
    before = both.note
    both.difference_scale = "common"
    assert (both.left.difference_scale, both.right.difference_scale) == ("common", "common")
    assert "(attention probability)." in both.note != before
    both.right.difference_scale = "own"
    assert both.difference_scale == "own"


def test_of_other_steps_b_shows_those_nearest_in_timestep() -> None:
    both = compared(steps=5)
    assert "steps" not in both.linked
    assert both.right.steps == (0, 1, 2)
    both.left.steps = 4
    times = [side.run.timesteps[side.steps[-1]] for side in both.sides]
    others = both.right.run.timesteps
    assert len(both.right.steps) == 1
    assert abs(times[0] - times[1]) == min(abs(times[0] - time) for time in others)
    both.right.steps = 0
    assert both.left.steps == (4,)
    assert "keep different steps" in both.note


def test_recordings_that_differ_in_layers_have_their_own_grids() -> None:
    both = explore(
        tiny_recording("a fox", heads=(2, 2)), tiny_recording("a fox", heads=(2, 4)), parser=False
    )
    both.right.choose(layer=1, head=3)
    assert both.left.layer == -1
    assert "differ in their layers" in both.note


def test_closing_lets_go_of_both() -> None:
    both = compared()
    kept = [weakref.ref(one.run) for one in (both.left, both.right)]
    both.close()
    del both
    gc.collect()
    assert [one() for one in kept] == [None, None]


@pytest.mark.parametrize("name", ["opacity", "steps"])
def test_what_the_browser_links_itself_is_not_sent_back(name: str) -> None:
    """Else a slow answer would pull the slider back while the hand moves it."""
    both = compared()
    before = getattr(both.right, name)
    both.left.set_state({name: 0.2 if name == "opacity" else [1, 2]})
    assert getattr(both.right, name) == before
