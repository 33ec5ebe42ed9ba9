"""A prompt's words, their tokens, and what it says when it cannot tell."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.errors import (
    AmbiguousWordError,
    DaamError,
    PromptError,
    RecordingFormatError,
    SelectionError,
    TruncatedWordError,
    WordNotFoundError,
)
from daam_nb.prompt import Prompt, Token, Word
from tests.tiny_tokenizers import clip_tokenizer, t5_tokenizer

DOGS = "A dog and a dog"
PIECES = st.sampled_from(
    ["dog", "Dog", "hot dog", "ß", "SS", "İ", "é", "e\u0301", "👨\u200d👩", "👩", "🇫🇷", "🇫",
     "红", "שלום", "don't", "-", ",", " ", "  ", "\n", "\u0301", "\u200d",
     "_", "<|endoftext|>", "3.14"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=2), max_size=10).map("".join)


@cache
def clip() -> Any:
    return clip_tokenizer()


def prompt_of(text: str, **options: Any) -> Prompt:
    return Prompt.from_tokenizer(text, clip(), **options)


def plain(text: str, cut: tuple[int, int] | None = None) -> Prompt:
    """One token per run of letters, without a tokenizer and without roles."""
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    tokens = [Token(0, 1, "<start>", None, True)]
    tokens += [
        Token(i, 9, text[slice(*span)], span, False) for i, span in enumerate(spans, start=1)
    ]
    tokens += [Token(len(spans) + 1 + more, 2, "<end>", None, True) for more in range(2)]
    return Prompt(text, tuple(tokens), cut)


def test_a_word_to_its_tokens() -> None:
    prompt = prompt_of("A red  car and a giraffe")
    assert prompt.find("red").span == (2, 5)
    assert prompt.token_indices("red") == (2,)
    assert prompt.token_indices("Red Car") == (2, 3)
    assert prompt.find("red car") == Word("red  car", 2, 10)
    assert prompt.token_indices("giraffe") == (6, 7)
    assert prompt.pieces("giraffe") == ("gir", "affe</w>")
    assert prompt.token_indices((2, 5)) == prompt.token_indices(prompt.find("red")) == (2,)
    assert prompt.token_indices([2, 5]) == (2,)  # type: ignore[arg-type]  # any two numbers
    assert prompt.token_indices(range(2, 10)) == (2, 3)  # type: ignore[arg-type]  # not 2-3
    assert prompt.text_columns == tuple(range(9))


def test_the_bytes_of_one_character_all_count() -> None:
    assert len(prompt_of("a 😀 cat").token_indices("😀")) == 4


def test_a_token_over_two_words_counts_for_both() -> None:
    prompt = Prompt.from_tokenizer("a 汽车", clip_tokenizer(["a", "汽车"]))
    assert [word.text for word in prompt.words] == ["a", "汽", "车"]
    assert prompt.token_indices("汽") == prompt.token_indices("车") == (2,)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "cat", "giraffe", "catamaran", "xyz"]), max_size=12))
def test_words_apart_share_no_token(names: list[str]) -> None:
    prompt = prompt_of(" ".join(names))
    indices = [index for word in prompt.words for index in prompt.token_indices(word)]
    assert indices == sorted(set(indices))
    assert prompt.text_columns == (0, *indices, len(indices) + 1)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_every_word_is_found_by_its_own_text(text: str) -> None:
    prompt = prompt_of(text)
    for case in (False, True):
        for word in prompt.words:
            found = prompt.occurrences(word.text, case=case)
            assert word in found
            assert prompt.find(word.text, occurrence=found.index(word), case=case) == word
            assert [text[slice(*each.span)] for each in found] == [each.text for each in found]


def test_a_cat_is_not_in_a_catamaran() -> None:
    prompt = prompt_of("a catamaran on snow")
    with pytest.raises(WordNotFoundError) as caught:
        prompt.find("cat")
    assert str(caught.value) == (
        "'cat' is not a word or phrase of 'a catamaran on snow'. "
        "Its words are 'a', 'catamaran', 'on', 'snow'."
    )
    assert isinstance(caught.value, LookupError)


def test_two_dogs_and_no_choice() -> None:
    prompt = prompt_of(DOGS)
    with pytest.raises(AmbiguousWordError) as caught:
        prompt.token_indices("dog")
    assert str(caught.value) == (
        "'dog' occurs 2 times in 'A dog and a dog', at characters 2-5 and 12-15. "
        "Choose one: occurrence=0 or 1."
    )
    assert prompt.token_indices("dog", occurrence=0) == (2,)
    assert prompt.pieces("DOG", occurrence=-1) == ("dog</w>",)
    assert prompt.find("dog", occurrence=np.int64(1)).span == (12, 15)  # type: ignore[arg-type]
    assert [word.span for word in prompt.occurrences("a")] == [(0, 1), (10, 11)]
    assert prompt.find("a", case=True).span == (10, 11)


def test_many_occurrences_are_listed_shortly() -> None:
    with pytest.raises(
        AmbiguousWordError,
        match=r"40 times in '(dog )+dog…', at characters 0-3, .*, … and 156-159.*=0 to 39\.",
    ):
        prompt_of("dog " * 40).find("dog")


@pytest.mark.parametrize(
    ("text", "occurrence", "message"),
    [
        ("dog", 2, "'dog' occurs 2 times in 'A dog and a dog'; there is no occurrence=2. "
                   "Use occurrence=0 or 1."),
        ("dog", -3, "there is no occurrence=-3"),
        ("and", 1, "'and' occurs once in 'A dog and a dog'; there is no occurrence=1. "
                   "Use occurrence=0."),
        ("cat", 0, "'cat' is not a word or phrase"),
    ],
)  # fmt: skip
def test_an_occurrence_that_is_not_there(text: str, occurrence: int, message: str) -> None:
    with pytest.raises(WordNotFoundError, match=re.escape(message)):
        prompt_of(DOGS).find(text, occurrence=occurrence)


def test_what_cannot_be_asked_for() -> None:
    prompt = prompt_of(DOGS)
    with pytest.raises(SelectionError, match="occurrence='1': it must be a whole number >= 0"):
        prompt.find("dog", occurrence="1")  # type: ignore[arg-type]
    with pytest.raises(WordNotFoundError, match="' ' contains no word"):
        prompt.find(" ")
    with pytest.raises(WordNotFoundError, match="Upper and lower case differ"):
        prompt.find("DOG", case=True)
    with pytest.raises(WordNotFoundError, match="has no token"):
        prompt.token_indices((1, 2))
    for span in ((3, 3), (-1, 2), (0, 16), (5, 2)):
        with pytest.raises(
            SelectionError, match="empty or outside 'A dog and a dog', which has 15"
        ):
            prompt.token_indices(span)
    for what in (7, None, (1,), (1, 2, 3), (1.0, 2.0)):
        with pytest.raises(SelectionError, match=r"must be a string, a Word or \(start, end\)"):
            prompt.token_indices(what)  # type: ignore[arg-type]
    with pytest.raises(WordNotFoundError, match="it is a word of another prompt"):
        prompt.token_indices(Word("cat", 2, 5))


def test_a_truncated_word_is_refused() -> None:
    prompt = prompt_of("a red giraffe on snow", max_length=5)
    assert prompt.cut == (9, 21)  # 'affe on snow'
    assert prompt.token_indices("red") == (2,)
    assert [word.text for word in prompt.read_words] == ["a", "red"]
    assert [word.text for word in prompt.words] == ["a", "red", "giraffe", "on", "snow"]
    for reaching in ("giraffe", "red giraffe", "snow"):
        with pytest.raises(TruncatedWordError):
            prompt.token_indices(reaching)
    with pytest.raises(TruncatedWordError) as caught:
        prompt.pieces("snow")
    assert str(caught.value) == (
        "'snow' is at characters 17-21 of 'a red giraffe on snow', but characters 9-21 were "
        "not read: they did not fit into the model's 5 tokens. Shorten the prompt, or move the "
        "word further to the front."
    )


def test_columns_of_an_empty_prompt() -> None:
    prompt = prompt_of("")
    assert (prompt.words, prompt.cut, prompt.text_columns) == ((), None, (0, 1))
    with pytest.raises(WordNotFoundError, match="Its words are none"):
        prompt.find("cat")


def test_roles_follow_from_the_order_where_nobody_gave_them() -> None:
    prompt = plain("a cat")
    assert [token.role for token in prompt.tokens] == ["start", "text", "text", "end", "padding"]
    assert (prompt.start_of_text, prompt.end_of_text) == (0, 3)
    assert prompt.text_columns == (0, 1, 2, 3)
    assert plain("").text_columns == (0, 1)
    assert Prompt("", ()).text_columns == ()


@pytest.mark.parametrize("make", [clip_tokenizer, t5_tokenizer])
def test_a_prompt_survives_json(make: Callable[[], Any]) -> None:
    tokenizer = make()
    text = 'a "red"\n\u2028 giraffe 👨\u200d👩 e\u0301 <|endoftext|> שלום snow'
    for options in ({}, {"max_length": 6}, {"chunk": 7}):
        prompt = Prompt.from_tokenizer(text, tokenizer, **options)
        again = Prompt.from_dict(json.loads(json.dumps(prompt.to_dict(), allow_nan=False)))
        assert again == prompt
        assert again.words == prompt.words
        assert hash(again) == hash(prompt)
    assert Prompt.from_dict(plain("a cat").to_dict()) == plain("a cat")


def damaged(*changes: tuple[str, Any]) -> dict[str, Any]:
    data = prompt_of("a cat", max_length=5).to_dict()
    for path, value in changes:
        *way, last = path.split(".")
        at: Any = data
        for name in way:
            at = at[int(name)] if name.isdigit() else at[name]
        if value is KeyError:
            del at[last]
        else:
            at[int(last) if last.isdigit() else last] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "A prompt must be an object, not NoneType"),
        ([], "A prompt must be an object, not list"),
        ({}, "A prompt: 'tokens' must be list, not NoneType"),
        (damaged(("text", KeyError)), "A prompt: 'text' must be str"),
        (damaged(("text", "a")), "span 2-5, which is empty or outside the text of 1 characters"),
        (damaged(("text", "a ca\ud83d")), "'text' holds half a character"),
        (damaged(("tokens", {"0": 1})), "'tokens' must be list, not dict"),
        (damaged(("tokens.1", 7)), "Token 1 of the prompt must be an object, not int"),
        (damaged(("tokens.1.index", 2)), "Token 1 has the key position 2"),
        (damaged(("tokens.1.index", True)), "'index' must be int, not bool"),
        (damaged(("tokens.1.id", 1.0)), "'id' must be int, not float"),
        (damaged(("tokens.1.id", -1)), "'id' must be 0 or more, not -1"),
        (damaged(("tokens.1.piece", None)), "'piece' must be str, not NoneType"),
        (damaged(("tokens.1.special", 0)), "'special' must be bool, not int"),
        (damaged(("tokens.1.role", "king")), "has the role 'king'"),
        (damaged(("tokens.1.role", ["text"])), "has the role"),
        (damaged(("tokens.1.span", [0])), "its span must be two numbers"),
        (damaged(("tokens.1.span", [0, 1.5])), "its span must be two numbers"),
        (damaged(("tokens.1.span", "01")), "its span must be two numbers"),
        (damaged(("tokens.1.span", [False, True])), "its span must be two numbers"),
        (damaged(("tokens.1.span", [1, 1])), "which is empty or outside"),
        (damaged(("tokens.1.span", [-1, 1])), "which is empty or outside"),
        (damaged(("tokens.1.span", [0, 10**30])), "which is empty or outside"),
        (damaged(("cut", [3, 9])), "The cut has the span 3-9"),
        (damaged(("cut", 3)), "A prompt's cut must be two numbers"),
    ],
)
def test_damaged_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(RecordingFormatError, match=re.escape(message)):
        Prompt.from_dict(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["text", "tokens", "cut", *(f"tokens.{place}" for place in range(5))]
    + [f"tokens.2.{name}" for name in ("index", "id", "piece", "span", "special", "role")]
)


@settings(max_examples=100, deadline=None)
@given(FIELDS, JSON)
def test_whatever_stands_in_the_data_gives_a_prompt_or_one_clear_error(
    field: str, value: Any
) -> None:
    data = damaged((field, value))
    try:
        prompt = Prompt.from_dict(data)
    except RecordingFormatError:
        return
    assert Prompt.from_dict(prompt.to_dict()) == prompt
    for word in prompt.read_words:
        prompt.token_indices(word)


def test_tokens_are_checked_at_birth() -> None:
    with pytest.raises(PromptError, match="Token 0 has the key position 3"):
        Prompt("a", (Token(3, 1, "a", (0, 1), False),))
    with pytest.raises(PromptError, match=r"Token 0 \('a'\) has the span 0-2"):
        Prompt("a", (Token(0, 1, "a", (0, 2), False),))
    with pytest.raises(DaamError, match="The cut has the span 1-1"):
        Prompt("ab", (), cut=(1, 1))


def test_it_shows_itself_shortly_and_escaped() -> None:
    prompt = prompt_of("<b>a</b> & cat", max_length=6)
    assert repr(prompt) == "Prompt('<b>a</b> & cat', 4 words, 6 tokens)"
    page = prompt._repr_html_()
    assert "&lt;b&gt;a" in page and "<b>" not in page
    assert '<s title="never read">' in page
    long = prompt_of("cat <i> " * 1000)
    assert len(repr(long)) < 130
    assert len(long._repr_html_()) < 3000
    assert "<i>" not in long._repr_html_()


@pytest.mark.parametrize(
    "part", ["a photo of a red car ", "e\u0301👨\u200d👩 שלום ", "\u0301", "-"]
)
def test_ten_thousand_characters(part: str) -> None:
    text = (part * 10_000)[:10_000]
    started = time.process_time()
    prompt = prompt_of(text)
    words = prompt.words
    occurrences = prompt.occurrences("red car")
    assert time.process_time() - started < 10  # of CPU, about 0.5 s
    assert prompt.words is words
    assert len(prompt.tokens) == 77
    assert prompt.cut is not None and prompt.cut[1] == len(text.rstrip())
    assert len(occurrences) == text.count("red car")
