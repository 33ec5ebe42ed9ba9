"""Both intervals of a mean: these nouns, and nouns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from daam_nb.studies.report import two_intervals
from daam_nb.studies.report.readable import in_cells
from daam_nb.studies.stats.comparison import compare
from daam_nb.studies.stats.intervals import interval

NOUNS = [letter for letter in "abcdefghijkl" for _ in range(30)]


def table() -> pd.DataFrame:
    """Twelve nouns whose images are alike and which differ from each other."""
    rng = np.random.default_rng(0)
    values = np.repeat([0.2, 0.5, 0.8] * 4, 30) + rng.normal(0, 0.02, 360)
    return pd.DataFrame({"kind": "near", "noun": NOUNS, "both": values, "iou": 1 - values})


def test_a_summary_has_both() -> None:
    made = two_intervals.summary(table(), by="kind", value=["both", "iou"], noun="noun", enough=9)
    assert list(made.columns) == [
        *("kind", "n", "nouns", "singletons"),
        *("both", "both_low", "both_high", "both_low_nouns", "both_high_nouns"),
        *("iou", "iou_low", "iou_high", "iou_low_nouns", "iou_high_nouns", "rare"),
    ]
    row = made.iloc[0]
    assert (row.n, row.nouns, row.singletons, row.rare) == (360, 12, 0, False)
    here = interval(table().both, strata=NOUNS)
    others = interval(table().both, clusters=NOUNS)
    assert (row.both_low, row.both_high) == (here.low, here.high)
    assert (row.both_low_nouns, row.both_high_nouns) == (others.low, others.high)
    assert row.both_high - row.both_low < 0.02
    assert row.both_high_nouns - row.both_low_nouns > 0.2


def test_as_people_read_it() -> None:
    made = two_intervals.summary(table(), by="kind", value="both", noun="noun")
    these = two_intervals.of_these(made, {"both": "both there"})
    ends = ["both there, low", "both there, high"]
    assert list(these.columns) == ["kind", "n", "nouns", "both there", *ends, "rare"]
    row = made.iloc[0]
    assert these[ends].iloc[0].tolist() == [row.both_low, row.both_high]
    read = in_cells(these)
    assert list(read.columns) == ["kind", "n", "nouns", "both there", "rare"]
    assert read["both there"][0] == f"{row.both:.3f} [{row.both_low:.3f}, {row.both_high:.3f}]"
    nouns = two_intervals.of_nouns(made, {"both": "both there"})
    assert list(nouns.columns) == ["kind", "n", "nouns", "both there", *ends]
    assert nouns[ends].iloc[0].tolist() == [row.both_low_nouns, row.both_high_nouns]


def test_p_over_nouns_stands_with_the_interval_of_nouns() -> None:
    some = table()
    found, ends = two_intervals.compared(some.both, some.iou, nouns=some.noun, resamples=99)
    row = {"difference": found.difference, "p": found.p, "p_holm": found.p}
    row |= {f"difference_{name}": end for name, end in ends.items()}
    made = pd.DataFrame([row])
    headings = {"difference": "difference"}
    ends_of_it = ["difference", "difference, low", "difference, high"]
    assert list(two_intervals.of_these(made, headings).columns) == ends_of_it
    assert list(two_intervals.of_nouns(made, headings).columns) == [*ends_of_it, "p", "p_holm"]


def test_nouns_with_one_image_are_told() -> None:
    some = table().iloc[[0, 1, 30, 60]]
    made = two_intervals.summary(some, by="kind", value="both", noun="noun")
    these = two_intervals.of_these(made, {"both": "both"})
    assert these["nouns seen once"].tolist() == [2]


def test_pairs_have_both_and_p_is_over_nouns() -> None:
    some = table()
    found, ends = two_intervals.compared(some.both, some.iou, nouns=some.noun)
    assert found == compare(some.both, some.iou, paired=True, clusters=some.noun)
    assert (4096 * found.p).is_integer()  # the signs of twelve nouns turn in 2^12 ways
    assert list(ends) == ["low", "high", "low_nouns", "high_nouns"]
    assert (ends["low_nouns"], ends["high_nouns"]) == (found.low, found.high)
    assert ends["high"] - ends["low"] < 0.2 * (ends["high_nouns"] - ends["low_nouns"])


def test_pairs_are_paired_by_their_place() -> None:
    some = table()
    other = some.iou.set_axis(range(1000, 1000 + len(some)))
    mixed = two_intervals.compared(some.both, other, nouns=some.noun, resamples=99)
    assert mixed == two_intervals.compared(some.both, some.iou, nouns=some.noun, resamples=99)


def test_groups_have_both() -> None:
    some = table()
    one, two = some[::2], some[1::2]
    found, ends = two_intervals.groups_compared(
        one.both, two.both, nouns=(one.noun, two.noun), resamples=500
    )
    assert found.difference == pytest.approx(0.0, abs=0.01)
    assert (ends["low"], ends["high"]) == (found.low, found.high)
    assert ends["low_nouns"] < found.difference < ends["high_nouns"]
    assert ends["high_nouns"] - ends["low_nouns"] < 0.05  # what nouns differ by does not count
