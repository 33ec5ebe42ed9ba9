"""Drawing words: from the lists, or at a set share words that do not exist.

Unknown words are what a parser with a small lexicon meets most. Pseudo-words with the endings of
real ones teach it to go by place and ending.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from training.parser.lexicon import Noun, Verb, classes, compounds, nouns, verbs

T = TypeVar("T")

ONSETS = (
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sc sh sk sl sm sn sp "
)
ONSETS += "spr st str sw t th tr tw v w wh z"
NUCLEI = "a a a e e e i i i o o o u u ai au ea ee ie oa oo ou oi"
CODAS = (
    "b ck ct d ft g k l ld lk ll lt m mp n nd ng nk nt p pt r rd rk rm rn rp rt s sh sk sp ss st "
)
CODAS += "t tch th x"
NOUN_ENDS = ("er", "or", "et", "le", "y", "ow", "o", "a", "in", "on", "al", "age", "ie", "ette",
             "ment", "ness", "tion", "ant", "ard", "ist", "ing", "el", "ine", "oon")  # fmt: skip
ADJECTIVE_ENDS = ("y", "ish", "ic", "al", "ous", "ful", "less", "ed", "en", "ive", "able", "ed",
                  "ant", "ian")  # fmt: skip
CURATED_ENDS = ("", "", "", "le", "er", "ify", "ize", "en")

PHYSICAL = ("person", "animal", "vehicle", "clothing", "food", "drink", "container", "utensil",
            "furniture", "appliance", "sport", "toy", "instrument", "tool", "building", "part",
            "nature")  # fmt: skip

RARE = {"part": 0.5, "utensil": 0.7, "instrument": 0.5, "toy": 0.7, "person": 1.5, "animal": 1.5}


class Draw:
    """A source of words.

    Parameters
    ----------
    rng
        Decides everything.
    pseudo
        Share of open-class words that are replaced by words that do not exist, in 0..1.
    """

    def __init__(self, rng: random.Random, pseudo: float = 0.0) -> None:
        self.rng = rng
        self.pseudo = pseudo

    def chance(self, share: float) -> bool:
        """Yes in this share of the calls."""
        return self.rng.random() < share

    def pick(self, *options: T) -> T:
        """One of several, all alike."""
        return options[int(self.rng.random() * len(options))]

    def of(self, options: Sequence[T]) -> T:
        """One of a sequence, all alike."""
        return options[int(self.rng.random() * len(options))]

    def common(self, options: Sequence[T]) -> T:
        """One of a list with its common words first: half of the draws come from its first quarter.

        Captions, too, are made of few words mostly.
        """
        return options[int(len(options) * self.rng.random() ** 2)]

    def weighted(self, options: Mapping[T, float]) -> T:
        """One of several, by weight."""
        return self.rng.choices(list(options), weights=list(options.values()))[0]

    def do(self, options: Mapping[Callable[..., T], float], *arguments: object) -> T:
        """Call one of several functions, by weight."""
        return self.weighted(options)(*arguments)

    def kind(self) -> str:
        """A class of things that can be seen."""
        return self.weighted({kind: RARE.get(kind, 1.0) for kind in PHYSICAL})

    def noun(self, kind: str, *, countable: bool = False) -> Noun:
        """A noun of a class; fixed compounds among them."""
        if self.chance(self.pseudo):
            return Noun((self._pseudo_word(NOUN_ENDS),))
        fixed = _compounds_by_kind().get(kind, ())
        if fixed and self.chance(0.15):
            return self.of(fixed)
        listed = nouns()[kind]
        if countable:
            listed = _countable(kind) or listed
        return self.common(listed)

    def verb(self, kind: str) -> Verb:
        """A verb that enters a construction."""
        if self.chance(self.pseudo):
            return Verb(self._pseudo_word(CURATED_ENDS))
        return self.common(verbs()[kind])

    def adjective(self) -> str:
        """An adjective before a noun, hyphenated ones among them."""
        if self.chance(self.pseudo):
            return self._pseudo_word(ADJECTIVE_ENDS if self.chance(0.6) else ("",))
        lists = classes("adjectives")
        kind = self.weighted({"color": 0.33, "size": 0.2, "shape": 0.07, "state": 0.4})
        listed = lists[kind]
        return self.common(listed)

    def word(self, table: str, kind: str) -> str:
        """A word of a list; of adverbs, now and then one that does not exist."""
        if table == "adverbs" and kind in ("manner", "degree") and self.chance(self.pseudo / 2):
            return self._pseudo_word(("ly", "ily"))
        return self.common(classes(table)[kind])

    def _pseudo_word(self, ends: Sequence[str]) -> str:
        syllables = self.pick(1, 1, 2)
        onsets, nuclei, codas = ONSETS.split(), NUCLEI.split(), CODAS.split()
        stem = "".join(
            self.of(onsets) + self.of(nuclei) + (self.of(codas) if self.chance(0.7) else "")
            for _ in range(syllables)
        )
        end = self.of(ends) if syllables == 1 or self.chance(0.5) else ""
        return stem.rstrip("aeiou") + end if end[:1] in tuple("aeiou") else stem + end


@cache
def _countable(kind: str) -> tuple[Noun, ...]:
    return tuple(noun for noun in nouns()[kind] if not noun.mass and not noun.only_plural)


@cache
def _compounds_by_kind() -> dict[str, tuple[Noun, ...]]:
    """Fixed compounds by the classes of their last words: "stop sign" is a tool like "sign"."""
    heads: dict[str, list[str]] = {}
    for kind, members in nouns().items():
        for noun in members:
            heads.setdefault(noun.words[-1], []).append(kind)
    found: dict[str, list[Noun]] = {}
    for compound in compounds():
        for kind in heads.get(compound.words[-1], ["tool"]):
            found.setdefault(kind, []).append(compound)
    return {kind: tuple(members) for kind, members in found.items()}
