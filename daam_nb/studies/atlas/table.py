"""The table of a model's heads as a file, which `daam_nb.register_head_table` reads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from daam_nb.head_tables import HeadTable
from daam_nb.recording import Recording
from daam_nb.studies.atlas.selecting import SCORE, best_count, candidates_of, orders_of
from daam_nb.studies.atlas.statistics import (
    HEAD,
    columns_of,
    head_means,
    relevance_vectors,
    top_concepts,
)
from daam_nb.studies.stats.halves import halves

CHOOSING = 0
"""The half of the nouns on which the heads of the table are chosen; the page reports the other."""


def write_head_table(
    path: Path, table: pd.DataFrame, choices: pd.DataFrame, recording: Recording, *, images: int
) -> HeadTable:
    """Write one row per head: means, ends of intervals, concept and relevance."""
    heads = head_table_of(table, choices, recording, images=images)
    heads.save(path)
    return heads


def head_table_of(
    table: pd.DataFrame, choices: pd.DataFrame, recording: Recording, *, images: int
) -> HeadTable:
    """Make the table of a model's heads; those chosen on the first half are relevant."""
    means = head_means(table)
    tops = top_concepts(relevance_vectors(table)) if _asked(table) else {}
    relevant, chosen = _relevant(table, choices, recording, images)
    rows: list[dict[str, Any]] = []
    for row in means.to_dict("records"):
        pair = str(row["layer"]), int(row["head"])
        concept, relevance = tops.get(pair, ("", math.nan))
        numbers = {
            name: float(row[name])
            for column in columns_of(table)
            for name in (column, f"{column}_low", f"{column}_high")
        }
        rows.append(
            {
                **dict(zip(HEAD, pair, strict=True)),
                "relevant": pair in relevant,
                "concept": concept,
                "relevance": relevance,
                **numbers,
            }
        )
    weights = dict(recording.facts.batch.get("weights", {}))
    weights.pop("vae", None)  # it attends to no word
    return HeadTable(recording.facts.model, weights, chosen, tuple(rows))


def _asked(table: pd.DataFrame) -> bool:
    return bool(len(relevance_vectors(table).columns))


def _relevant(
    table: pd.DataFrame, choices: pd.DataFrame, recording: Recording, images: int
) -> tuple[set[tuple[str, int]], str]:
    """The heads that the first half chooses, and a description of the choice."""
    scored = choices[(choices.way == SCORE) & (choices.chosen_on == CHOOSING)]
    training = scored[scored.half == CHOOSING]
    orders = orders_of(table, candidates_of(recording), {}).by_score
    if training.empty or CHOOSING not in orders:
        return set(), ""
    count = best_count(training)
    nouns = sorted(noun for noun, half in halves(table.noun).items() if half == CHOOSING)
    words = len(training.drop_duplicates(["run", "word"]))
    chosen = (
        f"highest mean average precision on {words} words of {len(nouns)} nouns in {images} images"
    )
    return set(orders[CHOOSING][:count]), chosen
