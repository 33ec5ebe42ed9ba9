"""explore(): its options, and what it says where a package is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import daam_nb
from daam_nb.errors import (
    AmbiguousWordError,
    MissingExtraError,
    SelectionError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.show.explorer import Comparison, Explorer, explore
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording


def test_it_stands_at_the_top_level() -> None:
    assert daam_nb.explore is explore
    assert isinstance(daam_nb.explore(tiny_recording(TEXT), parser=False), Explorer)


def test_begins_with_what_was_asked_for() -> None:
    explorer = opened(
        tiny_recording(TEXT, steps=6),
        layers=["up"],
        recommended="down",
        word="snow",
        steps=slice(0, 3),
        threshold=0.7,
        word_b="fox",
    )
    assert explorer.words[explorer.word].text == "snow"
    assert (explorer.choice, explorer.steps, explorer.threshold) == ("given", (0, 1, 2), 0.7)
    assert list(explorer._facts["choices"]) == ["paper", "all", "recommended", "given"]
    assert explorer.iou is not None


def test_what_cannot_be_is_said() -> None:
    run = tiny_recording("a cat and a dog")
    with pytest.raises(AmbiguousWordError):
        explore(run, word="a")
    with pytest.raises(WordNotFoundError):
        explore(run, word="fox")
    with pytest.raises(SelectionError, match="takes a Recording"):
        explore(run.image)  # type: ignore[call-overload]
    with pytest.raises(Exception, match="steps"):
        explore(run, steps=slice(99, None))


@pytest.mark.parametrize("package", ["ipywidgets", "anywidget"])
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*daam_nb\[widgets\]") as caught:
        explore(tiny_recording(TEXT))
    assert caught.value.extra == "widgets"


def test_names_that_are_not_there() -> None:
    import daam_nb.show.explorer as package

    assert package.Comparison is Comparison
    with pytest.raises(AttributeError, match="no attribute 'explorer'"):
        package.explorer  # noqa: B018


def test_importing_it_loads_no_widgets_no_parser_and_no_pipeline() -> None:
    code = (
        "import sys, daam_nb.show.explorer\n"
        "heavy = {'ipywidgets', 'anywidget', 'spacy', 'diffusers', 'transformers', 'plotly',"
        " 'pandas', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def test_opening_a_loaded_recording_needs_no_diffusers() -> None:
    code = (
        "import sys\n"
        "for name in ('diffusers', 'transformers', 'tokenizers'): sys.modules[name] = None\n"
        "import daam_nb\n"
        "explorer = daam_nb.explore(daam_nb.sample(), parser=False)\n"
        "explorer.choose(steps=(0, 1), head=1)\n"
        "print(explorer.status)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "head 1 of the 6 layers" in made.stdout


def test_the_negative_prompts_words_are_shown_for_true_alone() -> None:
    for value in ("no", 1, None):
        with pytest.raises(WrongKindError, match="negative= must be True or False"):
            opened(negative=value)
