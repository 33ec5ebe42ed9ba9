"""Simulated raters and a parser by hand, for the tests of rating: no score of theirs counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from daam_nb.language import Parse, ParsedWord
from daam_nb.studies import rating
from daam_nb.studies.corpus.generation import Run
from daam_nb.studies.rating.study import Deck, Item
from tests.tiny_recordings import tiny_recording

KINDS = {"a": "DET", "the": "DET", "red": "ADJ", "big": "ADJ", "and": "CCONJ", "in": "ADP"}


class ByHand:
    """Knows a few words; what is no letter is punctuation, the rest are nouns."""

    name = "by hand"

    def __call__(self, text: str) -> Parse:
        found = list(re.finditer(r"\w+|[^\w\s]", text))
        words = []
        for place, one in enumerate(found):
            kind = KINDS.get(one[0].lower(), "NOUN" if one[0].isalnum() else "PUNCT")
            relation, head = ("ROOT", 0) if place == 0 else ("dep", 0)
            words.append(
                ParsedWord(one[0], one.start(), one.end(), one[0], kind, "", head, relation)
            )
        return Parse(text, tuple(words), self.name)


TEXTS = ("a red fox", "a big cat and a dog")


def words(*texts: str, **options: Any) -> Deck:
    """Words of tiny recordings."""
    every = texts or TEXTS
    runs = [tiny_recording(text, seed=n, length=40) for n, text in enumerate(every)]
    return rating.word_items(runs, parser=ByHand(), **options)


def pairs(count: int = 4) -> Deck:
    """Images of two objects."""
    runs = []
    for number in range(count):
        prompt, kind = "a cat and a dog", "cohyponyms" if number % 2 else "unrelated"
        facts = {"prompt": prompt, "seed": number, "first": "cat", "second": "dog", "kind": kind}
        runs.append(Run(f"run-{number}", facts, tiny_recording(prompt, seed=number)))
    return rating.pair_items(runs)


def press(page: Any, **act: Any) -> None:
    """What the browser sends when a key is pressed."""
    page._received(page, {"turn": page._turn, "seconds": 1.5, **act}, [])


def item_at(page: Any) -> Item:
    """The item that is shown."""
    return page.asker._items[page.place]  # type: ignore[no-any-return]


def answer_all(page: Any, of: Callable[[Item], str]) -> None:
    """Answer to the end by a rule."""
    while page.place < len(page.asker):
        press(page, type="answer", answer=of(item_at(page)))
