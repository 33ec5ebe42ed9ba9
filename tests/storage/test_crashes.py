from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked child")
@pytest.mark.parametrize(
    ("scenario", "at_least"),
    [("fresh", 100), ("replaced", 150), ("half_written", 6), ("interrupted", 150)],
)
def test_killed_anywhere_the_old_or_the_new_opens_whole(
    tmp_path: Path, scenario: str, at_least: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.kill_everywhere", scenario, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= at_least
