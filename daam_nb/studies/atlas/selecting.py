"""Heads for a word's map: chosen on one half of the nouns, reported on the other.

Two ways to rank heads. *By score*: their mean average precision against the judge's masks, which
needs masks. *By relevance*: the head relevance vector of the word's own concept, which needs none.
The top heads of either make the map of a word; their number is chosen on the same half as the
ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording, select_layers
from daam_nb.studies.atlas.measuring import objects_of, pairs_of, scores_of
from daam_nb.studies.corpus.layer_choices import by_content
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.oracles.protocols import Judge
from daam_nb.studies.stats.halves import halves
from daam_nb.studies.study import RUN_COLUMNS, of_run

Pair = tuple[str, int]

SCORE, RELEVANCE = "by score", "by relevance"
PAPER, EVERY, RECOMMENDED = "the paper's layers", "every head", "the recommended layers"
WAYS: dict[str, str] = {
    SCORE: "those of the highest mean average precision on the other half's words",
    RELEVANCE: "those that are most relevant for the word's concept, by the other half's images",
    PAPER: "all heads of the layers that the paper takes: down and up blocks, or all",
    EVERY: "all heads of all layers",
    RECOMMENDED: "all heads of the layers that the model's card recommends",
}
"""How heads are chosen -> what that is."""

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Numbers of heads that are tried, as far as there are more."""

COLUMNS: dict[str, str] = {
    **RUN_COLUMNS,
    "word": "a word that names an object",
    "noun": "the object",
    "half": "of the nouns, 0 or 1",
    "way": "; ".join(f"{name}: {what}" for name, what in WAYS.items()),
    "chosen_on": "the half on which heads were put in order; empty where nothing was chosen",
    "count": "how many heads make the map",
    "iou": "of the mean of their maps, at 0.4 of its maximum, with the judge's mask",
    "average_precision": "of the same map and mask",
}


@dataclass(frozen=True)
class Orders:
    """Heads of the paper's layers in order, the best first, as ranked on each half of the nouns.

    Attributes
    ----------
    by_score
        Half -> the order.
    by_relevance
        Half -> concept -> the order; empty if relevance was not measured.
    """

    by_score: Mapping[int, Sequence[Pair]]
    by_relevance: Mapping[int, Mapping[str, Sequence[Pair]]]

    def content(self) -> dict[str, Any]:
        """Plain data that identifies the rows."""
        return {
            "score": {str(half): [list(p) for p in order] for half, order in self.by_score.items()},
            "relevance": {
                str(half): {name: [list(p) for p in order] for name, order in orders.items()}
                for half, orders in self.by_relevance.items()
            },
        }


def orders_of(
    table: pd.DataFrame, candidates: Sequence[Pair], relevance: Mapping[int, pd.DataFrame]
) -> Orders:
    """Rank heads on each half of the nouns separately.

    Parameters
    ----------
    table
        Of `measuring.head_rows`.
    candidates
        The heads that may be chosen.
    relevance
        Half -> of `statistics.relevance_vectors`: (layer, head) by concept.
    """
    half = table.noun.map(halves(table.noun))
    by_score = {
        number: _in_order(
            rows.groupby(["layer", "head"]).average_precision.mean().to_dict(), candidates
        )
        for number, rows in table[table.average_precision.notna()].groupby(half)
    }
    by_relevance = {
        number: {
            str(concept): _in_order(vectors[concept].to_dict(), candidates)
            for concept in vectors.columns
        }
        for number, vectors in relevance.items()
    }
    return Orders({int(n): order for n, order in by_score.items()}, by_relevance)


def _in_order(values: Mapping[Any, float], candidates: Sequence[Pair]) -> list[Pair]:
    return sorted(candidates, key=lambda pair: -values.get(pair, 0.0))  # equal ones: the first


def candidates_of(recording: Recording) -> list[Pair]:
    """The heads that may be chosen: of the paper's layers, which `heat_maps` takes by default."""
    return pairs_of(select_layers(recording.layers, "paper"))


@dataclass(frozen=True)
class Ways:
    """Everything that determines which heads make a word's map.

    Attributes
    ----------
    orders
        Ranked heads, for each half.
    half_of, concept_of
        Half and concept of each noun; no concept if none has it among its words.
    recommended
        Layers whose heads are one more choice; None: no such choice.
    """

    orders: Orders
    half_of: Mapping[str, int]
    concept_of: Mapping[str, str]
    recommended: LayerChoice | None = None

    def of(self, noun: str, recording: Recording) -> list[tuple[str, int | None, Sequence[Pair]]]:
        """(way, half that was chosen on, heads) of a word."""
        layers = recording.layers
        ways: list[tuple[str, int | None, Sequence[Pair]]] = [
            (PAPER, None, candidates_of(recording)),
            (EVERY, None, pairs_of(layers)),
        ]
        if self.recommended is not None:
            ways.append((RECOMMENDED, None, pairs_of(select_layers(layers, self.recommended))))
        for half, order in self.orders.by_score.items():
            ways += [(SCORE, half, order[:count]) for count in COUNTS if count < len(order)]
        for half, by_concept in self.orders.by_relevance.items():
            order = by_concept.get(self.concept_of.get(noun, ""), ())
            ways += [(RELEVANCE, half, order[:count]) for count in COUNTS if count < len(order)]
        return ways


def selection_scores(
    runs: Corpus,
    judge: Judge,
    ways: Ways,
    *,
    settings: Mapping[str, Any],
    progress: bool = True,
) -> pd.DataFrame:
    """Score the maps of chosen heads on every word: one row per word, way, half and count.

    Parameters
    ----------
    settings
        Settings that the words and masks depend on, by content.
    """
    fixed = {} if ways.recommended is None else {RECOMMENDED: ways.recommended}
    return measured(
        runs,
        lambda run: selection_rows(run, judge, ways),
        name="atlas-choices",
        columns=COLUMNS,
        settings={
            **settings,
            "orders": ways.orders.content(),
            "halves": dict(ways.half_of),
            "concepts": dict(ways.concept_of),
            "recommended": by_content(runs, fixed),
        },
        what="maps of chosen heads",
        progress=progress,
    )


def selection_rows(run: Run, judge: Judge, ways: Ways) -> list[dict[str, Any]]:
    """The rows of one image: every word that the judge sees, in every way."""
    recording = run.load()
    rows: list[dict[str, Any]] = []
    for each in objects_of(run, recording, judge):
        if each.mask is None or not each.mask.any():
            continue
        by_head = heat_maps(recording, layers="all").by_head(each.word)
        maps = {pair: m.values.numpy().astype(np.float64) for pair, m in by_head.items()}
        of_word = {
            **of_run(run),
            "word": each.word.text,
            "noun": each.noun,
            "half": ways.half_of[each.noun],
        }
        for way, half, pairs in ways.of(each.noun, recording):
            mean = np.mean([maps[pair] for pair in pairs], axis=0)
            scores = scores_of(mean, each.mask)
            rows.append({**of_word, "way": way, "chosen_on": half, "count": len(pairs), **scores})
    return rows


def reported(table: pd.DataFrame) -> pd.DataFrame:
    """Every word once for each way, with the choice of the other half of the nouns.

    Returns
    -------
    DataFrame
        For ways that choose, the rows of the number of heads with the highest mean average
        precision on one half, for words of the other half; for other ways, all rows.
    """
    parts = [table[table.chosen_on.isna()]]
    for (_, chosen_on), rows in table[table.chosen_on.notna()].groupby(
        ["way", "chosen_on"], sort=False
    ):
        count = best_count(rows[rows.half == chosen_on])
        parts.append(rows[(rows.half != chosen_on) & (rows["count"] == count)])
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def best_count(rows: pd.DataFrame) -> int:
    """The number of heads with the highest mean average precision; the smallest one in a tie."""
    means = rows.groupby("count").average_precision.mean()
    return int(means.idxmax()) if len(means) else 0
