"""Tables of the head atlas: every head, its concept, agreement of columns, chosen heads."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from daam_nb.studies.atlas.measuring import ATTENTION, EFFECTS
from daam_nb.studies.atlas.selecting import EVERY, PAPER, RECOMMENDED, RELEVANCE, SCORE
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import compare, holm_of
from daam_nb.studies.stats.intervals import SHARE, ratio, summary

Floats = NDArray[np.float64]

CAUSES = {
    "ablated": "change of the network's prediction without the head, norm over channels, mean over "
    "locations, as a share of the prediction's own",
    "ablated_inside": "the same over the object's mask",
}
HEADINGS: dict[str, str] = {
    "attention": "attention to the words",
    "attention_to_word": "to the object's word",
    "entropy": "entropy, bits",
    "iou": "IoU at 0.4",
    "average_precision": "average precision",
    "effect": "effect",
    "effect_of_layer": "of the layer's effect",
    "effect_of_all": "of all effects",
    "effect_iou": "effect: IoU at 0.4",
    "effect_average_precision": "effect: average precision",
    "ablated": "ablated",
    "ablated_inside": "ablated, inside",
}
"""Column of numbers -> its heading."""

AGREEING = (
    *("attention_to_word", "entropy", "average_precision", "effect_of_all"),
    *("effect_average_precision", "ablated", "ablated_inside"),
)
"""Columns whose agreement over heads is told."""

SHARES = (
    *("attention", "attention_to_word", "iou", "average_precision", "effect_iou"),
    "effect_average_precision",
)
HEAD = ["layer", "head"]
ENOUGH = 50
RESAMPLES = 999


def columns_of(table: pd.DataFrame) -> list[str]:
    """The numeric columns that have values: a model without effects lacks some."""
    known = [*ATTENTION, *EFFECTS, *CAUSES]
    return [name for name in known if name in table and table[name].notna().any()]


def head_means(table: pd.DataFrame) -> pd.DataFrame:
    """One row per head: the mean of every column and its interval over prompts."""
    names = columns_of(table)
    bounds = {name: SHARE for name in names if name in SHARES}
    return summary(table, by=HEAD, value=names, bounds=bounds, enough=ENOUGH)


def every_head(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """`head_means` for display, with each head's highest concept in `relevance_vectors`."""
    means = head_means(table)
    of_heads = means.set_index(HEAD).index
    vectors = relevance_vectors(table)
    if len(vectors.columns):
        tops = top_concepts(vectors)
        means["concept"] = [tops.get(pair, ("", math.nan))[0] for pair in of_heads]
        means["relevance"] = [tops.get(pair, ("", math.nan))[1] for pair in of_heads]
    means.insert(0, "", [labels.get(layer, layer) for layer in means.layer])
    means = means.drop(columns=["layer", "rare", "clusters"])
    return headed(means, HEADINGS)


def votes(table: pd.DataFrame) -> pd.DataFrame:
    """One row per image, head and concept that it voted for: run, prompt, layer, head, votes."""
    if "concepts" not in table:
        return pd.DataFrame(columns=["run", "prompt", *HEAD, "concept", "votes"])
    once = table.drop_duplicates(["run", *HEAD])
    once = once[once.concepts.fillna("") != ""]
    each = once.assign(concept=once.concepts.str.split(";")).explode("concept")
    counted = each.groupby(["run", "prompt", *HEAD, "concept"], sort=False).size()
    return counted.rename("votes").reset_index()


def relevance_vectors(table: pd.DataFrame) -> pd.DataFrame:
    """Head relevance vectors: (layer, head) by concept, whose mean over the heads is 1.

    Each concept's votes divided by its mean number of votes over heads, as in the paper, so that
    concepts that many heads attend to are comparable with others. No columns if it was not
    measured.
    """
    counted = votes(table)
    heads = pd.MultiIndex.from_frame(table[HEAD].drop_duplicates())
    if counted.empty:
        return pd.DataFrame(index=heads)
    by_head = counted.pivot_table(
        index=HEAD, columns="concept", values="votes", aggfunc="sum", fill_value=0
    )
    by_head = by_head.reindex(heads, fill_value=0).astype(float)
    return by_head / by_head.mean()


def top_concepts(vectors: pd.DataFrame) -> dict[tuple[str, int], tuple[str, float]]:
    """(layer, head) -> the concept for which it is most relevant, and how much."""
    values = vectors.to_numpy(float)
    best = values.argmax(1)
    pairs = [(str(layer), int(head)) for layer, head in vectors.index]
    names = [str(name) for name in vectors.columns]
    return {
        pair: (names[i], float(values[row, i]))
        for row, (pair, i) in enumerate(zip(pairs, best, strict=True))
    }


def by_concept(table: pd.DataFrame, labels: Mapping[str, str], top: int = 3) -> pd.DataFrame:
    """The most relevant heads for every concept, with intervals over prompts."""
    vectors = relevance_vectors(table)
    if not len(vectors.columns):
        return pd.DataFrame()
    counted = votes(table)
    prompts = table[["run", "prompt"]].drop_duplicates()
    heads = len(vectors)
    rows = []
    for concept in vectors.columns:
        of_concept = counted[counted.concept == concept]
        all_heads = prompts.run.map(of_concept.groupby("run").votes.sum()).fillna(0) / heads
        best = vectors[concept].sort_values(ascending=False, kind="stable").index[:top]
        for layer, head in best:
            own = of_concept[(of_concept.layer == layer) & (of_concept["head"] == head)]
            of_head = prompts.run.map(own.set_index("run").votes).fillna(0)
            known = ratio(of_head, all_heads, clusters=prompts.prompt)
            rows.append(
                {
                    "concept": concept,
                    "": labels.get(layer, layer),
                    "head": head,
                    "relevance": known.mean,
                    "relevance, low": known.low,
                    "relevance, high": known.high,
                    "votes": int(own.votes.sum()),
                }
            )
    return pd.DataFrame(rows)


def agreement(table: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Spearman's rho over heads between the means of every two columns.

    The interval is from resampling whole prompts (percentiles): for these heads and other prompts.
    """
    names = [name for name in AGREEING if name in columns_of(table)]
    sums, counts = _by_prompt(table, names)
    if sums.shape[1] < 3:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    prompts = len(sums)
    weights = rng.multinomial(prompts, np.full(prompts, 1 / prompts), resamples).astype(float)
    weights = np.vstack([np.ones(prompts), weights])  # (draw, prompt); the first is the sample
    with np.errstate(invalid="ignore"):
        means = np.tensordot(weights, sums, 1) / np.tensordot(weights, counts, 1)
    rows = []
    for first, second in combinations(range(len(names)), 2):
        rho = _correlations(means[:, :, first], means[:, :, second])
        low, high = np.nanpercentile(rho[1:], [2.5, 97.5])
        enough = prompts >= 10
        rows.append(
            {
                "first": HEADINGS[names[first]],
                "second": HEADINGS[names[second]],
                "heads": sums.shape[1],
                "rho": float(rho[0]),
                "rho, low": float(low) if enough else math.nan,
                "rho, high": float(high) if enough else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _by_prompt(table: pd.DataFrame, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Sums and counts, each (prompt, head, column); NaN is left out."""
    prompts, prompt_of = np.unique(table.prompt.to_numpy(str), return_inverse=True)
    keys: list[Hashable] = list(zip(table.layer, table["head"], strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    head_of = np.array([numbers[key] for key in keys], dtype=int)
    values = table[list(names)].to_numpy(float)
    shape = (len(prompts), len(numbers), len(names))
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (prompt_of, head_of), np.nan_to_num(values))
    np.add.at(counts, (prompt_of, head_of), ~np.isnan(values))
    return sums, counts


def _correlations(first: Floats, second: Floats) -> Floats:
    """Spearman's rho of every row of two (draw, head)."""
    ranks = [rankdata(values, axis=1) for values in (first, second)]
    x, y = (each - each.mean(1, keepdims=True) for each in ranks)
    scale = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    rho: Floats = np.divide((x * y).sum(1), scale, out=np.full(len(x), math.nan), where=scale > 0)
    return rho


def which_heads(fitted: pd.DataFrame) -> pd.DataFrame:
    """Every way to choose heads, on words of nouns not used for the choice."""
    if fitted.empty:
        return pd.DataFrame()
    names = {"iou": HEADINGS["iou"], "average_precision": HEADINGS["average_precision"]}
    means = summary(fitted, by="way", value=list(names), bounds=SHARE, enough=ENOUGH)
    counts = fitted.groupby("way", sort=False)["count"].unique()
    means.insert(1, "heads", [", ".join(map(str, counts[way])) for way in means.way])
    return headed(means.drop(columns="rare"), names)


def each_half(
    fitted: pd.DataFrame,
    orders: Mapping[int, Sequence[tuple[str, int]]],
    labels: Mapping[str, str],
) -> pd.DataFrame:
    """The heads that each half of the nouns chose by score, with their scores on the other half."""
    chosen = fitted[fitted.way == SCORE]
    if chosen.empty:
        return pd.DataFrame()
    names = {"iou": HEADINGS["iou"], "average_precision": HEADINGS["average_precision"]}
    means = summary(
        chosen, by=["chosen_on", "count"], value=list(names), bounds=SHARE, enough=ENOUGH
    )
    heads = [
        "; ".join(f"{labels.get(layer, layer)}, {head}" for layer, head in orders[half][:count])
        for half, count in zip(means.chosen_on.astype(int), means["count"], strict=True)
    ]
    means = means.assign(chosen_on=means.chosen_on.astype(int)).drop(columns="rare")
    means.insert(2, "heads, the best first", heads)
    return headed(means.rename(columns={"chosen_on": "chosen on half", "count": "heads"}), names)


def differences(fitted: pd.DataFrame) -> pd.DataFrame:
    """The ways that choose compared with the paper's layers, by word; one correction for all."""
    rows = []
    paper = fitted[fitted.way == PAPER].set_index(["run", "word"])
    for way in (SCORE, RELEVANCE, RECOMMENDED, EVERY):
        own = fitted[fitted.way == way].set_index(["run", "word"])
        shared = own.index.intersection(paper.index)
        if shared.empty:
            continue
        for column in ("iou", "average_precision"):
            first, second = (part.loc[shared, column].astype(float) for part in (own, paper))
            prompts = paper.loc[shared, "prompt"]
            compared = compare(first, second, paired=True, clusters=prompts, bounds=(-1, 1))
            rows.append(_compared(way, HEADINGS[column], compared))
    return holm_of(pd.DataFrame(rows))[0] if rows else pd.DataFrame()


def _compared(way: str, measure: str, compared: Any) -> dict[str, Any]:
    return {
        "way": way,
        "measure": measure,
        "words": compared.n[0],
        "difference": compared.difference,
        "difference, low": compared.low,
        "difference, high": compared.high,
        "p": compared.p,
        "effect": compared.effect,
    }
