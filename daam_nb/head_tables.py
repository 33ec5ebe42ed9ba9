"""Tables of a model's heads: which are relevant, and each head's scores, from a head atlas.

``daam-nb study atlas`` writes one, ``heads.csv``; that of the shipped model is included. A table is
identified by the digests of the model's weights, which every recording holds: a fine-tuned model
needs its own table.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import check_path, kind_of
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.storage import told, write_file

SHIPPED = Path(__file__).parent / "menagerie" / "heads"
"""The tables of the shipped models."""

COMMAND = "daam-nb study atlas --into FOLDER"
_FIRST = ("layer", "head", "relevant")
_TEXTS = ("layer", "concept")

_registered: list[HeadTable] = []


@dataclass(frozen=True, eq=False, repr=False)
class HeadTable:
    """Scores and relevance of every head of one model.

    Attributes
    ----------
    model
        Its name, for display.
    weights
        Part of the model -> the digest of its weights, as in a recording's
        ``facts.batch["weights"]``; they identify the model.
    chosen
        How the relevant heads were chosen, and on which data.
    rows
        One per head: ``layer`` (dotted name), ``head``, ``relevant``, and columns of texts and
        numbers, NaN where a number is not known. ``pandas.DataFrame(table.rows)`` is a table.

    Raises
    ------
    SelectionError
        At construction, if a row names no head, does not state whether it is relevant, or a head
        occurs twice.
    WrongKindError
        If the rows are not mappings, such as a data frame; use ``table.to_dict("records")``.
    """

    model: str
    weights: Mapping[str, str]
    chosen: str
    rows: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        rows = self.rows
        if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
            raise WrongKindError(
                "The rows of a table of heads must be mappings, one per head, not "
                f"{kind_of(rows)}. From a data frame: frame.to_dict('records')."
            )
        object.__setattr__(self, "rows", tuple(_checked(row) for row in rows))
        pairs = [(row["layer"], row["head"]) for row in self.rows]
        if not pairs or len(set(pairs)) < len(pairs):
            raise SelectionError("A table of heads must have exactly one row for each head.")

    def __repr__(self) -> str:
        return f"<HeadTable: {self.model}, {len(self.relevant)} of {len(self.rows)} heads relevant>"

    @property
    def relevant(self) -> tuple[tuple[str, int], ...]:
        """The relevant (layer name, head), as used by ``heads="relevant"``."""
        return tuple((row["layer"], row["head"]) for row in self.rows if row["relevant"])

    def is_of(self, run: Recording) -> bool:
        """Whether a recording was made with the model of this table."""
        weights = run.facts.batch.get("weights", {})
        return bool(self.weights) and self.weights.items() <= dict(weights).items()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a CSV file, whose first line holds the model and how heads were chosen, as JSON."""
        file = check_path(path, "path")
        facts = {
            "model": self.model,
            "weights": dict(self.weights),
            "chosen": self.chosen,
            "heads": len(self.rows),
        }
        text = io.StringIO()
        text.write(f"# {json.dumps(facts, ensure_ascii=True)}\n")
        columns = list(dict.fromkeys([*_FIRST, *(name for row in self.rows for name in row)]))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: _written(value) for name, value in row.items()})
        with told(file, "written"):
            write_file(file, text.getvalue().encode())
        return file

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> HeadTable:
        """Read what `save` wrote.

        Raises
        ------
        SelectionError
            If the file is not a table of heads.
        """
        file = check_path(path, "path")
        with told(file, "read"):
            raw = file.read_bytes()
        try:
            first, _, rest = raw.decode("utf-8").partition("\n")
            facts = json.loads(first.removeprefix("#"))
            weights = {str(part): str(digest) for part, digest in facts["weights"].items()}
            rows = tuple(_read(row) for row in csv.DictReader(io.StringIO(rest)))
            if len(rows) != facts.get("heads", len(rows)):
                raise ValueError(f"it holds {len(rows)} of its {facts['heads']} heads")
            return cls(str(facts["model"]), weights, str(facts["chosen"]), rows)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SelectionError(
                f"{file} is not a table of heads ({error}). `{COMMAND}` writes one: "
                "FOLDER/heads.csv."
            ) from None


def register_head_table(table: HeadTable | str | os.PathLike[str]) -> HeadTable:
    """Make the table of a model's heads known to ``heads="relevant"``, for this session.

    Parameters
    ----------
    table
        A `HeadTable`, or the path of its file, such as the ``heads.csv`` of a head atlas. For each
        model the table registered last is used, before the shipped one.

    Returns
    -------
    HeadTable
        The table.

    Raises
    ------
    SelectionError
        For a file that is not a table of heads, and for a table without the weights' digests.
    """
    if isinstance(table, str | os.PathLike):
        table = HeadTable.read(table)
    if not isinstance(table, HeadTable):
        raise WrongKindError(
            f"register_head_table() takes a HeadTable or the path of its file, not "
            f"{kind_of(table)}."
        )
    if not table.weights:
        raise SelectionError(
            f"The table of {table.model} does not state the weights it was measured with, so it "
            "cannot be matched to a recording. Name its heads: heads=table.relevant."
        )
    _registered.append(table)
    return table


def head_table(run: Recording) -> HeadTable:
    """Find the table of heads of the model that made a recording.

    Raises
    ------
    SelectionError
        If none is known.
    """
    check_recording(run, where="head_table()")
    for table in (*reversed(_registered), *_shipped()):
        if table.is_of(run):
            return table
    known = ", ".join(dict.fromkeys(table.model for table in (*_registered, *_shipped())))
    raise SelectionError(
        f"There is no table of heads for {run.facts.model} with this recording's weights; there "
        f"are tables for {known or 'no model'}. Make one: `{COMMAND}` (or "
        "daam_nb.studies.run_study('atlas', pipe, ...)), then "
        "daam_nb.register_head_table('FOLDER/heads.csv')."
    )


def relevant_heads(run: Recording) -> tuple[tuple[tuple[str, int], ...], str]:
    """Return the heads of ``heads="relevant"``, and how they were chosen.

    Raises
    ------
    SelectionError
        If no table of the model is known, or it marks no head as relevant.
    """
    table = head_table(run)
    if not table.relevant:
        raise SelectionError(
            f"The table of heads of {table.model} marks no head as relevant: it was measured "
            "without a judge that locates objects. Choose heads by (layer, head) pairs."
        )
    return table.relevant, table.chosen


@cache
def _shipped() -> tuple[HeadTable, ...]:
    return tuple(HeadTable.read(path) for path in sorted(SHIPPED.glob("*.csv")))


def _checked(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose head is an int and whose relevance is a bool; numpy's types are converted."""
    layer, head, relevant = (row.get(name) for name in _FIRST)
    if not isinstance(layer, str) or isinstance(head, bool) or not isinstance(head, Integral):
        raise SelectionError(
            f"A row of a table of heads names {layer!r}, {head!r}, which is not a "
            "(layer, head) pair."
        )
    if type(relevant).__name__ not in ("bool", "bool_"):
        raise SelectionError(
            f"A row of a table of heads has relevant={relevant!r:.60} for {layer}, head {head}; it "
            "must be True or False."
        )
    return {**row, "head": int(head), "relevant": bool(relevant)}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)


def _read(row: Mapping[str, str]) -> dict[str, Any]:
    if None in row or None in row.values():
        raise ValueError(f"a row of the wrong length: {list(row.values())!r:.80}")
    if row["relevant"] not in ("0", "1"):
        raise ValueError(f"relevant is {row['relevant']!r}, neither 0 nor 1")
    values: dict[str, Any] = {
        name: text if name in _TEXTS else float(text or "nan") for name, text in row.items()
    }
    return {**values, "head": int(row["head"]), "relevant": row["relevant"] == "1"}
