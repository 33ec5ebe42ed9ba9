"""The whole training, end to end, in its short mode: losses fall, files load, images come out."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from training.__main__ import STAGES

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 180.0


def test_from_nothing_to_files_that_load_in_under_three_minutes(tmp_path: Path) -> None:
    start, spent = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "training", "all", "--short", "--work", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.monotonic() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
    print(f"{taken:.0f} s, {processor:.0f} s of them on a processor")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(next(x for x in done.stdout.splitlines() if x.startswith('{"vae"')))
    # `check` itself raises where a loss did not fall by a tenth; here its word is checked.
    for stage in ("vae", "diffusion", "judge"):
        lines = (tmp_path / f"{stage}.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in lines]
        assert report[stage] == [losses[0], losses[-1]] and losses[-1] < 0.9 * losses[0], stage
    assert report["picture"] == [64, 64]
    assert (tmp_path / "weights" / "card.json").exists()
    assert (tmp_path / "judge" / "judge.safetensors").exists()
    # Tests beside this one lengthen the wall's time, hardly the processor's.
    assert processor < LIMIT_SECONDS and taken < 2 * LIMIT_SECONDS
    assert STAGES[-1] == "check"
