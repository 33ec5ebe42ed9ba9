"""The word axis of effects and gradients: each word or phrase by its key positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.errors import DaamError, SelectionError
from daam_nb.kinds import whole_numbers
from daam_nb.prompt import Word
from daam_nb.recording.limits import MAX_LINES, check_count

if TYPE_CHECKING:
    from daam_nb.prompt import Prompt

Tokens = tuple[int, ...]


def read_words(words: Any, title: str) -> tuple[Tokens, ...]:
    """Read the words of an axis: at least one, each once, each with tokens.

    Parameters
    ----------
    words
        Key positions of each word.
    title
        What the axis is of, for errors: ``"Effects"``.

    Raises
    ------
    SelectionError
        For anything else.
    """
    read = tuple(whole_numbers(word, "token") for word in words)
    check_count(read, f"words with {title.lower()}", MAX_LINES)
    if not read or not all(read):
        raise SelectionError(f"{title} need at least one word, and every word must have tokens.")
    if len(set(read)) < len(read):
        raise SelectionError(f"{title} must list each word once.")
    return read


def check_positions(words: tuple[Tokens, ...], prompt: Prompt, title: str) -> None:
    """Raise a `SelectionError` unless every key position is one of the prompt's."""
    keys = len(prompt.tokens)
    if outside := [token for word in words for token in word if not 0 <= token < keys]:
        raise SelectionError(
            f"{title} are of a word at the key position {outside[0]}; the prompt's last is "
            f"{keys - 1}."
        )


def merged_words(
    first: tuple[Tokens, ...], second: tuple[Tokens, ...]
) -> tuple[tuple[Tokens, ...], list[int]]:
    """Merge two axes in the order of the text.

    Returns
    -------
    tuple of tuple of int
        The words of both, each once.
    list of int
        Where each stands in the first axis with the second behind it; of a word in both, in the
        second.
    """
    words = tuple(sorted({*first, *second}))
    both = (*first, *second)
    return words, [len(both) - 1 - both[::-1].index(word) for word in words]


def stretch_of(prompt: Prompt, tokens: Tokens) -> Word | None:
    """Find the stretch of the text from the first of some tokens to the last; None if none."""
    spans = [span for token in tokens if (span := prompt.tokens[token].span) is not None]
    if not spans:
        return None
    start, end = spans[0][0], spans[-1][1]
    return Word(prompt.text[start:end], start, end)


def phrase_of(prompt: Prompt, tokens: Tokens) -> Word | None:
    """Find the stretch of the text that is read as some tokens, and as no others; None if none."""
    stretch = stretch_of(prompt, tokens)
    try:
        is_read = stretch is not None and prompt.token_indices(stretch.span) == tokens
    except DaamError:  # of a stranger's recording, whose spans need not be in order
        return None
    return stretch if is_read else None


def text_of(prompt: Prompt, tokens: Tokens) -> str:
    """Write some tokens for people: the stretch of the text, else their pieces."""
    phrase = phrase_of(prompt, tokens)
    pieces = " ".join(prompt.tokens[token].piece for token in tokens)
    return pieces if phrase is None else phrase.text
