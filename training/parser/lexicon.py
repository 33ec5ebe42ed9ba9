"""The words: lists by meaning, read from `lexicon/*.txt`, and the forms each of them has.

All lists were written for this grammar; none comes from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from training.parser.inflect import (
    LISTS,
    _lines,
    past,
    past_participle,
    plural,
    present_participle,
    third_person,
)


@dataclass(frozen=True)
class Noun:
    """One noun. `words` are those of its singular; a mass noun has no plural, and so on."""

    words: tuple[str, ...]
    mass: bool = False
    only_plural: bool = False

    @property
    def lemma(self) -> str:
        """The last word, in its dictionary form."""
        return self.words[-1]

    def forms(self, *, many: bool) -> tuple[str, ...]:
        """The words in the singular, or in the plural."""
        if self.only_plural or not many or self.mass:
            return self.words
        return (*self.words[:-1], plural(self.words[-1]))


@dataclass(frozen=True)
class Verb:
    """One verb, with the particle that belongs to it ("put on"), or ""."""

    base: str
    particle: str = ""

    def form(self, tag: str) -> str:
        """The form that carries a tag of the Penn Treebank."""
        inflected = {
            "VBZ": third_person,
            "VBG": present_participle,
            "VBD": past,
            "VBN": past_participle,
        }
        return inflected[tag](self.base) if tag in inflected else self.base


@cache
def classes(name: str) -> dict[str, tuple[str, ...]]:
    """Class to words, from a list of lines "class: word word", continued where indented."""
    found: dict[str, list[str]] = {}
    at = ""
    for line in _lines(f"{name}.txt"):
        if not line.startswith(" "):
            at, _, line = line.partition(":")  # noqa: PLW2901
            found.setdefault(at, [])
        found[at] += line.split()
    return {key: tuple(dict.fromkeys(words)) for key, words in found.items()}


@cache
def listed(kind: str) -> tuple[str, ...]:
    """A list of `function_words.txt`, repetitions and all."""
    return _listed()[kind]


@cache
def _listed() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    at = ""
    for line in _lines("function_words.txt"):
        if line.startswith(" "):
            found[at] += [word.replace("_", " ") for word in line.split()]
        else:
            at = line.rstrip(":")
            found[at] = []
    return {kind: tuple(words) for kind, words in found.items()}


@cache
def nouns() -> dict[str, tuple[Noun, ...]]:
    """Nouns by class."""
    return {key: tuple(map(_noun, words)) for key, words in classes("nouns").items()}


@cache
def verbs() -> dict[str, tuple[Verb, ...]]:
    """Verbs by construction."""
    return {
        key: tuple(Verb(*word.split("|")) for word in words)
        for key, words in classes("verbs").items()
        if key not in ("participle_adjective", "participle_active")
    }


@cache
def compounds() -> tuple[Noun, ...]:
    """Fixed noun compounds: "parking meter"."""
    listed = " ".join(_lines("compounds.txt")).split(";")
    return tuple(Noun(tuple(entry.split())) for entry in dict.fromkeys(listed) if entry.strip())


def all_nouns() -> tuple[Noun, ...]:
    """Every noun once."""
    return tuple(dict.fromkeys(noun for members in nouns().values() for noun in members))


def all_verbs() -> tuple[str, ...]:
    """The base form of every verb once, with those of the list of irregular ones."""
    listed = [verb.base for members in verbs().values() for verb in members]
    return tuple(dict.fromkeys([*listed, *(line.split()[0] for line in _lines(IRREGULAR))]))


IRREGULAR = "irregular_verbs.txt"


def _noun(entry: str) -> Noun:
    word = entry.rstrip("*+")
    return Noun(tuple(word.split("_")), mass=entry.endswith("*"), only_plural=entry.endswith("+"))


__all__ = ["LISTS", "Noun", "Verb", "all_nouns", "all_verbs", "classes", "compounds", "nouns"]
