"""English inflection by rule and by lists of exceptions."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

LISTS = Path(__file__).parent / "lexicon"

DOUBLED = {
    "control",
    "patrol",
    "unzip",
    "unwrap",
    "unplug",
    "begin",
    "refer",
    "propel",
    "prefer",
    "equip",
    "kidnap",
    "admit",
}
"""Verbs of several syllables that double their last consonant all the same."""


@cache
def irregular_nouns() -> dict[str, str]:
    """Singular to plural."""
    return dict(line.split() for line in _lines("irregular_nouns.txt"))  # type: ignore[misc]


@cache
def irregular_verbs() -> dict[str, tuple[str, str]]:
    """Base form to past and past participle."""
    rows = (line.split() for line in _lines("irregular_verbs.txt"))
    return {base: (past, participle) for base, past, participle in rows}


def plural(noun: str) -> str:
    """ "box" -> "boxes"; of "stop sign", the last word."""
    *before, last = noun.split(" ")
    return " ".join([*before, irregular_nouns().get(last) or _sibilant_s(last)])


def third_person(verb: str) -> str:
    """ "watch" -> "watches"."""
    fixed = {"be": "is", "have": "has", "do": "does", "go": "goes"}
    return fixed.get(verb) or _sibilant_s(verb)


def present_participle(verb: str) -> str:
    """ "ride" -> "riding", "sit" -> "sitting", "lie" -> "lying"."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def past(verb: str) -> str:
    """ "ride" -> "rode"."""
    return irregular_verbs()[verb][0] if verb in irregular_verbs() else _ed(verb)


def past_participle(verb: str) -> str:
    """ "ride" -> "ridden"."""
    return irregular_verbs()[verb][1] if verb in irregular_verbs() else _ed(verb)


def article(following: str) -> str:
    """ "a" or "an" before a word, by its letters."""
    if re.match(r"(?i)(uni|use|usu|eu|one|ukul|uten|ute|u-|u$)", following):
        return "a"
    return "an" if re.match(r"(?i)([aeiou]|hour|honest|mp3|x-|suv$|rv$)", following) else "a"


def _lines(name: str) -> list[str]:
    lines = (LISTS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _sibilant_s(word: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", word) and not word.endswith("stomach"):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + "s"


def _ed(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return _doubled(verb) + "ed"


def _doubled(verb: str) -> str:
    one_syllable = len(re.findall(r"[aeiouy]+", verb.replace("qu", "q"))) == 1
    if verb == "kayak":
        return verb
    short = re.search(r"[^aeiou][aeiou][^aeiouwxy]$", verb.replace("qu", "q"))
    return verb + verb[-1] if short and (one_syllable or verb in DOUBLED) else verb
