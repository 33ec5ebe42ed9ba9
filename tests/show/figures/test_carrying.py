"""Bars of what carries a word: their lengths are those of `HeatMaps.carriers`."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError, WrongKindError
from daam_nb.maps import heat_maps
from daam_nb.show.figures import carrier_bars
from daam_nb.show.figures.chart import Chart, HorizontalBar
from tests.tiny_recordings import tiny_recording, with_effects

RUN = with_effects(tiny_recording("a cat and a dog"))


def test_each_word_has_a_bar_for_each_group_of_tokens() -> None:
    maps = heat_maps(RUN, layers="up", steps=[0, 2])
    chart = carrier_bars(maps).content
    assert isinstance(chart, Chart)
    bars = [mark for mark in chart.marks if isinstance(mark, HorizontalBar)]
    assert [name for _, name in chart.y.ticks or ()] == ["cat", "dog"]
    for row, word in enumerate(("cat", "dog")):
        groups = maps.carriers(word).groups
        ends = sorted(bar.value for bar in bars if bar.y == row)
        lengths = [end - start for start, end in pairwise([0.0, *ends])]
        assert lengths == pytest.approx([100 * share for share in groups.values()], abs=1e-3)
        assert ends[-1] == pytest.approx(100)


def test_the_kind_of_the_maps_does_not_matter_and_words_are_chosen() -> None:
    by_effect = carrier_bars(heat_maps(RUN, kind="effect"), words="dog").content
    by_attention = carrier_bars(RUN, words=["dog"]).content
    assert isinstance(by_effect, Chart) and isinstance(by_attention, Chart)
    assert by_effect.marks == by_attention.marks
    assert len(by_effect.y.ticks or ()) == 1


def test_what_has_no_effects_or_heads_is_refused() -> None:
    with pytest.raises(NotKeptError, match="holds no effects"):
        carrier_bars(tiny_recording())
    with pytest.raises(SelectionError, match="all heads"):
        carrier_bars(heat_maps(RUN, heads=1))
    with pytest.raises(NotKeptError, match="was not recorded"):
        carrier_bars(RUN, words="and")
    with pytest.raises(WrongKindError):
        carrier_bars("cat")  # type: ignore[arg-type]


def test_a_group_that_works_against_the_others_has_no_bar() -> None:
    effects = RUN.effects
    assert effects is not None
    by_token = {name: array.clone() for name, array in effects.by_token.items()}
    for array in by_token.values():
        array[:, 0, 6] = -0.1
    run = replace(RUN, effects=replace(effects, by_token=by_token))
    chart = carrier_bars(run, words="cat").content
    assert isinstance(chart, Chart)
    names = [mark.name for mark in chart.marks if isinstance(mark, HorizontalBar)]
    assert "cat: end of text 0 %" in names
    assert torch.tensor(run.effects.by_token[run.layers[0].name][0, 0, 6]) < 0  # type: ignore[union-attr]
