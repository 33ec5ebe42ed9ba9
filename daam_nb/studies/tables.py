"""One row per observation; a study killed at any moment goes on, and its table is the same.

What one unit (a recording, a pair) gives is one line of a JSON lines file, written and flushed to
the disk before the next unit begins. A line that a kill cut short is dropped when the file is
opened again, and its unit measured again. The table is put in the order of the units, not in that
of their measuring.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from daam_nb.errors import StudyError
from daam_nb.storage.lock import alone

T = TypeVar("T")
Row = Mapping[str, Any]

_FORMAT, _VERSION = "daam_nb rows", 1
PATIENCE = 5.0  # seconds to wait for another writer of the same rows


def collect(
    units: Iterable[tuple[str, T]],
    measure: Callable[[T], Sequence[Row]],
    *,
    columns: Mapping[str, str],
    path: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    what: str = "measuring",
    progress: bool = True,
) -> pd.DataFrame:
    """Measure each unit once and gather the rows; go on where an earlier call was stopped.

    Parameters
    ----------
    units
        (key, unit): the key is unique and the same in every call; `measure` gets the unit.
    measure
        Unit -> its rows, none or many, each with exactly the names of `columns`. Values: text,
        numbers, booleans, None. It must not depend on what was measured before.
    columns
        Name -> what it is, in the order of the table; also the table's ``attrs["columns"]``.
    path
        JSON lines file where rows are kept; its folder is made. None: nowhere.
    settings
        Plain JSON data on which the rows depend. Rows made with others are not taken.
    what
        Before the progress bar.
    progress
        Show it, with the time that is left (units measured earlier do not count as speed).

    Returns
    -------
    DataFrame
        One row per observation; None is NaN in columns of numbers.

    Raises
    ------
    StudyError
        Where the file holds rows of other settings or columns (it says which differ), or is no
        such file; where a row lacks a column; where a key comes twice.
    """
    every = list(units)
    keys = [key for key, _ in every]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StudyError(f"The unit {twice!r} comes twice; the key of each must be its own.")
    with RowFile.opened(path, columns=columns, settings=settings or {}) as file:
        done = sum(key in file.rows for key in keys)
        with progress_bar(len(keys), done=done, what=what, shown=progress) as bar:
            for key, unit in every:
                if key not in file.rows:
                    file.append(key, measure(unit))
                    bar.update()
        rows = [row for key in keys for row in file.rows[key]]
    return table(rows, columns=columns)


def progress_bar(total: int, *, done: int, what: str, shown: bool) -> Any:
    """Show how far it is and how long it takes; what was done earlier does not count as speed.

    The environment's ``TQDM_DISABLE`` hides all bars.
    """
    hidden = {} if shown else {"disable": True}
    return tqdm(total=total, initial=done, desc=what, **hidden)


def table(rows: Iterable[Row], *, columns: Mapping[str, str]) -> pd.DataFrame:
    """Make a table of rows; ``attrs["columns"]`` says what each column is."""
    made = pd.DataFrame([dict(row) for row in rows], columns=list(columns))
    made.attrs["columns"] = dict(columns)
    return made


class RowFile:
    """The rows measured so far, by unit, in memory and (with a path) on disk; a context manager.

    Attributes
    ----------
    rows
        Key -> rows of that unit.
    """

    def __init__(
        self, path: Path | None, columns: Mapping[str, str], settings: Mapping[str, Any]
    ) -> None:
        self.path = path
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
    ) -> RowFile:
        """For a ``with`` statement."""
        return cls(None if path is None else Path(path).expanduser(), columns, settings)

    def __enter__(self) -> RowFile:
        if self.path is None:
            return self
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            held.enter_context(alone(self.path.parent, patience=PATIENCE))
            self._file = held.enter_context(self.path.open("a+b"))
            self._read()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._file = None

    def append(self, key: str, rows: Sequence[Row], *, sync: bool = True) -> None:
        """Keep the rows of one unit: in one line, on the disk when this returns.

        With ``sync=False`` it is there when the next one is written with it, or at the end.
        """
        made = []
        for row in rows:
            if set(row) != set(self.columns):
                raise StudyError(
                    f"A row of {key!r} has the columns {sorted(row)}; it must have "
                    f"{sorted(self.columns)}."
                )
            made.append({name: plain(row[name], name) for name in self.columns})
        if self._file is not None:
            # One list per row in the order of the columns: names would be most of the file.
            values = [list(row.values()) for row in made]
            self._write({"unit": key, "rows": values}, sync=sync)
        self.rows[key] = made

    def _write(self, line: Mapping[str, Any], *, sync: bool = True) -> None:
        self._file.write(json.dumps(line, allow_nan=False).encode("ascii") + b"\n")
        if sync:
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> None:
        self._file.seek(0)
        raw = self._file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):  # killed inside a write
            self._file.truncate(len(whole))
        lines = whole.splitlines()
        if not lines:
            self._write(self._header())
            return
        self._check_header(self._parsed(lines[0], 1))
        for number, line in enumerate(lines[1:], 2):
            entry = self._parsed(line, number)
            try:
                rows = [dict(zip(self.columns, row, strict=True)) for row in entry["rows"]]
                self.rows[str(entry["unit"])] = rows
            except (KeyError, TypeError, ValueError):
                raise self._broken(number) from None

    def _header(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "columns": list(self.columns),
            "settings": self.settings,
        }

    def _check_header(self, found: Any) -> None:
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise self._broken(1)
        if found.get("columns") != list(self.columns) or found.get("version") != _VERSION:
            raise StudyError(
                f"{self.path} holds rows of another version of this study. Move or delete it, or "
                f"choose another place."
            )
        different = differences(found.get("settings", {}), self.settings)
        if different:
            raise StudyError(
                f"{self.path} holds rows made with other settings: {different}. Use the same, move "
                f"or delete the file, or choose another place."
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


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which settings differ, with both values; empty where none does."""
    parts = []
    for name in dict.fromkeys([*then, *now]):
        before, after = then.get(name), now.get(name)
        if before != after:
            parts.append(f"{name}: {before!r} then, {after!r} now")
    return "; ".join(parts)


def plain(value: Any, name: str) -> Any:
    """Make a value what JSON gives back: numpy's scalars become Python's, tuples lists, NaN None.

    Raises
    ------
    StudyError
        For what JSON does not hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise StudyError(f"{name} is {value}; rows hold finite numbers, or None.")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item, name) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise StudyError(
        f"{name} is {value!r}, a {type(value).__name__}; rows and settings hold text, numbers, "
        f"booleans, None, lists and dicts of these."
    )
