"""What people hand to the public functions by mistake: an error in our words, or the right thing.

Each public function is given, in every place, everything that a notebook may hold: recordings in a
list, a corpus and its entries, paths, PIL images, arrays, numbers, texts, maps for recordings and
the other way round. Whatever comes of it is a `DaamError`, or stands in the list of what is right.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import daam_nb as dnb
from daam_nb import maps as maps_floor
from daam_nb import recording as recording_floor
from daam_nb.errors import DaamError, SelectionError, WrongKindError
from daam_nb.menagerie import load as load_model
from daam_nb.menagerie import scene
from daam_nb.show.pixels import overlay_image
from daam_nb.studies.corpus.generation import Corpus, Run
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat and a dog")
OTHER = tiny_recording("a cat sees one dog", seed=3)
MAPS = dnb.heat_maps(RUN)
CAT = MAPS.word("cat")
ENTRY = Run("key", {"prompt": "a"}, RUN)


class Pipe:
    """As far as can be seen from outside, a pipeline."""

    scheduler = object()

    def __call__(self) -> None: ...


VALUES: dict[str, Any] = {
    "a recording": RUN,
    "maps": MAPS,
    "a map": CAT,
    "recordings": [RUN, OTHER],
    "a corpus": Corpus((ENTRY,)),
    "an entry": ENTRY,
    "a pipeline": Pipe(),
    "a prompt": RUN.prompt,
    "a word": RUN.prompt.words[1],
    "a layer": RUN.layers[0],
    "a class": dnb.Recording,
    "a path": Path("/nowhere/at/all"),
    "text": "cat",
    "no text": "",
    "texts": ["cat", "dog"],
    "bytes": b"cat",
    "None": None,
    "1": 1,
    "-1": -1,
    "10**30": 10**30,
    "0.5": 0.5,
    "1.5": 1.5,
    "nan": float("nan"),
    "True": True,
    "(0, 5)": (0, 5),
    "(0.5, 1)": (0.5, 1),
    "[0, 1]": [0, 1],
    "[True]": [True],
    "[]": [],
    "{1}": {1},
    "{}": {"a": 1},
    "maps in a list": [MAPS],
    "a map in a list": [CAT],
    "a slice": slice(0, 2),
    "an empty slice": slice(3, 1),
    "a slice from True": slice(True, None),  # True is 1 to Python
    "a slice from a bool of torch": slice(torch.tensor(True), None),
    "a bool of torch": torch.tensor(True),
    "bools of torch": torch.tensor([True, False]),
    "bools of numpy": np.array([True, False]),
    "an image": Image.new("RGB", (12, 8)),
    "a mask image": Image.new("1", (12, 8), 1),
    "(y, x)": np.ones((4, 6)),
    "(y, x, c)": np.ones((4, 6, 3)),
    "(x)": np.ones(3),
    "()": np.array(2.0),
    "complex": np.ones((4, 6), complex),
    "texts in an array": np.array([["a"]]),
    "objects": np.array([None]),
    "negative": -torch.ones(4, 6),
    "a function": lambda *_: "neither yes nor no",
    "an object": object(),
}

ONE_WORD = {"a map", "text", "a word", "(0, 5)", "[0, 1]"}
MASKS = {"a map", "a mask image"}
MAPLIKE = {*MASKS, "(y, x)"}
ONE_LAYER = {"a layer"}
STEPS = {"None", "1", "-1", "[0, 1]", "{1}", "a slice"}
HEADS = {"None", "1", "[0, 1]", "{1}"}
NO = {"None"}


def with_value_at(at: int | str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """A function of what stands in one place, all else being right."""

    def call(value: Any) -> Any:
        if isinstance(at, str):
            return function(*args, **named | {at: value})
        return function(*args[:at], value, *args[at + 1 :], **named)

    return call


def arguments_of(
    function: Callable[..., Any], *args: Any, right: Mapping[int | str, set[str]], **named: Any
) -> dict[str, tuple[Any, set[str]]]:
    name = getattr(function, "__name__", "?")
    return {
        f"{name}({at})": (with_value_at(at, function, *args, **named), fine)
        for at, fine in right.items()
    }


LAYER = RUN.layers[0].name
CASES: dict[str, tuple[Any, set[str]]] = {
    **arguments_of(
        dnb.heat_maps, RUN,
        right={0: {"a recording"}, "layers": ONE_LAYER, "steps": STEPS, "heads": HEADS,
               "reduction": set(), "missing": set(), "negative": set()},
    ),
    **arguments_of(
        MAPS.word, "a", occurrence=0,
        right={0: {"text"}, "occurrence": {"1", "-1"}, "case": {"True"}},
    ),
    **arguments_of(MAPS.token, 1, right={0: {"1", "(0, 5)", "[0, 1]", "{1}"}}),
    **arguments_of(MAPS.by_head, "cat", right={0: ONE_WORD, "occurrence": {"None", "-1"}}),
    **arguments_of(CAT.resize, (4, 6), right={0: NO}),
    **arguments_of(CAT.mask, 0.4, right={0: {"1", "0.5"}, "size": NO}),
    **arguments_of(
        dnb.WordHeatMap, torch.ones(2, 2),
        right={0: {"(y, x)"}, "label": {"text", "no text"}, "unit": {"text", "no text"},
               "span": {"None", "(0, 5)", "[0, 1]"}, "tokens": {"(0, 5)", "[0, 1]", "[]"},
               "origin": NO, "image_size": NO},
    ),
    **arguments_of(dnb.iou, CAT, CAT, threshold=0.4,
             right={0: MASKS, 1: MASKS, "threshold": {"1", "0.5"}, "size": NO}),
    **arguments_of(dnb.soft_iou, CAT, CAT, right={0: MASKS, 1: MASKS}),
    **arguments_of(dnb.entropy, CAT, right={0: MAPLIKE}),
    **arguments_of(dnb.center_of_mass, CAT, right={0: MAPLIKE}),
    **arguments_of(dnb.peak, CAT, right={0: MAPLIKE}),
    **arguments_of(dnb.area, CAT, threshold=0.4, right={0: MAPLIKE}),
    **arguments_of(dnb.average, [CAT],
             right={0: {"a map in a list"}, "size": NO, "label": {"text", "no text", "None"}}),
    **arguments_of(dnb.average_words, [MAPS],
             right={0: {"maps in a list"}, "size": NO, "case": {"True"}}),
    **arguments_of(dnb.average_heads, [MAPS.by_head("cat")], right={0: set()}),
    **arguments_of(maps_floor.limit_cache, 2**29, right={0: {"1", "10**30"}}),
    **arguments_of(
        RUN.at, LAYER,
        right={0: ONE_LAYER, "step": {"None", "1"}, "head": {"None", "1"},
               "token": {"None", "1"}, "word": (ONE_WORD - {"a map"}) | NO, "occurrence": NO},
    ),
    **arguments_of(recording_floor.load, "/nowhere", right={0: set()}),
    **arguments_of(recording_floor.select_layers, RUN.layers, "all",
             right={0: ONE_LAYER, 1: ONE_LAYER}),
    **arguments_of(recording_floor.Layer, "x", "down", (2, 2), 2,
             right={0: {"text", "no text"}, 1: {"text"}, 2: {"(1, 2)"}, 3: {"1"}}),
    **arguments_of(RUN.prompt.find, "cat", right={0: {"text"}, "case": {"True"}}),
    **arguments_of(RUN.prompt.token_indices, "cat", right={0: ONE_WORD - {"a map"}}),
    **arguments_of(dnb.align, RUN.prompt, RUN.prompt,
             right={0: {"a prompt"}, 1: {"a prompt"}, "words": NO}),
    **arguments_of(
        dnb.overlay, RUN, CAT,
        right={0: {"a recording", "None", "an image", "a mask image"}, 1: ONE_WORD,
               "opacity": {"1", "0.5"}, "threshold": {"None", "1", "0.5"}, "colormap": set(),
               "gray": {"True"}, "title": {"text", "no text", "None"},
               "width": {"1", "0.5", "1.5", "()"}},
    ),
    **arguments_of(
        overlay_image, RUN.image, CAT,
        right={0: {"an image", "a mask image"}, 1: {"a map"}, "size": NO, "threshold":
               {"None", "1", "0.5"}, "opacity": {"1", "0.5"}, "colormap": set()},
    ),
    **arguments_of(
        dnb.words_row, RUN,
        right={0: {"a recording", "maps"}, "scale": set(),
               "words": {"a map", "text", "a word", "None", "(0, 5)", "texts", "a map in a list",
                         "maps"}},
    ),
    **arguments_of(
        dnb.step_strip, RUN, "cat",
        right={0: {"a recording"}, 1: ONE_WORD, "occurrence": {"None", "-1"}, "steps": STEPS,
               "bins": {"None", "1", "10**30"}, "heads": HEADS, "layers": ONE_LAYER},
    ),
    **arguments_of(dnb.head_sheet, RUN, "cat",
             right={0: {"a recording"}, 1: ONE_WORD, "layers": ONE_LAYER, "scale": set()}),
    **arguments_of(dnb.token_bars, RUN,
             right={0: {"a recording", "maps"}, "measure": set(), "special": {"True"}}),
    **arguments_of(scene, 1, right={0: {"1", "10**30"}, 1: set(), "kind": NO}),
    **arguments_of(load_model, torch.float32,
             right={0: set(), "architecture": set(), "device": set(), "folder": set()}),
}  # fmt: skip
SLOW = {"load(0)": NO, "load(folder)": NO}
"""Right as well, and tested where models are loaded."""


@pytest.mark.parametrize("case", CASES)
def test_misuse_ends_in_an_error_of_ours(case: str) -> None:
    call, right = CASES[case]
    accepted = set()
    for name, value in VALUES.items():
        if name in SLOW.get(case, ()):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(value)
        except DaamError as error:
            assert len(str(error)) > 20, name
        else:
            accepted.add(name)
    assert accepted == {name for name in right if name in VALUES}


def test_a_list_a_corpus_and_an_entry_say_how_to_get_one_recording() -> None:
    said = {
        "recordings": "Take one of them, heat_maps(runs[0]), or each: [heat_maps(run) for run in",
        "a corpus": "Take one recording of it: heat_maps(corpus.recordings[0]).",
        "an entry": "It is read from disk by its load(): heat_maps(run.load()).",
        "maps": "Take the recording that they were made from: heat_maps(maps.run).",
        "a path": "open it first: heat_maps(daam_nb.load('/nowhere/at/all')).",
        "a pipeline": "Record with it first: heat_maps(generate(pipe, prompt, seed=0)).",
        "an object": "generate(pipe, prompt, seed=0) makes one, load(folder) opens one.",
    }
    for name, text in said.items():
        with pytest.raises(WrongKindError) as caught:
            dnb.heat_maps(VALUES[name])
        assert str(caught.value).startswith("heat_maps() takes a Recording, not a")
        assert text in str(caught.value)


def test_figures_say_what_they_take() -> None:
    for call, text in (
        (lambda: dnb.step_strip(MAPS, "cat"), "step_strip() takes a Recording, not a HeatMaps"),
        (lambda: dnb.step_strip("cat", RUN), "The order is step_strip(run, word)."),
        (lambda: dnb.head_sheet("cat", RUN), "The order is head_sheet(run, word)."),
        (lambda: dnb.overlay(CAT, RUN.image), "the image first, or its recording, then the map"),
        (lambda: dnb.overlay(MAPS, "cat"), "not HeatMaps: overlay(maps.run, maps.word('cat'))."),
        (
            lambda: dnb.overlay(np.zeros((8, 12, 3)), CAT),
            "PIL.Image.fromarray(array) makes one.",
        ),
        (lambda: dnb.words_row([RUN, OTHER]), "Give several one by one: words_row(*runs)."),
        (lambda: dnb.token_bars([RUN]), "token_bars() takes a Recording, not a list of 1"),
    ):
        with pytest.raises((WrongKindError, SelectionError)) as caught:
            call()  # type: ignore[no-untyped-call]
        assert text in str(caught.value)


def test_a_word_is_a_word_and_not_its_letters() -> None:
    row, listed = (dnb.words_row(RUN, words=words) for words in ("cat", ["cat"]))
    assert [panel.title for panel in row.panels] == [panel.title for panel in listed.panels]
    with pytest.raises(SelectionError, match="The choice of words is empty"):
        dnb.words_row(RUN, words=[])


def test_load_model_says_where_a_device_goes() -> None:
    for wrong, text in (
        ("cuda", "The device is another argument: load(device='cuda')."),
        (torch.device("cuda", 1), "load(device='cuda:1')."),
        ("float16", "Give the dtype itself: load(torch.float16)."),
        (torch.int8, "not torch.int8."),
    ):
        with pytest.raises(WrongKindError) as caught:
            load_model(wrong)  # type: ignore[call-overload]
        assert text in str(caught.value)


def test_an_occurrence_is_of_words_alone() -> None:
    """Where one place is named already, `occurrence` would mean nothing."""
    for word in (CAT, (2, 5), RUN.prompt.words[1]):
        with pytest.raises(SelectionError, match=r"occurrence=1 chooses among several equal words"):
            MAPS.word(word, occurrence=1)
    with pytest.raises(
        SelectionError, match="occurrence=1 chooses among several equal words: give word="
    ):
        RUN.at(LAYER, occurrence=1)
    with pytest.raises(SelectionError, match="occurrence=True: it must be"):
        MAPS.word("a", occurrence=True)


# --- arrays of maps ---------------------------------------------------------------------------


def test_an_array_of_a_map_is_its_values() -> None:
    by_hand = dnb.WordHeatMap([[0.0, 0.25], [0.5, 1.0]])
    array = np.asarray(by_hand)
    assert array.dtype == np.float32 and array.tolist() == [[0.0, 0.25], [0.5, 1.0]]
    assert np.asarray(by_hand, dtype=np.float64).dtype == np.float64
    assert np.asarray(by_hand, dtype=bool).tolist() == [[False, True], [True, True]]
    assert (np.asarray(CAT) == CAT.values.numpy()).all() and np.asarray(CAT).shape == CAT.size
    assert np.stack([CAT, MAPS.word("dog")]).shape == (2, *CAT.size)
    assert float(np.mean(by_hand)) == 0.4375  # type: ignore[call-overload]


def test_an_array_of_a_map_does_not_let_its_values_be_changed() -> None:
    by_hand = dnb.WordHeatMap(torch.ones(2, 2))
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(by_hand)[0, 0] = 5
    own = np.array(by_hand)
    own[0, 0] = 5
    own = np.asarray(by_hand, dtype=np.float64)
    own[0, 0] = 5
    by_hand.numpy()[0, 0] = 5
    assert by_hand.values.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="to float64 makes a copy"):
        by_hand.__array__(np.float64, copy=False)


def test_an_array_of_all_maps_has_to_say_of_what() -> None:
    with pytest.raises(WrongKindError, match=r"maps\.values is \(token, y, x\).*maps\.words"):
        np.asarray(MAPS)
    assert np.stack(MAPS.words).shape == (5, *MAPS.size)  # type: ignore[arg-type]
    assert (np.stack(MAPS.words)[1] == np.asarray(CAT)).all()  # type: ignore[arg-type]
    with pytest.raises(DaamError, match=r"maps\.values"):
        dnb.entropy(MAPS)
