"""What can be chosen in a prompt, and how it is named."""

from __future__ import annotations

import pytest

from daam_nb.errors import SelectionError
from daam_nb.prompt import Prompt, Token
from daam_nb.show.explorer.model.entries import clean, entries_of, first_choice
from tests.tiny_recordings import tiny_prompt

KEPT = tuple(range(12))


def test_words_come_first_then_what_is_shown_on_demand() -> None:
    prompt = tiny_prompt("a cat, a dog")
    entries = entries_of(prompt, tuple(range(7)))
    assert [(one.kind, one.text) for one in entries] == [
        ("word", "a"),
        ("word", "cat"),
        ("word", "a"),
        ("word", "dog"),
        ("start", "start of text"),
        ("sign", ","),
        ("end", "end of text"),
    ]
    assert [one.tokens for one in entries[:4]] == [(1,), (2,), (4,), (5,)]
    assert [one.special for one in entries] == [False] * 4 + [True] * 3


def test_a_word_of_several_tokens_offers_its_pieces() -> None:
    tokens = (
        Token(0, 0, "<start>", None, True),
        Token(1, 5, "gir", (2, 5), False),
        Token(2, 6, "affe</w>", (5, 9), False),
        Token(3, 1, "<end>", None, True),
    )
    entries = entries_of(Prompt("a giraffe", tokens), (0, 1, 2, 3))
    whole = next(n for n, one in enumerate(entries) if one.text == "giraffe")
    assert entries[whole].tokens == (1, 2)
    assert entries[whole].pieces == ("gir", "affe</w>")
    pieces = [one for one in entries if one.kind == "piece"]
    assert [(one.text, one.tokens, one.of) for one in pieces] == [
        ("gir", (1,), whole),
        ("affe", (2,), whole),
    ]
    assert not entries[0].kept  # "a" has no token here, so there is nothing to show


def test_words_that_were_cut_or_not_recorded_are_listed_and_cannot_be_chosen() -> None:
    prompt = tiny_prompt("one two three four", length=5)  # reads three words
    entries = entries_of(prompt, (0, 1, 3, 4))
    assert [(one.text, one.kept) for one in entries if one.kind == "word"] == [
        ("one", True),
        ("two", False),
        ("three", True),
        ("four", False),
    ]


def test_padding_is_offered_where_it_was_recorded() -> None:
    entries = entries_of(tiny_prompt("cat", length=5), range(5))
    assert [one.kind for one in entries] == ["word", "start", "end", "padding", "padding"]
    assert entries[-1].text == "padding 4"


@pytest.mark.parametrize(
    ("text", "first"),
    [("A red fox", "red"), ("in the snow", "snow"), ("the", "the"), ("ein Hund", "ein")],
)
def test_begins_with_a_word_that_tells_something(text: str, first: str) -> None:
    entries = entries_of(tiny_prompt(text), KEPT)
    assert entries[first_choice(entries)].text == first


def test_a_recording_without_tokens_has_nothing_to_show() -> None:
    with pytest.raises(SelectionError, match="holds no token of the prompt"):
        first_choice(entries_of(tiny_prompt("cat"), ()))


def test_half_a_surrogate_pair_is_replaced_and_nothing_else_is() -> None:
    assert clean("fox \ud800 🦊 שועל <b>") == "fox \ufffd 🦊 שועל <b>"


def test_a_piece_of_several_words_is_listed_once() -> None:
    text = "one two three"
    tokens = (
        Token(0, 0, "<start>", None, True),
        *(Token(n, 4 + n, "all", (0, len(text)), False) for n in (1, 2)),
        Token(3, 1, "<end>", None, True),
    )
    entries = entries_of(Prompt(text, tokens), (0, 1, 2, 3))
    assert [entry.tokens for entry in entries if entry.kind == "word"] == [(1, 2)] * 3
    pieces = [(entry.tokens, entry.of) for entry in entries if entry.kind == "piece"]
    assert pieces == [((1,), 0), ((2,), 0)]
