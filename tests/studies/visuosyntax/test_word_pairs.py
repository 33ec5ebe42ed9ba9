"""Overlaps by hand and by scikit-learn, and which words of a prompt are measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import jaccard_score, precision_score, recall_score

import daam_nb as dnb
from daam_nb.errors import SelectionError
from daam_nb.language import Parse, ParsedWord
from daam_nb.studies.visuosyntax.word_pairs import (
    LEFT_OUT,
    arcs_of,
    masks_of,
    overlaps,
    pair_rows,
    unrelated_pairs,
)
from tests.studies.by_hand import parsed, shown
from tests.tiny_recordings import tiny_recording


def masks(*images: str) -> NDArray[np.bool_]:
    """Masks from rows such as "10/11"."""
    return np.array([[[c == "1" for c in row] for row in p.split("/")] for p in images])


CASES = {
    "2x2, one inside the other": (("10/00", "10/11"), 1 / 3, 1.0, 1 / 3),
    "2x2, one in common": (("11/00", "10/10"), 1 / 3, 1 / 2, 1 / 2),
    "3x3": (("111/000/000", "100/100/111"), 1 / 7, 1 / 3, 1 / 5),
    "identical": (("010/111/010", "010/111/010"), 1.0, 1.0, 1.0),
    "apart": (("100/000/000", "000/000/011"), 0.0, 0.0, 0.0),
    "an empty dependent": (("00/00", "11/00"), 0.0, 0.0, 0.0),
    "an empty head word": (("11/00", "00/00"), 0.0, 0.0, 0.0),
    "both empty": (("00/00", "00/00"), 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("name", CASES)
def test_overlaps_by_hand(name: str) -> None:
    images, iou, iod, ioh = CASES[name]
    found = overlaps(masks(*images))
    assert found.iou[0, 1] == pytest.approx(iou)
    assert found.iod[0, 1] == pytest.approx(iod)
    assert found.ioh[0, 1] == pytest.approx(ioh)
    # The other way round the two words change places.
    assert found.iod[1, 0] == pytest.approx(ioh)


@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=2, max_size=4))
def test_overlaps_are_those_of_scikit_learn(rows: list[list[bool]]) -> None:
    flat = np.array(rows)
    found = overlaps(flat.reshape(len(rows), 3, 3))
    for dependent, head in ((0, 1), (1, 0), (len(rows) - 1, 0)):
        one, other = flat[dependent], flat[head]
        as_sklearn = {"zero_division": 0.0}
        assert found.iou[dependent, head] == pytest.approx(jaccard_score(one, other, **as_sklearn))
        # Of the dependent's pixels those in the head word: recall of the head word's mask.
        assert found.iod[dependent, head] == pytest.approx(recall_score(one, other, **as_sklearn))
        assert found.ioh[dependent, head] == pytest.approx(
            precision_score(one, other, **as_sklearn)
        )


VALUES = np.array([[[0.5, 0.2], [0.19, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], dtype=np.float32)


def test_a_share_of_the_maximum_and_an_empty_map() -> None:
    found = masks_of(VALUES, 0.4, steps=20)
    assert (found == masks("11/00", "00/00")).all()


def test_the_references_threshold_means_more_with_more_steps() -> None:
    values = np.array([[[0.02, 0.006], [0.001, 0.0]]], dtype=np.float32)
    assert (masks_of(values, "reference", steps=10) == masks("10/00")).all()
    assert (masks_of(values, "reference", steps=30) == masks("11/00")).all()
    assert (masks_of(values, "reference mean", steps=10) == masks("11/00")).all()
    assert (masks_of(values, "reference mean", steps=30) == masks("11/00")).all()


@pytest.mark.parametrize("threshold", ["paper", 1.5, float("nan"), True])
def test_a_threshold_that_is_none(threshold: float | str) -> None:
    with pytest.raises(SelectionError, match="threshold"):
        masks_of(VALUES, threshold, steps=20)


CATS = parsed(
    """
    a DET 1 det
    cat NOUN 1 ROOT
    and CCONJ 1 cc
    a DET 4 det
    cat NOUN 1 conj
    """
)


def test_repeated_words_are_two_words_with_two_maps() -> None:
    maps = dnb.heat_maps(tiny_recording("a cat and a cat"))
    rows = pair_rows(CATS, maps, names="paper", threshold=0.4)
    joined = next(row for row in rows if row["relation"] == "conj:and")
    assert (joined["head_start"], joined["dependent_start"]) == (2, 12)
    first, second = (maps.word("cat", occurrence=i) for i in (0, 1))
    for name in ("iou", "iod", "ioh"):
        direct = getattr(dnb, name)(second, first, threshold=0.4)
        assert joined[name] == pytest.approx(direct)
        assert 0 < joined[name] < 1  # a cat is not compared with itself
    dets = [row for row in rows if row["relation"] == "det"]
    assert [(row["dependent_start"], row["head_start"]) for row in dets] == [(0, 2), (10, 12)]


def test_pairs_without_an_arc_are_rows_too() -> None:
    maps = dnb.heat_maps(tiny_recording("a cat and a cat"))
    rows = pair_rows(CATS, maps, names="spacy", threshold=0.4)
    assert [row["kind"] for row in rows] == ["arc"] * 4 + ["unrelated"] * 6
    assert len(list(unrelated_pairs(CATS, CATS.arcs))) == 5 * 4 / 2 - 4
    last = rows[-1]
    assert (last["head_word"], last["dependent_word"]) == ("and", "cat")
    conjunction, second = maps.word("and"), maps.word("cat", occurrence=1)
    both = [of(second, conjunction, threshold=0.4) for of in (dnb.iod, dnb.ioh)]
    assert [last["iod"], last["ioh"]] == pytest.approx(both)  # the later word is the dependent


def test_a_word_of_several_tokens_is_their_mean() -> None:
    parse = parsed("ice-cream NOUN 1 nsubj\nmelts VERB 1 ROOT")
    maps = dnb.heat_maps(tiny_recording(parse.text))
    row = pair_rows(parse, maps, names="spacy", threshold=0.4)[0]
    mean = maps.values[1:4].mean(0)  # ice, -, cream, behind the start of text
    expected = dnb.iou(mean, maps.word("melts"), threshold=0.4)
    assert row["iou"] == pytest.approx(expected)
    assert (row["dependent_word"], row["left_out"]) == ("ice-cream", "")


def words(text: str, *spans: tuple[int, int]) -> Parse:
    """A parse in which every word hangs on the first."""
    return Parse(
        text,
        tuple(
            ParsedWord(text[a:b], a, b, "", "X", "", 0, "dep" if i else "ROOT")
            for i, (a, b) in enumerate(spans)
        ),
        "by hand",
    )


def test_words_without_a_map_are_left_out_with_the_reason() -> None:
    run = tiny_recording("don't go home now", length=8, tokens=[1, 2, 3, 4])
    # Tokens: start, don, ', t, go, home, now, end. Kept are don, ', t and go.
    parse = words(run.prompt.text, (0, 2), (2, 5), (5, 6), (6, 8), (9, 13))
    rows = pair_rows(parse, dnb.heat_maps(run), names="spacy", threshold=0.4)
    why = {row["dependent_word"]: row["left_out"] for row in rows if row["kind"] == "arc"}
    assert why == {"n't": "shared token", " ": "no token", "go": "", "home": "not kept"}
    assert all((row["iou"] is None) == bool(row["left_out"]) for row in rows)


def test_words_that_were_never_read() -> None:
    run = tiny_recording("go home now", length=4)
    parse = words(run.prompt.text, (0, 2), (3, 7), (8, 11))
    rows = pair_rows(parse, dnb.heat_maps(run), names="spacy", threshold=0.4)
    assert [row["left_out"] for row in rows if row["kind"] == "arc"] == ["", "truncated"]
    assert set(LEFT_OUT) >= {row["left_out"] for row in rows} - {""}


def test_labels_of_both_kinds() -> None:
    parse = parsed(
        """
        cats NOUN 0 ROOT
        that PRON 2 nsubj
        sit VERB 0 relcl
        on ADP 2 prep
        mats NOUN 3 pobj
        """
    )
    assert shown(parse, arcs_of(parse, "spacy")) == {
        "sit that nsubj", "cats sit relcl", "sit on prep", "on mats pobj",
    }  # fmt: skip
    assert shown(parse, arcs_of(parse, "paper")) == {
        "sit that nsubj", "cats sit acl", "mats on case", "sit mats obl:on",
    }  # fmt: skip
    with pytest.raises(SelectionError, match=r"names='ud' is not known\. Use 'spacy' or 'paper'"):
        arcs_of(parse, "ud")  # type: ignore[arg-type]
