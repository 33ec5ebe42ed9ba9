"""One rater's file: torn, edited, foreign, written by two at once, killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from daam_nb.errors import FileAccessError, StudyError
from daam_nb.studies import rating
from daam_nb.studies.rating import answers as rating_log
from daam_nb.studies.rating.answers import AnswerFile, columns_of, read_answers
from tests.studies.rating.raters import press, words

PROMPT = 'a "red"\nfox, and\r\nmore é'
COLUMNS = list(columns_of({"prompt": "its text"}))


def opened(path: Path, *, rater: str = "anna", items: tuple[str, ...] = ("i1", "i2", "i3")) -> Any:
    return AnswerFile(
        path, rater=rater, columns=COLUMNS, items=items, answers=("1", "5"), max_lines=2
    )


def give(file: Any, item: str, answer: str = "5", prompt: str = PROMPT) -> None:
    file.append(item, answer=answer, reason="", seconds=1.0, facts={"prompt": prompt})


def filled(path: Path, *answers: str) -> bytes:
    """A file with these answers, in the order of the items."""
    file = opened(path)
    for item, answer in zip(("i1", "i2", "i3"), answers, strict=False):
        give(file, item, answer)
    return path.read_bytes()


def test_a_row_is_on_the_disk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "anna.csv"
    file = opened(path)
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(path.stat().st_size), real(fd))[1])
    give(file, "i1")
    assert synced == [path.stat().st_size]  # after the row was written, before the call ended
    [row] = read_answers(path)
    assert (row["prompt"], row["answer"], row["number"]) == (PROMPT, "5", "1")


@pytest.mark.parametrize("answers", [(), ("5",), ("5", "1")])
def test_torn_anywhere_only_the_torn_row_is_lost(tmp_path: Path, answers: tuple[str, ...]) -> None:
    path = tmp_path / "anna.csv"
    whole = filled(path, *answers)
    before = len(filled(tmp_path / "other.csv", *answers[:-1])) if answers else 0
    for cut in range(before, len(whole)):
        path.write_bytes(whole[:cut])
        file = opened(path)
        # All but its line's end is there: then nothing is lost.
        complete = bool(answers) and cut >= len(whole) - 2
        assert [row["answer"] for row in file.rows] == list(answers if complete else answers[:-1])
        give(file, "i3", "1")
        assert [row["answer"] for row in read_answers(path)][-1] == "1"
        assert len(read_answers(path)) == len(file.rows)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ('a "red" fox', r"anna\.csv is damaged at byte \d+: a quotation mark"),
        (PROMPT, r"anna\.csv is not a CSV file in UTF-8 \("),
    ],
)
def test_a_file_torn_in_the_middle_is_left_alone(tmp_path: Path, prompt: str, text: str) -> None:
    path = tmp_path / "anna.csv"
    file = opened(path)
    for item in ("i1", "i2", "i3"):
        give(file, item, prompt=prompt)
    damaged = path.read_bytes().replace(b'"a ""red""', b'"a "red""', 1)
    path.write_bytes(damaged)
    with pytest.raises(StudyError, match=text):
        opened(path)
    assert path.read_bytes() == damaged


def test_what_a_spreadsheet_does_to_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    whole = filled(path, "5", "1")
    for changed in (b"\xef\xbb\xbf" + whole, whole.replace(b"\r\n", b"\n"), whole[:-2]):
        path.write_bytes(changed)
        assert [row["answer"] for row in opened(path).rows] == ["5", "1"]
        give(opened(path), "i3")
        assert [row["answer"] for row in read_answers(path)] == ["5", "1", "5"]
        assert read_answers(path)[0]["rater"] == "anna"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            b"rater,number",
            b"number,rater",
            r"is not a file of answers to this task: its columns are",
        ),
        (b"answer,5", b"answer,7", r"row 2, has the answer '7'; it must be one of"),
        (b"answer,5", b"guess,5", r"row 2, has the act 'guess'; it must be answer or skip"),
        (b"answer,5", b"skip,5", r"row 2, skips and answers '5'"),
        (b",1.00,", b",soon,", r"row 2, has the seconds 'soon'"),
        (b",1.00,", b",-1,", r"row 2, has the seconds '-1'"),
        (b",1.00,", b",nan,", r"row 2, has the seconds 'nan'"),
        (b"anna,", b"ben,", r"row 2, is by 'ben', not by 'anna'"),
        (b"i1", b"i9", r"row 2, is about 'i9', which is not among the present items"),
        (b",1.00,", b",1.00,more,", r"row 2, has 10 values for 9 columns"),
        (b"\xc3\xa9", b"\xe9", r"is not a CSV file in UTF-8"),
    ],
)
def test_edited_rows_are_refused_by_number(
    tmp_path: Path, old: bytes, new: bytes, text: str
) -> None:
    path = tmp_path / "anna.csv"
    changed = filled(path, "5").replace(old, new, 1)
    path.write_bytes(changed)
    with pytest.raises(StudyError, match=text):
        opened(path)
    assert path.read_bytes() == changed


@pytest.mark.parametrize("content", [b"hello", b"hello\nyou\n", b"\x89PNG\r\n\x1a\n\x00", b"\n"])
def test_foreign_files_are_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "anna.csv"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"not a file of answers|not a CSV file|damaged at"):
        opened(path)
    assert path.read_bytes() == content


def test_answers_that_are_none_never_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    before = filled(path, "5")
    file = opened(path)
    with pytest.raises(StudyError, match="The new row has the answer '6'"):
        give(file, "i2", "6")
    with pytest.raises(StudyError, match="The new row is about 'i9'"):
        give(file, "i9")
    assert path.read_bytes() == before


def test_two_pages_of_one_rater_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    one, two = opened(path), opened(path)
    give(one, "i1")
    with pytest.raises(StudyError, match="another page on which 'anna'"):
        give(two, "i2")
    assert [row["item"] for row in two.rows] == ["i1"]  # read again
    give(two, "i2")
    assert [row["item"] for row in read_answers(path)] == ["i1", "i2"]


def test_a_full_disk_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "anna.csv"
    before = filled(path, "5")
    file = opened(path)

    def half(to: Any, line: bytes) -> None:
        to.write(line[:20])
        to.flush()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(AnswerFile, "_write", staticmethod(half))
        with pytest.raises(OSError, match="No space left"):
            give(file, "i2")
    assert path.read_bytes() == before
    give(file, "i2")
    assert [row["item"] for row in read_answers(path)] == ["i1", "i2"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_killed_20_times_10_of_them_inside_a_write_no_answer_is_lost(tmp_path: Path) -> None:
    deck = words(PROMPT, "a red fox", "a big cat and a dog", "the red dog and the fox")
    chance = random.Random(0)
    told = tmp_path / "told"  # what the rater saw as saved
    told.write_bytes(b"")
    into = tmp_path / "ratings"
    killed = 0
    for number in range(20):
        torn = chance.random() if number % 2 else None
        child = os.fork()
        if not child:
            try:
                _answer(deck, into, told, torn=torn, after=chance.randrange(2))
                os._exit(0)
            finally:
                os._exit(1)
        if torn is None:
            time.sleep(chance.uniform(0.0, 0.05))
            os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        page = rating.rate(deck, rater="anna", into=into)
        saved = page.place
        seen = len(told.read_bytes())
        assert seen <= saved <= seen + 1  # at most one more than was told: never one less
        told.write_bytes(b"x" * saved)
        if saved == len(deck):
            break
    assert killed >= 10
    page = rating.rate(deck, rater="anna", into=into)
    while page.place < len(deck):
        press(page, type="answer", answer="3")
    table = rating.ratings(into)
    assert sorted(table.item) == sorted(item.key for item in deck)
    assert set(table.prompt) == {item.facts["prompt"] for item in deck}


def _answer(deck: Any, into: Path, told: Path, *, torn: float | None, after: int) -> None:
    """Answer one after the other; with `torn`, die inside a write, a share of its bytes done."""
    left = [after]
    whole = AnswerFile._write

    def write(file: Any, line: bytes) -> None:
        left[0] -= 1
        if torn is not None and left[0] < 0:
            file.write(line[: max(1, int(torn * len(line)))])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        whole(file, line)

    AnswerFile._write = staticmethod(write)  # type: ignore[method-assign]
    session = rating.Session(deck, rater="anna", into=into)
    first = next(n for n in range(len(session)) if session.given(n) is None)
    with told.open("ab") as file:
        for place in range(first, min(first + 2, len(session))):
            session.give(place, rating_given(), seconds=1.0)
            file.write(b"x")
            file.flush()
            time.sleep(0.01)


def rating_given() -> Any:
    from daam_nb.show.rating import Given

    return Given("3")


def test_file_names_of_different_names_differ() -> None:
    names = ["anna", "Anna", "ANNA", "anna ", "../anna", "漢字", "文字"]
    files = {rating_log.file_name(name) for name in names}
    assert len(files) == len(names)
    assert all("/" not in name and ".." not in name for name in files)


def test_no_name_and_no_answer_begins_a_formula(tmp_path: Path) -> None:
    evil = "=cmd|' /C calc'!A0"
    file = opened(tmp_path / "x.csv", rater=evil)
    file.append("i1", answer="", reason="@SUM(1)", seconds=1.0, facts={"prompt": "+a\n"})
    give(file, "i2", prompt="-5")
    raw = (tmp_path / "x.csv").read_text().splitlines()
    assert raw[1].startswith(f"'{evil},1,i1,skip,,'@SUM(1),1.00,")
    again = opened(tmp_path / "x.csv", rater=evil)
    rows = [(row["rater"], row["reason"], row["prompt"]) for row in again.rows]
    assert rows == [(evil, "@SUM(1)", "+a\n"), (evil, "", "-5")]


def test_a_full_disk_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(tmp_path / "x.csv")
    give(file, "i1")
    before = (tmp_path / "x.csv").read_bytes()
    write, left = os.write, [20]

    def full(descriptor: int, content: Any) -> int:
        taken = min(left[0], len(content))
        if not taken:
            raise OSError(28, "No space left on device")
        left[0] -= taken
        return write(descriptor, content[:taken])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileAccessError, match=r"x\.csv could not be written.*the disk is full"):
        give(file, "i2")
    monkeypatch.undo()
    assert (tmp_path / "x.csv").read_bytes() == before
    give(file, "i2", "1")
    assert [row["answer"] for row in read_answers(tmp_path / "x.csv")] == ["5", "1"]
