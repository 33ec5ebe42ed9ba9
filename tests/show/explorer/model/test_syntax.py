"""The syntax lens: parsed words matched by characters, and no parser being no trouble."""

from __future__ import annotations

from typing import Any

import pytest

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError
from daam_nb.language import Parse, ParsedWord
from daam_nb.maps import heat_maps
from daam_nb.show.explorer.model import syntax
from daam_nb.show.explorer.model.entries import entries_of
from daam_nb.show.explorer.model.syntax import Syntax, parse_facts
from daam_nb.studies.visuosyntax.word_pairs import pair_rows
from tests.parsers import BOTH, parser_of
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
    prompt = tiny_prompt(TEXT)
    entries = entries_of(prompt, (0, 1, 2, 3, 5))  # "red" was not recorded
    facts = parse_facts(parse(), entries, prompt)
    assert facts is not None
    assert facts["parser"] == "by hand 1"
    comma = next(n for n, one in enumerate(entries) if one.text == ",")
    assert [one["word"] for one in facts["words"]] == [0, 1, comma, -1]
    assert facts["arcs"] == [
        {"head": 1, "dependent": 0, "relation": "nummod"},
        {"head": 1, "dependent": 2, "relation": "punct"},
        {"head": 1, "dependent": 3, "relation": "amod"},
    ]


def facts_of(text: str, words: list[tuple[str, int, int, int]]) -> tuple[Any, Any]:
    """Facts of a parse of (text, start, end, head), and the entries."""
    parsed = Parse(
        text,
        tuple(
            ParsedWord(word, start, end, word, "X", "X", head, "ROOT" if head == number else "dep")
            for number, (word, start, end, head) in enumerate(words)
        ),
        "by hand",
    )
    prompt = tiny_prompt(text)
    entries = entries_of(prompt, range(len(prompt.tokens)))
    return parse_facts(parsed, entries, prompt), entries


@pytest.mark.parametrize("text", ["mother-in-law", "on-on"])
def test_what_the_parser_takes_for_one_word_is_not_paired_with_a_part_of_it(text: str) -> None:
    """The studies measure all of its tokens, and no entry has their map."""
    facts, entries = facts_of(text, [(text, 0, len(text), 0)])
    assert (facts["words"][0]["word"], facts["words"][0]["at"]) == (-1, 0)
    assert entries[0].text in ("mother", "on")


def test_a_part_of_a_word_is_paired_with_its_piece() -> None:
    facts, entries = facts_of("dog's ball", [("dog", 0, 3, 2), ("'s", 3, 5, 0), ("ball", 6, 10, 2)])
    dog, owner, ball = facts["words"]
    assert (entries[0].text, dog["at"], owner["at"]) == ("dog's", 0, 0)
    assert (entries[dog["word"]].text, entries[dog["word"]].kind) == ("dog", "piece")
    assert (entries[owner["word"]].text, entries[owner["word"]].kind) == ("'s", "piece")
    assert entries[owner["word"]].tokens == (2, 3)
    assert entries[ball["word"]].text == "ball"


def test_words_that_share_a_token_have_no_arc() -> None:
    """As in the studies, where such a pair is left out."""
    facts, entries = facts_of("don't", [("do", 0, 2, 0), ("n't", 2, 5, 0)])
    assert [piece.text for piece in entries if piece.kind == "piece"] == ["don", "'", "t", "'t"]
    assert facts["arcs"] == []


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    "text",
    ["the dog's red ball", "two men's bikes near a bus", "a dog\u2019s tail",
     "a mother-in-law waits", "it isn't a cat", "a cat,\n\ta dog\u00a0and  a half-open box"],
)  # fmt: skip
def test_an_arc_compares_what_the_studies_compare(name: str, text: str) -> None:
    run, parser = tiny_recording(text), parser_of(name)
    explorer = opened(run, parser=parser)
    rows = pair_rows(parser(text), heat_maps(run), names="spacy", threshold=0.4)
    numbers = {
        (row["head_start"], row["dependent_start"]): row for row in rows if row["kind"] == "arc"
    }
    words = explorer._facts["parse"]["words"]
    compared = 0
    for arc in explorer._facts["parse"]["arcs"]:
        head, dependent = words[arc["head"]], words[arc["dependent"]]
        row = numbers.pop((head["start"], dependent["start"]))
        if row["left_out"]:
            assert -1 in (head["word"], dependent["word"])
            continue
        explorer.choose(word=head["word"], word_b=dependent["word"], threshold=0.4)
        assert explorer.iou == pytest.approx(row["iou"], abs=1e-12)
        assert explorer.iod == pytest.approx(row["iod"], abs=1e-12)
        assert explorer.ioh == pytest.approx(row["ioh"], abs=1e-12)
        compared += 1
    assert compared
    assert {row["left_out"] for row in numbers.values()} <= {"shared token"}


def test_a_parser_is_taken_by_its_name() -> None:
    explorer = opened(tiny_recording("a red fox"), parser="caption_parser")
    assert explorer._facts["syntax"]["note"].startswith("Parsed by daam_nb caption parser")
    with pytest.raises(
        MissingParserError, match="'caption_paser' is neither an installed spaCy pipeline nor"
    ):
        opened(tiny_recording("a red fox"), parser="caption_paser")


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
