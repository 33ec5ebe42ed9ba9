"""A study killed at random moments gives the table of an unbroken one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from daam_nb.studies.report.page import Report

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_killed_20_times_10_of_them_inside_a_write_all_is_the_same(tmp_path: Path) -> None:
    """The table, the recordings, and every file of the report."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.studies.kill_study", str(tmp_path), "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    later = counts.pop("later")
    assert (counts.pop("pictures"), counts.pop("files")) == (8, 7)
    assert counts.pop("rows") > 0
    # Each kind of write was torn at least once. (A study that was done before its kill is no kill.)
    assert all(counts.values()) and sum(counts.values()) >= 8
    assert later + sum(counts.values()) >= 18


def test_a_saved_report_clears_only_what_a_killed_one_left(tmp_path: Path) -> None:
    numbers = pd.DataFrame({"n": [1]})
    made = Report("name", "Title", numbers, {"Table": numbers}, {})
    (tmp_path / "name").mkdir()
    left = [tmp_path / ".name.md.0123456789ab.part", tmp_path / "name/.a.csv.0123456789ab.part"]
    others = [tmp_path / ".other.md.0123456789ab.part", tmp_path / "name/.mine.part"]
    for path in (*left, *others):
        path.write_text("half")
    made.save(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
