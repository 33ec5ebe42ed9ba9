"""White space normalized for the parser, with the way back to the original characters.

Parsers are trained on words separated by single spaces. A line break, two blanks, a no-break space
or an invisible character make them split sentences and words wrongly.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_ZERO_WIDTH_SPACE = "\u200b"
_JOINERS = "\u200c\u200d"  # they make one pictogram of several, so they stay outside of words


@dataclass(frozen=True)
class Spaced:
    """A text with single spaces, and the origins of its characters.

    Attributes
    ----------
    text
        The parser's input.
    origins
        For each character of `text` its index in the original.
    """

    text: str
    origins: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a non-empty span back to the original text: characters, half-open."""
        return self.origins[start], self.origins[end - 1] + 1


def single_spaced(text: str) -> Spaced:
    """Replace all white space by single spaces, and drop characters without width.

    White space is what Unicode calls so (line breaks, tabs, no-break spaces), the zero-width space
    and control characters. None is left at the ends. Format characters (soft hyphen, byte order
    mark, marks of direction, joiners inside of words) are left out.

    Examples
    --------
    >>> spaced = single_spaced("a cat\\n\\tsleeps ")
    >>> spaced.text, spaced.original(6, 12)
    ('a cat sleeps', (7, 13))
    """
    characters: list[str] = []
    origins: list[int] = []
    space_at: int | None = None  # where the white space before the next character begins
    for index, character in enumerate(text):
        if _is_space(character):
            if space_at is None:
                space_at = index
            continue
        if _is_invisible(character, characters[-1] if characters else ""):
            continue
        if space_at is not None and characters:
            characters.append(" ")
            origins.append(space_at)
        space_at = None
        characters.append(character)
        origins.append(index)
    return Spaced("".join(characters), tuple(origins))


def _is_space(character: str) -> bool:
    control = unicodedata.category(character) == "Cc"
    return character.isspace() or control or character == _ZERO_WIDTH_SPACE


def _is_invisible(character: str, before: str) -> bool:
    if unicodedata.category(character) != "Cf":
        return False
    return character not in _JOINERS or before.isalpha()
