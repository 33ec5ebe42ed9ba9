"""Parses as plain data: checked at birth, the same after a trip through JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import DaamError, ParseError
from daam_nb.language import Arc, Parse, ParsedWord

TEXT = "a red car"


def word(text: str, start: int, head: int, relation: str) -> ParsedWord:
    return ParsedWord(text, start, start + len(text), text, "X", "XX", head, relation)


A, RED, CAR = word("a", 0, 2, "det"), word("red", 2, 2, "amod"), word("car", 6, 2, "ROOT")
PARSE = Parse(TEXT, (A, RED, CAR), "by hand", ((0, 3),))


def test_arcs_leave_out_the_root() -> None:
    assert PARSE.arcs == (Arc(2, 0, "det"), Arc(2, 1, "amod"))
    assert PARSE.roots == (2,)


def test_a_parse_survives_json() -> None:
    facts = json.loads(json.dumps(PARSE.to_dict()))
    assert Parse.from_dict(facts) == PARSE
    assert facts["words"][1]["relation"] == "amod"
    assert facts["noun_chunks"] == [[0, 3]]


def test_an_empty_text_has_an_empty_parse() -> None:
    empty = Parse("", (), "by hand")
    assert (empty.arcs, empty.roots) == ((), ())
    assert Parse.from_dict(empty.to_dict()) == empty


@pytest.mark.parametrize(
    ("words", "chunks", "message"),
    [
        ((word("b", 0, 0, "ROOT"),), (), "Word 0 ('b') is not at characters 0-1 of 'a red"),
        ((word("car", 6, 0, "ROOT"), word("a", 0, 0, "det")), (), "overlaps the word before it"),
        ((word("a", 0, 1, "det"),), (), "Word 0 ('a') has the head 1, but there are only 1 words."),
        ((word("a", 0, -1, "det"),), (), "has the head -1, but there are only 1 words."),
        (
            (word("a", 0, 0, "det"),),
            (),
            "must be its own head if and only if its relation is 'ROOT'",
        ),
        ((A, RED, word("car", 6, 0, "nsubj")), (), "cycle: 'a' -> 'car'."),
        ((A, RED, CAR), ((0, 4),), "The noun chunk (0, 4) is not a range of the 3 words."),
        ((A, RED, CAR), ((2, 2),), "The noun chunk (2, 2) is not a range"),
        ((ParsedWord("", 0, 0, "", "", "", 0, "ROOT"),), (), "is not at characters 0-0"),
    ],
)
def test_what_does_not_fit_is_refused(words: Any, chunks: Any, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Parse(TEXT, words, "by hand", chunks)
    assert message in str(caught.value)
    assert isinstance(caught.value, (DaamError, ValueError))


def test_a_root_by_another_name_is_refused() -> None:
    with pytest.raises(ParseError, match=r"has the head 2 and the relation 'ROOT'"):
        Parse(TEXT, (word("a", 0, 2, "ROOT"), RED, CAR), "by hand")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts: facts.pop("parser"),
        lambda facts: facts["words"][0].pop("lemma"),
        lambda facts: facts["words"][0].update(color="red"),
        lambda facts: facts["words"][0].update(head="2"),
        lambda facts: facts.update(noun_chunks=[[1]]),
        lambda facts: facts.update(words=3),
    ],
)
def test_spoilt_facts_are_a_clear_error(spoil: Any) -> None:
    facts = PARSE.to_dict()
    spoil(facts)
    with pytest.raises(ParseError, match=r"This is not a parse as `Parse.to_dict` writes it"):
        Parse.from_dict(facts)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.text(alphabet="ab", min_size=1))
def test_heads_make_trees_or_are_refused(heads: list[int], letters: str) -> None:
    """Against a second way of finding circles: walk as many steps as there are words."""
    count = len(heads)
    heads = [head % count for head in heads]
    text = " ".join([letters] * count)
    words = tuple(
        word(letters, i * (len(letters) + 1), head, "ROOT" if head == i else "dep")
        for i, head in enumerate(heads)
    )

    def top(i: int) -> int:
        for _ in range(count):
            i = heads[i]
        return i

    if all(heads[top(i)] == top(i) for i in range(count)):
        assert len(Parse(text, words, "p").arcs) + len(Parse(text, words, "p").roots) == count
    else:
        with pytest.raises(ParseError, match="cycle"):
            Parse(text, words, "p")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"relation": 5}, "the relation must be a text, not 5"),
        ({"lemma": None}, "the lemma must be a text, not None"),
        ({"head": True}, "these must be whole"),
        ({"start": 0.0}, "these must be whole"),
    ],
)
def test_values_of_other_kinds_make_no_parse(change: dict[str, Any], said: str) -> None:
    facts = PARSE.to_dict()
    facts["words"][0] |= change
    with pytest.raises(ParseError, match=said):
        Parse.from_dict(facts)
    with pytest.raises(ParseError, match="the parser's name must be a text"):
        Parse.from_dict({**PARSE.to_dict(), "parser": 5})
