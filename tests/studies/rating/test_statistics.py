"""Means and agreement, against numbers worked out by hand and published."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies import rating
from daam_nb.studies.rating.statistics import alpha

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability": four observers, twelve units.
OBSERVERS = """
    1 2 3 3 2 1 4 1 2 . . .
    1 2 3 3 2 2 4 1 2 5 . 3
    . 3 3 3 2 3 4 2 2 5 1 .
    1 2 3 3 2 4 4 1 2 5 1 .
"""


def table(rows: str, *, task: str = "words", **columns: Any) -> pd.DataFrame:
    """Scores as a table of ratings: one line per rater, a dot where there is none."""
    made = []
    for rater, line in enumerate(rows.strip().splitlines()):
        for item, score in enumerate(line.split()):
            if score != ".":
                made.append(
                    {"rater": f"r{rater}", "item": f"i{item}", "prompt": f"p{item}", "pos": "NOUN",
                     "control": 0, "answer": score, "score": float(score), "seconds": 1.0}
                )  # fmt: skip
    found = pd.DataFrame(made).assign(**columns)
    found.attrs["task"] = task
    return found


def counts_of(found: pd.DataFrame) -> np.ndarray:
    return pd.crosstab(found["item"], found.answer).to_numpy()


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_of_the_published_example(level: Any, published: float) -> None:
    found = alpha(counts_of(table(OBSERVERS)), level=level, values=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert found == pytest.approx(published, abs=0.0005)


def test_agreement_of_the_published_example() -> None:
    found = rating.agreement(table(OBSERVERS)).set_index("group").loc["all"]
    assert found.alpha == pytest.approx(0.815, abs=0.0005)
    # Unit 12 was seen by one observer alone: 11 units and 40 of the 41 values count.
    assert (found.level, found.raters, found["items"], found.n) == ("ordinal", 4, 11, 40)
    assert -1 < found.alpha_low < found.alpha < found.alpha_high <= 1


def test_nominal_alpha_by_hand() -> None:
    """Two raters, four images: both both, both one, both neither, one each.

    Coincidences: 2 of each on the diagonal, (one, neither) and back 1 each; n = 8, of which both 2,
    one 3, neither 3. Observed disagreement 2/8; expected (8^2 - 2^2 - 3^2 - 3^2) / (8 * 7) = 42/56.
    alpha = 1 - (2/8) / (42/56) = 2/3.
    """
    counts = np.array([[0, 0, 2], [0, 2, 0], [2, 0, 0], [1, 1, 0]])
    assert alpha(counts, level="nominal", values=[0.0, 1.0, 2.0]) == pytest.approx(2 / 3)


def test_agreement_where_there_is_none_to_measure() -> None:
    alone = rating.agreement(table("1 2 3"))
    assert alone.alpha.isna().all() and alone["items"].eq(0).all()
    same = rating.agreement(table("3 3 3\n3 3 3"))  # chance would agree as well
    assert same.alpha.isna().all()
    opposite = rating.agreement(table("1 5 1 5\n5 1 5 1"))
    assert opposite.alpha.iloc[0] < 0


def test_means_by_part_of_speech_by_hand() -> None:
    found = table("5 4 3 1\n5 2 3 .")
    kinds = {"i0": "NOUN", "i1": "NOUN", "i2": "ADJ", "i3": "ADJ"}
    found = found.assign(pos=found["item"].map(kinds))
    means = rating.summary(found, enough=4)
    assert means.pos.tolist() == ["NOUN", "ADJ"]
    assert means.score.tolist() == pytest.approx([4.0, 7 / 3])
    assert means.n.tolist() == [4, 3]
    assert means["items"].tolist() == [2, 2] and means.raters.tolist() == [2, 2]
    assert means.clusters.tolist() == [2, 2]
    assert means.rare.tolist() == [False, True]
    assert means.score_low.isna().all()  # two prompts each


def test_controls_are_a_group_of_their_own() -> None:
    found = table("5 5 1 1\n4 4 1 2")
    found = found.assign(control=found["item"].isin(["i2", "i3"]).astype(int))
    means = rating.summary(found)
    assert means.pos.tolist() == ["NOUN", rating.CONTROL]
    assert means.score.tolist() == [4.5, 1.25]
    agreed = rating.agreement(found).set_index("group")
    assert agreed.n["all"] == 4  # without the controls, which are easy to agree on
    people = rating.raters(found)
    assert people["mean score"].tolist() == [5.0, 4.0]
    assert people["mean of controls"].tolist() == [1.0, 1.5]


def test_pairs_by_kind_by_hand() -> None:
    rows = [("r0", "i0", "both"), ("r1", "i0", "one"), ("r0", "i1", "neither"), ("r1", "i1", "one")]
    found = pd.DataFrame(rows, columns=["rater", "item", "answer"])
    found = found.assign(
        prompt=found["item"], kind="near", seconds=2.0,
        both=(found.answer == "both").astype(float),
        objects=found.answer.map({"neither": 0.0, "one": 1.0, "both": 2.0}),
    )  # fmt: skip
    found.attrs["task"] = "pairs"
    [means] = rating.summary(found).to_dict("records")
    assert (means["kind"], means["both"], means["objects"], means["n"]) == ("near", 0.25, 1.0, 4)
    agreed = rating.agreement(found)
    assert agreed.level.tolist() == ["nominal", "nominal"]
    assert rating.figures(found)["both"].title == "People see both objects"


def test_tables_of_something_else_are_refused() -> None:
    with pytest.raises(StudyError, match="holds no answers by people"):
        rating.summary(pd.DataFrame({"score": [1.0]}))


def test_a_table_that_lost_its_task_is_still_known() -> None:
    found = table(OBSERVERS)
    found.attrs.clear()
    assert not math.isnan(rating.agreement(found).alpha[0])
