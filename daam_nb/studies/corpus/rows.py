"""One row per observation; a study killed at any moment can be resumed, with the same table.

The rows of one unit (a recording, a pair) are one line of a JSON lines file, written and flushed to
the disk before the next unit begins. A line that was cut short is dropped when the file is opened
again, and its unit is measured again. The table is in the order of the units, not in that of their
measurement.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from daam_nb.errors import StudyError
from daam_nb.kinds import check_path
from daam_nb.printable import printable
from daam_nb.storage import told, write_all
from daam_nb.storage.lock import locked

T = TypeVar("T")
Row = Mapping[str, Any]

_FORMAT = "daam_nb rows"
_BY_NAME, _BY_CONTENT = 1, 2  # versions: how rows are recognized; lists of captions are the first
PATIENCE = 5.0  # seconds to wait for another writer of the same rows


def collect(
    units: Iterable[tuple[str, T]],
    measure: Callable[[T], Sequence[Row]],
    *,
    columns: Mapping[str, str],
    content: Callable[[T], str] | None = None,
    path: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    what: str = "measuring",
    progress: bool = True,
) -> pd.DataFrame:
    """Measure each unit once and collect the rows; resume where an earlier call was interrupted.

    Parameters
    ----------
    units
        (key, unit): the key is unique and the same in every call; `measure` gets the unit.
    measure
        Unit -> its rows, none or many, each with exactly the names of `columns`. Values: text,
        numbers, booleans, None. It must not depend on what was measured before.
    columns
        Name -> description, in the order of the table; also the table's ``attrs["columns"]``.
    content
        Unit -> a digest of what its rows depend on besides `settings`: the recording, the facts of
        its caption. A unit whose content has changed is measured again, with a warning. None: the
        key is sufficient.
    path
        JSON lines file of the rows; its folder is created. None: no file.
    settings
        Plain JSON data on which the rows depend, by content (`fingerprints.fingerprint`), not by
        name. Rows made with others are not used.
    what
        Label of the progress bar.
    progress
        Whether to show it, with the remaining time (units measured earlier do not count as speed).

    Returns
    -------
    DataFrame
        One row per observation; None is NaN in columns of numbers.

    Warns
    -----
    UserWarning
        If units are measured again because their recordings changed, and if rows that an earlier
        version identified by names are ignored.

    Raises
    ------
    StudyError
        If the file holds rows of other settings or columns (the message names those that differ),
        or is not such a file; if a row lacks a column; if a key is repeated.
    """
    every = list(units)
    keys = [key for key, _ in every]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StudyError(f"The unit {twice!r} occurs more than once; keys must be unique.")
    version = _BY_CONTENT
    with RowFile.opened(path, columns=columns, settings=settings or {}, version=version) as file:
        known = content if content is not None and file.path is not None else lambda unit: None
        stale = [k for k, unit in every if k in file.rows and file.contents[k] != known(unit)]
        if stale:
            warnings.warn(
                f"{what}: {len(stale)} of {len(keys)} units, such as {stale[0]!r}, were measured "
                "on other recordings or captions than the present ones; they are measured again.",
                stacklevel=3,
            )
        for key in stale:
            del file.rows[key]
        measured = sum(key in file.rows for key in keys)
        with progress_bar(len(keys), done=measured, what=what, shown=progress) as bar:
            for key, unit in every:
                if key not in file.rows:
                    file.append(key, measure(unit), content=known(unit))
                    bar.update()
        rows = [row for key in keys for row in file.rows[key]]
    return table(rows, columns=columns)


def progress_bar(total: int, *, done: int, what: str, shown: bool) -> Any:
    """Show progress and remaining time; units done earlier do not count as speed.

    The environment's ``TQDM_DISABLE`` hides all bars.
    """
    hidden = {} if shown else {"disable": True}
    return tqdm(total=total, initial=done, desc=printable(what), **hidden)


def table(rows: Iterable[Row], *, columns: Mapping[str, str]) -> pd.DataFrame:
    """Make a table from rows; ``attrs["columns"]`` describes each column."""
    frame = pd.DataFrame([dict(row) for row in rows], columns=list(columns))
    frame.attrs["columns"] = dict(columns)
    return frame


class RowFile:
    """The rows measured so far, by unit, in memory and (with a path) on disk; a context manager.

    Attributes
    ----------
    rows
        Key -> rows of that unit.
    contents
        Key -> the digest of what they were measured on; None if there is none.
    """

    def __init__(
        self,
        path: Path | None,
        columns: Mapping[str, str],
        settings: Mapping[str, Any],
        version: int = _BY_NAME,
    ) -> None:
        self.path = path
        self.version = version
        self.contents: dict[str, str | None] = {}
        self.columns = tuple(columns)
        self.settings = plain(settings, "settings")
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._file: Any = None
        self._held = contextlib.ExitStack()

    @classmethod
    def opened(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        columns: Mapping[str, str],
        settings: Mapping[str, Any],
        version: int = _BY_NAME,
    ) -> RowFile:
        """For a ``with`` statement."""
        return cls(None if path is None else check_path(path, "path"), columns, settings, version)

    @classmethod
    def read(
        cls, path: Path, *, columns: Mapping[str, str], settings: Mapping[str, Any]
    ) -> RowFile:
        """Read existing rows, also from a file on a read-only file system.

        A line that is being written, or was cut short, is left out. A missing file has no rows.
        """
        file = cls(path, columns, settings)
        if path.is_file():
            with told(path, "read"):
                raw = path.read_bytes()
            whole = raw[: raw.rfind(b"\n") + 1]
            if whole:
                file._take(whole)
        return file

    def __enter__(self) -> RowFile:
        if self.path is None:
            return self
        with told(self.path, "written"), contextlib.ExitStack() as held:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(self.path.parent, patience=PATIENCE))
            # Without a buffer: what a full disk did not take must not be tried again at the end.
            self._file = held.enter_context(self.path.open("a+b", buffering=0))
            self._read()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._file = None

    def append(
        self, key: str, rows: Sequence[Row], *, content: str | None = None, sync: bool = True
    ) -> None:
        """Store the rows of one unit in one line, on the disk when this returns.

        If a unit has several lines, the last one counts.

        With ``sync=False`` it is synced together with the next one, or at the end.
        """
        rows_made = []
        for row in rows:
            if set(row) != set(self.columns):
                raise StudyError(
                    f"A row of {key!r} has the columns {sorted(row)}; it must have "
                    f"{sorted(self.columns)}."
                )
            rows_made.append({name: plain(row[name], name) for name in self.columns})
        if self._file is not None:
            # One list per row in the order of the columns: names would be most of the file.
            values = [list(row.values()) for row in rows_made]
            known = {} if content is None else {"content": content}
            self._write({"unit": key, **known, "rows": values}, sync=sync)
        self.rows[key] = rows_made
        self.contents[key] = content

    def _write(self, line: Mapping[str, Any], *, sync: bool = True) -> None:
        assert self.path is not None
        written = json.dumps(line, allow_nan=False).encode("ascii") + b"\n"
        with told(self.path, "written"):
            before = os.fstat(self._file.fileno()).st_size
            try:
                write_all(self._file.fileno(), written)
                if sync:
                    os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(before)  # half a line would spoil the next
                raise

    def _read(self) -> None:
        self._file.seek(0)
        raw = self._file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):  # killed inside a write
            self._file.truncate(len(whole))
        if whole:
            self._take(whole)
        else:
            self._write(self._header())

    def _take(self, whole: bytes) -> None:
        """Read all whole lines."""
        lines = whole.splitlines()
        self._check_header(self._parsed(lines[0], 1))
        for number, line in enumerate(lines[1:], 2):
            entry = self._parsed(line, number)
            try:
                rows = [dict(zip(self.columns, row, strict=True)) for row in entry["rows"]]
                self.rows[str(entry["unit"])] = rows
                self.contents[str(entry["unit"])] = entry.get("content")
            except (KeyError, TypeError, ValueError):
                raise self._broken(number) from None

    def _header(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": self.version,
            "columns": list(self.columns),
            "settings": self.settings,
        }

    def _check_header(self, found: Any) -> None:
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise self._broken(1)
        if found.get("version") == _BY_NAME < self.version:
            raise StudyError(
                f"{self.path} holds rows of an earlier version, which identified what was measured "
                "by name only (different judges, masks or layers of one name were taken for the "
                "same). Move or delete it to measure again, or choose another folder."
            )
        if found.get("columns") != list(self.columns) or found.get("version") != self.version:
            raise StudyError(
                f"{self.path} holds rows of another version of this study. Move or delete it, or "
                "choose another folder."
            )
        different = differences(found.get("settings", {}), self.settings)
        if different:
            raise StudyError(
                f"{self.path} holds rows made with other settings: {different}. Use the same, move "
                "or delete the file, or choose another folder."
            )

    def _parsed(self, line: bytes, number: int) -> Any:
        try:
            return json.loads(line)
        except ValueError:
            raise self._broken(number) from None

    def _broken(self, number: int) -> StudyError:
        return StudyError(
            f"{self.path}, line {number}, is not what a study wrote. Move or delete the file to "
            f"measure again."
        )


def differences(then: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> str:
    """Describe settings that differ, nested ones too, with both values; empty if none does."""
    parts = []
    for name in dict.fromkeys([*then, *now]):
        before, after = then.get(name), now.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            parts.append(differences(before, after, f"{within}{name}, "))
        elif before != after:
            parts.append(f"{within}{name}: {before!r} then, {after!r} now")
    return "; ".join(filter(None, parts))


def plain(value: Any, name: str) -> Any:
    """Convert a value as JSON would: numpy's scalars become Python's, tuples lists, NaN None.

    Raises
    ------
    StudyError
        For values that JSON cannot hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise StudyError(f"{name} is {value}; rows must hold finite numbers, or None.")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item, name) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise StudyError(
        f"{name} is {value!r}, a {type(value).__name__}; rows and settings must hold text, "
        "numbers, booleans, None, or lists and dicts of these."
    )


def rows_by_name(folder: Path, study: str) -> list[Path]:
    """Row files of a study in which an earlier version identified things by name."""
    old = []
    for path in sorted(folder.glob(f"{study}*/rows.jsonl")):
        with path.open("rb") as file:
            first = file.readline()
        if b'"version": 1,' in first and path.parent.name.partition("-")[0] == study:
            old.append(path)
    return old
