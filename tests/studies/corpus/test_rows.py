"""Rows of a study: kept, gone on with, refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import RecordingExistsError, StudyError
from daam_nb.storage.lock import locked
from daam_nb.studies.corpus.rows import RowFile, collect, differences, plain

COLUMNS = {"name": "of the unit", "value": "a number"}
UNITS = [(f"u{i}", i) for i in range(5)]


class Measure:
    """Two rows for each unit, and which units were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, unit: int) -> list[dict[str, Any]]:
        self.asked.append(unit)
        return [{"name": f"n{unit}", "value": v} for v in (unit / 3, None)]


def test_one_row_per_observation_in_the_order_of_the_units() -> None:
    table = collect(UNITS, Measure(), columns=COLUMNS, progress=False)
    assert table["name"].tolist() == [f"n{i}" for i in range(5) for _ in "ab"]
    assert table["value"].tolist()[::2] == [i / 3 for i in range(5)]
    assert table["value"].isna().tolist() == [False, True] * 5
    assert table.attrs["columns"] == COLUMNS


def test_a_second_call_measures_nothing_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    first = collect(UNITS[:3], Measure(), columns=COLUMNS, path=path, progress=False)
    again = Measure()
    table = collect(UNITS[::-1], again, columns=COLUMNS, path=path, progress=False)
    assert again.asked == [4, 3]
    assert table["name"].tolist()[:2] == ["n4", "n4"]  # the order asked for, not that of the file
    in_memory = collect(UNITS[::-1], Measure(), columns=COLUMNS, progress=False)
    pd.testing.assert_frame_equal(table, in_memory)
    assert first["name"].tolist() == ["n0", "n0", "n1", "n1", "n2", "n2"]


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_a_torn_last_line_is_measured_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows.jsonl"
    whole = collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
    path.write_bytes(path.read_bytes()[:-cut])
    again = Measure()
    table = collect(UNITS, again, columns=COLUMNS, path=path, progress=False)
    assert again.asked == [4]
    pd.testing.assert_frame_equal(table, whole)
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_every_prefix_of_the_file_leads_to_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole = collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
    raw = path.read_bytes()
    for length in range(0, len(raw), 3):
        path.write_bytes(raw[:length])
        table = collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
        pd.testing.assert_frame_equal(table, whole)


def test_a_unit_without_rows_is_done(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    table = collect(UNITS, lambda unit: [], columns=COLUMNS, path=path, progress=False)
    assert table.empty and list(table.columns) == list(COLUMNS)
    again = Measure()
    collect(UNITS, again, columns=COLUMNS, path=path, progress=False)
    assert again.asked == []


def test_rows_of_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    collect(UNITS, Measure(), columns=COLUMNS, path=path, settings={"tau": 0.4}, progress=False)
    with pytest.raises(
        StudyError, match=r"other settings: tau: 0\.4 then, 0\.5 now\. Use the same"
    ):
        collect(UNITS, Measure(), columns=COLUMNS, path=path, settings={"tau": 0.5}, progress=False)
    with pytest.raises(StudyError, match="another version of this study"):
        collect(UNITS, Measure(), columns={"name": ""}, path=path, progress=False)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("my notes\n")
    with pytest.raises(StudyError, match="line 1, is not what a study wrote"):
        collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
    assert path.read_text() == "my notes\n"


def test_a_broken_line_in_the_middle_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
    lines = path.read_text().splitlines()
    for wrong in ("{", '{"unit": "u1"}', '{"unit": "u1", "rows": [[1]]}', "[]"):
        path.write_text("\n".join([*lines[:2], wrong, *lines[3:]]) + "\n")
        with pytest.raises(StudyError, match="line 3, is not what a study wrote"):
            collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)


def test_rows_have_the_columns_that_were_said() -> None:
    with pytest.raises(StudyError, match=r"A row of 'u0' has the columns \['name'\]"):
        collect(UNITS, lambda unit: [{"name": "x"}], columns=COLUMNS, progress=False)


def test_keys_are_their_own() -> None:
    with pytest.raises(StudyError, match="'a' occurs more than once"):
        collect([("a", 1), ("a", 2)], Measure(), columns=COLUMNS, progress=False)


def test_two_writers_at_once_are_kept_apart(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(collect.__globals__, "PATIENCE", 0.05)
    with (
        locked(tmp_path),
        pytest.raises(RecordingExistsError, match="locked by another writer"),
        RowFile.opened(tmp_path / "rows.jsonl", columns=COLUMNS, settings={}),
    ):
        pass


def test_the_bar_does_not_count_what_was_there_as_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    path = tmp_path / "rows.jsonl"
    collect(UNITS[:4], Measure(), columns=COLUMNS, path=path, progress=False)
    capsys.readouterr()
    collect(UNITS, Measure(), columns=COLUMNS, path=path, what="looking")
    shown = capsys.readouterr().err
    assert "looking:  80%" in shown and "4/5" in shown and "looking: 100%" in shown
    collect(UNITS, Measure(), columns=COLUMNS, path=path, progress=False)
    assert capsys.readouterr().err == ""


def test_values_become_what_json_gives_back() -> None:
    value = {"a": np.float32(0.5), "b": (np.int64(3), True), "c": Path("x"), "d": math.nan}
    assert plain(value, "it") == {"a": 0.5, "b": [3, True], "c": "x", "d": None}
    for wrong in (math.inf, object(), b"x", {1, 2}):
        with pytest.raises(StudyError, match="it"):
            plain(wrong, "it")


def test_differences_name_both_values() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == (
        "b: 2 then, 3 now; c: None then, 4 now"
    )
    assert differences({"a": 1}, {"a": 1}) == ""
