"""Objects lost by ablation, counted by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy import stats

from daam_nb.errors import StudyError
from daam_nb.studies.faithfulness.ablations import HIDDEN, OWN
from daam_nb.studies.faithfulness.figures import _of_losses
from daam_nb.studies.faithfulness.losses import IMAGES, counted, losses, lost_figure
from daam_nb.studies.stats.intervals import share


def rows(*seen: tuple[str, bool, bool, bool, bool], change: str = OWN) -> pd.DataFrame:
    """(prompt, before, with its own word ablated, with another one, with random columns)."""
    made = []
    for place, (prompt, before, *after) in enumerate(seen):
        for kind, there in zip(("object", "control", "random"), after, strict=True):
            about = {"run": str(place), "prompt": prompt, "kind": kind, "map": "the word's"}
            made.append({**about, "change": change, "before": before, "after": there})
    return pd.DataFrame(made)


FIVE = rows(
    ("a", True, False, True, True),  # lost by its own word
    ("b", True, False, True, False),  # ... and by random columns
    ("c", True, True, True, True),
    ("d", False, False, False, False),  # never seen: not counted
    ("e", True, False, False, True),  # lost by its own word and by another
)


def test_losses_by_hand() -> None:
    [row] = losses(FIVE).to_dict("records")
    assert (row["n"], row["lost"], row["other"], row["random"]) == (4, 0.75, 0.25, 0.25)
    assert (row["difference"], row["above_random"]) == (0.5, 0.5)
    assert math.isnan(row["lost_low"]) and math.isnan(row["difference_high"])  # four images
    [first] = losses(FIVE, images=3).to_dict("records")  # the first three that were seen
    assert (first["n"], first["lost"], first["other"]) == (3, pytest.approx(2 / 3), 0)


def test_images_without_another_word_are_left_out() -> None:
    some = FIVE[~((FIVE.run == "1") & (FIVE.kind == "control"))]
    assert counted(some) == ["0", "2", "4"]
    assert losses(some).n.tolist() == [3]


def test_a_row_for_each_ablation() -> None:
    hidden = rows(("a", True, False, True, True), ("b", True, False, True, True), change=HIDDEN)
    both = pd.concat([FIVE[FIVE.run < "2"], hidden[hidden.kind != "random"]])
    own, other = losses(both).to_dict("records")
    assert (own["ablated"], other["ablated"]) == (OWN, HIDDEN)
    assert (other["lost"], other["difference"]) == (1, 1)
    assert math.isnan(other["random"]) and math.isnan(other["above_random"])
    drawn = lost_figure(losses(both)).to_matplotlib().axes[0]
    assert len(drawn.patches) == 5  # three bars, and two


def test_more_images_than_the_rule_fixes_are_a_table_of_their_own() -> None:
    assert list(_of_losses(losses(FIVE), losses(FIVE, images=None))) == [
        "Objects that the judge no longer sees"
    ]
    kept = (f"{number}" for number in range(IMAGES))
    many = rows(
        *((name, True, False, True, True) for name in kept), ("more", True, True, True, True)
    )
    fixed, every = _of_losses(losses(many), losses(many, images=None)).values()
    assert fixed.n.tolist() == [IMAGES] and every.n.tolist() == [IMAGES + 1]
    lost = "lost, its own word ablated"
    assert fixed[lost][0] == 1.0 and every[lost][0] == pytest.approx(IMAGES / (IMAGES + 1))


def test_nothing_seen_no_losses() -> None:
    assert losses(FIVE[FIVE.run == "3"]).empty
    assert counted(FIVE.assign(before=None)) == []


def test_losses_of_twenty_images_have_intervals_and_one_family_of_p() -> None:
    many = [rows(*((str(i), True, False, True, True) for i in range(20)), change=change)
            for change in (OWN, HIDDEN)]  # fmt: skip
    made = losses(pd.concat(many))
    low = stats.beta.ppf(0.025, 20, 1)  # Clopper and Pearson: all of 20
    for row in made.to_dict("records"):
        assert (row["lost"], row["lost_low"], row["lost_high"]) == (1, pytest.approx(low), 1)
        assert (row["difference"], row["difference_high"]) == (1, 1)
        assert row["difference_low"] == pytest.approx(1 - 2 * (1 - low))
        assert row["p_holm"] == 2 * row["p"]


def test_shares() -> None:
    found = share([1.0] * 12 + [math.nan], clusters=[*map(str, range(13))])
    exact = stats.binomtest(12, 12).proportion_ci(method="exact")
    assert (found.mean, found.low, found.high, found.n) == (1, pytest.approx(exact.low), 1, 12)
    assert math.isnan(share([1.0] * 9).low)
    together = share([1.0, 0, 1, 1], clusters=["a", "a", "b", "c"])
    assert together.clusters == 3 and math.isnan(together.low)
    assert math.isnan(share([]).mean)
    with pytest.raises(StudyError, match="values of 0 and 1 only"):
        share([0.5])
