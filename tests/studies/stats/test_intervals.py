"""Intervals and summaries, against scipy and against what is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daam_nb.errors import DaamError, StudyError
from daam_nb.studies.stats.intervals import interval, ratio, summary


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
    assert interval(values) == first  # nothing is drawn


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
    with pytest.raises(StudyError, match="A denominator is -1"):
        ratio([2.0, 4.0], [1.0, -1.0])
    assert math.isnan(ratio([1.0], [0.0]).mean)
    with pytest.raises(StudyError, match="a ratio needs pairs"):
        ratio([1.0], [1.0, 2.0])


def test_a_ratio_to_ones_is_a_mean() -> None:
    values, names = normal(60), [f"p{i // 3}" for i in range(60)]
    found, mean = ratio(values, np.ones(60), clusters=names), interval(values, clusters=names)
    assert (found.mean, found.low, found.high) == pytest.approx((mean.mean, mean.low, mean.high))


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
        found = interval(normal(40, seed))
        covered += found.low <= 0.5 <= found.high
    assert 0.89 <= covered / 200 <= 0.99


def test_few_or_equal_values() -> None:
    nothing = interval([math.nan])
    assert math.isnan(nothing.mean) and nothing.n == 0
    one = interval([0.3])
    assert one.mean == 0.3 and math.isnan(one.low) and math.isnan(one.high)
    one_prompt = interval([0.3, 0.5], clusters=["a", "a"])
    assert one_prompt.mean == 0.4 and math.isnan(one_prompt.low)
    few = interval(normal(9))
    assert not math.isnan(few.mean) and math.isnan(few.low) and math.isnan(few.high)
    assert str(interval([0.25])) == "0.250 (n = 1)"
    assert not math.isnan(interval(normal(10)).low)
    prompts = [f"p{i // 100}" for i in range(900)]  # 900 values of nine prompts
    assert math.isnan(interval(normal(900), clusters=prompts).low)


def test_of_equal_values_only_their_bounds_tell_how_sure_the_mean_is() -> None:
    """An interval of no width would say that nothing else can be."""
    same = interval([0.0] * 20)
    assert same.mean == 0 and math.isnan(same.low) and math.isnan(same.high)
    # With a share of 0.168 that is not 0, twenty would all be 0 once in 40 times.
    bounded = interval([0.0] * 20, bounds=(0, 1))
    assert (bounded.low, bounded.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert bounded.high == pytest.approx(stats.beta.ppf(0.975, 1, 20))  # Clopper and Pearson
    middle = interval([0.5] * 20, bounds=(0, 2))
    assert (middle.low, middle.high) == pytest.approx(
        (0.5 - 0.168 * 0.5, 0.5 + 0.168 * 1.5), abs=1e-3
    )
    with pytest.raises(StudyError, match=r"A value is 1\.5, outside bounds= of 0 to 1"):
        interval([1.5], bounds=(0, 1))


def test_where_the_bounds_are_known_the_interval_ends_there() -> None:
    rare = [0.0] * 18 + [0.02, 0.9]
    assert interval(rare, bounds=(-1, 1)).low < 0
    assert interval(rare, bounds=(0, 1)).low == 0
    assert interval(rare).low == 0  # else at the lowest value


def test_not_observed_is_left_out() -> None:
    found = interval([1.0, math.nan, 3.0], clusters=["a", "b", "c"])
    assert (found.mean, found.n, found.clusters) == (2.0, 2, 2)


@given(st.lists(st.floats(0, 1), min_size=10, max_size=40))
def test_an_interval_holds_its_mean_and_stays_within_the_values(values: list[float]) -> None:
    found = interval(values)
    if math.isnan(found.low):
        assert max(values) - min(values) < 1e-9
        return
    assert found.low <= found.mean + 1e-9 and found.mean - 1e-9 <= found.high
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_what_does_not_fit() -> None:
    with pytest.raises(StudyError, match="1 clusters for 2 values"):
        interval([1.0, 2.0], clusters=["a"])
    with pytest.raises(StudyError, match=r"not an array of shape \(1, 2\)"):
        interval([[1.0, 2.0]])  # type: ignore[list-item]
    for text in ("half", ["a"], 0.5, None):
        with pytest.raises(StudyError, match="flat list of numbers"):
            interval(text)  # type: ignore[arg-type]
    with pytest.raises(
        StudyError, match="Clusters must be a list of names, one for each value, not 5"
    ):
        interval([1.0, 2.0], clusters=5)  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"\[1\] is not a valid name of a cluster"):
        interval([1.0, 2.0], clusters=[[1], [1]])  # type: ignore[list-item]
    with pytest.raises(StudyError, match="flat list of numbers"):
        ratio("half", [1.0])  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="Value 2 is infinite"):
        interval([1.0, math.inf])
    with pytest.raises(StudyError, match="Value 1 has no cluster"):
        interval([1.0, 2.0], clusters=[None, "a"])
    with pytest.raises(StudyError, match=r"confidence must be between 0 and 1, such as 0\.95"):
        interval(normal(20), confidence=95)


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
        *("iod", "iod_low", "iod_high", "iod_n", "rare"),
    ]
    assert found["iod_n"].tolist() == [2, 3]  # not the n of the first value
    assert found["relation"].tolist() == ["obj", "det"]
    assert found["n"].tolist() == [2, 2]
    assert found["iou"].tolist() == pytest.approx([0.3, 0.2])
    assert found["iod"].tolist() == [0.5, 0.5]
    assert found["rare"].tolist() == [False, False]
    assert summary(table, by="relation", value="iou")["rare"].all()
    with pytest.raises(StudyError, match=r"takes no column 'ioo'; did you mean 'iou'"):
        summary(table, by="relation", value="ioo")
    with pytest.raises(StudyError, match=r"need numbers, and relation hold other.*'obj'"):
        summary(table, by="prompt", value="relation")
    with pytest.raises(StudyError, match=r"bounds= takes no column 'iuo'; did you mean 'iou'"):
        summary(table, by="relation", value="iou", bounds={"iuo": (0, 1)})


def test_groups_without_a_number_are_groups() -> None:
    table = pd.DataFrame({"prompt": [1, 2], "threshold": [None, 0.4], "iou": [0.1, 0.2]})
    found = summary(table.astype({"threshold": float}), by=["threshold"], value="iou")
    assert len(found) == 2 and math.isnan(found["threshold"][0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bounds": (0, float("nan"))}, "two finite numbers, the smaller first"),
        ({"bounds": (0, float("inf"))}, "two finite numbers, the smaller first"),
        ({"bounds": (1, 0)}, "two finite numbers, the smaller first"),
        ({"bounds": 1}, "two finite numbers, the smaller first"),
        ({"clusters": {n: n // 2 for n in range(12)}}, "Clusters must be a list of names"),
        ({"clusters": [[n] for n in range(12)]}, "is not a valid name of a cluster"),
        ({"confidence": "0.9"}, "A confidence must be between 0 and 1, such as 0.95, not '0.9'"),
        ({"confidence": 95}, "A confidence must be between 0 and 1, such as 0.95, not 95"),
    ],
)
def test_options_of_an_interval_that_are_none(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DaamError, match=said):
        interval([0.5] * 12, **options)


def test_a_summary_has_no_two_columns_of_one_name() -> None:
    table = pd.DataFrame({"clusters": [1], "v": [1.0], "v_low": [2.0], "prompt": ["a"]})
    for options, name in (
        ({"by": "clusters", "value": "v"}, "clusters"),
        ({"by": "prompt", "value": ["v", "v_low"]}, "v_low"),
        ({"by": "prompt", "value": ["v", "v"]}, "v"),
    ):
        with pytest.raises(DaamError, match=f"would have two columns '{name}'"):
            summary(table, **options)  # type: ignore[arg-type]
    with pytest.raises(DaamError, match="by= must name at least one column"):
        summary(table, by=[], value="v")
