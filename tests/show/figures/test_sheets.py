"""A word taken apart by step, and by layer and head."""

from __future__ import annotations

import numpy as np
import pytest

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps.heatmap import heat_maps
from daam_nb.show.figures import head_sheet, step_strip
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat sees one dog", steps=7, heads=(2, 3))


def test_steps_are_cut_into_runs_labeled_with_both_ends() -> None:
    figure = step_strip(RUN, "cat", bins=3)
    assert [panel.title for panel in figure.panels] == ["", "steps 0–2", "steps 3–4", "steps 5–6"]
    assert figure.panels[1].note.startswith("t 999–715\n")  # 1000 // 7 apart
    for panel, steps in zip(figure.panels[1:], ([0, 1, 2], [3, 4], [5, 6]), strict=True):
        alone = heat_maps(RUN, steps=steps).word("cat")
        expected = alone.resize(panel.heat.values.shape).numpy()
        np.testing.assert_array_equal(panel.heat.values, expected)
        assert panel.note.endswith(f"peak {float(alone.values.max()):.3g}")
    assert len({panel.heat.vmax for panel in figure.panels[1:]}) == 1


def test_one_panel_per_step() -> None:
    figure = step_strip(RUN, "cat", bins=None, scale="own")
    assert [panel.title for panel in figure.panels[1:]] == [f"step {i}" for i in range(7)]
    assert len({panel.heat.vmax for panel in figure.panels[1:]}) == 7
    assert len(step_strip(RUN, "cat", bins=20).panels) == 1 + 7


def test_the_choice_reaches_the_maps_and_the_caption() -> None:
    figure = step_strip(RUN, "cat", bins=1, steps=slice(2, 4), layers="up", heads=[1])
    maps = heat_maps(RUN, steps=slice(2, 4), layers="up", heads=[1])
    expected = maps.word("cat").resize((192, 288)).numpy()
    np.testing.assert_array_equal(figure.panels[1].heat.values, expected)
    assert maps.choice in figure.metadata["choice"]


def test_a_sum_over_steps_has_no_strip() -> None:
    with pytest.raises(NotKeptError, match="kept one sum"):
        step_strip(tiny_recording(kept="sum"), "cat")


def test_no_bins_are_refused() -> None:
    with pytest.raises(SelectionError, match="bins=0 makes no panel"):
        step_strip(RUN, "cat", bins=0)


def test_a_tile_is_one_head_at_its_own_resolution() -> None:
    figure = head_sheet(RUN, "cat")
    assert len(figure.panels) == 2 + 3 + 3 + 3 + 2  # ragged
    column = RUN.columns.index(RUN.prompt.token_indices("cat")[0])
    left = iter(figure.panels)
    for layer in RUN.layers:
        kept = RUN.attention[layer.name].numpy().astype(np.float64)  # (step, head, token, y, x)
        tops = set()
        for head in range(layer.heads):
            panel = next(left)
            tops.add(panel.box.y)
            assert panel.heat.values.shape == layer.size
            by_hand = sum(kept[step, head, column] for step in range(7)) / 7
            np.testing.assert_allclose(panel.heat.values, by_hand, rtol=1e-5)
            assert panel.name == f"{layer.name}, head {head}"
        assert len(tops) == 1


def test_a_phrase_is_the_mean_over_its_tokens_also_of_sums() -> None:
    run = tiny_recording("a cat sees one dog", kept="sum", steps=4)
    tile = head_sheet(run, "one dog", layers="mid").panels[0].heat.values
    columns = [run.columns.index(token) for token in run.prompt.token_indices("one dog")]
    kept = run.attention[run.layers[2].name].numpy()[0, 0]  # (token, y, x), added over 4 steps
    np.testing.assert_allclose(tile, (kept[columns[0]] + kept[columns[1]]) / 2 / 4, rtol=1e-6)


def test_steps_and_layers_are_chosen() -> None:
    figure = head_sheet(RUN, "cat", steps=[6], layers=["mid"])
    column = RUN.columns.index(RUN.prompt.token_indices("cat")[0])
    expected = RUN.attention[RUN.layers[2].name][6, :, column].float().numpy()
    np.testing.assert_array_equal([panel.heat.values for panel in figure.panels], expected)


def test_rows_are_labeled_by_name_stage_and_size() -> None:
    words = [line.text.replace("\xa0", " ") for line in head_sheet(RUN, "cat").sheet.lines]
    assert "down_blocks.1" in words  # what all names end in is left out
    assert "mid · 2 × 3" in words
    assert "head 0" in words and "2" in words


def test_scales_of_tiles() -> None:
    common = {panel.heat.vmax for panel in head_sheet(RUN, "cat").panels}
    own = head_sheet(RUN, "cat", scale="own").panels
    assert common == {max(float(panel.heat.values.max()) for panel in own)}
    for panel in own:
        assert panel.heat.vmax == float(panel.heat.values.max())
        assert panel.note == f"{panel.heat.vmax:.3g}"
    for panel in head_sheet(RUN, "cat", scale="spread").panels:
        low, peak = float(panel.heat.values.min()), float(panel.heat.values.max())
        assert (panel.heat.vmin, panel.heat.vmax) == (low, peak)
        assert panel.note == f"{low:.3g}–\n{peak:.3g}"


def test_a_panel_names_the_steps_it_is_of_and_no_others() -> None:
    """Of steps with gaps, the first and the last alone would name steps that are not in it."""
    titles = {
        (0, 2, 3, 5): ["steps 0, 2–3, 5"],
        (0, 2, 4, 6): ["steps 0–6 by 2"],
        (0, 6): ["steps 0, 6"],
    }
    for steps, expected in titles.items():
        figure = step_strip(RUN, "cat", bins=1, steps=steps)
        assert [panel.title for panel in figure.panels[1:]] == expected
        alone = heat_maps(RUN, steps=steps).word("cat").resize((192, 288)).numpy()
        np.testing.assert_array_equal(figure.panels[1].heat.values, alone)
    some = tiny_recording("a cat sees one dog", steps=7, kept_steps=(1, 4, 5))
    figure = step_strip(some, "cat", bins=2)
    assert [panel.title for panel in figure.panels[1:]] == ["steps 1, 4", "step 5"]


def test_choices_that_can_be_read_once_reach_every_panel() -> None:
    once = step_strip(
        RUN, "cat", steps=(s for s in (1, 2)), heads=(h for h in (0, 1)), layers=(n for n in ["up"])
    )
    often = step_strip(RUN, "cat", steps=[1, 2], heads=[0, 1], layers=["up"])
    for panel, other in zip(once.panels[1:], often.panels[1:], strict=True):
        np.testing.assert_array_equal(panel.heat.values, other.heat.values)
