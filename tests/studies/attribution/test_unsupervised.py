"""Clusters without names, matched with nouns one to one."""

from __future__ import annotations

import doctest
import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import DaamError, StudyError
from daam_nb.studies.attribution import unsupervised
from daam_nb.studies.attribution.unsupervised import clusters, matched, mean_iou
from daam_nb.studies.oracles.truths import JudgeTruth
from tests.studies.toy import ToyJudge
from tests.tiny_recordings import tiny_recording


def test_clusters_that_are_the_objects_fit_wholly_whatever_their_numbers() -> None:
    judge = ToyJudge(0)
    runs = [tiny_recording("a cat and a dog", seed=seed) for seed in range(2)]

    def renamed(image: Any) -> Any:
        return np.array([7, 3, 5])[judge.labels(image)]

    table = clusters(runs, truth=JudgeTruth(judge), label=renamed, progress=False)
    found = matched(table).set_index("noun")
    assert found["cluster"].to_dict() == {"cat": 3, "dog": 5}
    assert found["iou"].to_dict() == {"cat": 1.0, "dog": 1.0}
    assert found["n"].tolist() == [2, 2]


def test_the_greedy_choice_is_not_taken() -> None:
    """Each noun's best cluster is the same; the best matching gives one of them its second."""
    rows = [("cat", 0, 0.6), ("cat", 1, 0.5), ("dog", 0, 0.5), ("dog", 1, 0.1)]
    found = matched(pd.DataFrame(rows, columns=["noun", "cluster", "iou"])).set_index("noun")
    assert found["cluster"].to_dict() == {"cat": 1, "dog": 0}
    assert found["iou"].mean() == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_no_other_matching_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        [(f"n{i}", j, rng.random()) for i in range(4) for j in range(5) for _ in range(3)],
        columns=["noun", "cluster", "iou"],
    )
    total = table.groupby(["noun", "cluster"])["iou"].sum()
    best = max(
        sum(total[f"n{i}", j] for i, j in enumerate(order))
        for order in itertools.permutations(range(5), 4)
    )
    found = matched(table)
    assert (found["iou"] * found["n"]).sum() == pytest.approx(best)


def test_more_nouns_than_clusters_leaves_some_without() -> None:
    rows = [("a", 0, 0.2), ("b", 0, 0.9), ("c", 0, 0.1)]
    found = matched(pd.DataFrame(rows, columns=["noun", "cluster", "iou"])).set_index("noun")
    assert found["cluster"].to_dict() == {"a": -1, "b": 0, "c": -1}
    assert found["iou"].to_dict() == {"a": 0.0, "b": 0.9, "c": 0.0}


def test_a_noun_and_a_cluster_that_never_meet() -> None:
    rows = [("a", 0, 0.4), ("b", 1, 0.4)]
    found = matched(pd.DataFrame(rows, columns=["noun", "cluster", "iou"]))
    assert found["iou"].tolist() == [0.4, 0.4]


# --- one number -----------------------------------------------------------------------------------


def by_hand(rows: list[tuple[str, str, int, int, int, int]]) -> pd.DataFrame:
    """Of (run, noun, cluster, intersection, object, cluster pixels)."""
    names = ["run", "noun", "cluster", "intersection", "object_pixels", "cluster_pixels"]
    table = pd.DataFrame(rows, columns=names)
    union = table.object_pixels + table.cluster_pixels - table.intersection
    return table.assign(iou=table.intersection / union)


def test_the_mean_is_over_pairs_as_in_the_reference() -> None:
    """A noun of one object and one of four: 0.600 as the mean over nouns, 0.36 over pairs."""
    rows = [("cat", 0, 1.0)] + 4 * [("dog", 1, 0.2)]
    table = pd.DataFrame(rows, columns=["noun", "cluster", "iou"])
    assert matched(table)["iou"].mean() == pytest.approx(0.6)
    assert mean_iou(table) == pytest.approx((1 + 4 * 0.2) / 5)


def test_pixels_are_pooled_before_they_are_matched() -> None:
    """By objects the cat is cluster 0 (1.0 + 0.1 against 0.9), by pixels cluster 1 (90 / 102).

    cat, small: 2 pixels, all of cluster 0. cat, large: 100 pixels, 20 of cluster 0's 120 and 90 of
    cluster 1's 90; so cluster 0 has 22 of 202 pixels, cluster 1 90 of 102 (the small one included).
    """
    table = by_hand(
        [("a", "cat", 0, 2, 2, 2), ("b", "cat", 0, 20, 100, 120), ("b", "cat", 1, 90, 100, 90)]
    )
    assert matched(table).iloc[0].to_dict() == {
        "noun": "cat", "cluster": 0, "n": 2, "iou": pytest.approx((1 + 0.1) / 2),
    }  # fmt: skip
    pooled = matched(table, pooling="pixels").iloc[0]
    assert (pooled["cluster"], pooled["iou"]) == (1, pytest.approx(90 / 102))
    assert mean_iou(table, pooling="pixels") == pytest.approx(90 / 102)
    assert mean_iou(table) == pytest.approx(0.55)


def reference(table: pd.DataFrame) -> float:
    """The paper's evaluation, told again: sums and counts in square matrices, all matchings."""
    nouns = sorted(set(table.noun))
    size = max(len(nouns), table.cluster.max() + 1)
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for noun, cluster, value in zip(table.noun, table.cluster, table.iou, strict=True):
        total[nouns.index(noun), cluster] += value
        count[nouns.index(noun), cluster] += 1
    orders = [list(order) for order in itertools.permutations(range(size))]
    best = max(orders, key=lambda order: total[range(size), order].sum())
    return float(total[range(size), best].sum() / count[range(size), best].sum())


@pytest.mark.parametrize(("nouns", "labels"), [(3, 3), (2, 5), (4, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_any_table_as_in_the_reference(nouns: int, labels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        (f"n{i}", j, rng.random())
        for i in range(nouns)
        for j in range(labels)
        for _ in range(int(rng.integers(1, 6)))
    ]
    table = pd.DataFrame(rows, columns=["noun", "cluster", "iou"])
    assert mean_iou(table) == pytest.approx(reference(table))


def test_what_cannot_be_measured() -> None:
    table = pd.DataFrame([("cat", 0, 1.0)], columns=["noun", "cluster", "iou"])
    with pytest.raises(DaamError, match="Use 'objects' or 'pixels'"):
        matched(table, pooling="nouns")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="no column 'cluster_pixels'"):
        mean_iou(table, pooling="pixels")
    truth, run = JudgeTruth(ToyJudge(0)), tiny_recording("a cat")
    for label in (lambda image: np.zeros((4, 4), dtype=int), lambda image: np.zeros((64, 96))):
        with pytest.raises(StudyError, match="the number of a cluster for each pixel"):
            clusters([run], truth=truth, label=label, progress=False)


def test_the_example() -> None:
    tried = doctest.testmod(unsupervised)
    assert (tried.attempted > 0, tried.failed) == (True, 0)


def test_tables_that_hold_nothing_or_no_shares() -> None:
    empty = pd.DataFrame(columns=["noun", "cluster", "iou"])
    assert math.isnan(mean_iou(empty))
    percent = pd.DataFrame({"noun": ["a"] * 3, "cluster": [0] * 3, "iou": [50, 20, 90]})
    with pytest.raises(StudyError, match="An IoU must be from 0 to 1, and one is 50"):
        mean_iou(percent)
