"""Questions of a page and their possible answers, as plain data, and who provides them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from daam_nb.errors import SelectionError

if TYPE_CHECKING:
    from PIL.Image import Image

RESERVED = frozenset({"s", "i", "l", "d", "enter", "escape", "backspace", " "})
"""Keys that the page itself answers to."""


@dataclass(frozen=True)
class Choice:
    """A possible answer.

    Attributes
    ----------
    value
        The stored value.
    label
        The displayed text.
    keys
        Each of these keys gives it; letters in lower case. The first is displayed.
    """

    value: str
    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """The texts and answers that all cards of a page share.

    Attributes
    ----------
    title
        Above the instructions.
    instructions
        Paragraphs, shown before the first card and on demand.
    choices
        The answers, from left to right.
    reasons
        Reasons for skipping a card; another one can be typed.

    Raises
    ------
    SelectionError
        If two answers share a key, or one has a key of the page itself.
    """

    title: str
    instructions: tuple[str, ...]
    choices: tuple[Choice, ...]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        keys = [key for choice in self.choices for key in choice.keys]
        twice = sorted({key for key in keys if keys.count(key) > 1 or key in RESERVED})
        if twice:
            raise SelectionError(
                f"The key {twice[0]!r} is assigned more than once. Give each answer its own."
            )

    @property
    def values(self) -> tuple[str, ...]:
        """The possible answers."""
        return tuple(choice.value for choice in self.choices)


@dataclass(frozen=True, eq=False)
class Shown:
    """An image of a card, with its alternative text."""

    label: str
    image: Image


@dataclass(frozen=True, eq=False)
class Card:
    """One question. It holds only what is displayed: no seed, model or condition.

    Attributes
    ----------
    ask
        The question: alternating daam_nb's words and the prompt's, beginning with the former.
    prompt
        The text before the word in question, the word, the text after it; None to show no prompt.
    images
        Side by side.
    """

    ask: tuple[str, ...]
    prompt: tuple[str, str, str] | None
    images: tuple[Shown, ...]


@dataclass(frozen=True)
class Given:
    """A given answer: one of the form's values, or the reason for skipping the card."""

    answer: str = ""
    reason: str = ""


class Asker(Protocol):
    """Provides the cards in order and stores the answers."""

    @property
    def form(self) -> Form:
        """The texts and answers that the cards share."""

    @property
    def rater(self) -> str:
        """The name of the rater."""

    @property
    def kept_in(self) -> str:
        """Where answers are stored, in words."""

    def __len__(self) -> int:
        """The number of cards."""

    def card(self, place: int) -> Card:
        """The card at a position, from 0."""

    def given(self, place: int) -> Given | None:
        """The present answer to a card."""

    def give(self, place: int, given: Given, *, seconds: float) -> None:
        """Store an answer; it is on the disk when this returns. An earlier one is replaced."""

    def seconds_left(self) -> float | None:
        """Estimated time for the remaining cards at the pace so far; None if unknown."""
