"""The words of a text: Unicode word boundaries, and matching that respects them.

Pure text: no tokens, no model. `daam_nb.prompt` brings the two together.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """A word or phrase at its position in a text.

    Attributes
    ----------
    text
        The characters as in the text, in their own case.
    start, end
        Characters of the text, half-open.
    """

    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The characters (start, end), half-open."""
        return (self.start, self.end)

    def __str__(self) -> str:
        return self.text


def word_boundaries(text: str, *, whole: Iterable[Span] = ()) -> tuple[int, ...]:
    """Find the positions between characters where a word may begin or end.

    Parameters
    ----------
    text
        Any string.
    whole
        Spans (half-open, characters) without boundaries strictly inside, such as ``<cat-toy>`` if
        the tokenizer has it as one token.

    Returns
    -------
    tuple of int
        Ascending, with 0 and ``len(text)``; ``(0,)`` for the empty text. White space is always
        separated from other text.

    References
    ----------
    Unicode Standard Annex #29, section 4, default word boundaries, https://www.unicode.org/reports/tr29/
    (by the package uniseg).
    """
    # Not `regex`'s WORD flag: it leaves "'" on a word that opens with a vowel ("'İ") and joins a
    # zero-width joiner with the space after it; uniseg passes Unicode's own WordBreakTest.
    from uniseg.wordbreak import word_boundaries as default_boundaries

    places = {0, len(text), *default_boundaries(text)}
    # Unicode hangs marks and joiners on a space before them; a word begins behind the space.
    spaces = [character.isspace() for character in text]
    places.update(
        position for position in range(1, len(text)) if spaces[position - 1] != spaces[position]
    )
    for start, end in whole:
        places.difference_update(range(start + 1, end))
    return tuple(sorted(places))


def words_between(text: str, boundaries: tuple[int, ...]) -> Iterator[Word]:
    """List the words between neighboring boundaries that hold letters, numbers or symbols."""
    for start, end in pairwise(boundaries):
        if any(_names_something(character) for character in text[start:end]):
            yield Word(text[start:end], start, end)


def _names_something(character: str) -> bool:
    """A letter, a number, a symbol such as ★ or °, a pictogram: no white space, no punctuation."""
    category = unicodedata.category(character)
    if category[0] in "LN" or category in ("So", "Co"):
        return True
    if category[0] == "Z" or character.isascii():
        return False
    from uniseg.emoji import extended_pictographic

    # A skin tone alone, and U+20E3, which makes a keycap of a sign ('*' + U+FE0F + U+20E3).
    if "\U0001f3fb" <= character <= "\U0001f3ff" or character == "\u20e3":
        return True
    return bool(extended_pictographic(character))


class Folded:
    """A text in comparable form, with the way back to its own characters.

    Parameters
    ----------
    text
        Any string.
    case
        Whether upper and lower case differ.

    Notes
    -----
    Two strings are equal if they are a canonical caseless match (Unicode Standard, D145: NFD of the
    full case folding of NFD), or canonically equivalent with `case`. Folding changes lengths ('ß'
    becomes 'ss', 'İ' two characters), so it is done in segments that neither folding nor
    normalization reaches across (a starter with the marks behind it), and only whole segments are
    ever matched: offsets stay exact.
    """

    def __init__(self, text: str, *, case: bool = False) -> None:
        parts: list[str] = []
        self._starts: list[int] = []  # of every segment, in folded characters
        self._origins: list[int] = []  # the same in characters of `text`
        length = 0
        for start, segment in _segments(text):
            folded = fold(segment, case=case)
            self._starts.append(length)
            self._origins.append(start)
            parts.append(folded)
            length += len(folded)
        self._starts.append(length)
        self._origins.append(len(text))
        self.text = "".join(parts)
        self.case = case

    def find_all(self, phrase: str, boundaries: tuple[int, ...]) -> Iterator[Span]:
        """Find `phrase` between two of the `boundaries`: left to right, not overlapping.

        White space inside the phrase matches any white space; around the phrase it is ignored.
        """
        parts = [fold(part, case=self.case) for part in phrase.split()]
        if not parts:
            return
        pattern = re.compile(r"\s+".join(map(re.escape, parts)))
        allowed = set(boundaries)
        searched_to = 0
        for boundary in boundaries:
            if boundary < searched_to:
                continue
            position = bisect_left(self._origins, boundary)
            if self._origins[position] != boundary:
                continue
            match = pattern.match(self.text, self._starts[position])
            if match is None:
                continue
            end = self._origin(match.end())
            if end is not None and end in allowed:
                searched_to = end
                yield (boundary, end)

    def _origin(self, place: int) -> int | None:
        segment = bisect_left(self._starts, place)
        # An empty fold does not exist, so each start belongs to one segment.
        return self._origins[segment] if self._starts[segment] == place else None


def fold(text: str, *, case: bool = False) -> str:
    """Convert a text to its comparable form: NFD, and without `case` also full case folding."""
    decomposed = unicodedata.normalize("NFD", text)
    return decomposed if case else unicodedata.normalize("NFD", decomposed.casefold())


def _segments(text: str) -> Iterator[tuple[int, str]]:
    """(start, stretch): cut before each character whose decomposition begins with a starter."""
    start = 0
    for position in range(1, len(text)):
        first = unicodedata.normalize("NFD", text[position])[0]
        if unicodedata.combining(first) == 0:
            yield start, text[start:position]
            start = position
    if text:
        yield start, text[start:]
