"""Who is told what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import daam_nb as dnb
from daam_nb.errors import WrongKindError
from daam_nb.show.explorer.page.callbacks import EVENTS
from daam_nb.show.explorer.page.widget import Explorer
from tests.tiny_recordings import tiny_recording

TEXT = "a red fox in the snow"
BOX = [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5)]
CHANGES: dict[str, dict[str, Any]] = {
    "on_word": {"word": "snow"},
    "on_region": {"region": BOX},
    "on_head": {"layer": 1, "head": 0},
    "on_heads": {"heads": [0, 1]},
    "on_selection": {"steps": slice(1, 3)},
}


@pytest.fixture
def explorer() -> Explorer:
    return dnb.explore(tiny_recording(TEXT, steps=4, heads=(2, 2)), parser=False, word="fox")


def listening(explorer: Explorer, event: str) -> tuple[list[Any], Callable[[], None]]:
    """What a function is called with from now on, and what ends that."""
    told: list[Any] = []
    stop = getattr(explorer, event)(lambda *what: told.append(what))
    return told, stop


def test_what_is_told_is_what_heat_maps_takes(explorer: Explorer) -> None:
    words, _ = listening(explorer, "on_word")
    regions, _ = listening(explorer, "on_region")
    heads, _ = listening(explorer, "on_heads")
    selections, _ = listening(explorer, "on_selection")
    explorer.choose(word="snow", layer=1, head=0, steps=slice(1, 3))
    ((word,),), ((layers, of_layers),), ((selection,),) = words, heads, selections
    maps = dnb.heat_maps(explorer.run, **selection)
    exact = explorer.engine.exact(explorer.selected).values.numpy()
    np.testing.assert_array_equal(maps.word(word).values.numpy(), exact)
    again = dnb.heat_maps(explorer.run, layers=layers, heads=of_layers, steps=slice(1, 3))
    np.testing.assert_array_equal(again.word(word).values.numpy(), exact)
    explorer.region = BOX
    explorer.region = ()
    assert regions == [(tuple(BOX),), (None,)]
    assert explorer.words_in(regions[0][0])
    explorer.word = "red fox"
    assert words[-1][0].text == "red fox"
    explorer.word = "start of text"
    maps = dnb.heat_maps(explorer.run, **explorer.selection)
    assert maps.token(words[-1][0][0]).values.shape == exact.shape


@pytest.mark.parametrize("event", EVENTS)
def test_it_is_told_once_when_it_is_another_until_it_is_ended(
    explorer: Explorer, event: str
) -> None:
    told, stop = listening(explorer, event)
    explorer.choose(**CHANGES[event], threshold=0.3)
    assert len(told) == 1
    explorer.choose(**CHANGES[event], threshold=0.7)
    assert len(told) == 1
    stop()
    stop()
    explorer.choose(word="red", region=(), layer=-1, head=-1, steps=None)
    assert len(told) == 1
    told, _ = listening(explorer, event)  # what was missed meanwhile is not told
    explorer.threshold = 0.2
    assert told == []


@pytest.mark.parametrize("event", EVENTS)
def test_a_function_that_raises_is_a_warning_and_breaks_nothing(
    explorer: Explorer, event: str
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such table")

    first, _ = listening(explorer, event)
    getattr(explorer, event)(broken)
    last, _ = listening(explorer, event)
    with pytest.warns(RuntimeWarning, match=rf"broken of {event}\(\) raised ValueError: no such"):
        explorer.choose(**CHANGES[event])
    assert len(first) == len(last) == 1


@pytest.mark.parametrize("event", EVENTS)
def test_what_cannot_be_called_is_refused(explorer: Explorer, event: str) -> None:
    with pytest.raises(WrongKindError, match=rf"{event}\(\) takes a function"):
        getattr(explorer, event)(5)


def test_what_a_page_chooses_is_told(explorer: Explorer) -> None:
    told, _ = listening(explorer, "on_word")
    explorer.set_state({"word": 1})
    assert [word.text for (word,) in told] == ["red"]


def test_a_closed_explorer_tells_nobody(explorer: Explorer) -> None:
    told, _ = listening(explorer, "on_word")
    explorer.close()
    assert told == []
