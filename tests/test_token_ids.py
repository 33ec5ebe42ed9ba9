"""Numbers that an encoder was given, and the characters they are."""

from __future__ import annotations

from typing import Any

import pytest

from daam_nb import Prompt
from daam_nb.errors import PromptError, TruncatedWordError
from daam_nb.token_ids import as_read
from tests.tiny_tokenizers import clip_tokenizer, t5_tokenizer

CLIP = clip_tokenizer()
BANG = clip_tokenizer(pad_token="!")
T5 = t5_tokenizer(model_max_length=24)


def ids_of(prompt: Prompt) -> list[int]:
    return [token.id for token in prompt.tokens]


def read_back(ids: list[int], tokenizer: Any, text: str | None = None) -> Prompt:
    return Prompt(*as_read(ids, tokenizer, text=text))


def body(text: str, tokenizer: Any = CLIP) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)


def window(text: str, length: int = 77, tokenizer: Any = CLIP) -> list[int]:
    ids = [tokenizer.bos_token_id, *body(text, tokenizer), tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (length - len(ids))


@pytest.mark.parametrize("tokenizer", [CLIP, BANG, T5], ids=["clip", "bang", "t5"])
@pytest.mark.parametrize(
    "text",
    ["", "a red cat", "A Cat's giraffe, and a ★!", "café 🦊 a!!", " a  red\ncat ", "cat " * 100],
)
def test_the_numbers_of_a_whole_text_are_the_text(text: str, tokenizer: Any) -> None:
    prompt = Prompt.from_tokenizer(text, tokenizer)
    assert Prompt.from_ids(text, ids_of(prompt), tokenizer) == prompt


def test_windows_that_are_cut_anywhere() -> None:
    text = "a red cat, a giraffe and a dog"
    chunked = Prompt.from_tokenizer("a cat and " * 40, CLIP, chunk=77)
    assert Prompt.from_ids("a cat and " * 40, ids_of(chunked), CLIP) == chunked
    start, end, numbers = CLIP.bos_token_id, CLIP.eos_token_id, body(text)
    parts = [(numbers[:4], 9), (numbers[4:6], 6), (numbers[6:], 9)]  # ... gir | affe ...
    ids = [i for part, length in parts for i in [start, *part, *[end] * (length - 1 - len(part))]]
    prompt = Prompt.from_ids(text, ids, CLIP)
    assert prompt.token_indices("giraffe") == (11, 16)
    assert prompt.token_indices("dog") == (19,)
    assert [prompt.tokens[i].role for i in (0, 4, 5, 6, 9, 12, 15, 20, 21)] == [
        "start", "text", "end", "padding", "start", "end", "start", "end", "padding",
    ]  # fmt: skip
    # Older recipes cut the numbers of the whole text, without starts and ends in between.
    whole = window("cat " * 90, 154)
    assert Prompt.from_ids("cat " * 90, whole, CLIP).end_of_text == 91


def test_the_syntax_of_weights_has_no_token() -> None:
    text = "a (red)1.3 cat++ and a giraffe"
    prompt = Prompt.from_ids(text, window("a red cat and a giraffe"), CLIP)
    assert prompt.text == text
    assert prompt.token_indices("giraffe") == (6, 7)
    read = read_back(window("a red cat and a giraffe"), CLIP, text=text)
    assert read.text == "a red cat and a giraffe"
    assert [word.text for word in read.words] == ["a", "red", "cat", "and", "a", "giraffe"]
    assert read.token_indices("giraffe") == (6, 7)


def test_what_was_read_keeps_the_spelling_of_the_text() -> None:
    text = "A (Cat's:1.2) <|endoftext|> giraffe, Café 🦊"
    read = read_back(window("A Cat's giraffe, Café 🦊"), CLIP, text=text)
    assert read.text == "A Cat's giraffe, Café 🦊"
    assert read.token_indices("café") and read.token_indices("🦊")
    with pytest.raises(PromptError, match="does not follow"):
        read_back(window("a blue cat's giraffe, café 🦊"), CLIP, text=text)
    other = read_back(window("a blue cat's giraffe, café 🦊"), CLIP)
    assert other.text == "a blue cat 's giraffe , café 🦊"
    assert other.token_indices("giraffe") == (6, 7)


def test_what_was_read_without_any_text() -> None:
    ids = T5("a Red giraffe and a cat", padding="max_length").input_ids
    read = read_back(ids, T5)
    assert read.text == "a Red giraffe and a cat"
    assert read.token_indices("giraffe") == Prompt.from_tokenizer(read.text, T5).token_indices(
        "giraffe"
    )
    assert read_back(window(""), CLIP).text == ""


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("a cat", "a dog", "spell 'a dog', which does not follow 'a cat'"),
        ("a dog and a cat", "a cat and a dog", "does not follow"),
        ("cat, 2 (dog:2) 2", "cat 2", "in more than one way"),
    ],
)
def test_numbers_of_another_text_are_refused(text: str, read: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        Prompt.from_ids(text, window(read), CLIP)


def test_a_text_that_was_cut() -> None:
    prompt = Prompt.from_ids("a red cat and a dog", window("a red cat", 5), CLIP)
    assert prompt.cut == (10, 19)
    with pytest.raises(PromptError, match="half a character"):
        Prompt.from_ids("\ud800", window("a"), CLIP)


def test_a_text_that_breaks_off_before_padding_was_not_cut_by_the_window() -> None:
    ids = CLIP("cat", padding="max_length", max_length=77).input_ids
    with pytest.raises(PromptError, match="in more than one way"):
        Prompt.from_ids("cat and a cat", ids, CLIP)
    prompt = Prompt.from_ids("cat and a dog", ids, CLIP)
    with pytest.raises(TruncatedWordError, match=r"not in the model's 77 tokens.*padding follows"):
        prompt.token_indices("dog")
