"""Two groups: permutation tests and effect sizes, against hand counts and scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from daam_nb.errors import DaamError, StudyError
from daam_nb.studies.stats.comparison import compare, holm, holm_of, permutation_test


def test_signs_of_three_pairs_by_hand() -> None:
    # Of the 8 ways to turn three differences of 1, two are as far from 0 as what was seen.
    assert permutation_test([2, 3, 4], [1, 2, 3], paired=True) == pytest.approx(2 / 8)


def test_pairs_of_one_cluster_turn_together() -> None:
    first, second = [1.0] * 6, [0.0] * 6
    free = permutation_test(first, second, paired=True)
    together = permutation_test(first, second, paired=True, clusters=list("aabbcc"))
    assert free == pytest.approx(2 / 64)
    assert together == pytest.approx(2 / 8)
    assert permutation_test(first, second, paired=True, clusters="a" * 6) == 1.0


def test_shuffled_labels_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(0, 1, 14), rng.normal(0.9, 1, 11)
    expected = stats.permutation_test(
        (one, two),
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=20000,
        rng=rng,
    ).pvalue
    assert permutation_test(one, two, resamples=20000) == pytest.approx(expected, abs=0.006)


def test_only_differences_within_a_cluster_count() -> None:
    """Two prompts that differ a lot, and inside each the two groups do not."""
    one, two = [0.0, 0.1, 0.0], [1.0, 1.1, 1.0]
    apart = permutation_test(one, two, clusters=(["a"] * 3, ["b"] * 3))
    assert apart == 1.0
    assert permutation_test(one * 4, two * 4) < 0.01


def test_clusters_of_one_group_alone_are_relabeled_whole() -> None:
    """Within such clusters there is nothing to shuffle, and p was 1 whatever they differed by."""
    rng = np.random.default_rng(9)
    level = rng.normal(0, 1, 24)
    values = level.repeat(5) + rng.normal(0, 0.1, 120)
    names = np.arange(24).repeat(5).tolist()
    one, two = values[:60] + 3, values[60:]
    clusters = names[:60], names[60:]
    assert permutation_test(one, two, clusters=clusters) < 0.001
    assert compare(one, two, clusters=clusters).p < 0.001
    strata = [name % 3 for name in names[:60]], [name % 3 for name in names[60:]]
    assert compare(one, two, clusters=clusters, strata=strata).p < 0.001
    # Of clusters that are alike but for chance p is that of the cluster means, not of 120 values.
    free = permutation_test(values[:60], values[60:], clusters=clusters, resamples=2000)
    means = values.reshape(24, 5).mean(axis=1)
    assert free == permutation_test(means[:12], means[12:], resamples=2000)
    # By hand: two clusters of each group, and of six ways to label four the two extreme ones.
    p = permutation_test(
        [3.0, 3.0, 4.0], [1.0, 0.0], clusters=(["a", "a", "b"], ["c", "d"]), resamples=20_000
    )
    assert p == pytest.approx(2 / 6, abs=0.02)


def test_within_clusters_by_hand() -> None:
    # Three clusters with one value of each group: 8 labelings, 2 as extreme.
    names = (["a", "b", "c"], ["a", "b", "c"])
    p = permutation_test([1, 2, 3], [0, 1, 2], clusters=names, resamples=40000)
    assert p == pytest.approx(0.25, abs=0.01)


def test_no_difference_gives_small_p_as_rarely_as_it_should() -> None:
    rng = np.random.default_rng(3)
    small = 0
    for seed in range(200):
        one, two = rng.random(20), rng.random(20)
        small += permutation_test(one, two, resamples=199, seed=seed) <= 0.05
    assert small <= 20


def test_a_comparison_by_hand() -> None:
    found = compare([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    assert found.difference == 1.0
    assert found.effect == pytest.approx(1.0)  # both deviate by 1
    assert found.n == (3, 3)
    assert math.isnan(found.low) and "[" not in str(found)
    assert "+1.000" in str(found)


def test_the_interval_of_two_groups_is_welchs_where_neither_is_skewed() -> None:
    rng = np.random.default_rng(6)
    one, two = rng.normal(1, 1, 40), rng.normal(0, 3, 12)
    one, two = (np.concatenate([part, 2 * part.mean() - part]) for part in (one, two))  # mirrored
    found = compare(one, two)
    expected = stats.ttest_ind(one, two, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_effect_of_pairs_is_that_of_their_differences() -> None:
    found = compare([1.0, 2.0, 4.0], [0.0, 1.0, 1.0], paired=True)
    differences = np.array([1.0, 1.0, 3.0])
    assert found.difference == pytest.approx(5 / 3)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert found.n == (3, 3)


def test_pairs_with_a_hole_are_left_out() -> None:
    found = compare([1.0, math.nan, 2.0], [0.0, 5.0, 1.0], paired=True)
    assert (found.n, found.difference) == ((2, 2), 1.0)
    assert math.isnan(found.effect)  # nothing varies


def test_the_interval_of_a_difference_is_that_of_normal_theory() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(1, 1, 300), rng.normal(0, 1, 300)
    found = compare(one, two, resamples=99)
    spread = 1.96 * math.sqrt(one.var() / 300 + two.var() / 300)
    assert found.high - found.low == pytest.approx(2 * spread, rel=0.06)
    names = [f"{i}" for i in range(300)]
    paired_up = compare(one, two, clusters=(names, names), resamples=99)
    assert paired_up.high - paired_up.low == pytest.approx(2 * spread, rel=0.12)


def test_a_cluster_in_both_groups_is_drawn_for_both() -> None:
    """What all of a prompt share cancels in the difference."""
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 5, 100)
    one, two = shared + rng.normal(1, 0.1, 100), shared + rng.normal(0, 0.1, 100)
    names = [f"{i}" for i in range(100)]
    found = compare(one, two, clusters=(names, names), resamples=1999)
    assert found.high - found.low < 0.2
    assert found.p < 0.001


def test_no_p_is_smaller_than_one_of_the_permutations() -> None:
    """Both tails are counted at once, of pairs too."""
    rng = np.random.default_rng(4)
    one, two = rng.normal(9, 1, 30), rng.normal(0, 1, 30)
    assert compare(one, two, paired=True, resamples=99).p == pytest.approx(1 / 100)
    assert compare(one, two, resamples=99).p == pytest.approx(1 / 100)


@pytest.mark.parametrize("paired", [True, False])
def test_one_of_a_hundred_tests_can_still_be_found(paired: bool) -> None:
    """With 5000 permutations p was 0.0004 of pairs, and 0.04 after Holm's correction for 105."""
    rng = np.random.default_rng(4)
    one, two = rng.normal(3, 1, 30), rng.normal(0, 1, 30)
    p = permutation_test(one, two, paired=paired)
    assert p == pytest.approx(1 / 100_001)
    assert holm([p] + [0.5] * 104)[0] < 0.002


def test_p_of_many_permutations_is_near_that_of_students_test() -> None:
    rng = np.random.default_rng(7)
    one, two = rng.normal(0.55, 1, 60), rng.normal(0, 1, 60)
    for p, expected in (
        (permutation_test(one, two), stats.ttest_ind(one, two).pvalue),
        (permutation_test(one, two, paired=True), stats.ttest_rel(one, two).pvalue),
    ):
        assert 0.0005 < expected < 0.01
        assert p == pytest.approx(expected, rel=0.15)


def test_signs_of_sixteen_pairs_are_all_counted() -> None:
    gaps = np.random.default_rng(8).normal(0.5, 1, 16)
    ways = np.array(np.meshgrid(*[[-1, 1]] * 16)).reshape(16, -1)
    expected = (np.abs(gaps @ ways) >= abs(gaps.sum()) - 1e-9).mean()
    assert permutation_test(gaps, np.zeros(16), paired=True) == pytest.approx(expected)
    assert permutation_test(np.zeros(12), np.zeros(12), paired=True) == 1.0  # nothing differs


def test_shuffles_within_clusters_are_compared_with_their_own_mean() -> None:
    """The groups' mix of prompts differs, and inside each prompt the first is lower."""
    one, two = [10.0, 10.1, 10.2, 0.0], [11.0, 1.0, 1.1, 1.2]
    names = (["a", "a", "a", "b"], ["a", "b", "b", "b"])
    # Of the 4 * 4 ways to label, the one that was seen has the lowest of both, and so the highest
    # difference within prompts; no other is as far from 0.
    p = permutation_test(one, two, clusters=names, resamples=40000)
    assert p == pytest.approx(1 / 16, abs=0.005)


def test_groups_in_clusters_with_few_values_have_no_interval() -> None:
    """A draw of clusters may lack one of the groups."""
    rng = np.random.default_rng(5)
    one, two = rng.random(40), rng.random(10)
    names = [str(i) for i in range(50)]
    assert not math.isnan(compare(one, two, clusters=(names[:40], names[40:])).low)
    few = compare(one, two[:9], clusters=(names[:40], names[40:49]))
    assert math.isnan(few.low) and math.isnan(few.high)
    assert 0 < few.p <= 1
    assert math.isnan(compare(one, two[:9]).low)
    together = [*names[:40], *(["p"] * 10)]  # ten values, of one prompt
    assert math.isnan(compare(one, two, clusters=(together[:40], together[40:])).low)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested() -> None:
    first, none, second = holm([0.01, math.nan, 0.04])
    assert (first, second) == (0.02, 0.04) and math.isnan(none)
    assert all(map(math.isnan, holm([math.nan, math.nan])))
    assert all(map(math.isnan, holm([None])))  # type: ignore[list-item]
    with pytest.raises(StudyError, match="flat list of numbers"):
        holm("p")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"A p value must be from 0 to 1, not 1\.5"):
        holm([0.5, 1.5])


def test_tables_of_one_page_are_one_family() -> None:
    one = pd.DataFrame({"what": ["a", "b"], "p": [0.01, math.nan], "effect": [1.0, 2.0]})
    two = pd.DataFrame({"p": [0.02, 0.03], "p_holm": [0.02, 0.03]})
    first, second = holm_of(one, two)
    assert list(first.columns) == ["what", "p", "p_holm", "effect"]
    assert first.p_holm[0] == pytest.approx(0.03) and math.isnan(first.p_holm[1])
    assert second.p_holm.tolist() == pytest.approx([0.04, 0.04])
    assert list(one.columns) == ["what", "p", "effect"]  # as it was


def test_what_does_not_fit() -> None:
    with pytest.raises(StudyError, match="not of 2 and 1 values"):
        compare([1, 2], [1], paired=True)
    with pytest.raises(StudyError, match="need two lists of clusters"):
        compare([1, 2], [1], clusters=["a", "b"])
    assert math.isnan(permutation_test([], [1.0]))
    assert math.isnan(permutation_test([], [], paired=True))
    with pytest.raises(StudyError, match="must be a whole number >= 1, not 0"):
        permutation_test([1.0, 2.0], [0.0], resamples=0)
    with pytest.raises(StudyError, match="bounds= applies to the differences of pairs"):
        compare([1.0], [0.0], bounds=(-1, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"paired": "no"}, "paired= must be True or False, not 'no'"),
        ({"resamples": 1.5}, "must be a whole number >= 1, not 1.5"),
        ({"seed": "a"}, "seed='a': it must be a whole number"),
        ({"confidence": 95}, "A confidence must be between 0 and 1, such as 0.95, not 95"),
    ],
)
def test_options_of_a_comparison_that_are_none(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DaamError, match=said):
        compare([1.0, 2.0, 3.0], [1.0, 2.5, 2.0], **options)


def test_a_table_counts_once() -> None:
    table = pd.DataFrame({"p": [0.01]})
    with pytest.raises(DaamError, match="A table is given more than once"):
        holm_of(table, table)
    assert math.isnan(holm([None, 0.1])[0])  # type: ignore[list-item]
