"""The syntax lens: parsed words matched by characters, and no parser being no trouble."""

from __future__ import annotations

from typing import Any

import pytest

from daam_nb.errors import MissingExtraError, ParseError
from daam_nb.language import Parse, ParsedWord
from daam_nb.show.explorer import syntax
from daam_nb.show.explorer.entries import entries_of
from daam_nb.show.explorer.syntax import Syntax, parse_facts
from tests.show.explorer.opened import opened
from tests.tiny_recordings import tiny_prompt, tiny_recording

TEXT = "two foxes, red"


def parse(text: str = TEXT) -> Parse:
    return Parse(
        text,
        (
            ParsedWord("two", 0, 3, "two", "NUM", "CD", 1, "nummod"),
            ParsedWord("foxes", 4, 9, "fox", "NOUN", "NNS", 1, "ROOT"),
            ParsedWord(",", 9, 10, ",", "PUNCT", ",", 1, "punct"),
            ParsedWord("red", 11, 14, "red", "ADJ", "JJ", 1, "amod"),
        ),
        "by hand 1",
    )


def test_parsed_words_are_matched_by_characters() -> None:
    entries = entries_of(tiny_prompt(TEXT), (0, 1, 2, 3, 5))  # "red" was not recorded
    facts = parse_facts(parse(), entries)
    assert facts is not None
    assert facts["parser"] == "by hand 1"
    comma = next(n for n, one in enumerate(entries) if one.text == ",")
    assert [one["word"] for one in facts["words"]] == [0, 1, comma, -1]
    assert facts["arcs"] == [
        {"head": 1, "dependent": 0, "relation": "nummod"},
        {"head": 1, "dependent": 2, "relation": "punct"},
        {"head": 1, "dependent": 3, "relation": "amod"},
    ]


def test_a_word_that_the_parser_cuts_finely_is_found_by_its_parts() -> None:
    text = "mother-in-law"
    parsed = Parse(text, (ParsedWord(text, 0, 13, text, "NOUN", "NN", 0, "ROOT"),), "by hand")
    entries = entries_of(tiny_prompt(text), range(7))
    assert parse_facts(parsed, entries)["words"][0]["word"] == 0  # type: ignore[index]


def test_among_equals_the_first_is_taken() -> None:
    text = "on-on"
    parsed = Parse(text, (ParsedWord(text, 0, 5, text, "ADV", "RB", 0, "ROOT"),), "by hand")
    entries = entries_of(tiny_prompt(text), range(5))
    assert [one.text for one in entries[:2]] == ["on", "on"]
    assert parse_facts(parsed, entries)["words"][0]["word"] == 0  # type: ignore[index]


def test_a_parse_or_a_parser_that_was_given_is_there_at_once() -> None:
    for given in (parse(), parse):
        explorer = opened(tiny_recording(TEXT), parser=given)
        assert explorer._facts["syntax"] == {"state": "here", "note": "Parsed by by hand 1."}
        assert len(explorer._facts["parse"]["arcs"]) == 3


def test_the_best_parser_is_loaded_when_the_lens_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def load_parser() -> Any:
        calls.append("loaded")
        return parse

    monkeypatch.setattr(syntax, "load_parser", load_parser)
    explorer = opened(tiny_recording(TEXT), parser=None)
    assert (calls, explorer._facts["syntax"]["state"]) == ([], "later")
    assert explorer._facts["parse"] is None
    explorer.show_syntax = True
    assert explorer._facts["syntax"]["state"] == "here"
    explorer.show_syntax = False
    explorer.show_syntax = True
    assert calls == ["loaded"]


def test_without_spacy_there_are_no_arcs_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_parser() -> Any:
        raise MissingExtraError("spacy", "studies", "Parsing a sentence")

    monkeypatch.setattr(syntax, "load_parser", load_parser)
    explorer = opened(tiny_recording(TEXT), parser=None, show_syntax=True)
    assert explorer._facts["syntax"]["state"] == "none"
    assert 'pip install "daam_nb[studies]"' in explorer._facts["syntax"]["note"]


def test_no_parser_was_wanted() -> None:
    explorer = opened(tiny_recording(TEXT), parser=False, show_syntax=True)
    assert explorer._facts["syntax"] == {"state": "none", "note": "No parse was asked for."}


@pytest.mark.parametrize("given", [parse("two foxes, redder"), lambda text: ["red"]])
def test_a_parse_of_something_else_is_refused(given: Any) -> None:
    with pytest.raises(ParseError, match=r"The prompt is|not a Parse|the prompt is"):
        Syntax(TEXT, given)
