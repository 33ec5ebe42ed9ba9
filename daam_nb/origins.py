"""From a text that a pipeline made from a prompt back to the prompt's characters.

Three rewritings are known: textual inversions written out, a text stripped or in lower case, and a
text with cleaned punctuation whose words are the prompt's, in the prompt's order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby, islice, pairwise, permutations
from typing import Any

from daam_nb.errors import PromptError
from daam_nb.words import Span, fold

_QUOTES = frozenset("\"'`´¨«»‹›„‚") | frozenset(map(chr, range(0x2018, 0x2020)))
_DASHES = frozenset("\u2212\u2043")  # minus, hyphen bullet: no dashes of Unicode


def span_before(span: Span | None, origins: Sequence[Span]) -> Span | None:
    """Return the characters of the prompt that a span of the rewritten text comes from, or None."""
    if span is None:
        return None
    spans = [(start, end) for start, end in origins[span[0] : span[1]] if end > start]
    if not spans:
        return None
    return (min(start for start, _ in spans), max(end for _, end in spans))


def origins_of(text: str, converted: str, tokenizer: Any) -> list[Span]:
    """Find the span of `text` that each character of `converted` comes from.

    Textual inversions of several vectors are written out by diffusers as ``<a> <a>_1 <a>_2``, one
    `str.replace` per token in no fixed order; the same is done here, keeping track of the origins,
    in every order until the result is `converted`. Some pipelines also strip and lower-case the
    text. Any other text is located word by word: `origins_of_words`.

    Raises
    ------
    PromptError
        If a word of `converted` does not occur in the text, or in more than one place.
    """
    added = tokenizer.added_tokens_encoder
    for variant, origins in _variants(text):
        added_pieces = {piece for piece in tokenizer.tokenize(variant) if piece in added}
        several = sorted(piece for piece in added_pieces if f"{piece}_1" in added)
        # The order only matters where one name holds another: the first nearly always fits.
        for order in islice(permutations(several), 720):
            written, places = variant, origins
            for piece in order:
                written, places = _replace(written, places, piece, _vectors(piece, added))
            if written == converted:
                return places
    return origins_of_words(text, converted)


def origins_of_words(text: str, converted: str) -> list[Span]:
    """Find the span of `text` that each character of a cleaned text comes from.

    Each of its words (a stretch of letters, digits and symbols; case, ligatures and width do not
    count) must occur in the text, in order and in one way only; punctuation within the text's word
    may be missing ("don't" -> "dont"). Punctuation between words may be dropped, added and
    replaced: a quotation mark comes from one of any form, a dash from a dash, any other sign from
    the same sign. A sign with no such origin, or with two, has an empty span, and so has white
    space.

    Raises
    ------
    PromptError
        If a word of `converted` does not occur in the text, or in more than one place.

    Examples
    --------
    >>> origins_of_words("(A) cat", "a cat")
    [(1, 2), (2, 2), (4, 5), (5, 6), (6, 7)]
    """
    words, sources = _words(converted), _words(text)
    runs = _runs_in_order(words, sources, text=text, converted=converted)
    origins: list[Span] = []
    start = 0  # of the signs that come next, in the text
    for (first, last), run in zip(words, runs, strict=True):
        spans = sources[run.start : run.stop]
        signs = converted[len(origins) : first]
        origins += _origins_of_signs(signs, text, start, spans[0][0])
        origins += _origins_of_letters(converted[first:last], text, spans)
        start = spans[-1][1]
    return origins + _origins_of_signs(converted[len(origins) :], text, start, len(text))


def _words(text: str) -> list[Span]:
    """Stretches of letters, digits and symbols."""
    groups = groupby(range(len(text)), key=lambda position: _is_of_word(text[position]))
    stretches = [list(positions) for is_word, positions in groups if is_word]
    return [(stretch[0], stretch[-1] + 1) for stretch in stretches]


def _is_of_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category in ("So", "Co")


def _comparable(text: str) -> str:
    """Without case, ligatures and width."""
    return fold(unicodedata.normalize("NFKC", text))


def _runs_in_order(
    words: Sequence[Span], sources: Sequence[Span], *, text: str, converted: str
) -> list[range]:
    """The words of the text that each word of `converted` is, by their numbers."""
    spellings = [_comparable(text[start:end]) for start, end in sources]
    # Whether a word follows the one before it without white space.
    joined = [False] + [
        not any(map(str.isspace, text[before[1] : after[0]])) for before, after in pairwise(sources)
    ]
    candidates = [_runs(_comparable(converted[slice(*word)]), spellings, joined) for word in words]
    first: list[range] = []
    at = 0
    for word, runs in zip(words, candidates, strict=True):
        run = next((run for run in runs if run.start >= at), None)
        if run is None:
            behind = f" behind {text[: sources[at - 1][1]][-40:]!r}" if runs else ""
            raise _not_placed(text, converted, word, f"does not stand there{behind}")
        first.append(run)
        at = run.stop
    at = len(sources)
    for word, runs, run in zip(words[::-1], candidates[::-1], first[::-1], strict=True):
        last = next(other for other in runs[::-1] if other.stop <= at)
        if last != run:
            raise _not_placed(text, converted, word, "may be one of several there")
        at = last.start
    return first


def _runs(word: str, spellings: Sequence[str], joined: Sequence[bool]) -> list[range]:
    """Words of the text, several where no white space is between them, that together spell one."""
    runs: list[range] = []
    for first in range(len(spellings)):
        spelling, stop = spellings[first], first + 1
        while spelling != word and stop < len(spellings) and joined[stop]:
            if not word.startswith(spelling):
                break
            spelling += spellings[stop]
            stop += 1
        if spelling == word:
            runs.append(range(first, stop))
    return runs


def _not_placed(text: str, converted: str, word: Span, why: str) -> PromptError:
    return PromptError(
        f"The text that was encoded, {converted[:60]!r}, does not follow from the prompt "
        f"{text[:60]!r}: its word {converted[slice(*word)]!r}, at character {word[0]}, {why}. Give "
        "the prompt that the pipeline was given."
    )


def _origins_of_letters(word: str, text: str, spans: Sequence[Span]) -> list[Span]:
    """Letter by letter, or all of the text's word for each where their numbers differ."""
    places = [place for span in spans for place in range(*span)]
    if len(places) == len(word) and all(
        _comparable(letter) == _comparable(text[place])
        for letter, place in zip(word, places, strict=True)
    ):
        return [(place, place + 1) for place in places]
    return [(spans[0][0], spans[-1][1])] * len(word)


def _origins_of_signs(signs: str, text: str, start: int, end: int) -> list[Span]:
    """Of what stands between two words, by what stands between theirs in the text."""
    own, sources = _sign_runs(signs, 0, len(signs)), _sign_runs(text, start, end)
    kinds = {kind for kind, _ in sources}
    wanted = [(kind, span) for kind, span in own if kind in kinds]
    origins = [(start, start)] * len(signs)
    offered = [kind for kind, _ in sources]
    forwards = _subsequence([kind for kind, _ in wanted], offered)
    backwards = _subsequence([kind for kind, _ in wanted][::-1], offered[::-1])
    if forwards is None or backwards is None:
        return origins
    from_behind = [len(offered) - 1 - position for position in backwards[::-1]]
    for (_, (first, last)), position, other in zip(wanted, forwards, from_behind, strict=True):
        if position == other:
            origins[first:last] = [sources[position][1]] * (last - first)
    return origins


def _subsequence(wanted: Sequence[str], offered: Sequence[str]) -> list[int] | None:
    """Where items stand among others, in their order and as far to the front as they can."""
    positions: list[int] = []
    for item in wanted:
        start = positions[-1] + 1 if positions else 0
        position = next((i for i in range(start, len(offered)) if offered[i] == item), None)
        if position is None:
            return None
        positions.append(position)
    return positions


def _sign_runs(text: str, start: int, end: int) -> list[tuple[str, Span]]:
    """Kind and span of each run of like signs; white space is none, and parts them."""
    runs = []
    for kind, group in groupby(range(start, end), key=lambda position: _sign_kind(text[position])):
        positions = list(group)
        if kind:
            runs.append((kind, (positions[0], positions[-1] + 1)))
    return runs


def _sign_kind(sign: str) -> str:
    if sign.isspace():
        return ""
    if sign in _QUOTES:
        return "quote"
    if sign in _DASHES or unicodedata.category(sign) == "Pd":
        return "dash"
    return unicodedata.normalize("NFKC", sign)[:1]


def _variants(text: str) -> Iterable[tuple[str, list[Span]]]:
    """The text, stripped, in lower case, and both."""
    for lower in (False, True):
        parts = [character.lower() if lower else character for character in text]
        # Whole-text lower() knows the final sigma; lengths are the same.
        spelling = text.lower() if lower else text
        origins = [(i, i + 1) for i, part in enumerate(parts) for _ in part]
        yield spelling, origins
        inner = spelling.strip()
        if inner != spelling:
            first = len(spelling) - len(spelling.lstrip())
            yield inner, origins[first : first + len(inner)]


def _vectors(piece: str, added: Iterable[str]) -> str:
    vectors = [piece]
    while f"{piece}_{len(vectors)}" in added:
        vectors.append(f"{piece}_{len(vectors)}")
    return " ".join(vectors)


def _replace(text: str, origins: list[Span], old: str, new: str) -> tuple[str, list[Span]]:
    parts: list[str] = []
    places: list[Span] = []
    end_of_last = 0
    while (at := text.find(old, end_of_last)) >= 0:
        parts += [text[end_of_last:at], new]
        places += origins[end_of_last:at]
        places += [(origins[at][0], origins[at + len(old) - 1][1])] * len(new)
        end_of_last = at + len(old)
    return "".join(parts) + text[end_of_last:], places + origins[end_of_last:]
