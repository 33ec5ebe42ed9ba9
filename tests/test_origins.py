"""The characters of a prompt that a pipeline's own spelling of it comes from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import PromptError
from daam_nb.origins import origins_of_words, span_before
from daam_nb.prompt import Prompt
from tests.tiny_tokenizers import t5_tokenizer


def origin(text: str, converted: str, part: str) -> str | None:
    """The characters of the text behind a part of the rewritten one."""
    start = converted.index(part)
    span = span_before((start, start + len(part)), origins_of_words(text, converted))
    return None if span is None else text[slice(*span)]


@pytest.mark.parametrize(
    ("text", "converted", "origins"),
    [
        ("cat (big)", "cat big", {"cat": "cat", "big": "big"}),
        ("“Red” cat", '"red" cat', {'"red"': "“Red”", '"': "“", "cat": "cat"}),
        ("a cat—dog", "a cat-dog", {"cat-dog": "cat—dog", "-": "—"}),
        ("a cat--dog", "a cat-dog", {"-": "--"}),
        ("cat.dog", "cat. dog", {"cat.": "cat.", "dog": "dog"}),
        ("this_is_a_cat", "this is a cat", {"is": "is", "cat": "cat"}),
        ("a cat, a dog.png", "a cat, a", {"a cat": "a cat", ", a": ", a"}),
        ("Don’t", "don't", {"don": "Don", "'": "’", "t": "t", "don't": "Don’t"}),
        ("don't go", "dont go", {"dont": "don't", "don": "don", "go": "go"}),
        ("a ﬁsh ＣＡＴ", "a fish cat", {"fi": "ﬁsh", "fish": "ﬁsh", "c": "Ｃ"}),
        ("cat dog", "cat: dog", {"cat": "cat", ":": None, "dog": "dog"}),
        ("cat, , dog", "cat, dog", {",": None, "cat,": "cat"}),  # which of the two?
        ("cat ★", "★", {"★": "★"}),
        ("(!)", "", {}),
        ("", "", {}),
    ],
)
def test_words_and_signs_come_from(
    text: str, converted: str, origins: dict[str, str | None]
) -> None:
    assert {part: origin(text, converted, part) for part in origins} == origins
    assert len(origins_of_words(text, converted)) == len(converted)


@pytest.mark.parametrize(
    ("text", "converted", "message"),
    [
        ("a cat", "a dog", "its word 'dog', at character 2, does not stand there."),
        ("a cat dog", "dog cat", "its word 'cat', at character 4, does not stand there behind"),
        ("dog (dog)", "dog", "its word 'dog', at character 0, may be one of several there"),
        ("a cat dog", "catdog", "its word 'catdog', at character 0, does not stand there."),
    ],
)
def test_what_cannot_be_placed_is_named(text: str, converted: str, message: str) -> None:
    with pytest.raises(PromptError, match=re.escape(message)):
        origins_of_words(text, converted)


WORDS = st.lists(st.sampled_from(["cat", "Dog", "red", "a", "don’t", "snow"]), max_size=8)
SIGNS = st.sampled_from([" ", " (", ") ", ", ", " — ", "… ", " “", "” ", "_", "\n"])


@given(WORDS, st.data())
def test_a_text_whose_signs_are_gone_keeps_all_its_words(words: list[str], data: st.DataObject):
    text = "".join(data.draw(SIGNS) + word for word in words) + data.draw(SIGNS)
    converted = " ".join(re.findall(r"[a-z]+", text.lower()))
    origins = origins_of_words(text, converted)
    for match in re.finditer(r"[a-z]+", converted):
        start, end = span_before(match.span(), origins) or (0, 0)
        assert text[start:end].lower() == match[0]
    starts = [start for start, _ in origins]
    assert starts == sorted(starts)


def test_tokens_of_a_cleaned_prompt_stand_at_its_words() -> None:
    text = "A “red” cat (big)"
    prompt = Prompt.from_tokenizer(text, t5_tokenizer(), converted='a "red" cat big')
    assert [word.text for word in prompt.read_words] == ["A", "red", "cat", "big"]
    assert prompt.text == text
    spelled = {text[slice(*token.span)] for token in prompt.tokens if token.span is not None}
    assert {"A", "red", "cat"} <= spelled


def test_a_sign_that_the_prompt_has_not_is_a_token_without_a_place() -> None:
    tokenizer = t5_tokenizer()
    prompt = Prompt.from_tokenizer("cat dog", tokenizer, converted="cat : dog")
    (sign,) = [token for token in prompt.tokens if ":" in token.piece]
    assert sign.span is None and sign.role == "text"
    assert prompt.token_indices("dog") == (sign.index + 1,)
    assert (
        Prompt.from_ids("cat dog", [t.id for t in prompt.tokens], tokenizer, converted="cat : dog")
        == prompt
    )
