"""Which tokens a parsed word is."""

from __future__ import annotations

import pytest

from daam_nb.errors import ParseError, SelectionError, WrongKindError
from daam_nb.language import Parse, ParsedWord, parsed_tokens
from tests.tiny_recordings import tiny_prompt


def parse(text: str, *spans: tuple[int, int]) -> Parse:
    words = [
        ParsedWord(text[start:end], start, end, "", "X", "X", number, "ROOT")
        for number, (start, end) in enumerate(spans)
    ]
    return Parse(text, tuple(words), "by hand")


def test_by_characters() -> None:
    prompt = tiny_prompt("dog's dog")
    paired = parsed_tokens(parse(prompt.text, (0, 3), (3, 5), (6, 9)), prompt, range(5))
    assert paired.tokens == ((1,), (2, 3), (4,))
    assert paired.lack(0, 1) is None


def test_why_not() -> None:
    prompt = tiny_prompt("don't a fox", length=6)  # start, don, ', t, a, end
    words = parse(prompt.text, (0, 2), (2, 5), (6, 7), (8, 11))
    paired = parsed_tokens(words, prompt, (1, 2, 3))
    assert paired.tokens == ((1,), (1, 2, 3), "not kept", "truncated")
    assert [paired.lack(*pair) for pair in ((0, 1), (1, 2), (3, 2), (0, 0))] == [
        "shared token", "not kept", "truncated", "shared token",
    ]  # fmt: skip


def test_a_parse_of_another_text_is_refused() -> None:
    with pytest.raises(ParseError, match=r"The parse is of 'a fox', but the prompt is 'a  fox'"):
        parsed_tokens(parse("a fox", (0, 1)), tiny_prompt("a  fox"), (0, 1))


def test_arguments_of_other_kinds_are_refused() -> None:
    prompt = tiny_prompt("a fox")
    words = parse("a fox", (0, 1))
    for wrong in ((prompt, words), (words, "a fox"), ("a fox", prompt), (None, prompt)):
        with pytest.raises(WrongKindError, match=r"parsed_tokens\(\) takes a Parse and a Prompt"):
            parsed_tokens(*wrong, (0, 1))  # type: ignore[arg-type]
    for columns in (["1"], "12", [1.0], [True], None):
        with pytest.raises(SelectionError, match="whole number"):
            parsed_tokens(words, prompt, columns)  # type: ignore[arg-type]
