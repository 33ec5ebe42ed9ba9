"""Make the menagerie's tokenizer: CLIP's kind, byte-level BPE, with words in one or several pieces.

A frequency-trained BPE of so small a language would make every word one token. Real tokenizers
split words, and attribution has to cope, so some words are split on purpose.
"""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

from daam_nb.menagerie import taxonomy

PIECES = ("gir|affe", "ele|phant", "straw|berry", "straw|berries", "bi|cycle", "bi|cycles",
          "trum|pet", "trum|pets", "pen|guin", "pen|guins", "sun|flower", "sun|flowers",
          "mush|room", "mush|rooms", "gir|affes", "ele|phants", "back|ground", "pur|ple",
          "instr|ument", "accom|panied")  # fmt: skip
"""Words that are two tokens, with the place of the seam."""

WORDS = (
    "a", "an", "the", "is", "are", "there", "that", "and", "with", "of", "to", "in", "on", "at",
    "by", "left", "right", "above", "over", "below", "under", "next", "beside", "front", "small",
    "little", "big", "large", "two", "three", "picture", "photo", "image", "seen", "shown",
    "placed", "can", "be", "joined", "accompanied", "sky", "grass", "sand", "snow", "water",
    "night", "brick", "wall", "background", "white", "gray", "animal", "wild", "pet", "bird",
    "sea", "fruit", "vehicle", "plant", "instrument", "one", "it", "not", "no", "four", "black",
    "orange", "brown", "behind", "inside", "near", "between", "painting", "drawing", "many",
    "some", "empty",
)  # fmt: skip
"""Words beside the taxonomy's that are whole tokens (unless `PIECES` splits them)."""

START, END = "<|startoftext|>", "<|endoftext|>"


def byte_symbols() -> list[str]:
    """The 256 characters that stand for bytes in byte-level BPE, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(hidden)) for b in range(256)]


def _segments() -> list[list[tuple[str, ...]]]:
    """Every word as a list of segments of symbols; merges never cross a segment's end."""
    words = {*WORDS, *taxonomy.COLORS}
    for noun in taxonomy.NOUNS:
        words |= {noun.name, noun.plural, *noun.hypernym.split()}
    split = {piece.replace("|", ""): piece for piece in PIECES}
    made = []
    for word in sorted(words | set(split)):
        parts = split.get(word, word).split("|")
        symbols = [tuple(part) for part in parts]
        symbols[-1] = (*symbols[-1][:-1], symbols[-1][-1] + "</w>")
        made.append(symbols)
    return made


def learn_merges() -> list[tuple[str, str]]:
    """Merges, most frequent pair first, until every segment is one token."""
    words = _segments()
    segments = [list(segment) for word in words for segment in word]
    # Words in pieces go first: else another word's merge could bridge the seam.
    weights = [50 if len(word) > 1 else 1 for word in words for _ in word]
    merges = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for segment, weight in zip(segments, weights, strict=True):
            for pair in itertools.pairwise(segment):
                pairs[pair] += weight
        if not pairs:
            return merges
        # Ties break by spelling, so that the result never depends on the order of a set.
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for segment in segments:
            _merge(segment, best)


def _merge(segment: list[str], pair: tuple[str, str]) -> None:
    i = 0
    while i < len(segment) - 1:
        if (segment[i], segment[i + 1]) == pair:
            segment[i : i + 2] = ["".join(pair)]
        i += 1


def build_tokenizer(*, length: int) -> CLIPTokenizer:
    """The tokenizer: 256 bytes with and without the end-of-word mark, the merges, two specials.

    Parameters
    ----------
    length
        Longest text in tokens, start and end included.
    """
    merges = learn_merges()
    symbols = byte_symbols()
    tokens = [*symbols, *(s + "</w>" for s in symbols)]
    tokens += [t for t in ("".join(pair) for pair in merges) if t not in tokens]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys([*tokens, START, END]))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        model_max_length=length,
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
    )


def write_tokenizer(folder: Path, *, length: int) -> CLIPTokenizer:
    """Build the tokenizer and save it in `folder`."""
    tokenizer = build_tokenizer(length=length)
    tokenizer.save_pretrained(folder)
    return tokenizer
