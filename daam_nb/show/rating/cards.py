"""What a page asks and what can be answered, as plain data, and who has it."""

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
    """An answer that can be given.

    Attributes
    ----------
    value
        As it is kept.
    label
        As people read it.
    keys
        Any of these gives it; letters in lower case. The first is shown.
    """

    value: str
    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """What all cards of a page have in common.

    Attributes
    ----------
    title
        Above the instructions.
    instructions
        Paragraphs, shown before the first card and on demand.
    choices
        The answers, from left to right.
    reasons
        Why a card may be skipped; another one can be typed.

    Raises
    ------
    SelectionError
        If two answers have one key, or one of the page's own.
    """

    title: str
    instructions: tuple[str, ...]
    choices: tuple[Choice, ...]
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        keys = [key for choice in self.choices for key in choice.keys]
        twice = sorted({key for key in keys if keys.count(key) > 1 or key in RESERVED})
        if twice:
            raise SelectionError(f"The key {twice[0]!r} would do two things. Give each its own.")

    @property
    def values(self) -> tuple[str, ...]:
        """What an answer may be."""
        return tuple(choice.value for choice in self.choices)


@dataclass(frozen=True, eq=False)
class Shown:
    """An image of a card, and what it is called for those who cannot see it."""

    label: str
    image: Image


@dataclass(frozen=True, eq=False)
class Card:
    """One question. It holds what is to be seen, and nothing else: no seed, model or condition.

    Attributes
    ----------
    ask
        The question: our words and the prompt's in turn, beginning with ours.
    prompt
        What stands before the word asked about, the word, what follows; None to show no prompt.
    images
        Side by side.
    """

    ask: tuple[str, ...]
    prompt: tuple[str, str, str] | None
    images: tuple[Shown, ...]


@dataclass(frozen=True)
class Given:
    """What was answered: one of the form's values, or why the card was skipped."""

    answer: str = ""
    reason: str = ""


class Asker(Protocol):
    """Has the cards in their order and keeps the answers."""

    @property
    def form(self) -> Form:
        """What the cards have in common."""

    @property
    def rater(self) -> str:
        """Who answers."""

    @property
    def kept_in(self) -> str:
        """Where answers are kept, in words."""

    def __len__(self) -> int:
        """How many cards there are."""

    def card(self, place: int) -> Card:
        """The card at a place of the order, from 0."""

    def given(self, place: int) -> Given | None:
        """What stands as its answer."""

    def give(self, place: int, given: Given, *, seconds: float) -> None:
        """Keep an answer; it is on the disk when this returns. An earlier one is replaced."""

    def seconds_left(self) -> float | None:
        """How long the rest will take at the pace so far; None if that is not known yet."""
