"""Run a study, kill it 20 times on the way (SIGKILL), and compare all it gives with a whole run's.

    python -m tests.studies.kill_study FOLDER SEED

The whole of `segmentation.study`, called as anyone calls it: the corpus is drawn, the rows are
measured, and the report is saved. Of 20 kills half come after a random time, from outside, and half
inside a write, when a random part of the bytes is in the file: of a recording, of the rows, of the
report's page, figures and tables. Children are forked, so that the libraries are loaded once.
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

from daam_nb.show.figures import saving
from daam_nb.storage import writing
from daam_nb.studies import corpus, run_study
from daam_nb.studies.corpus import rows as tables
from daam_nb.studies.corpus.captions import from_template
from daam_nb.studies.report import page as report
from tests.pipelines import sd1
from tests.studies.toy import SIZE, ToyJudge

torch.set_num_threads(1)  # threads do not survive a fork
PIPE = sd1()
CAPTIONS = from_template(
    "a {adj} cat and a {noun}",
    adj=["red", "big"],
    noun=["dog", "cat"],
)
SEEDS = range(2)
# In the order of the study, because a write that it has behind it is not made again.
ORDER = (
    *("recording", "later", "recording", "later", "recording", "later"),
    *("row", "later", "row", "later", "row", "later"),
    *("figure", "later", "report", "later", "figure", "later", "report", "later"),
)
WRITES = {
    "recording": (writing, "_write_file"),
    "row": (tables.RowFile, "_write"),
    "report": (report, "write_file"),
    "figure": (saving, "write_file"),
}
"""What is torn -> where the function stands that writes it."""

PAGE = """# A page

What people wrote.

<!-- numbers: begin -->
<!-- numbers: end -->

What they wrote below.
"""


def study(folder: Path) -> pd.DataFrame:
    """All of it, from captions to the page."""
    made = run_study(
        "attribution",
        PIPE,
        into=folder,
        captions=CAPTIONS,
        seeds=SEEDS,
        judge=ToyJudge(),
        layers={"DAAM": "mid"},
        progress=False,
        **SIZE,
    )
    made.save(folder / "results", command="the command")
    return made.observations


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
    """Have this process kill itself inside one of the writes to come."""
    owner, name = WRITES[what]
    whole = getattr(owner, name)
    left = [which]

    def half(file: Any, raw: bytes) -> None:
        file.write(raw[: max(1, min(len(raw) - 1, int(share * len(raw))))])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def torn(*args: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            whole(*args, **options)
        elif what == "row":
            file, line = args
            half(file._file, json.dumps(line).encode() + b"\n")
        elif what == "recording":
            path, raw = args
            with path.open("xb") as file:
                half(file, raw)
        else:
            path, raw = args
            beside = path.with_name(f".{path.name}.0123456789ab.part")  # as `write_file` has it
            with beside.open("wb") as file:
                half(file, raw)

    setattr(owner, name, torn)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the results, hidden ones included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main(folder: Path, seed: int) -> dict[str, Any]:
    """Kill the study as often as `ORDER` says and compare; returns how often where."""
    chance = random.Random(seed)
    whole, broken = folder / "whole", folder / "broken"
    for place in (whole, broken):
        (place / "results").mkdir(parents=True)
        (place / "results" / "attribution.md").write_text(PAGE)
    begun = time.monotonic()
    expected = study(whole)
    duration = time.monotonic() - begun
    counts = dict.fromkeys(("later", *(f"in a {what}" for what in WRITES)), 0)
    for what in ORDER:
        if what == "later":
            counts["later"] += killed_later(lambda: study(broken), chance.uniform(0, duration / 15))
            continue
        which, share = chance.randrange(2), chance.random()
        counts[f"in a {what}"] += killed_in_a_write(lambda: study(broken), which, share, what)
    found = study(broken)
    pd.testing.assert_frame_equal(found, expected)  # exact: the same dtypes, the same bits
    assert found.equals(expected)
    runs = [
        sorted(path.name for path in (one / "pictures/runs").iterdir()) for one in (whole, broken)
    ]
    assert runs[0] == runs[1]  # no image lost, none twice, no draft of a killed one left
    assert len(corpus.Corpus.open(broken / "pictures")) == len(CAPTIONS) * len(SEEDS)
    pages = [contents(one / "results") for one in (whole, broken)]
    assert list(pages[0]) == list(pages[1]), pages[1].keys() ^ pages[0].keys()
    assert pages[0] == pages[1]
    return {**counts, "rows": len(found), "pictures": len(runs[1]), "files": len(pages[1])}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
