"""Choices on one half of the nouns, reported on the other, and the tables, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.studies.maps.held_out import best_choice, chosen, cross_fitted
from daam_nb.studies.maps.measuring import COLUMNS, CONTRAST, SPEARMAN
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.maps.statistics import (
    best_method,
    by_noun,
    differences,
    held_out,
    on_causes,
    ranked_words,
)
from daam_nb.studies.oracles.scores import IOU_COLUMNS
from daam_nb.studies.stats.halves import halves

NOUNS = ("cat", "dog", "car", "bus")
HALF = halves(NOUNS)
FIRST = [noun for noun in NOUNS if HALF[noun] == 0]
SECOND = [noun for noun in NOUNS if HALF[noun] == 1]


def row(noun: str, method: str, choice: str, ious: dict[str, float], **more: Any) -> dict[str, Any]:
    cells: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
    return cells | {
        "run": f"run {noun}", "prompt": f"a {noun}", "seed": 0, "data": "generated", "word": noun,
        "start": 2, "role": "object", "noun": noun, "method": method, "choice": choice,
        **dict.fromkeys(IOU_COLUMNS, 0.1), **ious, **more,
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def two_choices(method: str) -> list[dict[str, Any]]:
    """One half is best with "a" at 0.30, the other with "b" at 0.70."""
    rows = [row(noun, method, "a", {"iou_0.30": 0.8}) for noun in FIRST]
    rows += [row(noun, method, "b", {"iou_0.70": 0.2}) for noun in FIRST]
    rows += [row(noun, method, "a", {"iou_0.30": 0.3}) for noun in SECOND]
    return rows + [row(noun, method, "b", {"iou_0.70": 0.9}) for noun in SECOND]


def test_halves_are_equal_and_the_same_in_every_order() -> None:
    assert sorted(HALF.values()) == [0, 0, 1, 1]
    assert halves(reversed(NOUNS)) == HALF == halves([*NOUNS, "cat"])


def test_each_half_is_reported_with_what_was_best_on_the_other() -> None:
    rows = table(*two_choices("m"))
    assert best_choice(rows[rows.noun.isin(FIRST)]) == ("a", 0.3)
    assert best_choice(rows[rows.noun.isin(SECOND)]) == ("b", 0.7)
    fitted = cross_fitted(rows).set_index("noun")
    assert fitted.iou_held_out.to_dict() == {
        **dict.fromkeys(FIRST, 0.2),  # "b" at 0.7, which the second half chose
        **dict.fromkeys(SECOND, 0.3),  # "a" at 0.3
    }
    assert set(fitted.choice[FIRST]) == {"b"} and set(fitted.tau[SECOND]) == {0.3}
    counted = chosen(cross_fitted(rows))
    assert counted[["half", "choice", "tau", "n"]].to_numpy().tolist() == [
        [0, "b", 0.7, 2],
        [1, "a", 0.3, 2],
    ]


def test_nouns_of_one_half_cannot_be_held_out() -> None:
    assert cross_fitted(table(row("cat", "m", "a", {}))).empty


def test_words_without_a_mask_do_not_choose() -> None:
    rows = two_choices("m")
    other = row("cat", "m", "c", dict.fromkeys(IOU_COLUMNS, math.nan), role="object")
    adjective = row("cat", "m", "c", dict.fromkeys(IOU_COLUMNS, 1.0), role="adjective")
    assert "c" not in set(cross_fitted(table(*rows, other, adjective)).choice)


METHODS = {
    "m": Method("m", lambda *_: {}),
    "better": Method("better", lambda *_: {}),
    "mask": Method("mask", lambda *_: {}, baseline=True),
}


def three() -> pd.DataFrame:
    rows = [row(n, "m", "a", {"iou_0.40": 0.5}, pointing=0.0, leakage=0.5) for n in NOUNS]
    better = [0.6, 0.7, 0.8, 0.9]
    rows += [
        row(n, "better", "a", {"iou_0.40": iou}, pointing=1.0, leakage=0.5)
        for n, iou in zip(NOUNS, better, strict=True)
    ]
    return table(*rows, *(row(n, "mask", "any", {"iou_0.40": 1.0}, pointing=1.0) for n in NOUNS))


def test_paired_differences_by_hand() -> None:
    found = differences(cross_fitted(three()), reference="m").set_index(["measure", "method"])
    iou = found.loc["IoU at 0.4", "better"]
    assert (iou["n"], iou["mean"], iou["reference"]) == (4, pytest.approx(0.75), 0.5)
    assert iou.difference == pytest.approx(0.25)
    # All four prompts rise: two of the sixteen signs are as extreme.
    assert iou.p == pytest.approx(2 / 16)
    assert iou.effect == pytest.approx(0.25 / np.std([0.1, 0.2, 0.3, 0.4], ddof=1))
    assert found.loc["pointing", "better"].difference == 1
    assert found.loc["leakage", "better"].p == 1
    tests = int(found.p.notna().sum())
    assert found.p_holm.min() == pytest.approx(min(1.0, tests * 2 / 16))  # one family
    assert "m" not in found.index.get_level_values("method")


def test_the_worst_noun_of_the_best_method_is_first() -> None:
    fitted = cross_fitted(three())
    assert best_method(fitted, METHODS) == "better"
    nouns = by_noun(fitted, METHODS)
    ends = (", low", ", high")
    columns = [f"{name}{end}" for name in ("better", "m") for end in ("", *ends)]
    assert list(nouns) == ["data", "noun", "n", *columns]  # no baseline
    assert nouns.noun.tolist() == list(NOUNS) and nouns.better.tolist() == [0.6, 0.7, 0.8, 0.9]
    assert set(held_out(fitted)["chosen for each half"]) == {"a, 0.4; a, 0.4", "any, 0.4; any, 0.4"}


def test_causes_that_were_not_drawn_have_no_column() -> None:
    rows = [
        row(noun, "m", "a", {}, **{SPEARMAN["hidden"]: 0.5, CONTRAST["hidden"]: 0.1})
        for noun in NOUNS
    ]
    means = on_causes(cross_fitted(table(*rows)))
    assert means["hidden"].tolist() == [0.5] and "replaced" not in means
    assert on_causes(cross_fitted(three())).empty  # nothing was drawn at all


def test_ranks_of_size_and_influence_by_hand() -> None:
    def words(method: str, maxima: list[float]) -> list[dict[str, Any]]:
        return [
            row(noun, method, "a", {}, run="one", prompt="p", maximum=m, influence=i)
            for noun, m, i in zip(NOUNS, maxima, [1.0, 2.0, 3.0, 4.0], strict=True)
        ]

    rows = table(*words("m", [1, 2, 4, 3]), *words("n", [9, 9, 9, 9]), *words("k", [4, 3, 2, 4]))
    found = ranked_words(rows).set_index("method")
    assert found.rank_correlation["m"] == pytest.approx(0.8)
    assert (found.top["m"], found.top["k"], found.chance["m"]) == (0, 0.5, 0.25)
    assert "n" not in found.index  # maps that all have one maximum rank nothing
    assert ranked_words(rows.iloc[:2]).empty  # two words are no ranking
