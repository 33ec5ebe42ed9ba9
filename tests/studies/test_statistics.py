"""Bootstrap intervals and summaries, against scipy and against what is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daam_nb.errors import StudyError
from daam_nb.studies.statistics import interval, ratio, summary


def normal(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 0.2, n)


def test_near_the_t_interval_of_normal_values() -> None:
    values = normal(200)
    found = interval(values)
    low, high = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.n, found.clusters) == (200, 200)
    assert found.low == pytest.approx(low, abs=0.004)
    assert found.high == pytest.approx(high, abs=0.004)


def test_the_same_again_whatever_the_global_state() -> None:
    values = normal(30)
    np.random.seed(1)
    first = interval(values)
    np.random.seed(2)
    assert interval(values) == first
    assert interval(values, seed=1) != first


def test_copies_within_a_cluster_add_nothing() -> None:
    """Each value ten times over: ten times as many observations, and no more known."""
    values = normal(60)
    copies = np.repeat(values, 10)
    names = np.repeat([f"p{i}" for i in range(60)], 10)
    single, clustered, naive = interval(values), interval(copies, clusters=names), interval(copies)
    assert (clustered.n, clustered.clusters) == (600, 60)
    assert clustered.low == pytest.approx(single.low, abs=1e-3)
    assert clustered.high == pytest.approx(single.high, abs=1e-3)
    assert naive.high - naive.low < 0.5 * (single.high - single.low)


def test_clusters_of_unequal_size_weigh_by_their_values() -> None:
    found = interval([1.0, 0.0, 0.0, 0.0], clusters=["a", "b", "b", "b"])
    assert found.mean == 0.25
    assert found.clusters == 2


def test_a_ratio_is_of_sums() -> None:
    found = ratio([1.0, 3.0, math.nan, 5.0], [1.0, 1.0, 1.0, math.nan])
    assert (found.mean, found.n) == (2.0, 2)
    assert ratio([2.0, 4.0], [1.0, 2.0]).low == 2.0  # every observation says the same
    assert math.isnan(ratio([1.0], [0.0]).mean)
    with pytest.raises(StudyError, match="a ratio needs pairs"):
        ratio([1.0], [1.0, 2.0])


def test_a_ratio_to_ones_is_a_mean() -> None:
    values, names = normal(60), [f"p{i // 3}" for i in range(60)]
    assert ratio(values, np.ones(60), clusters=names) == interval(values, clusters=names)


def test_the_interval_of_a_ratio_is_near_the_delta_method() -> None:
    rng = np.random.default_rng(3)
    below = rng.uniform(0.01, 2.0, 400)
    above = 0.4 * below + rng.normal(0, 0.05, 400)
    found = ratio(above, below)
    spread = np.std(above - found.mean * below, ddof=1) / below.mean() / math.sqrt(400)
    assert found.mean == pytest.approx(above.sum() / below.sum())
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        found = interval(normal(40, seed), resamples=500, seed=seed)
        covered += found.low <= 0.5 <= found.high
    assert 0.89 <= covered / 200 <= 0.99


def test_few_or_equal_values() -> None:
    nothing = interval([math.nan])
    assert math.isnan(nothing.mean) and nothing.n == 0
    one = interval([0.3])
    assert one.mean == 0.3 and math.isnan(one.low) and math.isnan(one.high)
    one_prompt = interval([0.3, 0.5], clusters=["a", "a"])
    assert one_prompt.mean == 0.4 and math.isnan(one_prompt.low)
    assert interval([0.25] * 9).low == 0.25
    assert interval([0.25] * 9).high == 0.25


def test_not_observed_is_left_out() -> None:
    found = interval([1.0, math.nan, 3.0], clusters=["a", "b", "c"])
    assert (found.mean, found.n, found.clusters) == (2.0, 2, 2)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_an_interval_holds_its_mean_and_stays_within_the_values(values: list[float]) -> None:
    found = interval(values, resamples=200)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_what_does_not_fit() -> None:
    with pytest.raises(StudyError, match="1 clusters for 2 values"):
        interval([1.0, 2.0], clusters=["a"])
    with pytest.raises(StudyError, match=r"not of shape \(1, 2\)"):
        interval([[1.0, 2.0]])  # type: ignore[list-item]


def test_summary_one_row_per_group_in_order() -> None:
    table = pd.DataFrame(
        {
            "prompt": ["p", "q", "p", "q", "r"],
            "relation": ["obj", "obj", "det", "det", "det"],
            "iou": [0.2, 0.4, 0.1, None, 0.3],
            "iod": [1.0, 0.0, 0.5, 0.5, 0.5],
        }
    )
    found = summary(table, by="relation", value=["iou", "iod"], enough=2)
    assert list(found.columns) == [
        *("relation", "n", "clusters", "iou", "iou_low", "iou_high"),
        *("iod", "iod_low", "iod_high", "rare"),
    ]
    assert found["relation"].tolist() == ["obj", "det"]
    assert found["n"].tolist() == [2, 2]
    assert found["iou"].tolist() == pytest.approx([0.3, 0.2])
    assert found["iod"].tolist() == [0.5, 0.5]
    assert found["rare"].tolist() == [False, False]
    assert summary(table, by="relation", value="iou")["rare"].all()


def test_groups_without_a_number_are_groups() -> None:
    table = pd.DataFrame({"prompt": [1, 2], "threshold": [None, 0.4], "iou": [0.1, 0.2]})
    found = summary(table.astype({"threshold": float}), by=["threshold"], value="iou")
    assert len(found) == 2 and math.isnan(found["threshold"][0])
