"""Whether rows of answers say what was asked: order, rater, and the facts of each item.

A file of answers is a CSV that people sort, edit and put together in spreadsheets. What counts is
the column `number`, not the place of a row, and what `rating.json` says of an item, not a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from daam_nb.errors import StudyError
from daam_nb.studies.rating.answers import Row, file_name, in_order
from daam_nb.studies.rating.tasks import WORDS, Task

Facts = Mapping[str, Mapping[str, str]]
"""Item -> column -> its text."""

_OF_RATER = re.compile(r".+-[0-9a-f]{8}\.csv")
_KEY = re.compile(r"(?s)(.*?):(\d+)-(\d+)(?::(\d+)-(\d+))?")


def checked_rows(
    path: Path, rows: Sequence[Row], *, task: Task, items: Iterable[str], facts: Facts | None
) -> list[Row]:
    """Rows of one file in the order of their numbers, held against what was asked.

    Parameters
    ----------
    path
        Where they come from.
    rows
        In the order of the file.
    task
        What was asked.
    items
        Keys of what was asked about.
    facts
        What `rating.json` says of each item; None for a folder of an earlier version, which says
        nothing: then what the item's key says is compared.

    Raises
    ------
    StudyError
        For the first row that says something else, with what was asked.
    """
    known = frozenset(items)
    for number, row in enumerate(rows, 2):
        which = f"{path}, row {number},"
        if row["item"] not in known:
            raise StudyError(
                f"{which} is about {row['item']!r}, which rating.json does not ask about. Remove "
                "the row, or move the file back to its original folder."
            )
        asked_facts = _of_key(row, task) if facts is None else facts.get(row["item"], {})
        for column, text in asked_facts.items():
            if _plain(row[column]) != _plain(text):
                raise StudyError(
                    f"{which} has the {column} {row[column]!r} for the item {row['item']!r}, which "
                    f"was asked with {text!r}. Correct the cell; nothing was read."
                )
    _check_rater(path, rows)
    # Blanks and line breaks are lost in many a spreadsheet: what was asked counts.
    known_facts = facts or {}
    return [{**row, **known_facts.get(row["item"], {})} for row in in_order(rows, path)]


def check_alike(rows: Iterable[tuple[Path, Row]], task: Task) -> None:
    """Refuse rows of several files that say different things of one item.

    Raises
    ------
    StudyError
        Naming both files.
    """
    first: dict[str, tuple[Path, Row]] = {}
    for path, row in rows:
        before, other = first.setdefault(row["item"], (path, row))
        for column in task.columns:
            if row[column] != other[column]:
                raise StudyError(
                    f"{path} has the {column} {row[column]!r} for the item {row['item']!r}, but "
                    f"{before} has {other[column]!r}. One of them was edited: correct it."
                )


def _check_rater(path: Path, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(row["rater"] for row in rows))
    own = [name for name in names if file_name(name) == path.name]
    if _OF_RATER.fullmatch(path.name) and names and (len(names) > 1 or not own):
        other = next(name for name in names if name not in own)
        raise StudyError(
            f"{path} holds rows of {other!r}, whose file is named {file_name(other)}. Correct the "
            "name, or store rows of several raters in a separate file, such as all.csv."
        )


def _of_key(row: Row, task: Task) -> dict[str, str]:
    """What an item's key says: the recording, and of words where they stand."""
    if task.name != WORDS.name:
        return {"run": row["item"]}
    match = _KEY.fullmatch(row["item"])
    if match is None:
        return {}
    run, start, end, other_start, other_end = match.groups()
    text = row["prompt"]
    word = text[int(start) : int(end)]
    text_shown = word if other_start is None else text[int(other_start) : int(other_end)]
    control = "0" if other_start is None else "1"
    return {
        **{"run": run, "start": start, "end": end, "control": control},
        **{"word": word, "shown": text_shown},
    }


def _plain(text: str) -> str:
    return " ".join(text.split())
