"""Phrases, occurrences and parts of words: chosen from Python and by a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traitlets import TraitError

import daam_nb as dnb
from daam_nb.show.explorer.model.container import VERSION
from daam_nb.show.explorer.page.widget import Explorer
from tests.tiny_recordings import tiny_recording

TEXT = "a red apple and a dog by a green dog"


@pytest.fixture
def explorer() -> Explorer:
    return dnb.explore(tiny_recording(TEXT, steps=3), parser=False)


def shown(explorer: Explorer) -> np.ndarray[Any, Any]:
    return explorer.engine.exact(explorer.selected).values.numpy()


def test_a_phrase_has_the_map_that_heat_maps_gives(explorer: Explorer) -> None:
    count = len(explorer.words)
    explorer.word = "red apple"
    maps = dnb.heat_maps(explorer.run, **explorer.selection)
    np.testing.assert_array_equal(shown(explorer), maps.word("red apple").values.numpy())
    assert explorer.word == count
    assert explorer._facts["words"][count]["text"] == "red apple"
    assert explorer._facts["words"][count]["kind"] == "phrase"
    assert "“red apple”" in explorer.status
    explorer.word_b = "red  apple and"  # white space as it stands in the prompt, or not
    explorer.word = (2, 11)  # the same again
    assert len(explorer.words) == count + 2
    assert explorer.word == count


def test_an_explorer_opens_with_a_phrase_that_its_first_facts_list() -> None:
    run = tiny_recording(TEXT, steps=3)
    for choices in ({"word": "red apple"}, {"word_b": "red apple"}):
        explorer = dnb.explore(run, parser=False, **choices)  # type: ignore[arg-type]
        assert explorer._facts["words"][-1]["text"] == "red apple"


def test_the_facts_are_sent_before_the_phrase_is_chosen(explorer: Explorer) -> None:
    sent: list[str] = []
    explorer.observe(lambda change: sent.append(change["name"]), ["_facts", "word"])
    explorer.word = "green dog"
    assert sent == ["_facts", "word"]


def test_an_occurrence_is_chosen_by_its_number(explorer: Explorer) -> None:
    explorer.choose(word="dog", occurrence=1, word_b="dog", occurrence_b=0)
    maps = dnb.heat_maps(explorer.run, **explorer.selection)
    expected = maps.word("dog", occurrence=1).values.numpy()
    np.testing.assert_array_equal(shown(explorer), expected)
    assert explorer.words[explorer.word_b].span == (18, 21)
    assert explorer.number_of("dog", occurrence=-1) == explorer.word
    with pytest.raises(TraitError, match=r"occurs 2 times.*choose\(word='dog', occurrence=0\)"):
        explorer.word = "dog"
    with pytest.raises(TraitError, match=r"there is no occurrence=2"):
        explorer.choose(word="dog", occurrence=2)
    with pytest.raises(TraitError, match=r"occurrence= says which one of a text"):
        explorer.choose(word=3, occurrence=1)
    with pytest.raises(TraitError, match=r"occurrence= says which one of a text"):
        explorer.choose(occurrence=1)


def test_parts_and_special_tokens_are_chosen_by_text_and_characters(explorer: Explorer) -> None:
    explorer.word = "end of text"
    assert explorer.words[explorer.word].kind == "end"
    explorer.word = (2, 4)  # "re"
    entry = explorer.words[explorer.word]
    assert (entry.text, entry.kind, entry.of) == ("re", "piece", 1)
    maps = dnb.heat_maps(explorer.run, **explorer.selection)
    np.testing.assert_array_equal(shown(explorer), maps.word((2, 4)).values.numpy())


def test_an_error_names_what_is_taken(explorer: Explorer) -> None:
    with pytest.raises(TraitError) as caught:
        explorer.word = "zebra"
    said = str(caught.value)
    assert "a word or a phrase of the prompt by its text" in said
    assert "1 'red'" in said
    for what in ((0, 99), (3,), ("a", "b"), 77):
        with pytest.raises(TraitError):
            explorer.word = what


def test_what_is_ranked_does_not_depend_on_the_phrases_asked_for(explorer: Explorer) -> None:
    before = explorer.words_at(0.4, 0.6)
    explorer.word = "red apple"
    assert explorer.words_at(0.4, 0.6) == before


def test_a_page_asks_for_a_phrase_and_then_knows_it(explorer: Explorer) -> None:
    sent: list[dict[str, Any]] = []
    explorer.send = lambda content, buffers=None: sent.append(content)
    sel = {"word": 1, "word_b": -1, "choice": "paper", "layer": -1, "head": -1, "steps": [0, 3]}
    question = {"v": VERSION, "type": "ask", "id": "x", "run": explorer.subject.name, "sel": sel}
    explorer._received(None, {**question, "want": ["entry"], "at": {"span": [2, 11]}}, [])
    (part,) = sent[0]["parts"]
    assert part == {"name": "entry", "word": len(explorer.words) - 1}
    assert explorer._facts["words"][part["word"]]["text"] == "red apple"
    explorer._received(None, {**question, "want": ["entry"], "at": {"span": [2, 99]}}, [])
    assert "99" in sent[1]["error"] or "outside" in sent[1]["error"]


def test_two_recordings_follow_each_other_to_a_phrase() -> None:
    left, right = (tiny_recording(TEXT, steps=3, seed=seed) for seed in (0, 1))
    both = dnb.explore(left, right, parser=False)
    both.left.word = "green dog"
    assert both.right.words[both.right.word].text == "green dog"
