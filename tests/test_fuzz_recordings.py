"""The quick part of `scripts.fuzz_recordings`; the long one is a command."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from scripts.fuzz_recordings import Verdict, judged, summary
from scripts.fuzzing.mutations import LARGEST, _bytes, _lists, mutate
from scripts.fuzzing.originals import originals

QUICK = range(100_000, 100_040)
BEFORE = {
    50: "half a character in a name, and the hand-out could not be written",
    340: "more tokens than any text encoder reads",
    3341: "a text of joined signs where a span should be",
    4255: "a prompt of Chinese signs, and a text where a span should be",
    5336: "a sparse image file, which the fuzzer itself read whole",
}
"""Seeds that failed once, and what was wrong or what they hold."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    originals(folder)
    return folder


def test_every_original_opens(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.fuzz_recordings.mutate", lambda folder, draw: iter(()))
    verdicts = [judged(seed, source, tmp_path / "case") for seed in range(6)]
    assert {verdict.outcome for verdict in verdicts} == {"opened"}, summary(verdicts)


def test_strangers_recordings_open_or_are_refused(source: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    verdicts = []
    for seed in (*BEFORE, *QUICK):
        verdicts.append(judged(seed, source, tmp_path / "case"))
        if time.monotonic() - began > 10:
            break
    assert not [one for one in verdicts if one.outcome == "failed"], summary(verdicts)
    assert len(verdicts) > 5


def test_what_is_wrong_is_noticed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, work: Path) -> None:
        raise KeyError("a foreign one")

    monkeypatch.setattr("scripts.fuzz_recordings._WAYS", {"broken": broken})
    verdict = judged(3, source, tmp_path / "case")
    assert verdict.outcome == "failed" and "KeyError: 'a foreign one'" in verdict.problem
    assert "seed 3: " in summary([verdict, Verdict(4, (), "opened")])


def test_a_seed_makes_the_same_changes(source: Path, tmp_path: Path) -> None:
    import shutil

    said = []
    for name in ("a", "b"):
        shutil.copytree(source / "steps", tmp_path / name)
        said.append(list(mutate(tmp_path / name, random.Random(7))))
    assert said[0] == said[1]


def test_files_too_large_to_be_changed_are_left(tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    file.touch()
    os.truncate(file, LARGEST + 1)
    with pytest.raises(OSError, match="too large to be changed"):
        _bytes(file)


def test_lists_in_lists_are_found_soon() -> None:
    deep: list[object] = [1] * 300_000
    for _ in range(900):
        deep = [deep]
    began = time.process_time()
    paths = _lists({"a": {"b": [1, [2]]}, "deep": deep})
    assert paths[:3] == [("a", "b"), ("a", "b", 1), ("deep",)] and len(paths) == 903
    assert time.process_time() - began < 2
