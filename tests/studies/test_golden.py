"""Folders that the version before studies had folders of their own made: read, and gone on with.

``golden/runs`` was made by the calls below with that version (recordings of format 1, its rows),
and the CSV files are the main tables that it gave. Nothing of it may be measured or drawn again.
"""

from __future__ import annotations

import functools
import hashlib
import io
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from daam_nb.studies import run_study
from daam_nb.studies.corpus import rows
from daam_nb.studies.corpus.fingerprints import fingerprint
from daam_nb.studies.oracles import FolderTruth, JudgeTruth, RatedPresence
from daam_nb.studies.report import Report
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge

RUNS = Path(__file__).parent / "golden" / "runs"
CAPTIONS = ["a red cat and a dog", "a dog"]
MADE_WITH = {"torch": "2.13.0", "diffusers": "0.42.1", "transformers": "5.23.0"}


class GoldenJudge(ToyJudge):
    """Says what it is itself, so that its rows are the same with every Python."""

    names = ("background", "cat", "dog", "car", "bus")

    def fingerprint(self) -> dict[str, float]:
        return {"toy": self.least}


JUDGE = GoldenJudge()
CLASSES = {"pet": ["cat", "dog"], "thing": ["car", "bus"]}
OPTIONS: dict[str, dict[str, Any]] = {
    "attribution": {"captions": CAPTIONS, "judge": JUDGE},
    "visuosyntax": {"captions": CAPTIONS, "parser": "caption_parser"},
    "cohyponyms": {"nouns": CLASSES, "judge": JUDGE, "images": 3},
    "adjectives": {"nouns": ["cat"], "adjectives": ["red", "blue"], "judge": JUDGE, "images": 8},
    "faithfulness": {
        "captions": CAPTIONS, "judge": JUDGE, "head_images": 1, "curve_images": 1,
    },
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUNS, tmp_path / "runs"))


def study(name: str, pipe: Any, folder: Path) -> Report:
    into = folder / "adjectives" if name == "adjectives" else folder
    return run_study(name, pipe, into=into, progress=False, **OPTIONS[name], **SIZE)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("measured or drawn again")


def check(name: str, pipe: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)
    monkeypatch.setattr(rows.RowFile, "append", refuse)
    main = study(name, pipe, folder).main()
    assert contents(folder) == before
    then = pd.read_csv(io.StringIO((folder / f"{name}.csv").read_text(encoding="utf-8")))
    now = pd.read_csv(io.StringIO(main.to_csv(index=False)))
    pd.testing.assert_frame_equal(now, then)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "adjectives"])
def test_what_was_measured_is_recognized(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(name, None, folder, monkeypatch)


@pytest.mark.skipif(
    {name: version(name).partition("+")[0] for name in MADE_WITH} != MADE_WITH,
    reason="another version has other options and other weights: it is another model",
)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_study_goes_on(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, sd1(), folder, monkeypatch)


def test_a_class_that_moved_keeps_its_name_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the test above would measure again."""
    kinds: dict[str, Callable[..., Any]] = {
        "daam_nb.studies.truths.JudgeTruth": JudgeTruth,
        "daam_nb.studies.truths.FolderTruth": FolderTruth,
        "daam_nb.studies.presence.RatedPresence": RatedPresence,
    }
    assert {name: fingerprint(kind) for name, kind in kinds.items()} == {
        name: name for name in kinds
    }
    partial = functools.partial(JudgeTruth, JUDGE)
    assert fingerprint(partial)[0] == "daam_nb.studies.truths.JudgeTruth"
