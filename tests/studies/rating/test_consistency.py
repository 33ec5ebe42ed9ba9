"""Answers that a spreadsheet sorted, edited or joined, and folders that hold none."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import DaamError, SelectionError, StudyError, WrongKindError
from daam_nb.show.rating import Given
from daam_nb.studies.oracles.presence import RatedPresence
from daam_nb.studies.rating import study as rating
from daam_nb.studies.rating.session import Session
from tests.studies.rating.raters import ByHand, pairs, words
from tests.tiny_recordings import tiny_recording

Rows = list[dict[str, str]]


def answered(folder: Path, deck: Any = None, rater: str = "anna") -> Session:
    """Every item 3 ("one"), then the first in the rater's order 5 ("both"), which counts."""
    session = Session(deck or words("a red fox", "a big cat"), rater=rater, into=folder)
    first, last = ("3", "5") if session.deck.task.name == "words" else ("one", "both")
    for place in range(len(session)):
        session.give(place, Given(first), seconds=1.0)
    session.give(0, Given(last), seconds=1.0)
    return session


def rewrite(path: Path, change: Callable[[Rows], Rows]) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(change(rows))


def without_facts(folder: Path) -> None:
    """As an earlier version wrote what is asked."""
    about = json.loads((folder / "rating.json").read_text())
    del about["facts"]
    (folder / "rating.json").write_text(json.dumps(about))


# --- the last answer ------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["answer", "item", "word", "number"])
def test_a_sorted_file_has_the_same_last_answers(tmp_path: Path, column: str) -> None:
    session = answered(tmp_path)
    before = rating.ratings(tmp_path).set_index("item").score
    rewrite(session.path, lambda rows: sorted(rows, key=lambda row: row[column], reverse=True))
    after = rating.ratings(tmp_path).set_index("item").score
    assert before.max() == 5.0 and before.sort_index().equals(after.sort_index())
    again = Session(session.deck, rater="anna", into=tmp_path)
    assert again.given(0) == Given("5")
    again.give(0, Given("1"), seconds=1.0)
    numbers = pd.read_csv(session.path).number
    assert numbers.iloc[-1] == len(session) + 2 and numbers.is_unique
    assert rating.ratings(tmp_path).score.max() == 3.0


def test_the_study_of_pairs_takes_the_last_answers_of_a_sorted_file(tmp_path: Path) -> None:
    session = answered(tmp_path, pairs(2))
    run = session._items[0].run
    rewrite(session.path, lambda rows: rows[::-1])
    for people in (RatedPresence(session.path), rating.presence(tmp_path)):
        seen = people(run, "cat", "dog")
        assert seen is not None and seen.both == 1.0


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1", r"row 3, has the number 1, as row 2 has"),
        ("first", r"row 3, has the number 'first'; it must be a whole number >= 1"),
        ("", r"row 3, has the number ''"),
    ],
)
def test_rows_whose_order_is_not_known_are_refused(tmp_path: Path, number: str, said: str) -> None:
    session = answered(tmp_path)

    def change(rows: Rows) -> Rows:
        rows[1]["number"] = number
        return rows

    rewrite(session.path, change)
    with pytest.raises(StudyError, match=said):
        rating.ratings(tmp_path)
    with pytest.raises(StudyError, match=said):
        Session(session.deck, rater="anna", into=tmp_path)


# --- what is said of an item ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "of_old_folders"),
    [
        ("control", "1", True),
        ("word", "pony", True),
        ("start", "1", True),
        ("run", "elsewhere", True),
        ("shown", "pony", True),
        ("prompt", "a red pony", True),
        ("item", "elsewhere:0-1", True),
        ("rater", "ben", True),
        ("pos", "VERB", False),
        ("seed", "77", False),
        ("parser", "another", False),
    ],
)
def test_an_edited_cell_is_refused(
    tmp_path: Path, column: str, text: str, of_old_folders: bool
) -> None:
    session = answered(tmp_path)

    def change(rows: Rows) -> Rows:
        row = next(row for row in rows if row["word"] == "fox")
        row[column] = text
        return rows

    rewrite(session.path, change)
    with pytest.raises(StudyError, match=rf"{column}|is about|holds rows of 'ben'"):
        rating.ratings(tmp_path)
    if of_old_folders:
        without_facts(tmp_path)
        with pytest.raises(StudyError, match=r"which was asked with|is about|holds rows of 'ben'"):
            rating.ratings(tmp_path)


def test_old_folders_whose_files_say_different_things_are_refused(tmp_path: Path) -> None:
    session, other = answered(tmp_path), answered(tmp_path, rater="ben")
    without_facts(tmp_path)
    rating.ratings(tmp_path)

    def change(rows: Rows) -> Rows:
        return [row | {"pos": "VERB"} for row in rows]

    rewrite(session.path, change)
    with pytest.raises(
        StudyError, match=rf"{other.path.name} has the pos .*{session.path.name} has"
    ):
        rating.ratings(tmp_path)


def test_blanks_and_line_breaks_that_a_spreadsheet_loses_are_put_back(tmp_path: Path) -> None:
    session = answered(tmp_path, words("a red\n fox", "a big cat"))

    def change(rows: Rows) -> Rows:
        return [row | {"prompt": " ".join(row["prompt"].split())} for row in rows]

    rewrite(session.path, change)
    assert set(rating.ratings(tmp_path).prompt) == {"a red\n fox", "a big cat"}


def test_files_of_several_raters_may_have_a_name_of_their_own(tmp_path: Path) -> None:
    sessions = [answered(tmp_path, rater=name) for name in ("anna", "ben")]
    tables = [pd.read_csv(session.path, dtype=str) for session in sessions]
    for session in sessions:
        session.path.unlink()
    pd.concat(tables).fillna("").to_csv(tmp_path / "all.csv", index=False)
    table = rating.ratings(tmp_path)
    assert len(table) == 2 * len(sessions[0]) and table.score.max() == 5.0


# --- one rater counts once ------------------------------------------------------------------------


def test_one_raters_answers_do_not_count_twice(tmp_path: Path) -> None:
    answered(tmp_path)
    table = rating.ratings(tmp_path)
    twice = pd.concat([table, table])
    for statistic in (rating.summary, rating.agreement, rating.raters):
        with pytest.raises(
            StudyError, match=r"several rows of 'anna' for the item .*rating\.rating"
        ):
            statistic(twice)
    assert rating.agreement(table).alpha.isna().all()
    with pytest.raises(StudyError, match="is given more than once"):
        rating.ratings([tmp_path, tmp_path / ".." / tmp_path.name])


def test_what_was_skipped_is_no_answer(tmp_path: Path) -> None:
    session = answered(tmp_path)
    session.give(1, Given(reason="I cannot tell."), seconds=1.0)
    every = rating.ratings(tmp_path, skipped=True)
    answers = rating.ratings(tmp_path)
    assert len(every) == len(answers) + 1
    assert rating.raters(every).n.tolist() == [len(answers)]
    for statistic in (rating.summary, rating.agreement, rating.raters):
        pd.testing.assert_frame_equal(statistic(every), statistic(answers))


# --- folders that hold no answers -----------------------------------------------------------------


def test_paths_that_are_no_folder_of_answers_are_refused(tmp_path: Path) -> None:
    session = answered(tmp_path / "ratings" / "words")
    folder = session.path.parent
    (tmp_path / "runs").mkdir()
    near = r"There are answers in .*words"
    for path, said in (
        (tmp_path / "ratings", rf"holds no answers: there is no rating\.json.*{near}"),
        (tmp_path / "runs", r"holds no answers: there is no rating\.json"),
        (session.path, rf"is a file; answers are read from the folder.*{near}"),
        (folder / "rating.json", rf"is a file.*{near}"),
        (tmp_path / "ratings" / "word", rf"There is no folder .*word\..*{near}"),
        ([folder, tmp_path / "nowhere"], "There is no folder .*nowhere"),
        (None, "not from None"),
        (rating.ratings(folder), "not from a DataFrame"),
        ([], "No folder of answers"),
    ):
        for reader in (rating.ratings, rating.report, rating.presence):
            with pytest.raises(StudyError, match=said):
                reader(path)
    with pytest.raises(StudyError, match="about 'words', not about pairs"):
        rating.presence(folder)
    Session(pairs(), rater="anna", into=tmp_path / "pairs")
    with pytest.raises(StudyError, match="hold no answer"):
        rating.presence(tmp_path / "pairs")


# --- numbers, names, decks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"controls": -1}, "controls is -1; it must be a whole number >= 0"),
        ({"controls": 1.0}, r"controls is 1\.0; it must be a whole number"),
        ({"controls": True}, "controls is True; it must be a whole number"),
        ({"seed": "a"}, "seed is 'a'; it must be a whole number"),
        ({"seed": 0.5}, r"seed is 0\.5; it must be a whole number"),
        ({"each": -1}, "each is -1; it must be a whole number >= 1"),
        ({"each": True}, "each is True"),
        ({"pos": ["NOUN", "ADJS"]}, "There is no part of speech 'ADJS', did you mean 'ADJ'"),
        ({"pos": "NOUNS"}, "There is no part of speech 'NOUNS', did you mean 'NOUN'"),
        ({"pos": [3]}, "pos= must not contain a blank text"),
        ({"control": 2}, "takes no argument 'control'; did you mean 'controls'"),
    ],
    ids=str,
)
def test_word_items_refuses_what_it_would_bend(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DaamError, match=said):
        words(**options)


def test_numbers_of_numpy_and_one_part_of_speech_are_taken() -> None:
    deck = words(controls=np.int64(1), seed=np.int64(2), each=np.int64(2), pos="NOUN")
    assert [item.facts["pos"] for item in deck] == ["NOUN"] * 3


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda table: rating.summary("ratings/words"), "not 'ratings/words'"),
        (lambda table: rating.agreement(None), "not None"),
        (
            lambda table: rating.agreement(table, confidence="95%"),
            "must be between 0 and 1, such as",
        ),
        (lambda table: rating.agreement(table, confidense=0.9), "did you mean 'confidence'"),
        (lambda table: rating.summary(table, enough=-1), "enough is -1; it must be a whole"),
        (lambda table: rating.raters([1]), "not a list"),
        (lambda table: rating.alpha([[0.5, 1.0]], level="nominal", values=[0, 1]), "whole numbers"),
        (
            lambda table: rating.alpha([[2, 1, 1]], level="nominal", values=[0, 1]),
            "of the 2 values",
        ),
        (lambda table: rating.alpha([[2, 1]], level="ratio", values=[0, 1]), "level='ratio'"),
    ],
)
def test_statistics_refuse_what_is_no_table_or_number(
    tmp_path: Path, call: Callable[[Any], object], said: str
) -> None:
    answered(tmp_path)
    with pytest.raises(DaamError, match=said):
        call(rating.ratings(tmp_path))


def test_a_page_is_of_a_deck_and_some_of_its_items_are_one(tmp_path: Path) -> None:
    deck = words("a red fox", "a big cat")
    for wrong in (tiny_recording("a red fox"), deck.items[:2], "runs"):
        with pytest.raises(WrongKindError, match=r"items of word_items\(runs\)"):
            rating.rate(wrong, rater="anna", into=tmp_path / "none")
    with pytest.raises(SelectionError, match="theme='pink' is not known"):
        rating.rate(deck, rater="anna", into=tmp_path / "none", theme="pink")
    assert not (tmp_path / "none").exists()
    some = deck[:3]
    assert [item.key for item in some] == [item.key for item in deck.items[:3]]
    whole = rating.word_items(tiny_recording("a red fox", seed=0, length=40), parser=ByHand())
    assert some.settings["content"] == whole.settings["content"]
    rating.rate(some, rater="anna", into=tmp_path / "some")
    with pytest.raises(StudyError, match="holds answers to other questions"):
        rating.rate(deck, rater="anna", into=tmp_path / "some")


def test_a_deck_whose_maps_are_not_those_of_its_settings_is_refused() -> None:
    with pytest.raises(StudyError, match=r"would be of 5 layers \(layers='all'\)"):
        dataclasses.replace(words("a red fox"), layers="all")


def test_answers_by_hand_are_refused_unless_they_are_one(tmp_path: Path) -> None:
    session = Session(words("a red fox"), rater="anna", into=tmp_path)
    for place in (-1, 3, 99, True, "0"):
        for call in (session.card, session.given):
            with pytest.raises(StudyError, match="no such card: place="):
                call(place)  # type: ignore[arg-type]
        with pytest.raises(StudyError, match="no such card: place="):
            session.give(place, Given("3"), seconds=1.0)  # type: ignore[arg-type]
    for given, said in (
        ("3", r"An answer must be Given\('3'\)"),
        (Given(3), "must be texts"),  # type: ignore[arg-type]
        (Given("3", "I cannot tell."), "answers and skips"),
        (Given(), "does neither"),
        (Given("6"), "has the answer '6'"),
    ):
        with pytest.raises(StudyError, match=said):
            session.give(0, given, seconds=1.0)  # type: ignore[arg-type]
    for seconds in (-1.0, float("nan"), "1"):
        with pytest.raises(StudyError, match="they must be a number"):
            session.give(0, Given("3"), seconds=seconds)  # type: ignore[arg-type]
    assert session.given(0) is None and rating.ratings(tmp_path).empty
