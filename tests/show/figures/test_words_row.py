"""Overlay and row of words: what stands where, from which numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.errors import AmbiguousWordError, SelectionError, ShapeError
from daam_nb.maps.heatmap import heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.show.figures import overlay, step_strip, words_row
from tests.tiny_recordings import tiny_recording, with_effects

RUN = tiny_recording("a cat sees one dog")
MAPS = heat_maps(RUN)


def titles(figure) -> list[str]:  # type: ignore[no-untyped-def]
    return [panel.title for panel in figure.panels]


def test_a_row_is_the_image_and_then_every_word_in_order() -> None:
    figure = words_row(RUN)
    assert titles(figure) == ["", "a", "cat", "sees", "one", "dog"]
    assert figure.panels[0].heat is None
    for panel, word in zip(figure.panels[1:], MAPS.words, strict=True):
        size = panel.heat.values.shape
        assert size == (192, 288)  # 64 x 96, three times
        np.testing.assert_array_equal(panel.heat.values, word.resize(size).numpy())
        assert panel.heat.vmin == 0
        assert panel.heat.vmax == float(word.values.max())
        assert panel.note == f"peak {float(word.values.max()):.3g}"


def test_the_image_keeps_its_colors_and_those_below_maps_lose_them() -> None:
    plain, *over = words_row(RUN).panels
    enlarged = RUN.image.resize((288, 192), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(plain.image, np.asarray(enlarged))
    for panel in over:
        assert (np.ptp(panel.image, axis=2) == 0).all()
    colored = words_row(RUN, gray=False).panels[1]
    np.testing.assert_array_equal(colored.image, plain.image)


def test_words_are_chosen_and_ordered() -> None:
    assert titles(words_row(RUN, words=["dog", (2, 5)])) == ["", "dog", "cat"]
    twice = tiny_recording("a cat and a dog")
    with pytest.raises(AmbiguousWordError):
        words_row(twice, words=["a"])
    first, second = twice.prompt.occurrences("a")
    assert titles(words_row(twice, words=[first, second])) == ["", "a", "a"]


def test_maps_of_any_choice_can_be_shown() -> None:
    late = heat_maps(RUN, steps=slice(1, None), layers="up")
    figure = words_row(late, words=["cat"])
    expected = late.word("cat").resize((192, 288)).numpy()
    np.testing.assert_array_equal(figure.panels[1].heat.values, expected)
    assert figure.metadata["choice"] == late.choice
    assert any(late.choice in sentence for sentence in figure.caption)


def test_two_kinds_of_map_have_a_row_and_a_scale_each() -> None:
    run = with_effects(tiny_recording("a cat and a dog"))
    attention, effect = heat_maps(run), heat_maps(run, kind="effect")
    figure = words_row(attention, effect, words=["cat", "dog"], scale="row")
    assert titles(figure) == ["", "cat", "dog", "", "cat", "dog"]
    for maps, panels in ((attention, figure.panels[1:3]), (effect, figure.panels[4:6])):
        highest = max(float(maps[word].values.max()) for word in ("cat", "dog"))
        assert [panel.heat.vmax for panel in panels] == [highest] * 2
        assert [panel.note for panel in panels] == [
            f"peak {float(maps[word].values.max()):.3g}" for word in ("cat", "dog")
        ]
    words = " ".join(line.text for line in figure.sheet.lines)
    assert "· attention" in words and "· effect" in words and effect.unit in words
    with pytest.raises(SelectionError, match="different units"):
        words_row(attention, effect, words=["cat"], scale="common")
    with pytest.raises(SelectionError, match="scale"):
        step_strip(run, "cat", scale="row")


def test_several_recordings_have_a_row_each_below_their_prompt() -> None:
    other = tiny_recording("a fox", seed=7)
    figure = words_row(RUN, other)
    words = [line.text for line in figure.sheet.lines]
    assert words.index("“a cat sees one dog” · seed 0") < words.index("“a fox” · seed 7")
    tops = {panel.title: panel.box.y for panel in figure.panels}
    assert tops["cat"] == tops["sees"] < tops["fox"]
    assert figure.metadata["prompt"] == '["a cat sees one dog", "a fox"]'
    assert figure.metadata["seed"] == "[0, 7]"


def test_a_common_scale_runs_to_the_highest_peak() -> None:
    figure = words_row(RUN, scale="common")
    highest = max(float(word.values.max()) for word in MAPS.words)
    assert {panel.heat.vmax for panel in figure.panels[1:]} == {highest}
    ticks = [line.text for line in figure.sheet.lines]
    assert f"{highest:.3g}" in ticks and f"{highest / 2:.3g}" in ticks


def test_spread_colors_begin_at_each_maps_minimum() -> None:
    figure = words_row(RUN, scale="spread")
    for panel, word in zip(figure.panels[1:], MAPS.words, strict=True):
        low, peak = float(word.values.min()), float(word.values.max())
        assert (panel.heat.vmin, panel.heat.vmax) == (low, peak)
        assert low > 0
        assert panel.note == f"{low:.3g}–{peak:.3g}"
    assert any("from each map’s own minimum" in sentence for sentence in figure.caption)
    assert "minimum" in [line.text for line in figure.sheet.lines]


def test_other_units_do_not_share_a_scale() -> None:
    summed = heat_maps(RUN, reduction="sum")
    with pytest.raises(SelectionError, match="different units cannot share one scale"):
        words_row(MAPS, summed, scale="common")
    own = words_row(MAPS, summed)
    assert any("summed over steps" in line.text for line in own.sheet.lines)


def test_many_words_go_on_below() -> None:
    figure = words_row(tiny_recording(" ".join(f"word{i}" for i in range(75)), length=77))
    assert len(figure.panels) == 76
    height, width = figure.size
    assert width <= 1000 and height <= 1600
    corners = {(panel.box.x, panel.box.y) for panel in figure.panels}
    assert len(corners) == 76


def test_without_an_image_maps_stand_on_a_plain_background() -> None:
    blank = replace(RUN, image=None)
    for figure in (words_row(blank), overlay(blank, "cat")):
        assert all(panel.image is None and panel.heat.opacity == 1 for panel in figure.panels)
        assert any("no image" in sentence for sentence in figure.caption)
    assert figure.panels[0].aspect == 96 / 64


def test_an_overlay_of_a_word_of_a_recording_or_of_its_map_is_the_same() -> None:
    by_name, by_map = overlay(RUN, "cat"), overlay(RUN.image, MAPS.word("cat"))
    np.testing.assert_array_equal(by_name.panels[0].heat.values, by_map.panels[0].heat.values)
    assert by_name.caption == by_map.caption
    assert by_name.metadata == by_map.metadata
    assert by_name.metadata["word"] == "cat"


def test_a_map_made_by_hand_needs_no_recording() -> None:
    word = WordHeatMap(torch.eye(4), "mine")
    figure = overlay(Image.new("RGB", (32, 32)), word, title="a title")
    assert titles(figure) == ["a title"]
    assert "prompt" not in figure.metadata


def test_a_line_at_the_threshold_of_eq_7() -> None:
    figure = overlay(RUN, "cat", threshold=0.5)
    heat = figure.panels[0].heat
    mask = MAPS.word("cat").mask(0.5, size=heat.values.shape).numpy()
    np.testing.assert_array_equal(heat.values >= heat.contour, mask)
    assert any("white line at 0.5 of the peak" in sentence for sentence in figure.caption)


def test_an_empty_map_is_drawn_without_a_line() -> None:
    nothing = WordHeatMap(torch.zeros(4, 4), "nothing", image_size=(32, 32))
    figure = overlay(Image.new("RGB", (32, 32)), nothing, threshold=0.4)
    assert figure.panels[0].heat.contour is None
    assert figure.to_png(scale=0.5)
    figure.to_plotly()


def test_the_unit_stands_beside_the_color_bar() -> None:
    def texts(maps) -> str:  # type: ignore[no-untyped-def]
        return " ".join(line.text for line in words_row(maps, words=["cat"]).sheet.lines)

    assert "attention probability, mean over steps, heads and layers" in texts(MAPS)
    assert "share of the map's maximum" in texts(MAPS.normalized())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (words_row, SelectionError, "nothing to show"),
        (lambda: words_row([RUN, RUN]), SelectionError, r"not a list.*words_row\(\*runs\)"),
        (lambda: words_row(RUN, scale="tile"), SelectionError, "scale='tile' is not known"),
        (lambda: words_row(RUN, colormap="x"), SelectionError, "no color map 'x'"),
        (lambda: overlay(RUN, "cat", opacity=2), SelectionError, "opacity=2 is not between"),
        (lambda: overlay(RUN, "cat", threshold=2), SelectionError, "threshold=2 is not between"),
        (lambda: overlay(RUN.image, "cat"), SelectionError, r"heat_maps\(run\)\.word\('cat'\)"),
        (
            lambda: overlay(Image.new("RGB", (64, 64)), MAPS.word("cat")),
            ShapeError,
            "64 x 64 .* belongs to one of 64 x 96",
        ),
    ],
)
def test_what_cannot_be_shown(call, error: type[Exception], text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=text):
        call()


def test_a_map_of_ones_own_is_marked_in_caption_files_and_color_bar() -> None:
    own = WordHeatMap(torch.rand(8, 8), "mine", unit="gradient", image_size=(64, 64))
    figure = overlay(Image.new("RGB", (64, 64)), own)
    assert "Maps: derived: made by hand." in figure.caption
    assert figure.metadata["choice"] == "derived: made by hand"
    assert "gradient, derived" in " ".join(line.text for line in figure.sheet.lines)
    changed = replace(MAPS.word("cat"), values=1 - MAPS.word("cat").normalized().values)
    figure = overlay(RUN, changed)
    assert figure.metadata["choice"].startswith("derived: changed by hand after ")
    assert "attention probability, derived" in " ".join(line.text for line in figure.sheet.lines)
