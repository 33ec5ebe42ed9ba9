"""Selections that are kept by name: what is read back, what is refused, what travels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

import daam_nb as dnb
from daam_nb.errors import SelectionError
from daam_nb.show.explorer.model.saved import LONGEST_NAME, MOST, PARTS
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a red fox in the snow", steps=4)
NAMES = [layer.name for layer in RUN.layers]


@pytest.fixture
def explorer() -> Any:
    explorer = dnb.explore(RUN, word="fox", parser=False)
    yield explorer
    explorer.close()


def test_what_was_saved_is_chosen_again_and_the_word_stays(explorer: Any) -> None:
    explorer.choose(heads=[(NAMES[0], 1), (NAMES[2], 0)], steps=slice(1, 3))
    kept = explorer.selection
    shown = explorer.engine.exact(explorer.selected).values.numpy()
    explorer.save_selection("  two   heads ")
    explorer.choose(layer=1, head=0, steps=None)
    explorer.save_selection("one head")
    assert list(explorer.selections) == ["two heads", "one head"]
    assert explorer.selections["two heads"] == kept
    explorer.word = "snow"
    explorer.select("two heads")
    assert explorer.selection == kept and explorer.words[explorer.word].text == "snow"
    explorer.word = "fox"
    np.testing.assert_array_equal(explorer.engine.exact(explorer.selected).values.numpy(), shown)
    expected = dnb.heat_maps(RUN, **explorer.selections["two heads"])["fox"].values.numpy()
    np.testing.assert_array_equal(expected, shown)
    explorer.select("one head")
    assert (explorer.layer, explorer.head, explorer.heads) == (1, 0, ())


def test_the_same_name_is_kept_once_and_forgotten(explorer: Any) -> None:
    explorer.save_selection("a")
    explorer.choose(layer=0)
    explorer.save_selection("b")
    explorer.save_selection("a")
    assert list(explorer.selections) == ["a", "b"]
    assert dict(explorer.saved)["a"]["layer"] == 0
    explorer.delete_selection("a")
    assert list(explorer.selections) == ["b"]


def test_names_that_are_not_kept_are_refused_with_the_nearest(explorer: Any) -> None:
    with pytest.raises(SelectionError, match=r"Kept are: none; explorer\.save_selection"):
        explorer.select("faces")
    explorer.save_selection("faces")
    with pytest.raises(SelectionError, match="Did you mean 'faces'"):
        explorer.select("face")
    with pytest.raises(SelectionError, match="Kept are: 'faces'"):
        explorer.delete_selection("hands")
    for name in ("", "  ", "\n", "x" * (LONGEST_NAME + 1), None, 7, b"faces"):
        with pytest.raises(SelectionError, match="name of a selection"):
            explorer.save_selection(name)
    assert list(explorer.selections) == ["faces"]


def test_a_page_is_told_plain_data_and_is_not_believed(explorer: Any) -> None:
    explorer.choose(heads=[(NAMES[0], 1), (NAMES[2], 0)], steps=slice(1, 3))
    explorer.save_selection("two")
    told = json.loads(json.dumps(explorer.get_state("saved")))["saved"]
    values = {"choice": "all", "layer": -1, "head": -1, "heads": [[0, 1], [2, 0]], "steps": [1, 3]}
    assert told[0][0] == "two" and told[0][1] == values | {"choice": explorer.choice}
    explorer.set_state({"saved": [["again", values]]})
    assert explorer.selections["again"]["steps"] == (1, 2)
    before = explorer.saved
    hostile: list[Any] = [
        7, "two", [["a"]], [["a", {}]], [["", values]], [[7, values]], {"a": 1},
        [["a", values | {"more": 1}]], [["a", values | {"layer": 99}]],
        [["a", values | {"heads": [[0, 999]]}]], [["a", values | {"steps": [9, 12]}]],
        [["a", values | {"choice": "none"}]], [[str(n), values] for n in range(MOST + 1)],
    ]  # fmt: skip
    for told in hostile:
        explorer.set_state({"saved": told})
        assert explorer.saved == before, told
    with pytest.raises(TraitError, match=", ".join(PARTS)):
        explorer.saved = {"a": {"layer": 1}}
    with pytest.raises(TraitError, match=f"At most {MOST}"):
        explorer.saved = {str(n): dict(explorer.saved)["again"] for n in range(MOST + 1)}


def test_names_are_text_alone(explorer: Any) -> None:
    explorer.save_selection("<b>\u202ebold\u0000</b>")
    [name] = explorer.selections
    assert "\u202e" not in name and "\u0000" not in name and "<b>" in name
