"""Corpora that lost files, lie where nothing can be written, or were written by a stranger."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import FileAccessError, RecordingVersionError, StudyError
from daam_nb.studies import corpus
from daam_nb.studies.corpus import runs
from daam_nb.studies.corpus.rows import RowFile
from daam_nb.studies.report.csv_cells import original
from daam_nb.studies.report.page import Report
from tests.pipelines import sd1
from tests.storage.contents import resign
from tests.studies.toy import SIZE


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


@pytest.fixture(scope="module")
def template(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "c"
    corpus.generate(pipe, ["a cat", "a dog"], [0], into=folder, progress=False, **SIZE)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "c"))


def test_opening_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on storage that can only be read, where opening for writing fails for root, too."""
    opened = Path.open

    def read_only(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if set(mode) & set("wax+"):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", read_only)
    monkeypatch.setattr(os, "mkdir", lambda *_: (_ for _ in ()).throw(OSError(30, "Read-only")))
    found = corpus.Corpus.open(folder)
    assert [run.facts["prompt"] for run in found] == ["a cat", "a dog"]
    assert found[1].load().prompt.text == "a dog"
    rows = RowFile.opened(folder / "studies" / "x.jsonl", columns={"a": ""}, settings={})
    with pytest.raises(FileAccessError, match="is read-only: choose another folder"):
        rows.__enter__()


def test_a_line_that_is_being_written_is_left_out(folder: Path) -> None:
    with (folder / "list.jsonl").open("ab") as file:
        file.write(b'{"unit": "half')
    before = (folder / "list.jsonl").read_bytes()
    assert len(corpus.Corpus.open(folder)) == 2
    assert (folder / "list.jsonl").read_bytes() == before


@pytest.mark.parametrize("loss", ["arrays", "image", "json", "cut"])
def test_a_recording_that_lost_files_is_made_again(pipe: Any, folder: Path, loss: str) -> None:
    run = corpus.Corpus.open(folder)[0]
    whole = run.load()
    pixels, place = whole.image.tobytes(), Path(run.source)
    arrays = next(place.glob("arrays-*"))
    if loss == "cut":
        os.truncate(arrays, arrays.stat().st_size - 1)
    else:
        pattern = {"arrays": "arrays-*", "image": "image-*", "json": "recording.json"}[loss]
        next(place.glob(pattern)).unlink()
    left = sorted(file.name for file in place.iterdir())
    with pytest.warns(UserWarning, match="1 of 2 recordings .* are damaged and left out"):
        found = corpus.Corpus.open(folder)
    assert (len(found), found.missing) == (1, 1)
    with pytest.warns(UserWarning, match="is damaged and is made again; its remains are in"):
        again = corpus.generate(pipe, ["a cat", "a dog"], [0], into=folder, progress=False, **SIZE)
    assert again[0].load().image.tobytes() == pixels
    (aside,) = (folder / "damaged").iterdir()
    assert sorted(file.name for file in aside.iterdir()) == left
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert corpus.Corpus.open(folder).missing == 0


def test_a_recording_of_a_later_version_is_not_made_again(pipe: Any, folder: Path) -> None:
    place = Path(corpus.Corpus.open(folder)[0].source)
    resign(place, lambda found: found.update(version=3))
    with pytest.raises(RecordingVersionError, match="version 3 of the format"):
        corpus.generate(pipe, ["a cat", "a dog"], [0], into=folder, progress=False, **SIZE)
    assert place.is_dir() and not (folder / "damaged").exists()


@pytest.mark.parametrize("key", ["../../elsewhere", "/etc", "a-cat.0.000000000000"])
def test_a_strangers_list_leads_nowhere_else(folder: Path, key: str) -> None:
    lines = (folder / "list.jsonl").read_text().splitlines()
    entry = json.loads(lines[1]) | {"unit": key}
    (folder / "list.jsonl").write_text("\n".join([lines[0], json.dumps(entry), ""]))
    with pytest.raises(StudyError, match=r"which is not the key of that prompt and seed"):
        corpus.Corpus.open(folder)


def test_a_full_disk_costs_no_row_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"text": "what"}
    path = tmp_path / "rows.jsonl"
    write = os.write
    with RowFile.opened(path, columns=columns, settings={}) as file:
        file.append("one", [{"text": "1"}])
        left = [20]

        def full(descriptor: int, content: Any) -> int:
            taken = min(left[0], len(content))
            if not taken:
                raise OSError(28, "No space left on device")
            left[0] -= taken
            return write(descriptor, content[:taken])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(FileAccessError, match=r"rows\.jsonl could not be written.*full"):
            file.append("two", [{"text": "2" * 50}])
        monkeypatch.undo()
        file.append("three", [{"text": "3"}])
    assert list(RowFile.read(path, columns=columns, settings={}).rows) == ["one", "three"]


def test_no_cell_of_a_report_begins_a_formula(tmp_path: Path) -> None:
    import pandas as pd

    evil = "=cmd|' /C calc'!A0"
    shown = pd.DataFrame({"word": [evil, "cat"], "-mean": [-0.5, 0.25], "p": ["-1.5", "@x"]})
    page = Report("toy", "Toy", shown, {"Words": shown}, {}, {}).save(tmp_path)
    lines = (page.parent / "toy" / "table-1.csv").read_text().splitlines()
    assert lines == ["word,'-mean,p", f"'{evil},-0.5,-1.5", "cat,0.25,'@x"]
    assert original(f"'{evil}") == evil


def test_runs_says_what_is_there(folder: Path) -> None:
    run = corpus.Corpus.open(folder)[0]
    assert runs.is_there(run) and runs.damage(run) == ""
    shutil.rmtree(run.source)
    assert not runs.is_there(run) and runs.damage(run) == ""
