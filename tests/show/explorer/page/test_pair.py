"""A comparison has in Python what an explorer has: its names, choices, and files of both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
import traitlets
from PIL import Image

from daam_nb.errors import ReadOnlyError, RecordingExistsError
from daam_nb.show.explorer import Comparison, Explorer, explore
from daam_nb.show.explorer.controls import CHOICES
from daam_nb.show.explorer.page.comparing import first_shared
from daam_nb.show.explorer.page.widget import Explorer as Widget
from tests.tiny_recordings import tiny_recording


@pytest.fixture
def both() -> Comparison:
    runs = tiny_recording("a red fox", seed=0), tiny_recording("a red cat", seed=1)
    return explore(*runs, parser=False)


def test_a_comparison_has_every_public_name_of_an_explorer(both: Comparison) -> None:
    assert Explorer is Widget
    names = {name for name in dir(Explorer) if not name.startswith("_")}
    assert names - {name for name in dir(Comparison) if not name.startswith("_")} == set()
    assert all(both.has_trait(name) for name in CHOICES)
    for name in names - {"widgets", "widget_types"}:
        getattr(both, name)


def test_choices_are_traits_of_a_that_b_follows(both: Comparison) -> None:
    heard: list[object] = []
    both.observe(lambda change: heard.append(change["new"]), "threshold")
    both.threshold = 0.7
    assert (both.left.threshold, both.right.threshold, heard) == (0.7, 0.7, [0.7])
    both.right.threshold = 0.2
    assert (both.threshold, both.left.threshold) == (0.2, 0.2)
    both.word = "fox"
    assert [words[side.word].text for words, side in zip(both.words, both.sides, strict=True)] == [
        "fox",
        "cat",
    ]
    both.choose(layer=1, head=1)
    assert (both.head, both.right.head) == (1, 1)
    both.save_selection("one head")
    both.choose(layer=-1, head=-1)
    both.select("one head")
    assert (both.right.layer, both.right.head, list(both.selections)) == (1, 1, ["one head"])
    both.delete_selection("one head")
    both.heads = [0, 1]
    assert (both.head, both.right.heads) == (-1, (0, 1))


def test_what_cannot_be_is_refused_and_nothing_changes(both: Comparison) -> None:
    with pytest.raises(traitlets.TraitError):
        both.head = 99
    assert (both.head, both.left.head, both.right.head) == (-1, -1, -1)
    for name in ("peak", "run", "status"):
        with pytest.raises(ReadOnlyError):
            setattr(both, name, 1)


def test_results_are_pairs(both: Comparison) -> None:
    assert both.run == (both.left.run, both.right.run)
    assert both.peak == (both.left.peak, both.right.peak)
    assert both.selection == (both.left.selection, both.right.selection)
    assert both.words_at(0.5, 0.5) == (both.left.words_at(0.5, 0.5), both.right.words_at(0.5, 0.5))
    assert both.left.status in both.status
    assert both.right.status in both.status
    told: list[object] = []
    stop = both.on_word(told.append)
    both.word = "fox"
    stop()
    both.word = "a"
    assert [str(word.text) for word in told] == ["fox"]  # type: ignore[attr-defined]


def test_files_hold_both(both: Comparison, tmp_path: Path) -> None:
    overlays = [tmp_path / "a.png", tmp_path / "b.png"]
    for side, path in zip(both.sides, overlays, strict=True):
        side.to_png(path, what="mask")
    both.to_png(tmp_path / "both.png", what="mask")
    widths = [Image.open(path).width for path in (*overlays, tmp_path / "both.png")]
    assert widths[2] > widths[0] + widths[1]
    frame = both.to_frame()
    assert list(frame["recording"].unique()) == ["A", "B"]
    assert len(frame) == sum(len(side.to_frame()) for side in both.sides)
    assert frame.attrs["B"]["prompt"] == "a red cat"
    pages = both.to_html(tmp_path / "fox.html")
    assert [page.name for page in pages] == ["fox-A.html", "fox-B.html"]
    assert all(page.is_file() for page in pages)
    pages[0].unlink()
    with pytest.raises(RecordingExistsError):
        both.to_html(tmp_path / "fox.html")
    assert not pages[0].exists()
    moving = both.to_animation(tmp_path / "fox.gif")
    assert [path.name for path in moving] == ["fox-A.gif", "fox-B.gif"]
    assert len(both.to_figure()) == 2
    assert both.still_png() is not None


def test_it_opens_on_a_word_that_both_have() -> None:
    runs = tiny_recording("the fox in snow"), tiny_recording("a cat in snow")
    both = explore(*runs, parser=False)
    assert [side.words[side.word].text for side in both.sides] == ["snow", "snow"]
    chosen = explore(*runs, parser=False, word="snow")
    chosen.word = "fox"
    assert [side.words[side.word].text for side in chosen.sides] == ["fox", "cat"]
    assert "same place of both prompts" in chosen.note
    assert first_shared(chosen.left.words[:2], chosen.right.words) is None
