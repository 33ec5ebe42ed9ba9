"""Rating: what is asked in which order, what is kept, what is read again."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps
from daam_nb.show.pixels import overlay_image
from daam_nb.studies import rating
from daam_nb.studies.corpus.generation import Corpus, runs_of
from daam_nb.studies.oracles.presence import RatedPresence
from daam_nb.studies.rating.items import order_of
from daam_nb.studies.rating.session import Session
from tests.studies.rating.raters import ByHand, answer_all, item_at, pairs, press, words
from tests.tiny_recordings import tiny_recording

HOSTILE = '<script>hacked()</script> a cat, "two"\nred dogs; =1+1'


# --- items ----------------------------------------------------------------------------------------


def test_every_word_but_punctuation_is_an_item() -> None:
    deck = words("a red fox, in the snow.")
    assert [item.facts["word"] for item in deck] == ["a", "red", "fox", "in", "the", "snow"]
    assert [item.facts["pos"] for item in deck] == ["DET", "ADJ", "NOUN", "ADP", "DET", "NOUN"]
    assert (deck[2].facts["start"], deck[2].facts["end"]) == (6, 9)
    assert deck.left_out == {"part of speech not asked for": 2}
    assert "2 left out (part of speech not asked for)" in repr(deck)
    assert deck.settings["parser"] == "by hand"


def test_some_parts_of_speech_and_some_words_of_each() -> None:
    deck = words(pos=("NOUN",))
    assert [item.facts["word"] for item in deck] == ["fox", "cat", "dog"]
    deck = words(each=1)
    assert sorted(item.facts["pos"] for item in deck) == ["ADJ", "CCONJ", "DET", "NOUN"]
    assert deck.left_out["not drawn"] == 5
    assert [item.key for item in words(each=1)] == [item.key for item in deck]
    drawn = {tuple(item.key for item in words(each=1, seed=seed)) for seed in range(6)}
    assert len(drawn) > 1
    with pytest.raises(StudyError, match="each is 0; it must be a whole number >= 1"):
        words(each=0)
    with pytest.raises(StudyError, match=r"nothing to rate \(9: part of speech not asked for\)"):
        words(pos=("VERB",))


def test_words_that_were_never_read_are_counted() -> None:
    deck = rating.word_items(tiny_recording("a red fox", length=4), parser=ByHand())
    assert [item.facts["word"] for item in deck] == ["a", "red"]
    assert deck.left_out == {"after the last token that the model read": 1}


def test_a_card_shows_the_words_own_map_and_a_control_another_one() -> None:
    deck = words("a red fox", controls=2)
    run = deck[0].run.load()
    maps = heat_maps(run)
    for item in deck:
        card = deck.card(item)
        assert card.prompt is not None and "".join(card.prompt) == "a red fox"
        assert card.prompt[1] == item.facts["word"] == card.ask[1]
        shown = maps.word(item.facts["shown"])
        size = card.images[0].image.size[::-1]
        expected = np.asarray(overlay_image(run.image, shown, size=size))
        np.testing.assert_array_equal(np.asarray(card.images[1].image), expected)
    assert [item.facts["control"] for item in deck] == [0, 0, 0, 1, 1]
    assert all(item.facts["shown"] != item.facts["word"] for item in deck[3:])
    with pytest.raises(StudyError, match="At most 6 controls are available, not 7"):
        words("a red fox", controls=7)


def test_an_image_of_two_objects_is_shown_alone() -> None:
    deck = pairs(1)
    card = deck.card(deck[0])
    assert "".join(card.ask) == "Does the image show “cat” and “dog”?"
    assert card.prompt is None
    assert len(card.images) == 1
    with pytest.raises(StudyError, match="has no fact for its 'first' noun"):
        rating.pair_items(tiny_recording("a cat"))


def test_nothing_on_a_card_tells_seed_model_layers_or_kind(tmp_path: Path) -> None:
    for deck in (words(controls=3), pairs()):
        page = rating.rate(deck, rater="anna", into=tmp_path / deck.task.name)
        while page.place < len(deck):
            sent = {**page._card, "images": [p["label"] for p in page._card["images"]]}
            text = json.dumps([sent, page._form, page._progress])
            item = item_at(page)
            assert item.key not in text and item.run.key not in text
            for secret in ("seed", "tiny/by-hand", "layer", "control", "cohyponym", "unrelated"):
                assert secret not in text.replace(item.facts["prompt"], "")
            if item.facts.get("control"):
                assert f'"{item.facts["shown"]}"' not in json.dumps(sent["ask"])
            assert all(b"tEXt" not in p["data"] for p in page._card["images"])
            press(page, type="answer", answer=deck.task.form.values[0])


# --- order ----------------------------------------------------------------------------------------


def test_the_order_is_random_and_each_raters_own() -> None:
    keys = [f"item-{n}" for n in range(30)]
    anna = order_of(keys, rater="anna", seed=0)
    assert sorted(anna) == sorted(keys) and anna != keys
    assert order_of(reversed(keys), rater="anna", seed=0) == anna
    assert order_of(keys, rater="ben", seed=0) != anna
    assert order_of(keys, rater="anna", seed=1) != anna
    # Fixed for ever: answers of a year ago go on in the same order.
    assert anna[:4] == ["item-1", "item-24", "item-18", "item-21"]


# --- answering ------------------------------------------------------------------------------------


def test_answers_are_kept_replaced_and_read(tmp_path: Path) -> None:
    deck = words()
    page = rating.rate(deck, rater="anna", into=tmp_path)
    first, count = item_at(page), len(deck)
    press(page, type="answer", answer="2")
    press(page, type="skip", skip=" I  cannot\ntell. ")
    assert page.place == 2
    press(page, type="go", to="back")
    press(page, type="go", to="back")
    assert (page.place, page._card["given"]) == (0, {"answer": "2", "reason": ""})
    press(page, type="answer", answer="5")
    assert page.place == 2  # back to the first that is open
    press(page, type="go", to="back")
    press(page, type="go", to="back")
    assert page._card["given"] == {"answer": "5", "reason": ""}
    press(page, type="go", to="forward")
    press(page, type="go", to="forward")
    answer_all(page, lambda _: "4")
    table = rating.ratings(tmp_path)
    assert len(table) == count - 1
    assert table.set_index("item").score[first.key] == 5.0
    assert list(table.columns) == list(table.attrs["columns"])
    assert table.seconds.eq(1.5).all()
    assert table.start.dtype == np.int64
    every = rating.ratings(tmp_path, skipped=True)
    [skipped] = every[every.act == "skip"].to_dict("records")
    assert skipped["reason"] == "I cannot tell." and math.isnan(skipped["score"])
    raw = pd.read_csv(page.asker.path)
    assert len(raw) == count + 1  # the answer that was taken back is still there
    assert raw.number.tolist() == list(range(1, count + 2))
    assert raw.time.str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()


def test_a_later_session_goes_on(tmp_path: Path) -> None:
    page = rating.rate(words(), rater="anna", into=tmp_path)
    press(page, type="answer", answer="1")
    press(page, type="answer", answer="3")
    key = item_at(page).key
    again = rating.rate(words(), rater="anna", into=tmp_path)
    assert (again.place, item_at(again).key) == (2, key)
    assert again._progress["answered"] == 2
    assert rating.rate(words(), rater="ben", into=tmp_path).place == 0


def test_another_recording_in_the_place_of_one_is_another_item(tmp_path: Path) -> None:
    run = runs_of([tiny_recording("a red fox", seed=0)])[0]
    other = dataclasses.replace(run, source=tiny_recording("a red fox", seed=1))
    first, second = (
        rating.word_items(Corpus((each,)), parser=ByHand(), pos=("NOUN",)) for each in (run, other)
    )
    Session(first, rater="anna", into=tmp_path)
    with pytest.raises(
        StudyError, match=r"other questions: content, recordings: '[0-9a-f]{16}' th"
    ):
        Session(second, rater="anna", into=tmp_path)
    about = json.loads((tmp_path / "rating.json").read_text())
    del about["settings"]["content"]  # as an earlier version wrote it
    (tmp_path / "rating.json").write_text(json.dumps(about))
    Session(second, rater="anna", into=tmp_path)


def test_other_items_or_settings_are_refused_by_name(tmp_path: Path) -> None:
    rating.rate(words(), rater="anna", into=tmp_path)
    with pytest.raises(
        StudyError, match=r"other questions: seed: 0 then, 1 now\. Ask the same ones"
    ):
        rating.rate(words(), rater="anna", into=tmp_path, seed=1)
    with pytest.raises(StudyError, match=r"maps: 'down and up .* then, 'all 5 layers.* now"):
        rating.rate(words(layers="all"), rater="anna", into=tmp_path)
    with pytest.raises(StudyError, match=r"task: 'words' then, 'pairs' now.*9 items are not asked"):
        rating.rate(pairs(), rater="anna", into=tmp_path)
    with pytest.raises(StudyError, match=r"3 items were not asked about then, such as '0000"):
        rating.rate(words("a red fox", "a big cat and a dog", "a big fox"), rater="anna",
                    into=tmp_path)  # fmt: skip
    with pytest.raises(StudyError, match=r"6 items are not asked about now"):
        rating.rate(words("a red fox"), rater="anna", into=tmp_path)
    (tmp_path / "rating.json").write_text("{")
    with pytest.raises(StudyError, match=r"rating.json is not what rating.rate wrote"):
        rating.rate(words(), rater="anna", into=tmp_path)


def test_the_remaining_time_is_the_median_pace_times_what_is_open(tmp_path: Path) -> None:
    session = Session(words(), rater="anna", into=tmp_path)
    taken = [2.0, 900.0, 4.0, 3.0, 5.0]  # one cup of coffee
    for place, seconds in enumerate(taken):
        assert session.seconds_left() is None
        session.give(place, rating_given("3"), seconds=seconds)
    assert session.seconds_left() == pytest.approx(4.0 * (len(session) - 5))


def rating_given(answer: str) -> Any:
    from daam_nb.show.rating import Given

    return Given(answer)


# --- several raters, hostile text -----------------------------------------------------------------


def test_hostile_prompts_come_back_letter_by_letter(tmp_path: Path) -> None:
    deck = words(HOSTILE, "a red fox")
    page = rating.rate(deck, rater="anna", into=tmp_path)
    answer_all(page, lambda item: "4" if item.facts["pos"] == "NOUN" else "2")
    table = rating.ratings(tmp_path)
    assert set(table.prompt) == {HOSTILE, "a red fox"}
    for row in table.to_dict("records"):
        assert row["prompt"][row["start"] : row["end"]] == row["word"]
        assert row["score"] == (4.0 if row["pos"] == "NOUN" else 2.0)
    assert rating.rate(deck, rater="anna", into=tmp_path).place == len(deck)


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/etc/passwd", "Åsa Öberg", "漢字", "..", "a/b\\c:d*?", "👩‍🔬 Zoë", "x" * 80],
)
def test_names_of_any_script_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    into = tmp_path / "deep" / "ratings"
    page = rating.rate(words(), rater=name, into=into)
    press(page, type="answer", answer="3")
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 2 and all(path.parent == Path("deep/ratings") for path in files)
    assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}\.csv", page.asker.path.name)
    assert rating.ratings(into).rater.tolist() == [name]


def test_a_name_is_the_same_however_its_accents_are_written(tmp_path: Path) -> None:
    press(rating.rate(words(), rater="Zoe\u0308", into=tmp_path), type="answer", answer="3")
    assert rating.rate(words(), rater=" Zo\u00eb ", into=tmp_path).place == 1


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "x" * 81, None, 3])
def test_names_that_are_none_are_refused(tmp_path: Path, name: Any) -> None:
    with pytest.raises(StudyError, match="must be 1 to 80 characters on one line"):
        rating.rate(words(), rater=name, into=tmp_path)


def test_raters_of_several_folders_are_read_together(tmp_path: Path) -> None:
    for name, folder in (("anna", "one"), ("ben", "one"), ("chris", "two")):
        page = rating.rate(words(), rater=name, into=tmp_path / folder, seed=3)
        answer_all(page, lambda item: "4")
    rating.rate(words(), rater="dora", into=tmp_path / "none yet", seed=3)
    table = rating.ratings([tmp_path / "one", tmp_path / "two", tmp_path / "none yet"])
    assert sorted(set(table.rater)) == ["anna", "ben", "chris"]
    assert len(table) == 3 * 9
    copy = tmp_path / "two" / "copy.csv"
    copy.write_bytes(next((tmp_path / "one").glob("anna*.csv")).read_bytes())
    with pytest.raises(StudyError, match=r"'anna' answered .* in two files, .*Move one"):
        rating.ratings([tmp_path / "one", tmp_path / "two"])
    rating.rate(pairs(), rater="anna", into=tmp_path / "pairs")
    with pytest.raises(StudyError, match="answers to different questions"):
        rating.ratings([tmp_path / "one", tmp_path / "pairs"])


# --- pairs, for the study of cohyponyms -----------------------------------------------------------


def test_pairs_are_what_the_study_of_cohyponyms_reads(tmp_path: Path) -> None:
    deck = pairs()
    anna = rating.rate(deck, rater="anna", into=tmp_path)
    for _ in deck:  # answers that are taken back
        first = "neither" if item_at(anna).facts["seed"] < 2 else "both"
        press(anna, type="answer", answer=first)
    for place in reversed(range(len(deck))):
        press(anna, type="go", to="back")
        while anna.place > place:
            press(anna, type="go", to="back")
        press(anna, type="answer", answer="both" if item_at(anna).facts["seed"] < 2 else "one")
    press(anna, type="go", to="back")
    skipped = item_at(anna)
    press(anna, type="skip", skip="I cannot tell.")
    ben = rating.rate(deck, rater="ben", into=tmp_path)
    answer_all(ben, lambda item: "both")
    assert len(pd.read_csv(anna.asker.path)) == 2 * len(deck) + 1
    people = rating.presence(tmp_path)
    direct = RatedPresence(anna.asker.path)
    for item in deck:
        seen, alone = people(item.run, "cat", "dog"), direct(item.run, "cat", "dog")
        if item is skipped:
            assert alone is None and seen is not None and seen.both == 1.0
            continue
        share = 1.0 if item.facts["seed"] < 2 else 0.5
        assert seen is not None and (seen.both, seen.objects) == (share, 1.0 + share)
        assert alone is not None and alone.both == float(item.facts["seed"] < 2)


def test_words_are_no_pairs(tmp_path: Path) -> None:
    rating.rate(words(), rater="anna", into=tmp_path)
    with pytest.raises(StudyError, match="about 'words', not about pairs"):
        rating.presence(tmp_path)


# --- the report -----------------------------------------------------------------------------------


def test_a_report_of_simulated_raters(tmp_path: Path) -> None:
    deck = words("a red fox", "a big cat and a dog", "the red dog", controls=4)
    into = tmp_path / "ratings"
    for name, bonus in (("anna", 0), ("ben", 1)):
        page = rating.rate(deck, rater=name, into=into)
        answer_all(
            page,
            lambda item, bonus=bonus: (
                "1" if item.facts["control"] else "4" if item.facts["pos"] == "NOUN" else
                str(2 + bonus)
            ),
        )  # fmt: skip
    report = rating.report(into)
    assert report.facts["raters"] == 2 and report.facts["parser"] == "by hand"
    means = report.tables["Mean opinion score by part of speech"]
    assert means.pos.iloc[0] == "NOUN" and means.pos.iloc[-1] == rating.CONTROL
    assert means.set_index("pos")["mean opinion score"]["ADJ"] == pytest.approx(2.5)
    assert list(report.tables["Raters"]["mean of controls"]) == [1.0, 1.0]
    saved = report.save(tmp_path / "results")
    assert "anna" not in saved.read_text()
    assert (tmp_path / "results" / "rating-words" / "scores.png").stat().st_size > 5000


def test_without_answers_everything_is_empty_and_says_so(tmp_path: Path) -> None:
    for folder, deck in ((tmp_path / "words", words()), (tmp_path / "pairs", pairs())):
        rating.rate(deck, rater="anna", into=folder)
        table = rating.ratings(folder)
        assert len(table) == 0
        value = "score" if deck.task.name == "words" else "both"
        assert len(rating.summary(table)) == 0 and value in rating.summary(table)
        assert rating.agreement(table).alpha.isna().all()
        assert rating.figures(table) == {}
        report = rating.report(folder)
        assert "Nobody has answered yet." in report._repr_html_()


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "anna.csv").write_text("prompt,seed,answer\n")
    with pytest.raises(StudyError, match=r"there is no rating\.json"):
        rating.ratings(tmp_path)
    rating.rate(words(), rater="ben", into=tmp_path)
    with pytest.raises(StudyError, match=r"anna\.csv is not a file of answers to this task"):
        rating.ratings(tmp_path)
    with pytest.raises(StudyError, match="No folder of answers"):
        rating.ratings([])
