"""What an explorer is handed by mistake: an error in our words, before anything changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import (
    DaamError,
    ReadOnlyError,
    SelectionError,
    UnknownOptionError,
    WrongKindError,
)
from daam_nb.show.explorer import Comparison, explore
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording(TEXT, steps=5)


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return opened(RUN)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return explore(RUN, tiny_recording(TEXT, seed=1), parser=False)


@pytest.mark.parametrize("name", ["thershold", "step"])
def test_a_comparison_takes_no_unknown_name(comparison: Comparison, name: str) -> None:
    with pytest.raises(UnknownOptionError, match="did you mean"):
        setattr(comparison, name, 0.9)
    with pytest.raises(UnknownOptionError):
        comparison.observe(print, name)
    with pytest.raises(AttributeError, match=name):
        getattr(comparison, name)


@pytest.mark.parametrize("callback", [5, None, "print"])
def test_what_cannot_be_called_is_refused_when_it_is_handed_in(
    explorer: Explorer, callback: Any
) -> None:
    with pytest.raises(WrongKindError, match=r"on_head\(\) takes a function"):
        explorer.on_head(callback)


def test_a_callback_that_raises_starves_no_other() -> None:
    explorer, told = opened(), []

    def broken(layer: object, head: object) -> None:
        raise ZeroDivisionError

    explorer.on_head(lambda layer, head: told.append(("first", head)))
    explorer.on_head(broken)
    explorer.on_head(lambda layer, head: told.append(("last", head)))
    with pytest.warns(RuntimeWarning, match=r"on_head\(\) raised ZeroDivisionError"):
        explorer.head = 1
    assert told == [("first", 1), ("last", 1)]


BOX = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


@pytest.mark.parametrize(
    "polygon",
    [
        np.array([[0, 0], [0, 1], [1, 1]]),
        np.array(BOX, dtype=np.float32),
        torch.tensor(BOX),
        [[np.float32(0), np.int64(0)], [0, 1], [1, np.float64(1)]],
    ],
)
def test_numbers_of_arrays_are_places(explorer: Explorer, polygon: Any) -> None:
    assert explorer.words_in(polygon) == explorer.words_in(BOX)


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        ([("0", 0), (0, 1), (1, 1)], "y is a number from 0 to 1, not '0'"),
        ([(None, 0), (0, 1), (1, 1)], "y is a number from 0 to 1, not None"),
        ([(0, True), (0, 1), (1, 1)], "x is a number from 0 to 1, not True"),
        ([(0, 2), (0, 1), (1, 1)], "x=2 lies outside the image"),
        ("abc", "A region is a list of corners"),
        (5, "A region is a list of corners"),
    ],
)
def test_places_that_are_none_are_refused_for_what_they_are(
    explorer: Explorer, polygon: Any, said: str
) -> None:
    with pytest.raises(SelectionError, match=said):
        explorer.words_in(polygon)


def test_a_word_is_chosen_by_any_whole_number(explorer: Explorer) -> None:
    assert explorer.number_of(np.int64(2)) == 2 == opened(RUN, word=np.int64(2)).word
    for value in (True, 2.0, np.bool_(True)):
        with pytest.raises(SelectionError, match="none of the prompt's"):
            explorer.number_of(value)


@pytest.mark.parametrize(
    "options",
    [
        {"parser": 5},
        {"parser": True},
        {"images": RUN.image},
        {"images": 5},
        {"images": "abc"},
        {"images": [5] * 6},
    ],
)
def test_options_of_another_kind_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises((WrongKindError, SelectionError), match=f"{next(iter(options))}"):
        opened(RUN, **options)
    with pytest.raises((WrongKindError, SelectionError), match=f"{next(iter(options))}"):
        explore(RUN, RUN, **{"parser": False, **options})  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("to_frame", {"by": ["word"]}),
        ("to_png", {"path": 5}),
        ("to_png", {"path": None}),
        ("to_png", {"what": ["mask"]}),
        ("to_html", {"path": None}),
        ("to_html", {"max_bytes": "1"}),
        ("to_html", {"max_bytes": None}),
        ("to_html", {"embed": 5}),
        ("to_html", {"embed": None}),
        ("to_html", {"embed": "ab"}),
    ],
)
def test_exports_say_what_they_take(
    explorer: Explorer, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    path = {} if name == "to_frame" else {"path": tmp_path / f"mine.{name[3:]}"}
    with pytest.raises(DaamError):
        getattr(explorer, name)(**{**path, **options})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["words", "selection", "run", "selected"])
def test_what_follows_from_the_choices_is_not_set(explorer: Explorer, name: str) -> None:
    with pytest.raises(ReadOnlyError, match=rf"explorer\.{name} follows from the choices"):
        setattr(explorer, name, 3)
