"""The tokens of a word."""

from __future__ import annotations

from typing import NamedTuple

from daam_nb.errors import SelectionError, WordNotFoundError
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Prompt, Word

WordChoice = str | Word | tuple[int, int] | WordHeatMap


class Found(NamedTuple):
    """A word as it stands in the prompt, its characters, and its key positions."""

    label: str
    span: tuple[int, int] | None
    tokens: tuple[int, ...]


def find(prompt: Prompt, what: WordChoice, *, occurrence: int | None, case: bool) -> Found:
    """Find a word, a phrase, a span of characters, or the word of another map."""
    if isinstance(what, WordHeatMap):
        if occurrence is not None:
            raise SelectionError(
                f"occurrence={occurrence!r} chooses among several equal words, but the map of "
                f"{what.label!r} is already of one. Leave it out."
            )
        return _same_word(prompt, what)
    if isinstance(what, str):
        what, occurrence = prompt.find(what, occurrence=occurrence, case=case), None
    tokens = prompt.token_indices(what, occurrence=occurrence)
    start, end = what.span if isinstance(what, Word) else what
    return Found(prompt.text[start:end], (start, end), tokens)


def _same_word(prompt: Prompt, word: WordHeatMap) -> Found:
    if word.origin is None:
        raise SelectionError(
            f"The map of {word.label!r} was averaged or made by hand, so it belongs to no word of "
            "this prompt. Name the word."
        )
    if word.origin.prompt != prompt:
        raise WordNotFoundError(
            f"The map of {word.label!r} belongs to the prompt {word.origin.prompt.text!r}, not to "
            f"{prompt.text!r}. Name the word."
        )
    return Found(word.label, word.span, word.tokens)
