"""How often intervals of few clusters hold the truth: each kind that the package makes, simulated.

The truth is known because the samples are made here: from 10 clusters on, skewed, binary, and of
very unequal size, at least 93 of 100 intervals of "95 %" hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from daam_nb.studies import rating
from daam_nb.studies.stats.comparison import compare, ends_over_strata
from daam_nb.studies.stats.intervals import interval, ratio, share
from daam_nb.studies.visuosyntax.statistics import summary

SAMPLES = 500
LEAST = 0.93

Rng = np.random.Generator
Ends = tuple[float, float]


def held(ends: Iterator[Ends], truth: float) -> float:
    """The share of intervals that hold the truth, of those that there are; these are most."""
    there = [(low, high) for low, high in ends if not math.isnan(low)]
    assert len(there) >= 0.85 * SAMPLES
    return float(np.mean([low - 1e-12 <= truth <= high + 1e-12 for low, high in there]))


# Name -> how values of a share or an overlap are drawn, and their mean.
VALUES: dict[str, tuple[Callable[[Rng, int], Any], float]] = {
    "uniform": (lambda rng, size: rng.random(size), 0.5),
    "rarely large": (lambda rng, size: rng.beta(0.5, 2, size), 0.2),
    "small": (lambda rng, size: rng.beta(1, 9, size), 0.1),
    "half of them nothing": (
        lambda rng, size: rng.beta(2, 2, size) * rng.integers(2, size=size),
        0.25,
    ),
    "most of them nothing": (
        lambda rng, size: rng.beta(2, 2, size) * (rng.random(size) < 0.2),
        0.1,
    ),
    "nearly always there": (lambda rng, size: (rng.random(size) < 0.95).astype(float), 0.95),
    "exponential": (lambda rng, size: np.minimum(rng.exponential(0.1, size), 1), 0.1),
}


HEAVY = {"log-normal": (0.86, 0.89, 0.91), "beta": (0.87, 0.95, 0.97)}
"""What docs/studies.md says of tails too heavy for so few: 10, 20 and 30 values."""


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_tails_hold_less_and_the_documents_say_so(name: str) -> None:
    held_by_size = []
    for size in (10, 20, 30):
        rng = np.random.default_rng(1)
        if name == "beta":
            intervals = (interval(rng.beta(0.1, 3, size), bounds=(0, 1)) for _ in range(SAMPLES))
            truth = 0.1 / 3.1
        else:
            intervals = (interval(rng.lognormal(0, 1.5, size)) for _ in range(SAMPLES))
            truth = math.exp(1.5**2 / 2)
        held_by_size.append(held(((each.low, each.high) for each in intervals), truth))
    assert held_by_size == pytest.approx(HEAVY[name], abs=0.02)


@pytest.mark.parametrize("size", [10, 20])
@pytest.mark.parametrize("name", VALUES)
def test_a_mean(name: str, size: int) -> None:
    draw, truth = VALUES[name]
    rng = np.random.default_rng(1)
    made = (interval(draw(rng, size), bounds=(0, 1)) for _ in range(SAMPLES))
    assert held(((one.low, one.high) for one in made), truth) >= LEAST


def unequal(rng: Rng, count: int, heavy: bool) -> Any:
    """Sizes of clusters: up to seven, or some much larger than the others."""
    return 1 + (rng.poisson(rng.exponential(4, count)) if heavy else rng.integers(7, size=count))


@pytest.mark.parametrize("count", [10, 30])
@pytest.mark.parametrize("heavy", [False, True], ids=["unequal", "very unequal"])
@pytest.mark.parametrize("binary", [False, True], ids=["skewed", "binary"])
def test_a_mean_of_clusters(count: int, heavy: bool, binary: bool) -> None:
    """Values of one cluster are alike: half of the variance is between clusters, or a third."""
    rng = np.random.default_rng(2)

    def sample() -> Ends:
        names = np.repeat(np.arange(count), unequal(rng, count, heavy))
        if binary:
            values = rng.random(len(names)) < rng.beta(0.4, 1.6, count)[names]
        else:
            values = (rng.beta(0.5, 2, count)[names] + rng.beta(0.5, 2, len(names))) / 2
        found = interval(values.astype(float), clusters=names, bounds=(0, 1))
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), 0.2) >= LEAST


@pytest.mark.parametrize("sizes", [(2,) * 5, (3, 4, 5), (1, 2, 2, 3, 4), (4,) * 20], ids=str)
@pytest.mark.parametrize("binary", [False, True], ids=["skewed", "binary"])
def test_a_mean_of_these_nouns(sizes: tuple[int, ...], binary: bool) -> None:
    """Nouns differ, and stay; their images are drawn."""
    rng = np.random.default_rng(3)
    level = np.linspace(0.1, 0.9, len(sizes)) if binary else np.linspace(0, 0.5, len(sizes))
    nouns = np.repeat(np.arange(len(sizes)), sizes)
    truth = float((level[nouns] + (0 if binary else 0.1)).mean())

    def sample() -> Ends:
        chance = rng.random(len(nouns)) if binary else rng.beta(0.5, 2, len(nouns)) / 2
        values = chance < level[nouns] if binary else level[nouns] + chance
        found = interval(values.astype(float), strata=nouns, bounds=(0, 1))
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), truth) >= LEAST


@pytest.mark.parametrize("size", [10, 17, 30, 60])
def test_a_share_of_single_values_always(size: int) -> None:
    """No simulation: the sum over all outcomes, for every true share. Wilson's has 0.84 here."""
    ends = [share([1.0] * ones + [0.0] * (size - ones)) for ones in range(size + 1)]
    truths = np.linspace(0.001, 0.999, 999)
    likely = stats.binom.pmf(np.arange(size + 1)[:, None], size, truths)
    holds = [(one.low <= truths) & (truths <= one.high) for one in ends]
    assert (np.array(holds) * likely).sum(axis=0).min() >= 0.95


def test_a_ratio() -> None:
    rng = np.random.default_rng(4)

    def sample() -> Ends:
        below = rng.exponential(1, 12)
        found = ratio(below * rng.beta(0.7, 2.1, 12) * 4, below)
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), 1.0) >= LEAST


@pytest.mark.parametrize("size", [10, 25])
@pytest.mark.parametrize("binary", [False, True], ids=["skewed", "binary"])
def test_a_difference_of_pairs(size: int, binary: bool) -> None:
    rng = np.random.default_rng(5)

    def sample() -> Ends:
        if binary:  # one of twelve is gained, one of three lost
            gap = rng.choice([-1.0, 0.0, 1.0], p=[4 / 12, 7 / 12, 1 / 12], size=size)
        else:
            gap = rng.beta(0.5, 2, size) - 0.45
        found = compare(gap, np.zeros(size), paired=True, bounds=(-1, 1), resamples=1)
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), -0.25) >= LEAST


@pytest.mark.parametrize("sizes", [(10, 10), (10, 40)], ids=str)
@pytest.mark.parametrize("name", ["rarely large", "half of them nothing"])
def test_a_difference_of_groups(name: str, sizes: tuple[int, int]) -> None:
    draw, truth = VALUES[name]
    rng = np.random.default_rng(6)

    def sample() -> Ends:
        found = compare(draw(rng, sizes[0]), 0.1 * draw(rng, sizes[1]), resamples=1)
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), 0.9 * truth) >= LEAST


@pytest.mark.parametrize("shared", [False, True], ids=["apart", "in both groups"])
def test_a_difference_of_groups_of_clusters(shared: bool) -> None:
    rng = np.random.default_rng(7)

    def sample() -> Ends:
        groups, names = [], []
        level = rng.beta(0.5, 2, 12)
        for group in range(2):
            own = np.repeat(np.arange(12), unequal(rng, 12, False))
            of_cluster = level if shared else rng.beta(0.5, 2, 12)
            groups.append((of_cluster[own] + rng.beta(0.5, 2, len(own))) / 2)
            names.append((own if shared else own + 12 * group).tolist())
        found = compare(*groups, clusters=(names[0], names[1]), resamples=1)
        return found.low, found.high

    assert held((sample() for _ in range(SAMPLES)), 0.0) >= LEAST


@pytest.mark.parametrize("rare", [0.1, 0.5])
def test_a_difference_within_nouns(rare: float) -> None:
    """Of 12 nouns with ten images each, of which few or half are of the first group."""
    rng = np.random.default_rng(8)
    nouns = np.repeat(np.arange(12), 10)
    level = np.linspace(0, 0.5, 12)

    def sample() -> tuple[Ends, Ends]:
        first = rng.random(120) < rare * (1 + np.linspace(-0.5, 0.5, 12))[nouns]
        values = level[nouns] + rng.beta(0.5, 2, 120) / 2 + 0.05 * first
        groups = values[first], values[~first]
        strata = nouns[first].tolist(), nouns[~first].tolist()
        found = compare(*groups, strata=strata, resamples=1)
        return (found.low, found.high), ends_over_strata(*groups, strata=strata)

    made = [sample() for _ in range(SAMPLES)]
    of_these = [ends for ends, _ in made if not math.isnan(ends[0])]
    of_nouns = [ends for _, ends in made if not math.isnan(ends[0])]
    for ends in (of_these, of_nouns):
        if len(ends) > 100:  # fewer than ten images of a sort, or nouns with both: none
            assert np.mean([low <= 0.05 <= high for low, high in ends]) >= LEAST


@pytest.mark.parametrize("gap", [0.0, 0.15])
def test_delta_though_it_cannot_be_negative(gap: float) -> None:
    """Of words that differ in nothing, |mIoH - mIoD| is above 0: then its interval begins there."""
    rng = np.random.default_rng(9)

    def sample() -> tuple[float, Ends]:
        ioh = np.clip(rng.beta(2, 2, 12) / 2 + gap, 0, 1)
        columns = {"prompt": range(12), "ioh": ioh, "iod": rng.beta(2, 2, 12) / 2, "iou": 0.1}
        about = {"kind": "arc", "relation": "conj", "left_out": "", "parser": "by hand"}
        row = summary(pd.DataFrame({**columns, **about})).iloc[0]
        return row.delta, (row.delta_low, row.delta_high)

    made = [sample() for _ in range(80)]
    assert np.mean([low <= gap <= high for _, (low, high) in made]) >= LEAST
    if gap == 0:
        assert np.mean([delta for delta, _ in made]) > 0.03
        assert np.mean([low == 0 for _, (low, _) in made]) >= LEAST


@pytest.mark.parametrize("task", ["words", "pairs"])
def test_agreement_of_raters(task: str) -> None:
    """Three raters, fifteen prompts; each answers by what is there, or one time in five by chance.

    Two of them then agree by more than chance in 0.8 * 0.8 of the prompts, which is alpha.
    """
    answers = ["1", "2", "3", "4", "5"] if task == "words" else ["neither", "one", "both"]

    def asked(rng: Rng, prompts: int) -> pd.DataFrame:
        true = rng.choice(len(answers), p=shares, size=prompts)
        guess = rng.choice(len(answers), p=shares, size=(3, prompts))
        given = np.where(rng.random((3, prompts)) < 0.8, true, guess).ravel()
        items = np.tile(np.arange(prompts), 3)
        table = pd.DataFrame(
            {"item": items, "prompt": items, "rater": np.repeat([0, 1, 2], prompts)}
        )
        table = table.assign(answer=[answers[number] for number in given], control=0)
        table = table.assign(pos="NOUN", kind="near", score=1.0, both=1.0, objects=1.0, seconds=1.0)
        table.attrs["task"] = task
        return table

    shares = np.array([0.1, 0.1, 0.2, 0.3, 0.3]) if task == "words" else np.array([0.1, 0.3, 0.6])
    rng = np.random.default_rng(10)
    made = [rating.agreement(asked(rng, 15)).iloc[0] for _ in range(60)]
    assert np.mean([row.alpha_low <= 0.64 <= row.alpha_high for row in made]) >= LEAST
