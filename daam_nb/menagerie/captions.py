"""Captions of layouts, with the positions of the words that name objects.

The grammar: noun phrases with size and color, in prepositional phrases, existential and copular
sentences, passives with and without an agent, relative clauses, counts; determiners and the
place of the background vary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from daam_nb.menagerie.layout import Layout
from daam_nb.menagerie.taxonomy import (
    BACKGROUNDS,
    CLASSES,
    COLORS,
    NOUN,
    NOUNS,
    RELATIONS,
    SIZES,
)

Span = tuple[int, int]

# The phrases of the grammar; their words, with the world's, are `WORDS`.
_ARTICLES = ("a", "an", "the")
_OPENINGS = ("a picture of", "a photo of", "an image of")
_SEEN = ("is seen", "is shown", "can be seen", "is placed", "is")
_PLACED = ("is", "is", "is seen", "is shown", "is placed")
_JOINED = ("is joined by", "is accompanied by")
_COUNTS = {2: "two", 3: "three"}
_BETWEEN = ("there is", "there are", "that is", "and", "with")

_BY_TURNS = sorted(NOUNS, key=lambda noun: CLASSES[noun.hypernym].index(noun.name))

WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        word
        for phrase in (
            *(noun.name for noun in _BY_TURNS), *(noun.plural for noun in _BY_TURNS), *COLORS,
            *(word for words in SIZES.values() for word in words), *BACKGROUNDS.values(), *CLASSES,
            *(phrase for phrases in RELATIONS.values() for phrase in phrases), *_COUNTS.values(),
            *_ARTICLES, *_OPENINGS, *_SEEN, *_PLACED, *_JOINED, *_BETWEEN,
        )
        for word in phrase.split()
    )
)  # fmt: skip
"""All words of the captions that the shipped models were trained on, in lower case, once each;
nouns first, of every class in turn."""


@dataclass(frozen=True)
class Caption:
    """A caption, with the positions of the words that name things.

    Attributes
    ----------
    text
        Lower case, no full stop.
    words
        For each object, the characters (start, stop), half-open, of its head noun. The objects
        of a count share one word.
    color_words
        For each object, the span of its color word, or None.
    background
        Span of the background's phrase, or None when the caption does not name it.
    """

    text: str
    words: tuple[Span, ...]
    color_words: tuple[Span | None, ...]
    background: Span | None


@dataclass
class _Text:
    """Words gathered so far, and the spans of the marked ones."""

    text: str = ""
    marks: dict[tuple[str, int], Span] = field(default_factory=dict)
    place_follows: bool = False

    def add(self, words: str, mark: tuple[str, int] | None = None) -> None:
        if self.text and not words.startswith(","):
            self.text += " "
        start = len(self.text)
        self.text += words
        if mark is not None:
            self.marks[mark] = (start, len(self.text))


def word_layout(layout: Layout, rng: np.random.Generator) -> Caption:
    """Describe a layout.

    Parameters
    ----------
    layout
        The layout of the scene.
    rng
        Chooses among wordings.

    Returns
    -------
    Caption
        A true description, which names only what the layout contains. It may omit the background or
        a size, and rarely names an object by its class ("a bird").
    """
    out = _Text()
    background = BACKGROUNDS[layout.background] if rng.random() < 0.7 else ""
    first = bool(background) and rng.random() < 0.12
    if first:
        out.add(background, ("background", 0))
        out.add(",")
    out.place_follows = bool(background) and not first
    {"single": _single, "pair": _pair, "count": _count, "triple": _triple}[layout.kind](
        out, layout, rng
    )
    if background and not first:
        out.add(background, ("background", 0))
    count = len(layout.objects)
    shared = layout.kind == "count"
    return Caption(
        text=out.text,
        words=tuple(out.marks["noun", 0 if shared else i] for i in range(count)),
        color_words=tuple(out.marks.get(("color", 0 if shared else i)) for i in range(count)),
        background=out.marks.get(("background", 0)),
    )


def _pick(rng: np.random.Generator, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _noun_phrase(
    out: _Text,
    layout: Layout,
    rng: np.random.Generator,
    index: int,
    *,
    determiner: str | None = None,
    bare_color: bool = False,
) -> None:
    """Append "a small red zebra" for one object; `bare_color` leaves the color to the caller."""
    placed, size = layout.objects[index], layout.sizes[index]
    noun = NOUN[placed.noun]
    color = None if bare_color else placed.color
    by_class = placed.color is None and rng.random() < 0.03
    head = noun.hypernym if by_class else noun.name
    size_word = _pick(rng, *SIZES[size]) if size else None
    following = size_word or color or head
    if determiner is None:
        determiner = "the" if rng.random() < 0.12 else "a"
    if determiner == "a" and following[0] in "aeiou":
        determiner = "an"
    out.add(determiner)
    if size_word:
        out.add(size_word)
    if color:
        out.add(color, ("color", index))
    out.add(head, ("noun", index))


def _opening(out: _Text, rng: np.random.Generator, verb: str = "is") -> None:
    draw = rng.random()
    if draw < 0.12:
        out.add(_pick(rng, *_OPENINGS))
    elif draw < 0.2:
        out.add(f"there {verb}")


def _single(out: _Text, layout: Layout, rng: np.random.Generator) -> None:
    draw = rng.random()
    if layout.objects[0].color and draw < 0.15:
        relative = draw < 0.08
        _noun_phrase(out, layout, rng, 0, determiner="a" if relative else "the", bare_color=True)
        out.add("that is" if relative else "is")
        out.add(layout.objects[0].color, ("color", 0))
    elif draw < 0.8 or not out.place_follows:
        # "a cat is" needs a place to follow.
        _opening(out, rng)
        _noun_phrase(out, layout, rng, 0)
    else:
        _noun_phrase(out, layout, rng, 0)
        out.add(_pick(rng, *_SEEN))


def _pair(out: _Text, layout: Layout, rng: np.random.Generator) -> None:
    assert layout.relation is not None
    if layout.relation == "and":
        _together(out, layout, rng)
        return
    phrase = _pick(rng, *RELATIONS[layout.relation])
    if rng.random() < 0.55:
        _opening(out, rng)
        _noun_phrase(out, layout, rng, 0)
    else:
        _noun_phrase(out, layout, rng, 0)
        out.add(_pick(rng, *_PLACED))
    out.add(phrase)
    _noun_phrase(out, layout, rng, 1)


def _together(out: _Text, layout: Layout, rng: np.random.Generator) -> None:
    """Two objects without a direction."""
    draw = rng.random()
    if draw < 0.75:
        _opening(out, rng, "are")
        _noun_phrase(out, layout, rng, 0)
        out.add("and")
    else:
        _noun_phrase(out, layout, rng, 0)
        out.add("with" if draw < 0.85 else _pick(rng, *_JOINED))
    _noun_phrase(out, layout, rng, 1)


def _count(out: _Text, layout: Layout, rng: np.random.Generator) -> None:
    _opening(out, rng, "are")
    out.add(_COUNTS[len(layout.objects)])
    color = layout.objects[0].color
    if color:
        out.add(color, ("color", 0))
    out.add(NOUN[layout.objects[0].noun].plural, ("noun", 0))


def _triple(out: _Text, layout: Layout, rng: np.random.Generator) -> None:
    _opening(out, rng, "are")
    for index, before in enumerate(("", ",", "and")):
        if before:
            out.add(before)
        _noun_phrase(out, layout, rng, index)
