"""A study killed at random moments gives the table of an unbroken one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_killed_20_times_10_of_them_inside_a_write_the_table_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.studies.kill_study", str(tmp_path), "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert counts["in a row"] + counts["in a recording"] >= 5
    assert counts["later"] + counts["in a row"] + counts["in a recording"] == 20
    assert counts["pictures"] == 16
