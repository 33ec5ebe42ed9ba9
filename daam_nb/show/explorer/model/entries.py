"""What can be chosen in a prompt: its words, and on demand its signs, pieces and special tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from daam_nb.errors import SelectionError
from daam_nb.prompt import Prompt, Token, Word

Kind = Literal["word", "phrase", "sign", "piece", "start", "end", "padding"]
Has = Callable[[tuple[int, ...], tuple[int, int] | None], bool]
"""(key positions, characters) -> whether there is a map of them."""

# Not the words people look for first. Other languages simply begin with their first word.
SMALL_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with")
)
_APOSTROPHES = "'\u2019"
# Signs that turn the reading direction of what follows would disorder the page around them.
_HALF_PAIR_OR_TURN = re.compile("[\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Entry:
    """One thing to choose.

    Attributes
    ----------
    text
        As it stands in the prompt, or the name of a special token.
    span
        Its characters, half-open; None for a special token.
    tokens
        Its key positions, whose maps are averaged.
    pieces
        What the tokenizer made of it.
    kind
        ``"word"``, or ``"phrase"`` (several words with one map); shown on demand are ``"sign"``
        (punctuation), ``"piece"`` (one token of a word of several, or all of "Picasso" in
        "Picasso's", as parsers cut it), ``"start"``, ``"end"`` and ``"padding"``.
    kept
        Whether it was read by the model and recorded, so that it can be chosen.
    of
        The number of a piece's word; None for everything else.
    """

    text: str
    span: tuple[int, int] | None
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    kind: Kind
    kept: bool
    of: int | None = None

    @property
    def special(self) -> bool:
        """Whether it is shown on demand only."""
        return self.kind not in ("word", "phrase")


def entries_of(
    prompt: Prompt,
    columns: Sequence[int],
    *,
    has: Has | None = None,
    phrases: Sequence[tuple[int, ...]] = (),
) -> tuple[Entry, ...]:
    """List what a prompt offers: its words in order, its phrases, then what is shown on demand.

    Parameters
    ----------
    prompt
        The prompt.
    columns
        Key positions that were recorded.
    has
        Which words have a map; by default those whose key positions were all recorded.
    phrases
        Key positions of what has a map of its own; those of a word are that word.
    """
    has = has or (lambda tokens, span: bool(tokens) and set(tokens) <= set(columns))
    read = set(prompt.read_words)
    words = [_word(prompt, word, word in read, has) for word in prompt.words]
    of: dict[int, int] = {}  # token -> the first word it is a piece of; it may reach over several
    for number, word in enumerate(words):
        if word.kept and len(word.tokens) > 1:
            for token in word.tokens:
                of.setdefault(token, number)
    pieces = [_token(prompt, token, "piece", of=number) for token, number in of.items()]
    pieces += [part for number, word in enumerate(words) for part in _parts(prompt, word, number)]
    in_words = {token for word in words for token in word.tokens}
    others = [
        _token(prompt, index, _kind(prompt, prompt.tokens[index]))
        for index in columns
        if index not in in_words
    ]
    on_demand = [entry for entry in (*pieces, *others) if has(entry.tokens, entry.span)]
    named = {entry.tokens for entry in (*words, *on_demand)}
    together = [_phrase(prompt, tokens) for tokens in phrases if tokens not in named]
    return (*words, *(entry for entry in together if has(entry.tokens, entry.span)), *on_demand)


def entry_at(prompt: Prompt, entries: Sequence[Entry], span: tuple[int, int]) -> Entry:
    """What stands at some characters: a phrase, or a piece where they lie within a word.

    Its tokens are those whose maps `HeatMaps.word` averages.

    Raises
    ------
    DaamError
        As `Prompt.token_indices`.
    """
    tokens = prompt.token_indices(span)
    pieces = tuple(prompt.tokens[token].piece for token in tokens)
    of = [
        number
        for number, word in enumerate(entries)
        if word.kind == "word" and word.span and word.span[0] <= span[0] and span[1] <= word.span[1]
    ]
    kind: Kind = "piece" if of else "phrase"
    return Entry(prompt.text[slice(*span)], span, tokens, pieces, kind, True, *of[:1])


def first_choice(entries: Sequence[Entry]) -> int:
    """Number of what is shown first: the first word that is no article or preposition.

    Raises
    ------
    SelectionError
        Where nothing of the prompt was recorded.
    """
    kept = [number for number, entry in enumerate(entries) if entry.kept]
    if not kept:
        raise SelectionError("This recording holds no token of the prompt, so there is no map.")
    telling = [
        number
        for number in kept
        if entries[number].kind == "word" and entries[number].text.lower() not in SMALL_WORDS
    ]
    return (telling or kept)[0]


def clean(text: str) -> str:
    """Replace halves of surrogate pairs, which no message carries, and signs that turn text around.

    Each becomes one U+FFFD, so that the places of characters stay.
    """
    return _HALF_PAIR_OR_TURN.sub("\ufffd", text)


def _word(prompt: Prompt, word: Word, read: bool, has: Has) -> Entry:
    tokens = prompt.token_indices(word) if read else ()
    pieces = tuple(prompt.tokens[token].piece for token in tokens)
    return Entry(word.text, word.span, tokens, pieces, "word", has(tokens, word.span))


def _phrase(prompt: Prompt, tokens: tuple[int, ...]) -> Entry:
    """What stands in the prompt from the first of some tokens to the last; of no text: no span."""
    spans = [span for token in tokens if (span := prompt.tokens[token].span) is not None]
    span = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
    text = prompt.text[slice(*span)] if span is not None else ""
    pieces = tuple(prompt.tokens[token].piece for token in tokens)
    return Entry(text, span, tokens, pieces, "phrase", True)


def _token(prompt: Prompt, index: int, kind: Kind, of: int | None = None) -> Entry:
    token = prompt.tokens[index]
    names = {"start": "start of text", "end": "end of text", "padding": f"padding {index}"}
    text = names.get(kind) or (
        prompt.text[slice(*token.span)] if token.span is not None else token.piece
    )
    return Entry(text, token.span, (index,), (token.piece,), kind, True, of)


def _parts(prompt: Prompt, word: Entry, number: int) -> list[Entry]:
    """What stands before an apostrophe, and from it on, where that is neither token nor word."""
    apostrophe = max(word.text.rfind(sign) for sign in _APOSTROPHES)
    if not word.kept or word.span is None or not 0 < apostrophe < len(word.text) - 1:
        return []
    start, end = word.span
    spans = [(start, start + apostrophe), (start + apostrophe, end)]
    tokens = [_tokens_within(prompt, word, span) for span in spans]
    if sum(map(len, tokens)) != len(word.tokens):  # one token reaches over the apostrophe
        return []
    return [
        Entry(
            prompt.text[slice(*span)],
            span,
            own,
            tuple(prompt.tokens[token].piece for token in own),
            "piece",
            True,
            number,
        )
        for span, own in zip(spans, tokens, strict=True)
        if len(own) > 1
    ]


def _tokens_within(prompt: Prompt, word: Entry, span: tuple[int, int]) -> tuple[int, ...]:
    spans = {token: prompt.tokens[token].span for token in word.tokens}
    return tuple(
        token
        for token, own in spans.items()
        if own is not None and span[0] <= own[0] and own[1] <= span[1]
    )


def _kind(prompt: Prompt, token: Token) -> Kind:
    if token.index == prompt.start_of_text:
        return "start"
    if token.index == prompt.end_of_text:
        return "end"
    return "sign" if token.span is not None else "padding"
