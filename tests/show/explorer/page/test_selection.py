"""One meaning of layers, steps and heads: what the explorer shows is what `heat_maps` makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import traitlets

from daam_nb.errors import NotKeptError, SelectionError, UnknownOptionError
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording
from daam_nb.show.explorer import explore
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, opened, selections
from tests.tiny_recordings import joint_layers, tiny_layers, tiny_recording

RUNS: dict[str, Callable[[], Recording]] = {
    "all steps": lambda: tiny_recording(TEXT, steps=5),
    "steps 3, 7, 12": lambda: tiny_recording(TEXT, steps=15, kept_steps=(3, 7, 12)),
    "the last steps": lambda: tiny_recording(TEXT, steps=9, kept_steps=(6, 7, 8)),
    "some layers": lambda: tiny_recording(TEXT, steps=4, layers=tiny_layers((2, 3))[2:4]),
    "heads differ": lambda: tiny_recording(TEXT, steps=4, heads=(2, 4)),
    "a sum": lambda: tiny_recording(TEXT, steps=4, kept="sum"),
    "a sum of some steps": lambda: tiny_recording(TEXT, steps=9, kept_steps=(2, 5, 8), kept="sum"),
    "joint": lambda: tiny_recording(TEXT, steps=4, layers=joint_layers()),
    "negative": lambda: tiny_recording("a dog", steps=4, negative="ugly blur", kept="replay"),
}


def shown(explorer: Explorer, word: int) -> torch.Tensor:
    """The map that the page gets of a word."""
    return explorer.engine.exact(explorer._selected_word(word)).values


@pytest.mark.parametrize("name", RUNS)
def test_the_selection_gives_the_explorers_exact_map(name: str) -> None:
    run = RUNS[name]()
    explorer = opened(run, negative=name == "negative")
    places = run.steps
    for selected in selections(explorer.subject, 12):
        lo, hi = selected.steps
        explorer.choose(
            word=selected.word,
            choice=selected.choice,
            layer=selected.layer,
            head=selected.head,
            steps=None if run.kept == "sum" else places[lo:hi],
        )
        maps = heat_maps(run, **explorer.selection)
        entry = explorer.words[selected.word]
        own = (
            maps.word(entry.span)
            if entry.kind == "word" and entry.span is not None
            else maps.token(entry.tokens[0])
        )
        assert torch.equal(own.values, shown(explorer, selected.word))
        assert maps.steps == explorer.steps


@pytest.mark.parametrize("name", [name for name in RUNS if "sum" not in name])
def test_steps_are_those_that_heat_maps_reads(name: str) -> None:
    run = RUNS[name]()
    explorer = opened(run)
    assert explorer.steps == run.steps == heat_maps(run).steps
    explorer.steps = run.steps[1:]
    assert heat_maps(run, steps=explorer.steps).steps == run.steps[1:]
    explorer.steps = run.steps[1]
    assert explorer.steps == (run.steps[1],)
    explorer.steps = None
    assert explorer.steps == run.steps


def test_a_pair_of_steps_is_never_a_range() -> None:
    explorer = opened()
    explorer.steps = (3, 4)
    assert heat_maps(explorer.run, steps=(3, 4)).steps == explorer.steps
    with pytest.raises(traitlets.TraitError, match=r"slice\(0, 5\) is steps 0 to 4"):
        explorer.steps = (0, 4)
    assert explorer.steps == (3, 4)


def test_steps_count_the_loop_where_some_were_kept() -> None:
    explorer = opened(RUNS["steps 3, 7, 12"]())
    explorer.steps = slice(7, 8)
    assert explorer.steps == (7,)
    assert "step 7 of 15" in explorer.status
    for wrong, message in ((slice(0, 2), "Step 0 was not kept"), (1, "holds the steps 3, 7, 12")):
        with pytest.raises(traitlets.TraitError, match=message):
            explorer.steps = wrong
    assert explorer.steps == (7,)


def test_the_page_names_steps_of_the_loop_too() -> None:
    explorer = opened(RUNS["steps 3, 7, 12"]())
    assert explorer.get_state("steps")["steps"] == [3, 13]
    explorer.set_state({"steps": [4, 13]})
    assert explorer.steps == (7, 12)
    messages: list[Any] = []
    explorer.send = lambda content, buffers=None: messages.append(content)
    for wrong in ([4, 7], [12, 3], [0, 99], [0.5, 3], "ab", None, [True, 3]):
        explorer.set_state({"steps": wrong})
    assert len(messages) == 7
    assert "None of the steps 4 to 6 was kept" in messages[0]["error"]
    assert explorer.steps == (7, 12)
    summed = opened(RUNS["a sum of some steps"]())
    summed.set_state({"steps": [0, 1]})
    assert summed.steps == (2, 5, 8)
    assert heat_maps(summed.run, **summed.selection).steps == (2, 5, 8)


def test_both_sides_of_a_comparison_have_their_selection() -> None:
    left, right = (tiny_recording(TEXT, steps=4, seed=seed) for seed in (0, 1))
    both = explore(left, right, parser=False, steps=slice(1, 3), word="fox")
    both.left.choose(layer=1, head=0)
    for side in (both.left, both.right):
        word = heat_maps(side.run, **side.selection).word("fox")
        assert torch.equal(word.values, shown(side, side.word))
        assert side.selection == {"layers": [left.layers[1].name], "steps": (1, 2), "heads": 0}


def test_explorers_are_linked_by_steps_of_the_loop_alone_where_they_keep_the_same() -> None:
    first = tiny_recording(TEXT, steps=9, kept_steps=(0, 1, 2))
    last = tiny_recording(TEXT, steps=9, kept_steps=(6, 7, 8))
    both = explore(first, last, parser=False)
    assert "steps" not in both.linked
    assert "keep different steps" in both.note


UNKNOWN = {
    "heads_": ([2], "'heads'"),
    "step": ((0, 3), "'steps'"),
    "layer_": (1, "'layer'"),
    "tresholds": (0.4, "'threshold'"),
    "words": ("fox", "'word'"),
    "image": ([], "'images'"),
    "seed": (3, "It takes other, pipe, layers"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_name_that_nothing_uses_is_an_error_that_names_the_nearest(name: str) -> None:
    value, nearest = UNKNOWN[name]
    anyhow: Any = explore
    run = tiny_recording(TEXT)
    for recordings in ((run,), (run, run)):
        with pytest.raises(UnknownOptionError, match=rf"explore\(\) takes no choice {name!r}.*"):
            anyhow(*recordings, **{name: value})
    with pytest.raises(UnknownOptionError, match=nearest):
        anyhow(run, **{name: value})


def test_nothing_is_set_or_watched_that_does_not_exist() -> None:
    explorer = opened()
    for name in ("heads_", "step", "layers"):
        with pytest.raises(UnknownOptionError, match="did you mean"):
            setattr(explorer, name, 1)
        with pytest.raises(UnknownOptionError, match="did you mean"):
            explorer.observe(print, name)
        with pytest.raises(UnknownOptionError, match="did you mean"):
            explorer.choose(**{name: 1})
    with pytest.raises(UnknownOptionError, match="'iou'"):
        explorer.choose(iou=1.0)
    explorer.observe(print, ["steps", "iou"])
    both = explore(explorer.run, explorer.run, parser=False)
    for name in ("heads_", "step", "layers"):
        with pytest.raises(UnknownOptionError, match="did you mean"):
            setattr(both, name, 1)


def test_wrong_kinds_are_said_before_anything_is_opened() -> None:
    run = tiny_recording(TEXT)
    for wrong in ([run], "runs/fox", heat_maps(run), None):
        with pytest.raises(SelectionError, match="takes a Recording"):
            explore(wrong)  # type: ignore[call-overload]
    with pytest.raises(NotKeptError):
        explore(run, negative=True)
