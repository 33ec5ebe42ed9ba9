"""Two groups within strata: by hand, against least squares, and by counting all labelings."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies.stats.comparison import Comparison, compare, ends_over_strata, permutation_test

WIDE = 2 * 1.959964
"""Standard errors in a 95 % interval."""

# Stratum a: means 2 and 0, weight 2 * 1 / 3; b: means 5 and 4, weight 1 * 3 / 4; c has one group.
FIRST, SECOND = [1.0, 3.0, 5.0, 100.0], [0.0, 2.0, 4.0, 6.0]
STRATA = (["a", "a", "b", "c"], ["a", "b", "b", "b"])


def test_by_hand() -> None:
    found = compare(FIRST, SECOND, strata=STRATA, resamples=40_000)
    assert found.difference == pytest.approx((2 * 2 / 3 + 1 * 3 / 4) / (2 / 3 + 3 / 4))
    # Squares within strata 14/3 + 35/4, of them 625/204 explained; of 7 values, 3 constants.
    assert found.effect == pytest.approx((25 / 17) / math.sqrt((161 / 12 - 625 / 204) / 4))
    assert (found.n, found.strata, found.left_out) == ((3, 4), 2, 1)
    assert math.isnan(found.low) and math.isnan(found.high)  # so few


def test_p_is_that_of_all_labelings() -> None:
    a, b = [1.0, 3.0, 0.0], [5.0, 2.0, 4.0, 6.0]
    weights = (2 / 3, 3 / 4)
    made = []
    for low, high in itertools.product(range(3), range(4)):  # the second of a, the first of b
        in_a = sum(a[:low] + a[low + 1 :]) / 2 - a[low]
        in_b = b[high] - sum(b[:high] + b[high + 1 :]) / 3
        made.append((weights[0] * in_a + weights[1] * in_b) / sum(weights))
    assert np.mean(made) == pytest.approx(0.0)  # centered, whatever the mix
    seen = compare(FIRST, SECOND, strata=STRATA, resamples=40_000)
    expected = np.mean([abs(one) >= abs(seen.difference) - 1e-9 for one in made])
    assert seen.p == pytest.approx(expected, abs=0.01)
    alone = permutation_test(FIRST, SECOND, clusters=STRATA, resamples=40_000)
    assert alone == pytest.approx(expected, abs=0.01)


def some(
    loss: float = 0.1, *, gap: float = 0.0, nouns: int = 30, seed: int = 0
) -> tuple[Any, Any, Any]:
    """Values, whether of the first group, nouns; rarer in the first where a noun's mean is high."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(nouns), 37)
    ease = rng.normal(0, 3, nouns)
    lost = rng.random(len(names)) < loss * np.exp(ease / 3)[names]
    values = ease[names] + rng.normal(0, 1, len(names)) - gap * lost
    return values, ~lost, names


def compared(values: Any, first: Any, names: Any, **more: int) -> Comparison:
    strata = (names[first].tolist(), names[~first].tolist())
    return compare(values[first], values[~first], strata=strata, **more)


def test_it_is_least_squares_with_a_constant_for_each_stratum() -> None:
    values, first, names = some(0.05, gap=0.5)
    design = np.column_stack([first, names[:, None] == np.arange(30)]).astype(float)
    (slope, *_), *_ = np.linalg.lstsq(design, values, rcond=None)
    found = compared(values, first, names, resamples=99)
    assert found.difference == pytest.approx(slope)
    both = np.array([0 < first[names == name].sum() < 37 for name in range(30)])
    assert (found.strata, found.left_out) == (both.sum(), (~both).sum())
    # The deviation is that of the residuals, of strata with both groups.
    kept = both[names]
    used = design[kept][:, [True, *both]]
    residuals = values[kept] - used @ np.linalg.lstsq(used, values[kept], rcond=None)[0]
    spread = math.sqrt((residuals**2).sum() / (kept.sum() - both.sum() - 1))
    assert found.effect == pytest.approx(slope / spread)


def test_one_stratum_is_no_stratum() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(1, 1, 60), rng.normal(0, 1, 40)
    plain = compare(one, two)
    found = compare(one, two, strata=(["all"] * 60, ["all"] * 40))
    assert found.difference == pytest.approx(plain.difference)
    assert found.effect == pytest.approx(plain.effect)
    assert found.p == pytest.approx(plain.p, abs=0.001)
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.1)


def test_the_mix_of_strata_alone_is_no_difference() -> None:
    values, first, names = some(0.1)
    pooled = compare(values[first], values[~first], resamples=999)
    within = compared(values, first, names, resamples=999)
    assert pooled.difference < -1 and pooled.p == pytest.approx(0.001)
    assert within.low < 0 < within.high
    assert within.p > 0.05


def test_the_interval_has_the_error_of_least_squares() -> None:
    """What nouns differ by cancels, also where each group has another mix of them."""
    values, first, names = some(0.1, gap=1.0)
    found = compared(values, first, names, resamples=4000)
    in_first, in_all = np.bincount(names[first], minlength=30), np.bincount(names)
    error = 1 / math.sqrt((in_first * (in_all - in_first) / in_all).sum())
    assert found.high - found.low == pytest.approx(WIDE * error, rel=0.15)
    assert found.low < 1.0 < found.high


def test_intervals_hold_the_truth_and_p_is_small_as_often_as_they_should() -> None:
    held, small = 0, 0
    for seed in range(150):
        found = compared(*some(0.05, seed=seed), resamples=199)
        held += found.low <= 0 <= found.high
        small += found.p <= 0.05
    assert 132 <= held <= 150  # 142.5 on average; fewer than 132 once in 3000 times
    assert small <= 16


def test_fewer_than_ten_values_of_a_group_have_no_interval() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.normal(1, 1, 200), rng.normal(0, 1, 10)
    nouns = (np.arange(200) % 5).tolist(), (np.arange(10) % 5).tolist()
    enough = compare(one, two, strata=nouns)
    assert enough.low < enough.difference < enough.high
    assert all(map(math.isnan, ends_over_strata(one, two, strata=nouns)))  # of five nouns
    ten = (np.arange(200) % 10).tolist(), (np.arange(10) % 10).tolist()
    assert not any(map(math.isnan, ends_over_strata(one, two, strata=ten)))
    few = compare(one, two[:9], strata=(nouns[0], nouns[1][:9]))
    assert math.isnan(few.low) and math.isnan(few.high)
    assert not math.isnan(few.difference) and 0 < few.p <= 1
    ends = ends_over_strata(one, two[:9], strata=(nouns[0], nouns[1][:9]))
    assert all(map(math.isnan, ends))
    # Ten values, of which one stands in a stratum that has none of the other group.
    lone = compare(one, two, strata=(nouns[0], [*nouns[1][:9], "alone"]))
    assert math.isnan(lone.low) and (lone.n, lone.left_out) == ((200, 9), 1)


def test_whole_strata_drawn_by_hand() -> None:
    """Strata of equal weight: the interval of the mean of their differences."""
    rng = np.random.default_rng(3)
    gaps = rng.normal(0, 1, 40)
    names = np.repeat(np.arange(40), 2).tolist()
    two = rng.normal(0, 5, 40).repeat(2)
    ends = ends_over_strata(two + gaps.repeat(2), two, strata=(names, names))
    assert ends[1] - ends[0] == pytest.approx(WIDE * gaps.std(ddof=1) / math.sqrt(40), rel=0.06)
    whole = compare(two + gaps.repeat(2), two, strata=(names, names))
    assert ends[0] < whole.difference < ends[1]
    assert whole.difference == pytest.approx(gaps.mean())


def test_no_stratum_with_both_groups() -> None:
    found = compare([1.0, 2.0], [3.0], strata=(["a", "a"], ["b"]))
    numbers = (found.difference, found.low, found.high, found.p, found.effect)
    assert all(map(math.isnan, numbers))
    assert (found.n, found.strata, found.left_out) == ((0, 0), 0, 2)
    assert all(map(math.isnan, ends_over_strata([1.0], [3.0], strata=(["a"], ["b"]))))


def test_a_cluster_in_two_strata_is_refused() -> None:
    with pytest.raises(StudyError, match="is in two strata"):
        compare([1.0], [2.0], clusters=(["x"], ["x"]), strata=(["a"], ["b"]))
