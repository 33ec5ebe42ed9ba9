"""The word axis of effects and gradients, read, checked, merged and named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daam_nb.errors import SelectionError
from daam_nb.recording.word_axis import (
    check_positions,
    merged_words,
    phrase_of,
    read_words,
    stretch_of,
    text_of,
)
from tests.tiny_recordings import tiny_prompt

PROMPT = tiny_prompt("a cat and a dog")  # start, a, cat, and, a, dog, end of text, padding


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Effects need at least one word"),
        (((),), "every word must have tokens"),
        (((2,), (2,)), "Effects must list each word once"),
        ((("cat",),), "token"),
    ],
)
def test_what_is_no_axis_is_refused(words: Any, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        read_words(words, "Effects")


def test_words_are_read_and_lie_in_the_prompt() -> None:
    assert read_words([[2], (4, 5)], "Effects") == ((2,), (4, 5))
    check_positions(((2,), (5,)), PROMPT, "Gradients")
    last = len(PROMPT.tokens) - 1
    with pytest.raises(SelectionError, match=f"Gradients .* position 99; .* last is {last}"):
        check_positions(((2,), (99,)), PROMPT, "Gradients")


def test_of_a_word_in_both_the_later_counts() -> None:
    words, places = merged_words(((5,), (2,)), ((3,), (5,)))
    assert words == ((2,), (3,), (5,))
    assert places == [1, 2, 3]  # of 5, the second axis's


def test_stretches_and_their_names() -> None:
    phrase = phrase_of(PROMPT, (4, 5))
    assert phrase is not None and phrase.text == "a dog"
    assert phrase_of(PROMPT, (2, 5)) is None  # what lies between is read, too
    stretch = stretch_of(PROMPT, (2, 5))
    assert stretch is not None and stretch.text == "cat and a dog"
    assert phrase_of(PROMPT, (0,)) is stretch_of(PROMPT, (0,)) is None
    assert text_of(PROMPT, (2,)) == "cat" and PROMPT.tokens[5].piece in text_of(PROMPT, (2, 5))


def test_spans_of_a_stranger_that_are_out_of_order_have_no_phrase() -> None:
    tokens = list(PROMPT.tokens)
    tokens[2], tokens[5] = (
        replace(tokens[2], span=tokens[5].span),
        replace(tokens[5], span=tokens[2].span),
    )
    assert phrase_of(replace(PROMPT, tokens=tuple(tokens)), (2, 5)) is None
