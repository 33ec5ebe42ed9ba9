"""Run a study, kill it 20 times on the way (SIGKILL), and compare its table with a whole run's.

    python -m tests.studies.kill_study FOLDER SEED

Half of the kills come after a random time, from outside; half inside a write, when a random part
of the bytes is in the file. Children are forked, so that the libraries are loaded once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from daam_nb.storage import writing
from daam_nb.studies import corpus, segmentation, tables
from daam_nb.studies.readers import from_template
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge

torch.set_num_threads(1)  # threads do not survive a fork
PIPE = sd1()
CAPTIONS = from_template(
    "a {adj} cat and a {noun}",
    adj=["red", "big"],
    noun=["dog", "cat"],
)
SEEDS = range(4)


def draw(folder: Path) -> None:
    corpus.generate(PIPE, CAPTIONS, SEEDS, into=folder / "pictures", progress=False, **SIZE)


def study(folder: Path) -> pd.DataFrame:
    report = segmentation.study(
        PIPE, into=folder, captions=CAPTIONS, seeds=SEEDS, judge=ToyJudge(), progress=False, **SIZE
    )
    return report.observations


def killed_later(work: Callable[[], Any], seconds: float) -> bool:
    """Whether the kill came before the work was done."""
    child = _fork(work)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_in_a_write(work: Callable[[], Any], which: int, share: float, what: str) -> bool:
    """Killed inside write number `which` (from 0), when a share of its bytes is in the file."""

    def torn() -> None:
        _tear(which, share, what)
        work()

    child = _fork(torn)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _fork(work: Callable[[], Any]) -> int:
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        finally:  # whatever happens, the child does not go on as its parent
            traceback.print_exc()
            os._exit(1)
    return child


def _tear(which: int, share: float, what: str) -> None:
    left = [which]

    def half(file: Any, raw: bytes) -> None:
        file.write(raw[: max(1, min(len(raw) - 1, int(share * len(raw))))])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def row(self: Any, line: Any, *, sync: bool = True) -> None:
        left[0] -= 1
        if left[0] < 0:
            half(self._file, json.dumps(line).encode() + b"\n")
        whole_row(self, line, sync=sync)

    def part(path: Path, raw: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            with path.open("xb") as file:
                half(file, raw)
        whole_part(path, raw)

    whole_row, whole_part = tables.RowFile._write, writing._write_file
    if what == "row":
        tables.RowFile._write = row  # type: ignore[method-assign]
    else:
        writing._write_file = part


def main(folder: Path, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    begun = time.monotonic()
    draw(folder / "whole")
    drawn = time.monotonic() - begun
    expected = study(folder / "whole")
    measured = time.monotonic() - begun - drawn
    broken = folder / "broken"
    counts = {"later": 0, "in a row": 0, "in a recording": 0}

    def kills(work: Callable[[], Any], duration: float, what: str) -> None:
        for _ in range(5):
            counts["later"] += killed_later(work, chance.uniform(0, duration / 12))
            name = f"in a {what}"
            counts[name] += killed_in_a_write(work, chance.randrange(2), chance.random(), what)

    kills(lambda: draw(broken), drawn, "recording")
    draw(broken)
    kills(lambda: study(broken), measured, "row")
    found = study(broken)
    pd.testing.assert_frame_equal(found, expected)  # exact: the same dtypes, the same bits
    assert found.equals(expected)
    pictures = sorted(path.parent.name for path in broken.glob("pictures/runs/*/recording.json"))
    assert pictures == sorted(path.name for path in (folder / "whole/pictures/runs").iterdir())
    assert len(corpus.Corpus.open(broken / "pictures")) == len(CAPTIONS) * len(SEEDS)
    return {**counts, "rows": len(found), "pictures": len(pictures)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
