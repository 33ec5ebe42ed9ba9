"""What a prompt asks that the model never read about, and the words that it knows instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection
from html import escape

import ipywidgets as widgets

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import kind_of

MAX_OFFERED = 5  # for one word
ALIKE = 0.7  # of difflib's ratio, 0 to 1: a slip or another form of the same word
MAX_NAMED = 3  # words that have offers; more are only named
_WORD = re.compile(r"\w[\w'’]*")


def unknown_words(text: str, known: Collection[str]) -> list[tuple[int, int]]:
    """Find the words of a text that are not among those known.

    Parameters
    ----------
    text
        A prompt.
    known
        Words in lower case.

    Returns
    -------
    list of (int, int)
        The first place of each such word: characters (start, stop), half-open, in order.
    """
    places: dict[str, tuple[int, int]] = {}
    for match in _WORD.finditer(text):
        word = match.group().lower()
        if word not in known:
            places.setdefault(word, match.span())
    return list(places.values())


def offers(word: str, known: Collection[str], text: str = "") -> list[str]:
    """Choose known words to stand in for one: those that look like it, then the first of all.

    Words that the text has already are left out.
    """
    already = {match.group().lower() for match in _WORD.finditer(text)}
    free = [other for other in known if other not in already]
    alike = difflib.get_close_matches(word.lower(), free, MAX_OFFERED, cutoff=ALIKE)
    return list(dict.fromkeys([*alike, *free]))[:MAX_OFFERED]


def check_known_words(words: object) -> tuple[str, ...] | None:
    """Read the words a model knows, in lower case and their order; None where nobody says.

    Raises
    ------
    WrongKindError
        For anything but a collection of texts.
    SelectionError
        For a collection without a word.
    """
    if words is None:
        return None
    if isinstance(words, str) or not isinstance(words, Collection):
        raise WrongKindError(
            f"known_words must be a collection of words, such as a set, not {kind_of(words)}."
        )
    for word in words:
        if not isinstance(word, str):
            raise WrongKindError(f"known_words must hold texts, not {kind_of(word)}.")
    if not words:
        raise SelectionError("known_words is empty. Leave it out where the words are not known.")
    return tuple(dict.fromkeys(word.lower() for word in words))


class Vocabulary(widgets.VBox):  # type: ignore[misc]
    """Below the prompt: its unknown words, known ones to put there, and all that are known.

    Parameters
    ----------
    known
        Words in lower case; the first are offered first.
    replace
        Called with a start, a stop and a word when one is chosen.
    """

    def __init__(self, known: tuple[str, ...], replace: Callable[[int, int, str], None]) -> None:
        self._known, self._replace = known, replace
        self.said = widgets.HTML()
        self.said.add_class("daam-lesson-unknown")
        self.offered = widgets.VBox()
        listed = " · ".join(escape(word) for word in sorted(known))
        everything = widgets.HTML(
            f"<details><summary>All words of this model ({len(known)})</summary>"
            f"<p>{listed}</p></details>"
        )
        super().__init__([self.said, self.offered, everything])
        self.add_class("daam-lesson-vocabulary")

    def update(self, text: str) -> None:
        """Say what of a prompt is unknown."""
        places = unknown_words(text, self._known)
        closed, self.offered.children = self.offered.children, []
        for row in closed:
            for child in (*row.children, row):
                child.close()
        self.said.value = _sentence([text[start:stop] for start, stop in places])
        self.offered.children = [self._row(text, *place) for place in places[:MAX_NAMED]]

    def _row(self, text: str, start: int, stop: int) -> widgets.HBox:
        word = text[start:stop]
        label = widgets.HTML(f"instead of “{escape(word)}”:")
        buttons = [self._button(other, start, stop) for other in offers(word, self._known, text)]
        return widgets.HBox([label, *buttons])

    def _button(self, word: str, start: int, stop: int) -> widgets.Button:
        button = widgets.Button(description=word, layout={"width": "auto"})
        button.on_click(lambda _: self._replace(start, stop, word))
        return button


def _sentence(words: list[str]) -> str:
    """What is unknown, as HTML; nothing where all is known."""
    if not words:
        return ""
    quoted = [f"“{escape(word)}”" for word in words]
    listed = " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
    one = len(words) == 1
    return (
        f'<div role="status">The model does not know {listed}: it has never read '
        f"{'this word' if one else 'these words'}, and what it draws for "
        f"{'it' if one else 'them'} means nothing.</div>"
    )
