"""Maps are drawn where they belong: over the image of their own run, under their own choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daam_nb.errors import SelectionError
from daam_nb.maps.heatmap import heat_maps
from daam_nb.recording import load
from daam_nb.show.figures import head_sheet, overlay, step_strip, words_row
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat sees one dog", steps=4)
OTHER = tiny_recording("a dog and a car", seed=1)
SEED = tiny_recording("a cat sees one dog", steps=4, seed=3)
CAT = heat_maps(RUN).word("cat")
AT_3 = heat_maps(RUN, steps=3).word("cat")


@pytest.mark.parametrize("run", [OTHER, SEED])
def test_the_map_of_one_run_is_not_laid_over_the_image_of_another(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SelectionError, match="the map of 'cat' is of"):
        overlay(run, CAT)


def test_a_copy_of_the_run_is_the_same_run(tmp_path: Path) -> None:
    again = load(RUN.save(tmp_path / "run"))
    assert overlay(again, CAT).metadata["seed"] == overlay(RUN, CAT).metadata["seed"]
    assert len(words_row(again, words=[CAT]).panels) == 2


def test_an_exchanged_image_is_named() -> None:
    said = "the image below is not the run’s own"
    assert said not in overlay(RUN.image, CAT).metadata["drawing"]
    assert said in overlay(SEED.image.rotate(180), CAT).metadata["drawing"]


def test_a_row_draws_the_map_that_is_given() -> None:
    figure = words_row(RUN, words=[AT_3])
    values = figure.panels[1].heat.values
    np.testing.assert_array_equal(values, AT_3.resize(values.shape).numpy())
    assert "step 3 of 4" in figure.metadata["choice"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: words_row(SEED, words=[CAT]),
        lambda: words_row(RUN, words=[CAT, AT_3]),
        lambda: words_row(RUN, words=["dog", AT_3]),
        lambda: step_strip(RUN, AT_3),
        lambda: step_strip(RUN, heat_maps(RUN, heads=[1]).word("cat")),
        lambda: step_strip(RUN, heat_maps(RUN).normalized().word("cat")),
        lambda: step_strip(SEED, CAT),
        lambda: head_sheet(RUN, AT_3),
        lambda: head_sheet(SEED, CAT),
    ],
)
def test_a_map_of_another_run_or_choice_is_refused(draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SelectionError, match=r"of another|choices|seed"):
        draw()


def test_a_map_under_the_choice_of_the_figure_is_taken_apart() -> None:
    assert step_strip(RUN, AT_3, steps=3, bins=1).panels
    assert head_sheet(RUN, CAT).panels
