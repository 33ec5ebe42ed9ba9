"""Clusters without names, matched with nouns one to one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.studies.truths import JudgeTruth
from daam_nb.studies.unsupervised import clusters, matched
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
