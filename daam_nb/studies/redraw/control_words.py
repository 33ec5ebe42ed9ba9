"""Which words of a prompt a study of single words takes: objects, and others to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from daam_nb.prompt import Prompt, Word
from daam_nb.studies.oracles.nouns import mentions

_DETERMINERS = "a an the this that these those some any each every no its his her their it"
_NUMBERS = "one two three four five six seven eight nine ten"
_LINKS = (
    "and or but nor of in on at to into onto from by with without for over under above below "
    "between behind beside near next left right front back off out up down inside outside during "
    "against along across around through as than then while"
)
_VERBS = "is are was were be been being am do does did has have had will would can could may might"
_SHOWING = "seen shown placed depicted imaged drawn standing sitting lying located"
_REST = "he she they them there here very not so image photo image background"
FUNCTION_WORDS = frozenset(
    " ".join((_DETERMINERS, _NUMBERS, _LINKS, _VERBS, _SHOWING, _REST)).split()
)
"""Words that name nothing one could see. English; "background" says less than what it is of."""


def object_words(prompt: Prompt, nouns: Sequence[str]) -> tuple[Word, ...]:
    """Words of the prompt that are among the nouns, in the singular, in the order of the text.

    Nouns that stand twice are left out: their maps and their ablation would be ambiguous. So is a
    noun that is a part of another's name: a hot dog is no dog (`nouns.mentions`).
    """
    folded = {noun.casefold() for noun in nouns}
    named = {word.span for words in mentions(prompt, nouns).values() for word in words}
    return tuple(
        word for word in _once(prompt) if word.text.casefold() in folded and word.span in named
    )


def other_words(prompt: Prompt, nouns: Sequence[str]) -> tuple[Word, ...]:
    """Content words that are no nouns of the list: adjectives, places, verbs."""
    objects = {noun.casefold() for noun in nouns}
    return tuple(
        word
        for word in _once(prompt)
        if word.text.casefold() not in objects | FUNCTION_WORDS
        and any(character.isalpha() for character in word.text)
    )


def control_word(prompt: Prompt, word: Word, nouns: Sequence[str]) -> Word | None:
    """Another content word of the same prompt, to ablate instead; None if there is none.

    One that is no object where there is one, drawn by the prompt's text: always the same.
    """
    choices = other_words(prompt, nouns) or tuple(
        other for other in object_words(prompt, nouns) if other != word
    )
    if not choices:
        return None
    draw = hashlib.sha256(f"{prompt.text}\n{word.start}".encode()).digest()[0]
    return choices[draw % len(choices)]


def _once(prompt: Prompt) -> list[Word]:
    texts = [word.text.casefold() for word in prompt.words]
    return [word for word in prompt.read_words if texts.count(word.text.casefold()) == 1]
