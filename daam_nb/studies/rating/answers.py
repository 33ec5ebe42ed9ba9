"""Answers of one rater: a CSV file to which each answer is added at once, and never changed.

The row of an item with the highest number counts, wherever a spreadsheet put it. A row is on the
disk before the next card is shown; one that a kill cut short is dropped when the file is opened
again.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from daam_nb.errors import StudyError
from daam_nb.storage import told, write_all
from daam_nb.storage.lock import locked
from daam_nb.studies.report.csv_cells import inert, original

Row = dict[str, str]

FIRST: dict[str, str] = {
    "rater": "who answered",
    "number": "number of the row in its file, from 1",
    "item": "key of the rated item; its row with the highest number counts",
    "act": "answer, or skip",
    "answer": "the answer; empty if skipped",
    "reason": "why it was skipped",
    "seconds": "time from seeing the item to the answer, without the time the page was hidden",
}
LAST: dict[str, str] = {"time": "when, UTC"}
"""The columns before and behind those of a task."""

ACTS = ("answer", "skip")
PATIENCE = 5.0  # seconds to wait for another writer in the same folder
LONGEST_NAME = 80  # characters
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def columns_of(task_columns: Mapping[str, str]) -> dict[str, str]:
    """All columns of a file of answers: name -> what it is."""
    return {**FIRST, **task_columns, **LAST}


def checked_name(rater: object) -> str:
    """Read a rater's name; any script will do.

    Raises
    ------
    StudyError
        If it is empty, too long, or holds control signs.
    """
    name = unicodedata.normalize("NFC", rater).strip() if isinstance(rater, str) else ""
    odd = any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)
    if not name or odd or len(name) > LONGEST_NAME:
        raise StudyError(
            f"The rater's name is {rater!r}; it must be 1 to {LONGEST_NAME} characters on one "
            "line. It appears in the table, so a pseudonym may be better: rater='anna'."
        )
    return name


def file_name(rater: str) -> str:
    """A name for the rater's file: readable at its start, unique by its end, never a path."""
    words = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in rater.lower())
    short = "-".join(filter(None, words.split("-")))[:40].strip("-")
    return f"{short or 'rater'}-{hashlib.sha256(rater.encode()).hexdigest()[:8]}.csv"


def read_answers(path: Path, *, columns: Sequence[str] | None = None) -> list[Row]:
    """Read the whole rows of a file of answers; a row that is being written is left out.

    Raises
    ------
    StudyError
        If it is not such a file, or has other columns than these.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}).") from None
    return _rows_of(raw[: _whole(raw)], path, columns)


def in_order(rows: Sequence[Row], path: Path) -> list[Row]:
    """Rows of a file in the order in which they were written, which their numbers say.

    A spreadsheet may have sorted the file by another column.

    Raises
    ------
    StudyError
        If a number is none, or a rater has two rows of one number.
    """
    places: dict[tuple[str, int], int] = {}
    for line, row in enumerate(rows, 2):
        text = row["number"]
        if not (text.isascii() and text.isdecimal() and int(text)):
            raise StudyError(
                f"{path}, row {line}, has the number {text!r}; it must be a whole number >= 1, in "
                "the order of writing: it marks the last of several answers."
            )
        before = places.setdefault((row["rater"], int(text)), line)
        if before != line:
            raise StudyError(
                f"{path}, row {line}, has the number {int(text)}, as row {before} has. Each row "
                "has its own, in the order of writing: it marks the last of several answers."
            )
    return sorted(rows, key=lambda row: int(row["number"]))


class AnswerFile:
    """One rater's answers, in memory and on disk.

    Parameters
    ----------
    path
        The file; made with its header where it is missing.
    rater
        Whose answers it holds.
    columns
        All of them, in order.
    items
        Keys that may be answered.
    answers
        What an answer may be.
    max_lines
        Line ends within one row at most: prompts may hold some. What is torn off at the end of the
        file and holds more is no row that a kill cut short.

    Attributes
    ----------
    rows
        All rows so far, the oldest first; texts, as they stand in the file.

    Raises
    ------
    StudyError
        If the file is of someone else, or of something else.
    """

    def __init__(
        self,
        path: Path,
        *,
        rater: str,
        columns: Sequence[str],
        items: Collection[str],
        answers: Collection[str],
        max_lines: int = 0,
    ) -> None:
        self.path = path
        self._max_lines = max_lines
        self.rater = rater
        self.columns = tuple(columns)
        self._items = frozenset(items)
        self._answers = frozenset(answers)
        self.rows: list[Row] = []
        self._standing: dict[str, Row] = {}
        self._size = 0
        with told(path, "written"), locked(path.parent, patience=PATIENCE):
            self._open()

    def standing(self, item: str) -> Row | None:
        """The row that counts for an item."""
        return self._standing.get(item)

    def append(self, item: str, *, answer: str, reason: str, seconds: float, facts: Row) -> None:
        """Add a row; it is on the disk when this returns, or not there at all.

        Raises
        ------
        StudyError
            For an answer that is none, and where someone else wrote to the file in between.
        """
        row = {
            "rater": self.rater,
            "number": str(1 + max((int(row["number"]) for row in self.rows), default=0)),
            "item": item,
            "act": "answer" if answer else "skip",
            "answer": answer,
            "reason": "" if answer else reason,
            "seconds": f"{seconds:.2f}",
            **facts,
            "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._check(row, "The new row")
        with told(self.path, "written"), locked(self.path.parent, patience=PATIENCE):
            self._add(_line([row[name] for name in self.columns]))
        self._keep(row)

    # --- on disk ----------------------------------------------------------------------------------

    def _open(self) -> None:
        """Read what is there; mend what a kill left behind."""
        raw = self.path.read_bytes() if self.path.exists() else b""
        whole = _whole(raw)
        tail = raw[whole:]
        header = _line(list(self.columns))
        mended = raw[:whole]
        if not mended and header.startswith(tail):
            mended = header  # new, or killed in its first write
        elif _is_whole_row(tail, len(self.columns)):
            # Only its line's end is missing: cut off, or taken away by an editor.
            mended = raw + (b"\n" if tail.endswith(b"\r") else b"\r\n")
        elif tail.count(b"\n") > self._max_lines:
            raise StudyError(
                f"{self.path} is damaged at byte {whole}: a quotation mark is missing, perhaps "
                "from editing by hand. Repair it, or move it away; nothing was changed."
            )
        rows = _rows_of(mended, self.path, self.columns)
        for number, row in enumerate(rows, 2):
            self._check(row, f"{self.path}, row {number},")
        rows = in_order(rows, self.path)
        if mended != raw:
            self._mend(raw, mended)
        self.rows, self._standing, self._size = [], {}, len(mended)
        for row in rows:
            self._keep(row)

    def _mend(self, raw: bytes, mended: bytes) -> None:
        """Bring the file to what it should be: by adding to it, or by cutting off its end."""
        with self.path.open("r+b" if self.path.exists() else "x+b") as file:
            if mended.startswith(raw):
                file.seek(len(raw))
                file.write(mended[len(raw) :])
            else:
                file.truncate(len(mended))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(self.path.parent)

    def _add(self, line: bytes) -> None:
        # Without a buffer: what a full disk did not take must not be tried again at the end.
        with self.path.open("r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END) != self._size:
                self._open()
                raise StudyError(
                    f"{self.path.name} was also written by another page on which {self.rater!r} "
                    "answers. The file was read again; use only one page."
                )
            try:
                self._write(file, line)
            except OSError:
                file.truncate(self._size)
                raise
        self._size += len(line)

    @staticmethod
    def _write(file: io.FileIO, line: bytes) -> None:
        write_all(file.fileno(), line)
        os.fsync(file.fileno())

    # --- what a row may be ------------------------------------------------------------------------

    def _keep(self, row: Row) -> None:
        self.rows.append(row)
        self._standing[row["item"]] = row

    def _check(self, row: Row, which: str) -> None:
        if row["rater"] != self.rater:
            raise StudyError(f"{which} is by {row['rater']!r}, not by {self.rater!r}.")
        if row["item"] not in self._items:
            raise StudyError(
                f"{which} is about {row['item']!r}, which is not among the present items."
            )
        check_act(row, self._answers, which)


def check_act(row: Row, answers: Collection[str], which: str) -> None:
    """Refuse a row whose act, answer or seconds cannot be.

    Raises
    ------
    StudyError
        With what would be right.
    """
    if row["act"] not in ACTS:
        raise StudyError(f"{which} has the act {row['act']!r}; it must be {' or '.join(ACTS)}.")
    if row["act"] == "answer" and row["answer"] not in answers:
        raise StudyError(
            f"{which} has the answer {row['answer']!r}; it must be one of {', '.join(answers)}."
        )
    if row["act"] == "skip" and row["answer"]:
        raise StudyError(f"{which} skips and answers {row['answer']!r}; it must do one of the two.")
    try:
        seconds = float(row["seconds"])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise StudyError(f"{which} has the seconds {row['seconds']!r}; they must be a number.")


# --- bytes and rows -------------------------------------------------------------------------------


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(map(inert, values))
    return text.getvalue().encode("utf-8", "surrogatepass")


def _whole(raw: bytes) -> int:
    """Behind the last whole row: the last line's end that stands in no quotation marks."""
    quoted, end = False, 0
    for match in re.finditer(rb'["\n]', raw):
        if match[0] == b'"':
            quoted = not quoted
        elif not quoted:
            end = match.end()
    return end


def _is_whole_row(tail: bytes, count: int) -> bool:
    try:
        [values] = csv.reader([tail.decode("utf-8", "surrogatepass")], strict=True)
    except (ValueError, csv.Error):
        return False
    return len(values) == count and _TIME.fullmatch(values[-1]) is not None


def _rows_of(raw: bytes, path: Path, columns: Sequence[str] | None) -> list[Row]:
    try:
        text = raw.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path} is not a CSV file in UTF-8 ({error}).") from None
    names = lines[0] if lines else []
    names_wanted = names if columns is None else list(columns)
    if names != names_wanted or not set(FIRST) <= set(names):
        raise StudyError(
            f"{path} is not a file of answers to this task: its columns are {', '.join(names)!r}; "
            f"they must be {', '.join(columns or FIRST)!r}. Move it away, or choose another folder."
        )
    rows = []
    for number, values in enumerate(lines[1:], 2):
        if len(values) != len(names):
            raise StudyError(
                f"{path}, row {number}, has {len(values)} values for {len(names)} columns. Repair "
                "or remove that row."
            )
        rows.append(dict(zip(names, map(original, values), strict=True)))
    return rows


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system opens folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
