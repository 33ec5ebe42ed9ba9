"""Spans of tokens against the text they were made from, with the tokenizers pipelines use."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.errors import PromptError, TruncatedWordError, UnsupportedPipelineError
from daam_nb.prompt import Prompt, Token
from tests.tiny_tokenizers import byte_letters, clip_tokenizer, qwen_tokenizer, t5_tokenizer

HOSTILE = [
    "a", "cat", " red car", "giraffe", "don't", "'s", ",", "!!!", "_", "-", "1", "½", "²",
    " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\x85", "\u2028", "\ufeff", "\u200b", "\x00",
    "E", "é", "e\u0301", "o\u0323\u0307", "o\u0307\u0323", "\u0301", "\u0323", "\u0345", "\u0344",
    "İ", "ß", "Σ", "ς", "ﬁ", "\u212b", "ǅ", "𐐀", "𝔸", "≠", "=\u0338", "\u1e9b\u0323",
    "각", "\u1100\u1161\u11a8", "가", "か\u3099", "\u0958", "\u09c7\u09be", "\u0f73",
    "👨\u200d👩\u200d👧", "🇫🇷", "🇫", "👍🏽", "\u200d", "\ufe0f", "😀",
    "שָׁלוֹם", "مَرحبا", "\u202e", "红色", "ไทย", "<|endoftext|>", "<|startoftext|>", "</s>", "<",
]  # fmt: skip
PROMPTS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=12).map("".join)


@cache
def clip() -> Any:
    return clip_tokenizer()


@cache
def qwen() -> Any:
    return qwen_tokenizer()


@cache
def t5() -> Any:
    return t5_tokenizer()


def text_tokens(prompt: Prompt) -> list[Token]:
    return [token for token in prompt.tokens if token.role in ("text", "added")]


def groups(prompt: Prompt) -> list[tuple[tuple[int, int], list[Token]]]:
    """The text's tokens, those with overlapping spans together, with the stretch they share."""
    found: list[tuple[tuple[int, int], list[Token]]] = []
    for token in text_tokens(prompt):
        assert token.span is not None
        start, end = token.span
        if found and start < found[-1][0][1]:
            (first, last), together = found[-1]
            found[-1] = ((min(first, start), max(last, end)), [*together, token])
        else:
            found.append(((start, end), [token]))
    return found


def spelled(tokens: list[Token], closing: str) -> str:
    """What byte tokens say, from the table of bytes alone."""
    letters = {letter: byte for byte, letter in byte_letters().items()}
    pieces = [
        token.piece.encode()
        if token.role == "added"
        else bytes(letters[letter] for letter in token.piece.removesuffix(closing))
        for token in tokens
    ]
    return b"".join(pieces).decode()


def lowered(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@settings(max_examples=120, deadline=None)
@given(PROMPTS)
@pytest.mark.parametrize(
    ("tokenizer", "closing", "normal"), [(clip, "</w>", lowered), (qwen, "", composed)]
)
def test_tokens_say_what_stands_in_their_span(
    tokenizer: Callable[[], Any], closing: str, normal: Callable[[str], str], text: str
) -> None:
    prompt = Prompt.from_tokenizer(text, tokenizer(), max_length=300)
    for (start, end), tokens in groups(prompt):
        assert spelled(tokens, closing).strip() == normal(text[start:end]).strip()


@settings(max_examples=80, deadline=None)
@given(PROMPTS)
@pytest.mark.parametrize("tokenizer", [clip, qwen, t5])
def test_every_character_but_white_space_has_a_token_in_order(
    tokenizer: Callable[[], Any], text: str
) -> None:
    prompt = Prompt.from_tokenizer(text, tokenizer(), max_length=300)
    spans = [token.span for token in text_tokens(prompt)]
    covered = {place for span in spans if span for place in range(*span)}
    assert all(place in covered or sign.isspace() for place, sign in enumerate(text))
    assert prompt.cut is None
    starts = [span[0] for span in spans if span]
    assert starts == sorted(starts)
    assert prompt.read_words == prompt.words


@settings(max_examples=80, deadline=None)
@given(PROMPTS, st.integers(2, 14))
@pytest.mark.parametrize("tokenizer", [clip, qwen, t5])
def test_a_word_was_read_whole_or_is_refused(
    tokenizer: Callable[[], Any], text: str, max_length: int
) -> None:
    whole = Prompt.from_tokenizer(text, tokenizer(), max_length=300)
    prompt = Prompt.from_tokenizer(text, tokenizer(), max_length=max_length)
    assert len(prompt.tokens) == max_length
    kept = text_tokens(prompt)
    assert [(t.id, t.span) for t in kept] == [
        (t.id, t.span) for t in text_tokens(whole)[: len(kept)]
    ]
    lost = [token.span for token in text_tokens(whole)[len(kept) :]]
    assert (prompt.cut is None) == (not lost)
    for word in prompt.words:
        if any(span and span[0] < word.end and span[1] > word.start for span in lost):
            assert word not in prompt.read_words
            with pytest.raises(TruncatedWordError):
                prompt.token_indices(word)
        else:
            assert word in prompt.read_words
            assert prompt.token_indices(word) == whole.token_indices(word)


@settings(max_examples=60, deadline=None)
@given(PROMPTS)
@pytest.mark.parametrize("tokenizer", [clip, qwen, t5])
def test_the_tokens_are_the_tokenizers_own(tokenizer: Callable[[], Any], text: str) -> None:
    prompt = Prompt.from_tokenizer(text, tokenizer(), max_length=20)
    encoded = tokenizer()(text, padding="max_length", truncation=True, max_length=20)
    assert [token.id for token in prompt.tokens] == encoded["input_ids"]
    padded = [token.role == "padding" for token in prompt.tokens]
    assert padded == [not seen for seen in encoded["attention_mask"]]


def test_clip_start_text_end_and_padding() -> None:
    prompt = Prompt.from_tokenizer("A Giraffe", clip(), max_length=6)
    assert prompt.tokens == (
        Token(0, clip().bos_token_id, "<|startoftext|>", None, True, "start"),
        Token(1, clip().convert_tokens_to_ids("a</w>"), "a</w>", (0, 1), False, "text"),
        Token(2, clip().convert_tokens_to_ids("gir"), "gir", (2, 5), False, "text"),
        Token(3, clip().convert_tokens_to_ids("affe</w>"), "affe</w>", (5, 9), False, "text"),
        Token(4, clip().eos_token_id, "<|endoftext|>", None, True, "end"),
        Token(5, clip().eos_token_id, "<|endoftext|>", None, True, "padding"),
    )
    assert len(Prompt.from_tokenizer("A Giraffe", clip()).tokens) == 77


def test_a_sign_used_as_padding_is_text_in_the_text() -> None:
    """SDXL's second tokenizer pads with '!'."""
    prompt = Prompt.from_tokenizer("a cat!", clip_tokenizer(pad_token="!"), max_length=7)
    assert [token.piece for token in prompt.tokens][3:] == ["!", "<|endoftext|>", "!", "!"]
    assert [token.span for token in prompt.tokens][3:] == [(5, 6), None, None, None]
    assert [token.special for token in prompt.tokens][3:] == [False, True, True, True]
    assert prompt.text_columns == (0, 1, 2, 3, 4)
    assert prompt.end_of_text == 4


def test_special_tokens_spelled_out_are_text() -> None:
    text = "a<|endoftext|> dog <|startoftext|>"
    prompt = Prompt.from_tokenizer(text, clip(), max_length=9)
    assert [word.text for word in prompt.words] == ["a", "<|endoftext|>", "dog", "<|startoftext|>"]
    assert prompt.token_indices("<|endoftext|>") == (2,)
    assert prompt.tokens[2].special and prompt.tokens[2].span == (1, 14)
    assert prompt.token_indices("dog") == (3,)
    assert (prompt.start_of_text, prompt.end_of_text) == (0, 5)
    assert prompt.text_columns == (0, 1, 2, 3, 4, 5)


def test_without_a_start_token() -> None:
    sentence = Prompt.from_tokenizer("a red giraffe", t5(), max_length=7)
    assert [token.role for token in sentence.tokens] == ["text"] * 4 + ["end"] + ["padding"] * 2
    assert sentence.start_of_text is None and sentence.end_of_text == 4
    assert sentence.pieces("giraffe") == ("▁gir", "affe")
    empty = Prompt.from_tokenizer("", t5(), max_length=3)
    assert (empty.start_of_text, empty.end_of_text, empty.text_columns) == (None, 0, (0,))
    plain = Prompt.from_tokenizer("a red giraffe", qwen(), max_length=6)
    assert (plain.start_of_text, plain.end_of_text) == (None, None)
    assert plain.token_indices("red") == (1,)
    assert plain.tokens[1].span == (2, 5)  # 'Ġred' without its space
    assert plain.text_columns == (0, 1, 2, 3)


def test_an_unknown_character_is_text_not_special() -> None:
    prompt = Prompt.from_tokenizer("a 😀 cat", t5(), max_length=8)
    assert prompt.pieces("😀") == ("▁", "<unk>")
    assert not any(prompt.tokens[index].special for index in prompt.token_indices("😀"))


def test_what_a_normalizer_drops_has_no_token() -> None:
    from tokenizers import Regex, normalizers

    tokenizer = t5_tokenizer(nfkc=False)
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("[★\u200d\ufe0f]"), "")
    prompt = Prompt.from_tokenizer("a ★ ☀\ufe0f cat", tokenizer, max_length=12)
    assert [word.text for word in prompt.words] == ["a", "★", "☀\ufe0f", "cat"]
    assert [word.text for word in prompt.read_words] == ["a", "☀\ufe0f", "cat"]
    # The dropped variation selector belongs to the character before it.
    assert prompt.tokens[prompt.token_indices("☀\ufe0f")[-1]].span == (4, 6)


def test_no_limit_means_neither_cut_nor_padded() -> None:
    tokenizer = qwen_tokenizer(model_max_length=10**30)
    prompt = Prompt.from_tokenizer("a cat", tokenizer)
    assert len(prompt.tokens) == 2


def test_a_character_half_read_is_cut() -> None:
    prompt = Prompt.from_tokenizer("a 😀 cat", clip(), max_length=5)
    assert [token.span for token in prompt.tokens] == [None, (0, 1), (2, 3), (2, 3), None]
    assert prompt.cut == (2, 7)


def test_cut_on_the_left_where_the_tokenizer_cuts_there() -> None:
    tokenizer = clip_tokenizer(truncation_side="left")
    prompt = Prompt.from_tokenizer("a red cat on snow", tokenizer, max_length=5)
    assert prompt.pieces("on") == ("on</w>",)
    assert prompt.cut == (0, 5)


def textual_inversion() -> Any:
    tokenizer = clip_tokenizer()
    tokenizer.add_tokens(["<cat-toy>", "<cat-toy>_1", "<cat-toy>_2", "<style>", "sks", "sks_1"])
    tokenizer.add_tokens([f"t{name}{vector}" for name in range(1, 9) for vector in ("", "_1")])
    return tokenizer


def test_one_vector_is_one_word() -> None:
    prompt = Prompt.from_tokenizer("A <Style>, <style>s", textual_inversion(), max_length=8)
    assert [word.text for word in prompt.words] == ["A", "<Style>", "<style>", "s"]
    assert prompt.token_indices("<style>", occurrence=0) == (2,)
    assert prompt.tokens[2].role == "added" and not prompt.tokens[2].special


def test_several_vectors_all_belong_to_the_word_as_written() -> None:
    text = "a <cat-toy> on sks snow, <cat-toy>"
    converted = (
        "a <cat-toy> <cat-toy>_1 <cat-toy>_2 on sks sks_1 snow, <cat-toy> <cat-toy>_1 <cat-toy>_2"
    )
    prompt = Prompt.from_tokenizer(text, textual_inversion(), converted=converted)
    assert prompt.text == text
    assert prompt.token_indices("<cat-toy>", occurrence=0) == (2, 3, 4)
    assert prompt.pieces("sks") == ("sks", "sks_1")
    assert prompt.token_indices("on") == (5,)
    assert prompt.pieces("<cat-toy>", occurrence=1) == ("<cat-toy>", "<cat-toy>_1", "<cat-toy>_2")
    assert text[slice(*prompt.find("<cat-toy>", occurrence=1).span)] == "<cat-toy>"
    short = Prompt.from_tokenizer(text, textual_inversion(), converted=converted, max_length=5)
    assert short.cut == (2, len(text))  # the third vector was not read


@pytest.mark.parametrize(
    "text",
    [
        "a <cat-toy> on snow",
        "<cat-toy><cat-toy> sks",
        "<cat-toy> <cat-toy>_1 sks_1 sks",  # written out by hand: converted once more
        "no inversion at all",
        "sks <cat-toy> sks é e\u0301",
        "sks, t1 t2 t3 t4 t5 t6 t7 t8",
        "",
    ],
)
def test_diffusers_own_conversion_is_followed(text: str) -> None:
    from diffusers.loaders import TextualInversionLoaderMixin

    tokenizer = textual_inversion()
    converted = TextualInversionLoaderMixin().maybe_convert_prompt(text, tokenizer)
    prompt = Prompt.from_tokenizer(text, tokenizer, converted=converted)
    encoded = tokenizer(converted, padding="max_length", truncation=True)
    assert [token.id for token in prompt.tokens] == encoded["input_ids"]
    for token in text_tokens(prompt):
        assert token.span is not None
        stretch = text[slice(*token.span)].lower()
        if token.role == "added":
            assert token.piece.startswith(stretch)
        else:
            assert token.piece.removesuffix("</w>") == stretch or "é" in composed(stretch)


@pytest.mark.parametrize(
    ("converted", "inside"),
    [
        ("mysks sks_1 mysks sks_1_1 sks sks_1", set()),  # 'mysks' written out first
        ("mysks mysks_1 sks_1 sks sks_1", {(2, 5)}),  # 'sks' first, also where 'mysks' ends in it
    ],
)
def test_names_inside_names_are_followed_in_either_order(
    converted: str, inside: set[tuple[int, int]]
) -> None:
    """diffusers replaces in the order of a set, which differs from run to run."""
    tokenizer = textual_inversion()
    tokenizer.add_tokens(["mysks", "mysks_1"])
    prompt = Prompt.from_tokenizer("mysks sks", tokenizer, converted=converted)
    assert {token.span for token in text_tokens(prompt)} == {(0, 5), (6, 9)} | inside
    assert [word.text for word in prompt.words] == ["mysks", "sks"]
    assert prompt.pieces("sks") == ("sks", "sks_1")


@pytest.mark.parametrize("converted", ["a i\u0307 cat", "A İ cat", "a i\u0307 cat "])
def test_a_text_stripped_or_in_lower_case_keeps_its_spans(converted: str) -> None:
    text = " A İ cat " if converted != "a i\u0307 cat " else "A İ cat "
    prompt = Prompt.from_tokenizer(text, clip(), converted=converted)
    place = text.index("cat")
    assert prompt.tokens[prompt.token_indices("cat")[0]].span == (place, place + 3)
    assert prompt.find("İ").span == (place - 2, place - 1)


def test_a_converted_text_that_does_not_follow_is_refused() -> None:
    with pytest.raises(PromptError, match="'a dog', does not follow from the prompt 'a cat'"):
        Prompt.from_tokenizer("a cat", clip(), converted="a dog")


def test_windows_of_a_long_prompt_lie_one_behind_the_other() -> None:
    text = " ".join(["red cat"] * 8)  # 16 tokens: 5 + 5 + 5 + 1
    prompt = Prompt.from_tokenizer(text, clip(), chunk=7)
    roles = [token.role for token in prompt.tokens]
    window = ["start", "text", "text", "text", "text", "text", "end"]
    assert roles == window * 3 + ["start", "text", "end"] + ["padding"] * 4
    assert prompt.token_indices("cat", occurrence=2) == (8,)  # the sixth token, second window
    assert prompt.tokens[8].index == 8 and prompt.tokens[8].span == (20, 23)
    assert (prompt.start_of_text, prompt.end_of_text) == (0, 23)
    assert prompt.text_columns == (0, *range(1, 6), *range(8, 13), *range(15, 20), 22, 23)
    assert prompt.cut is None


def test_windows_given_cut_and_fill() -> None:
    text = " ".join(["red cat"] * 8)
    prompt = Prompt.from_tokenizer(text, clip(), chunk=7, max_length=14)
    assert len(prompt.tokens) == 14
    assert prompt.cut == (40, len(text))
    empty = Prompt.from_tokenizer("", clip(), chunk=7, max_length=14)
    assert [token.role for token in empty.tokens] == (["start", "end"] + ["padding"] * 5) * 2
    assert empty.end_of_text == 1


@settings(max_examples=60, deadline=None)
@given(PROMPTS, st.integers(3, 20))
@pytest.mark.parametrize("tokenizer", [clip, t5])
def test_windows_hold_the_whole_text(tokenizer: Callable[[], Any], text: str, chunk: int) -> None:
    whole = Prompt.from_tokenizer(text, tokenizer(), max_length=300)
    prompt = Prompt.from_tokenizer(text, tokenizer(), chunk=chunk)
    assert len(prompt.tokens) % chunk == 0
    assert [(t.id, t.span, t.role) for t in text_tokens(prompt)] == [
        (t.id, t.span, t.role) for t in text_tokens(whole)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 0}, "max_length=0 leaves no token"),
        ({"max_length": 1}, "max_length=1 has no room for the tokenizer's special tokens"),
        ({"chunk": 2}, "chunk=2 has no room for text next to 2 special tokens"),
        ({"chunk": 77, "max_length": 100}, "not a multiple of chunk=77"),
        ({"chunk": 77, "max_length": 7}, "not a multiple of chunk=77"),
    ],
)
def test_sizes_that_cannot_be(options: dict[str, int], message: str) -> None:
    with pytest.raises(PromptError, match=message):
        Prompt.from_tokenizer("a cat", clip(), **options)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(PromptError, match=r"lone surrogate, '\\ud83d'\) at character 2"):
        Prompt.from_tokenizer("a \ud83d", clip())


def test_what_is_no_text_or_no_fast_tokenizer_is_refused() -> None:
    with pytest.raises(PromptError, match="A prompt must be a text, not list"):
        Prompt.from_tokenizer(["a", "b"], clip())  # type: ignore[arg-type]
    with pytest.raises(UnsupportedPipelineError, match="type str does not report which characters"):
        Prompt.from_tokenizer("a", "tokenizer")
