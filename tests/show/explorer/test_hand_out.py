"""hand_out: what `to_html` writes, without any widget."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import daam_nb
from daam_nb.errors import (
    RecordingExistsError,
    SelectionError,
    UnknownOptionError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.show.explorer import hand_out
from daam_nb.show.explorer.model.container import unpack
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording

STATE = re.compile(r'<script type="application/json" id="state">(.*?)</script>', re.S)


def content(path: Path) -> Any:
    """What a page carries."""
    found = STATE.search(path.read_text(encoding="utf-8"))
    assert found is not None
    return unpack(base64.b64decode(json.loads(found[1])))


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"word": "fox", "word_b": "snow", "threshold": 0.5, "steps": slice(1, 3)},
        {"layer": 1, "head": 1, "contour": False, "colormap": "viridis", "show_pieces": True},
        {"layers": "all", "region": [(0.1, 0.1), (0.1, 0.5), (0.5, 0.5)], "playing": True},
    ],
)
def test_it_is_what_an_explorer_with_these_choices_writes(
    tmp_path: Path, choices: dict[str, Any]
) -> None:
    run = tiny_recording(TEXT, steps=5)
    path = hand_out(run, tmp_path / "out.html", parser=False, **choices)
    opened(run, **choices).to_html(tmp_path / "widget.html")
    same = path.read_bytes() == (tmp_path / "widget.html").read_bytes()
    assert same  # of pages so long no difference is worked out


def test_a_hand_out_does_not_play_by_itself(tmp_path: Path) -> None:
    header, _ = content(hand_out(daam_nb.sample(), tmp_path / "p.html", parser=False, playing=True))
    assert header["traits"]["playing"] is False


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"threshold": 2}, SelectionError, r"threshold: a number from 0 to 1 is expected, not 2"),
        ({"layer": 0, "head": 9}, SelectionError, "has no head 9"),
        ({"steps": slice(7, 9)}, SelectionError, "steps"),
        ({"word": "zebra"}, WordNotFoundError, "zebra"),
        ({"word_b": "zebra"}, WordNotFoundError, "word_b: .*zebra"),
        ({"tresholds": 0.5}, UnknownOptionError, "threshold"),
        ({"layout": {}}, UnknownOptionError, "layout"),
        ({"negative": "no"}, WrongKindError, "negative"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, choices: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        hand_out(tiny_recording(TEXT), tmp_path / "page.html", parser=False, **choices)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        hand_out(tiny_recording(TEXT), path)
    assert path.read_text() == "mine"
    hand_out(tiny_recording(TEXT), path, parser=False, overwrite=True)
    assert content(path)


WITHOUT = """
import sys
for package in ("ipywidgets", "anywidget", "traitlets"):
    sys.modules[package] = None  # an import of it fails, as where it is not installed
from daam_nb.cli import main
code = main(["open", {folder!r}, "--html", {page!r}, "--quiet"])
assert not [name for name in sys.modules if name.startswith(("IPython", "jupyter"))]
sys.exit(code)
"""


def test_it_needs_no_widgets(tmp_path: Path) -> None:
    daam_nb.sample().save(tmp_path / "run")
    page = tmp_path / "out.html"
    code = WITHOUT.format(folder=str(tmp_path / "run"), page=str(page))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    daam_nb.explore(daam_nb.sample()).to_html(tmp_path / "widget.html")
    assert content(page) == content(tmp_path / "widget.html")
