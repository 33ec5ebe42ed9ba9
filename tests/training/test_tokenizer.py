"""The tokenizer: some words whole, some in pieces, no input unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from daam_nb.menagerie import NOUNS, scene
from training.tokenizer import PIECES, WORDS, build_tokenizer, byte_symbols, learn_merges


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer(length=32)


def test_words_split_where_they_should(tokenizer: CLIPTokenizer) -> None:
    for piece in PIECES:
        first, last = piece.split("|")
        assert tokenizer.tokenize(first + last) == [first, last + "</w>"]


def test_other_words_are_whole(tokenizer: CLIPTokenizer) -> None:
    split = {piece.replace("|", "") for piece in PIECES}
    words = {*WORDS, *(noun.name for noun in NOUNS), *(noun.plural for noun in NOUNS)} - split
    assert {word for word in words if len(tokenizer.tokenize(word)) != 1} == set()


def test_merges_do_not_depend_on_the_order_of_sets() -> None:
    assert learn_merges() == learn_merges()
    assert len(set(byte_symbols())) == 256


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=20))
def test_no_text_is_unknown(text: str) -> None:
    made = build().tokenize(text)
    assert "<|endoftext|>" in text or build().unk_token not in made


_KEPT: list[CLIPTokenizer] = []


def build() -> CLIPTokenizer:
    if not _KEPT:
        _KEPT.append(build_tokenizer(length=32))
    return _KEPT[0]


def test_captions_fit(tokenizer: CLIPTokenizer) -> None:
    for seed in range(150):
        for kind in ("pair", "triple"):
            ids = tokenizer(scene(seed, kind=kind).caption).input_ids
            assert len(ids) <= 32


def test_text_is_padded_as_in_stable_diffusion(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("a cat", padding="max_length").input_ids
    assert len(ids) == 32
    assert ids[0] == tokenizer.bos_token_id
    assert set(ids[3:]) == {tokenizer.eos_token_id} == {tokenizer.pad_token_id}
