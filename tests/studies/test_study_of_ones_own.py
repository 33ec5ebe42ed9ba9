"""A study in a package of its own: found by its entry point, killed, gone on with, its page."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import DaamError, StudyError
from daam_nb.studies import CaptionOptions, Study, option, register_study, study_names
from daam_nb.studies.options import StudyOptions, options_of

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "docs" / "add-a-study.md"
KILL = """
        import os, signal

        type(self).begun = getattr(type(self), "begun", 0) + 1
        if type(self).begun > int(os.environ.get("KILL_AFTER", "99")):
            os.kill(os.getpid(), signal.SIGKILL)
"""
"""Inside `measure`: the process dies in the recording after so many."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's study, installed as pip installs it, with a switch that kills it."""
    root = tmp_path_factory.mktemp("packages")
    options, study, *_ = re.findall(r"^```python\n(.*?)^```$", RECIPE.read_text(), re.M | re.S)
    study = study.replace("    def measure(self, run):\n", f"    def measure(self, run):{KILL}", 1)
    (root / "compactness").mkdir()
    (root / "compactness" / "__init__.py").write_text(options + "\n" + study)
    about = root / "compactness-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: compactness\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[daam_nb.studies]\ncompactness = compactness:Compactness\n"
    )
    return root


def daam_nb(package: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(package), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "daam_nb", "study", *argv],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_listed_and_its_option_is_a_flag(package: Path) -> None:
    listed = daam_nb(package, "--help").stdout
    assert "compactness    how much of an image does half" in listed
    shown = " ".join(daam_nb(package, "compactness", "--help").stdout.split())
    assert "--share X" in shown and "counts as its core" in shown and "(default: 0.5)" in shown
    wrong = daam_nb(package, "compactness", "--into", "x", "--share", "1.5")
    assert wrong.returncode == 2 and "it must be a number from 0 to 1" in wrong.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_killed_it_goes_on_and_writes_its_page(package: Path, tmp_path: Path) -> None:
    argv = ("compactness", "--into", str(tmp_path / "runs"), "--images", "3", "-n", "2", "-q")
    killed = daam_nb(package, *argv, KILL_AFTER="2")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [rows] = (tmp_path / "runs").glob("pictures/studies/compactness-*/rows.jsonl")
    before = rows.read_bytes()
    assert len(before.splitlines()) == 1 + 2  # its header, and two recordings
    done = daam_nb(package, *argv)
    assert done.returncode == 0, done.stderr
    after = rows.read_bytes()
    assert after.startswith(before) and len(after.splitlines()) == 1 + 3
    assert len({json.loads(line)["unit"] for line in after.splitlines()[1:]}) == 3
    page = (tmp_path / "runs" / "compactness.md").read_text()
    assert "| share | 0.500 |" in page and "### By word" in page
    assert (tmp_path / "runs" / "compactness" / "words.png").stat().st_size > 0
    again = daam_nb(package, *argv, KILL_AFTER="0")  # nothing is left to be measured
    assert again.returncode == 0 and rows.read_bytes() == after


# --- what is refused when a study is registered ---------------------------------------------------


class Whole(Study[CaptionOptions]):
    name = "whole"
    question = "is it whole?"
    columns = {"run": "the recording"}  # noqa: RUF012

    def measure(self, unit: Any) -> list[dict[str, Any]]:
        return [{"run": unit.key}]


@dataclass(frozen=True, kw_only=True)
class Taken(StudyOptions):
    model: str | None = option(None, "a model")


@dataclass(frozen=True, kw_only=True)
class Silent(StudyOptions):
    share: float = 0.5


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ({"name": "two words"}, "name is 'two words'"),
        ({"name": "attribution"}, "already a study 'attribution' in daam_nb"),
        ({"question": " "}, "question is empty"),
        ({"columns": {}}, "columns lacks 'run'"),
        ({"measure": Study.measure}, "has no method measure"),
        ({"options_type": dict}, "inherits StudyOptions"),
        ({"options_type": Taken}, "typed --model, which the program itself uses"),
        ({"options_type": Silent}, "'share' of Silent has no description"),
    ],
)
def test_what_cannot_be_run_is_refused(lacking: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        register_study(type("Half", (Whole,), lacking))
    assert "whole" not in study_names()


@dataclass(frozen=True, kw_only=True)
class Several(StudyOptions):
    count: int = option(2, "a count", low=1, high=9)
    share: float | None = option(None, "a share", low=0, high=1)
    words: tuple[str, ...] = option((), "words")
    fast: bool = option(False, "a switch")


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"count": True}, {"count": 2.5}, {"share": 1.01}, {"share": "0.5"},
              {"share": float("nan")}, {"words": [1]}, {"fast": 1}, {"count": None}],
    ids=str,
)  # fmt: skip
def test_an_option_is_checked_when_it_is_given(wrong: dict[str, Any]) -> None:
    with pytest.raises(DaamError):
        Several(**wrong)


def test_what_is_typed_is_what_is_given() -> None:
    by_name = {each.name: each for each in options_of(Several)}
    assert by_name["words"].read("a,b") == ("a", "b") == Several(words=["a", "b"]).words  # type: ignore[arg-type]
    assert by_name["count"].read("3") == 3 and by_name["share"].read("0.25") == 0.25
    with pytest.raises(DaamError, match="'x' is not a whole number from 1 to 9"):
        by_name["count"].read("x")
    assert [each.flag for each in options_of(Several)][2:] == [
        "--count", "--share", "--words", "--fast",
    ]  # fmt: skip
