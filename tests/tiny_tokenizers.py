"""Tiny real tokenizers, built in memory: the classes that pipelines use, with small vocabularies.

Words they know are one token each; everything else falls apart into letters (or bytes), as rare
words do in the real vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from transformers import CLIPTokenizer, Qwen2Tokenizer, T5Tokenizer

_WORDS = """
a an and the of in on with under over is photo picture painting red green blue black white
big small cat dog bird fox horse zebra car hot house tree snow field running across
gir- affe cata- maran
"""  # 'gir-' opens a word: 'giraffe' is gir + affe and 'catamaran' is cata + maran
WORDS = tuple(_WORDS.split())


def clip_tokenizer(
    words: Iterable[str] = WORDS, *, model_max_length: int = 77, **options: Any
) -> CLIPTokenizer:
    """A CLIPTokenizer whose whole-word tokens are `words`.

    Parameters
    ----------
    words
        In lower case. ``"gir-"`` is a piece that opens a word, not a word.
    model_max_length
        As pipelines read it: 77.
    options
        For CLIPTokenizer, e.g. ``pad_token="!"`` as SDXL's second tokenizer has it.
    """
    letters = sorted(byte_letters().values())
    pieces, merges = _byte_pairs(words, letters, closing="</w>")
    names = [*letters, *(letter + "</w>" for letter in letters), *pieces]
    names += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=model_max_length, **options)


def qwen_tokenizer(
    words: Iterable[str] = WORDS, *, model_max_length: int = 512, **options: Any
) -> Qwen2Tokenizer:
    """A Qwen2Tokenizer: bytes, no start or end token, a word's token holds the space before it."""
    letters = sorted(byte_letters().values())
    spaced = [piece for word in words for piece in ("Ġ" + word, word)]
    pieces, merges = _byte_pairs(spaced, letters, closing="")
    names = [*letters, *pieces, "<|endoftext|>"]
    vocab = {name: number for number, name in enumerate(names)}
    return Qwen2Tokenizer(vocab=vocab, merges=merges, model_max_length=model_max_length, **options)


def t5_tokenizer(
    words: Iterable[str] = WORDS, *, model_max_length: int = 32, nfkc: bool = True, **options: Any
) -> T5Tokenizer:
    """A T5Tokenizer: sentencepiece with '▁', no start token, unknown characters become <unk>.

    Parameters
    ----------
    nfkc
        Normalize as the published T5 vocabularies do (theirs is a precompiled table near NFKC).
    """
    vocab: list[tuple[str, float]] = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocab += [(chr(code), -8.0) for code in range(33, 127)]
    for word in words:
        piece = word.removesuffix("-")
        vocab += [("▁" + piece, -3.0)] if word.endswith("-") else [("▁" + piece, -3.0), (piece, -5)]
    vocab = list(dict(reversed(vocab)).items())[::-1]  # one-letter words: each piece once
    tokenizer = T5Tokenizer(vocab=vocab, extra_ids=0, model_max_length=model_max_length, **options)
    if nfkc:
        from tokenizers import normalizers

        tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def byte_letters() -> dict[int, str]:
    """The byte-level alphabet: every byte as one printable character (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {byte: chr(byte) for byte in plain}
    return table | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _byte_pairs(
    words: Iterable[str], letters: list[str], *, closing: str
) -> tuple[list[str], list[tuple[str, str]]]:
    """Merges that join each word into one token, whatever the words before it have in common."""
    merges: list[tuple[str, str]] = []
    known: dict[str, None] = dict.fromkeys([*letters, *(letter + closing for letter in letters)])
    pieces: list[str] = []
    to_bytes: Callable[[str], str] = lambda word: "".join(  # noqa: E731
        letter if letter == "Ġ" else "".join(byte_letters()[byte] for byte in letter.encode())
        for letter in word
    )
    for word in words:
        symbols = list(to_bytes(word.removesuffix("-")))
        if not word.endswith("-"):
            symbols[-1] += closing
        for left, right in merges:  # what the earlier words' merges already make of it
            symbols = _join(symbols, left, right)
        while len(symbols) > 1:
            left, right = symbols[:2]
            merges.append((left, right))
            if left + right not in known:
                known[left + right] = None
                pieces.append(left + right)
            symbols = _join(symbols, left, right)
    return pieces, merges


def _join(symbols: list[str], left: str, right: str) -> list[str]:
    joined: list[str] = []
    for symbol in symbols:
        if joined and joined[-1] == left and symbol == right:
            joined[-1] = left + right
        else:
            joined.append(symbol)
    return joined
