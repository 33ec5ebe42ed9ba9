"""Heads in order, how many of them, and the tables of the page: by hand on a few rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from daam_nb.studies.atlas.selecting import (
    PAPER,
    RELEVANCE,
    SCORE,
    Orders,
    Ways,
    best_count,
    orders_of,
    reported,
)
from daam_nb.studies.atlas.statistics import (
    agreement,
    by_concept,
    differences,
    relevance_vectors,
    top_concepts,
    votes,
    which_heads,
)
from daam_nb.studies.stats.halves import halves
from tests.tiny_recordings import tiny_recording

NOUNS = ("cat", "dog", "car", "bus")
HALF = halves(NOUNS)
PAIRS = [("a", 0), ("a", 1), ("b", 0)]


def row(run: int, noun: str, pair: tuple[str, int], **values: Any) -> dict[str, Any]:
    return {
        "run": f"r{run}", "prompt": f"p{run}", "start": 0, "word": noun, "noun": noun,
        "layer": pair[0], "head": pair[1], "average_precision": 0.5, **values,
    }  # fmt: skip


def test_each_half_has_its_order() -> None:
    rows = []
    for run, noun in enumerate(NOUNS):
        best = PAIRS[0] if HALF[noun] == 0 else PAIRS[2]
        rows += [
            row(run, noun, pair, average_precision=0.9 if pair == best else 0.5) for pair in PAIRS
        ]
    vectors = pd.DataFrame({"pet": [0.0, 3.0, 0.0]}, index=pd.MultiIndex.from_tuples(PAIRS))
    orders = orders_of(pd.DataFrame(rows), PAIRS, {0: vectors})
    assert orders.by_score == {0: PAIRS, 1: [PAIRS[2], PAIRS[0], PAIRS[1]]}
    assert orders.by_relevance == {0: {"pet": [PAIRS[1], PAIRS[0], PAIRS[2]]}}
    # A head that may not be chosen is in no order.
    assert orders_of(pd.DataFrame(rows), PAIRS[:2], {}).by_score[1] == PAIRS[:2]


def test_ways_of_a_word() -> None:
    run = tiny_recording()
    every = [(layer.name, head) for layer in run.layers for head in range(layer.heads)]
    orders = Orders({0: every}, {1: {"pet": every[::-1]}})
    ways = Ways(orders, HALF, {"cat": "pet"}).of("cat", run)
    by_score = [pairs for way, half, pairs in ways if (way, half) == (SCORE, 0)]
    assert by_score[0] == every[:1] and all(len(pairs) < len(every) for pairs in by_score)
    by_relevance = [pairs for way, half, pairs in ways if (way, half) == (RELEVANCE, 1)]
    assert by_relevance[0] == every[-1:]
    assert not [1 for way, *_ in Ways(orders, HALF, {}).of("cat", run) if way == RELEVANCE]


def scored(noun: str, way: str, chosen_on: float, count: int, value: float) -> dict[str, Any]:
    return {
        "run": f"r {noun}", "prompt": f"p {noun}", "word": noun, "noun": noun, "half": HALF[noun],
        "way": way, "chosen_on": chosen_on, "count": count, "iou": value / 2,
        "average_precision": value,
    }  # fmt: skip


def test_what_one_half_chooses_is_reported_on_the_other() -> None:
    rows = [scored(noun, PAPER, math.nan, 24, 0.5) for noun in NOUNS]
    for noun in NOUNS:
        for half in (0, 1):
            # On half 0 one head is best, on half 1 two are; what they give elsewhere is 0.7, 0.6.
            for count in (1, 2):
                best = count == (1 if half == 0 else 2)
                value = (0.9 if best else 0.2) if HALF[noun] == half else (0.7 if best else 0.6)
                rows.append(scored(noun, SCORE, half, count, value))
    fitted = reported(pd.DataFrame(rows))
    own = fitted[fitted.way == SCORE]
    assert (own.half != own.chosen_on).all() and (own.average_precision == 0.7).all()
    assert set(own["count"][own.chosen_on == 0]) == {1}
    assert set(own["count"][own.chosen_on == 1]) == {2}
    table = which_heads(fitted).set_index("way")
    assert table.loc[SCORE, "average precision"] == pytest.approx(0.7)
    assert table.loc[PAPER, "heads"] == "24" and table.loc[PAPER, "n"] == 4
    compared = differences(fitted)
    assert compared.difference.tolist() == pytest.approx([0.1, 0.2])
    assert compared.words.tolist() == [4, 4] and "p_holm" in compared


def test_the_fewest_heads_of_equal_ones() -> None:
    assert best_count(pd.DataFrame({"count": [4, 2, 2], "average_precision": [0.5, 0.6, 0.4]})) == 2


def voted() -> pd.DataFrame:
    """Two images, two heads: in the first, which names two objects, each vote counts once."""
    return pd.DataFrame(
        [
            row(0, "cat", PAIRS[0], concepts="pet;pet;color"),
            row(0, "dog", PAIRS[0], concepts="pet;pet;color", start=9),
            row(0, "cat", PAIRS[1], concepts="color;color;color"),
            row(1, "cat", PAIRS[0], concepts="pet;pet;pet"),
            row(1, "cat", PAIRS[1], concepts="pet;color;color"),
        ]
    )


def test_relevance_vectors_by_hand() -> None:
    table = voted()
    assert votes(table).votes.sum() == 12
    vectors = relevance_vectors(table)
    # pet: 5 votes and 1, mean 3; color: 1 and 5.
    assert vectors["pet"].tolist() == pytest.approx([5 / 3, 1 / 3])
    assert vectors["color"].tolist() == pytest.approx([1 / 3, 5 / 3])
    assert vectors.mean().tolist() == pytest.approx([1, 1])
    assert top_concepts(vectors) == {
        PAIRS[0]: ("pet", pytest.approx(5 / 3)), PAIRS[1]: ("color", pytest.approx(5 / 3))
    }  # fmt: skip
    heads = by_concept(table, {"a": "the layer"})
    first = heads[heads.concept == "pet"].iloc[0]
    assert (first[""], first["head"], first.votes) == ("the layer", 0, 5)
    assert first.relevance == pytest.approx(5 / 3)
    assert relevance_vectors(table.drop(columns="concepts")).columns.empty


def test_agreement_is_spearmans_over_heads() -> None:
    rng = np.random.default_rng(0)
    pairs = [("a", head) for head in range(6)]
    rows = [
        row(run, "cat", pair, entropy=rng.normal(pair[1]), average_precision=rng.random())
        for run in range(12)
        for pair in pairs
    ]
    rows[3]["average_precision"] = math.nan
    table = pd.DataFrame(rows)
    result = agreement(table)
    means = table.groupby("head")[["entropy", "average_precision"]].mean()
    expected = spearmanr(means.entropy, means.average_precision).statistic
    assert len(result) == 1 and result.rho.item() == pytest.approx(expected)
    assert result["rho, low"].item() <= expected <= result["rho, high"].item()
    few = agreement(table[table.run.isin([f"r{i}" for i in range(9)])])
    assert few["rho, low"].isna().all()  # nine prompts are too few for an interval
