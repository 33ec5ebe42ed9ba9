"""Intervals within strata, against closed forms and by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daam_nb.errors import StudyError
from daam_nb.studies.stats import stratified
from daam_nb.studies.stats.comparison import compare
from daam_nb.studies.stats.intervals import Interval, interval, summary

WIDE = 2 * 1.959964
"""Standard errors in a 95 % interval."""


def images(shares: Sequence[float], sizes: Sequence[int]) -> tuple[list[float], list[str]]:
    """Zeros and ones of each noun, with these shares of ones."""
    values, nouns = [], []
    for number, (share, size) in enumerate(zip(shares, sizes, strict=True)):
        ones = round(share * size)
        values += [1.0] * ones + [0.0] * (size - ones)
        nouns += [f"noun{number}"] * size
    return values, nouns


def width(found: Interval) -> float:
    return found.high - found.low


def test_a_share_has_the_stratified_standard_error() -> None:
    """sqrt(sum w² p (1 - p) / n), with strata of unequal size and shares from 0.1 to 1."""
    shares, sizes = [0.1, 0.5, 0.9, 1.0, 0.7], [40, 60, 100, 50, 80]
    values, nouns = images(shares, sizes)
    found = interval(values, strata=nouns)
    p, n = np.array(shares), np.array(sizes)
    weights = n / n.sum()
    error = math.sqrt((weights**2 * p * (1 - p) / n).sum())
    assert found.mean == pytest.approx(weights @ p)
    assert width(found) == pytest.approx(WIDE * error, rel=0.04)
    assert (found.n, found.clusters, found.strata, found.singletons) == (330, 330, 5, 0)


def test_few_of_each_are_not_understated() -> None:
    """Two images of each of 200 nouns: the variance of a mean is s²/2, not half of that."""
    rng = np.random.default_rng(0)
    pairs = rng.normal(0, 1, (200, 2)) + rng.normal(0, 5, (200, 1))
    names = np.repeat(np.arange(200), 2).tolist()
    found = interval(pairs.ravel(), strata=names)
    error = math.sqrt((pairs.var(axis=1, ddof=1) / 2).sum()) / 200
    assert width(found) == pytest.approx(WIDE * error, rel=0.04)
    nouns_drawn = interval(pairs.ravel(), clusters=names)
    assert width(nouns_drawn) > 5 * width(found)


def test_one_stratum_is_no_stratum() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 300)
    plain, within = interval(values), interval(values, strata=["all"] * 300)
    assert within.mean == plain.mean
    assert within.low == pytest.approx(plain.low, abs=0.002)
    assert within.high == pytest.approx(plain.high, abs=0.002)


def test_it_covers_the_truth_as_often_as_it_says_and_speaks_of_these_nouns() -> None:
    rng = np.random.default_rng(2)
    shares = np.clip(rng.normal(0.75, 0.2, 27), 0.05, 0.98)  # of these nouns, fixed
    nouns = np.repeat(np.arange(27), 10).tolist()
    covered = 0
    for _ in range(300):
        values = (rng.random((27, 10)) < shares[:, None]).astype(float).ravel()
        found = interval(values, strata=nouns)
        covered += found.low <= shares.mean() <= found.high
    assert 0.91 <= covered / 300 <= 0.98


def test_copies_within_a_cluster_add_nothing_within_strata_either() -> None:
    values, nouns = images([0.3, 0.6], [30, 40])
    prompts = [f"prompt{number}" for number in range(70)]
    once = interval(values, strata=nouns)
    copies = interval(
        np.repeat(values, 5), clusters=np.repeat(prompts, 5), strata=np.repeat(nouns, 5)
    )
    assert (copies.n, copies.clusters) == (350, 70)
    assert width(copies) == pytest.approx(width(once), rel=0.02)


def test_single_ones_are_put_together() -> None:
    together, alone = stratified.members(np.array([0, 0, 1, 2, 3, 3, 3]))
    assert [each.tolist() for each in together] == [[0, 1], [4, 5, 6], [2, 3]]
    assert alone == 2
    joined, alone = stratified.members(np.array([0, 0, 0, 1, 2, 2]))
    assert [each.tolist() for each in joined] == [[0, 1, 2], [4, 5, 3]]
    assert alone == 1
    assert [each.tolist() for each in stratified.members(np.array([0]))[0]] == [[0]]


def test_where_all_are_single_nouns_are_drawn() -> None:
    values = np.random.default_rng(3).normal(0, 1, 60)
    alone = interval(values, strata=list(range(60)))
    assert (alone.strata, alone.singletons) == (60, 60)
    assert width(alone) == pytest.approx(width(interval(values)), rel=0.06)


def test_single_ones_make_it_wider_never_narrower() -> None:
    """Two nouns far apart with a single image each: their distance counts as chance."""
    values = [0.0] * 8 + [5.0, 9.0]
    nouns = ["a", "a", "a", "a", "b", "b", "b", "b", "c", "d"]
    found = interval(values, strata=nouns)
    assert found.singletons == 2
    # As of two values of one stratum, weighing 2 of 10: t of one degree of freedom, cut at 0 and 9.
    assert (found.mean, found.low) == (1.4, 0.0)
    assert found.high == pytest.approx(1.4 + stats.t.ppf(0.975, 1) * 0.2 * 2)


def test_too_little_and_not_observed() -> None:
    nothing = interval([math.nan], strata=["a"])
    assert nothing.n == 0 and math.isnan(nothing.mean)
    one = interval([0.3], strata=["a"])
    assert one.mean == 0.3 and math.isnan(one.low) and math.isnan(one.high)
    one_cluster = interval([0.3, 0.5], clusters=["p", "p"], strata=["a", "a"])
    assert one_cluster.mean == 0.4 and math.isnan(one_cluster.low)
    hole = interval([1.0, math.nan, 3.0, 1.0], strata=["a", "b", "a", "a"])
    assert (hole.n, hole.strata) == (3, 1)
    same = interval([0.25] * 5 + [0.75] * 5, strata=list("aaaaabbbbb"))
    assert same.mean == 0.5 and math.isnan(same.low)  # nothing varies within strata


def test_what_does_not_fit() -> None:
    with pytest.raises(StudyError, match=r"A cluster is in two strata.*leave them out"):
        interval([1.0, 2.0, 3.0], clusters=["p", "q", "p"], strata=["a", "a", "b"])
    with pytest.raises(StudyError, match="Value 2 has no stratum"):
        interval([1.0, 2.0], strata=["a", None])
    with pytest.raises(StudyError, match="Value 2 has no cluster"):
        interval([1.0, 2.0], clusters=["p", math.nan], strata=["a", "a"])
    with pytest.raises(StudyError, match="1 clusters for 2 values"):
        interval([1.0, 2.0], strata=["a"])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=10, max_size=30)
)  # fmt: skip
def test_an_interval_stays_within_the_values(rows: list[tuple[str, float]]) -> None:
    names, values = zip(*rows, strict=True)
    found = interval(values, strata=names)
    if math.isnan(found.low):
        return
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_a_summary_within_strata() -> None:
    values, nouns = images([0.2, 0.8], [20, 20])
    table = pd.DataFrame({"kind": "near", "noun": nouns, "both": values})
    table.loc[len(table)] = ["near", "rare noun", 1.0]
    found = summary(table, by="kind", value="both", clusters=None, strata="noun", enough=2)
    assert list(found.columns) == [
        *("kind", "n", "clusters", "strata", "singletons", "both", "both_low", "both_high", "rare"),
    ]
    assert found.iloc[0][["n", "clusters", "strata", "singletons"]].tolist() == [41, 41, 3, 1]
    expected = interval(table.both, strata=table.noun)
    assert (found.both_low[0], found.both_high[0]) == (expected.low, expected.high)


# --- differences ----------------------------------------------------------------------------------


def test_pairs_within_strata_are_their_differences() -> None:
    rng = np.random.default_rng(4)
    nouns = np.repeat(np.arange(20), 6).tolist()
    gap = np.repeat(rng.normal(0, 3, 20), 6) + rng.normal(0, 0.1, 120)
    second = rng.normal(0, 1, 120)
    found = compare(second + gap, second, paired=True, strata=nouns)
    expected = interval(second + gap - second, strata=nouns)
    assert (found.low, found.high) == (expected.low, expected.high)
    drawn = compare(second + gap, second, paired=True, clusters=nouns)
    assert drawn.high - drawn.low > 10 * (found.high - found.low)
    # The permutation test is that of the clusters, whatever the strata are.
    several = compare(iter(second + gap), iter(second), paired=True, clusters=iter(nouns),
                      strata=nouns)  # fmt: skip
    assert several.p == drawn.p


def test_a_cluster_in_both_groups_is_drawn_for_both_within_strata() -> None:
    rng = np.random.default_rng(6)
    shared = rng.normal(0, 5, 100)
    one, two = shared + rng.normal(1, 0.1, 100), shared + rng.normal(0, 0.1, 100)
    prompts, nouns = [f"{i}" for i in range(100)], [f"noun{i // 10}" for i in range(100)]
    found = compare(one, two, clusters=(prompts, prompts), strata=(nouns, nouns))
    assert found.high - found.low < 0.2


def test_groups_that_do_not_fit() -> None:
    with pytest.raises(StudyError, match="or of strata"):
        compare([1.0, 2.0], [1.0, 2.0], strata=["a", "b"])
    alone = compare([1.0, 2.0], [3.0], strata=(["a", "a"], ["a"]))
    assert math.isnan(alone.low)
