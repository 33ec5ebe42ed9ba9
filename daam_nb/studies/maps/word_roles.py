"""Roles of a prompt's words: objects, properties, relations, background, and their masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.prompt import Prompt, Word
from daam_nb.studies.arguments import texts
from daam_nb.studies.oracles.objects import ObjectWord
from daam_nb.studies.redraw.control_words import FUNCTION_WORDS

Mask = NDArray[np.bool_]

OBJECT, ADJECTIVE, RELATION, BACKGROUND, OTHER = (
    *("object", "adjective", "relation", "background", "other"),
)
ROLES: dict[str, str] = {
    OBJECT: "names an object; its mask is the object",
    ADJECTIVE: "says a property of an object, such as its color; its mask is that object",
    RELATION: "says how two objects stand to each other; its mask is both objects",
    BACKGROUND: "says where the objects are; its mask is what shows no object",
    OTHER: "any other word; it has no mask",
}
"""What a word is -> what that means, and where it should be."""


@dataclass(frozen=True)
class Phrases:
    """Texts that identify the roles of words, besides the objects' nouns.

    Attributes
    ----------
    adjectives, relations, backgrounds
        Words and phrases of each role.
    """

    adjectives: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()

    @classmethod
    def of(cls, adjectives: Any, relations: Any, backgrounds: Any) -> Phrases:
        """One or several texts, or name -> texts, such as a relation and its phrases.

        Raises
        ------
        StudyError
            For anything else.
        """
        named = {"adjectives": adjectives, "relations": relations, "backgrounds": backgrounds}
        return cls(**{name: _flat(value, name) for name, value in named.items()})


@dataclass(frozen=True, eq=False)
class RoleWord:
    """A word of a prompt with its role.

    Attributes
    ----------
    word
        The word.
    role
        Of `ROLES`.
    noun
        The object that it names or describes; empty for other roles.
    mask
        Its mask: (y, x), bool; None if unknown.
    rival
        The mask of the other object of a pair; None if there is none.
    """

    word: Word
    role: str
    noun: str = ""
    mask: Mask | None = None
    rival: Mask | None = None


def role_words(
    prompt: Prompt, objects: Sequence[ObjectWord], background: Mask | None, phrases: Phrases
) -> list[RoleWord]:
    """List every word of a prompt with its role, in the order of the text.

    Parameters
    ----------
    prompt
        The prompt; words that the model did not read are left out.
    objects
        Words that name objects.
    background
        The mask of what shows no object.
    phrases
        The other roles' texts. Each word of a phrase has the role, except articles and the like:
        "to the left of" is "left", "in front of a brick wall" "front", "brick" and "wall". An
        adjective describes the object after it if there is no function word in between ("a red
        cat"), else the one before it ("the cat is red").
    """
    roles = [_of_object(each, objects) for each in objects]
    spans = {each.word.span for each in roles}
    read = {word.span for word in prompt.read_words}
    for role, listed in (
        (RELATION, phrases.relations), (BACKGROUND, phrases.backgrounds),
        (ADJECTIVE, phrases.adjectives),
    ):  # fmt: skip
        for phrase in _occurrences(prompt, listed):
            for word in _telling(prompt, phrase):
                if word.span not in spans and word.span in read:
                    spans.add(word.span)
                    roles.append(_of_phrase(prompt, word, role, objects, background))
    for word in prompt.read_words:
        letters = any(character.isalnum() for character in word.text)
        if letters and not any(word.start < end and start < word.end for start, end in spans):
            roles.append(RoleWord(word, OTHER))
    kept = [each for each in roles if _is_read(prompt, each.word)]
    return sorted(kept, key=lambda each: each.word.start)


def _of_object(each: ObjectWord, objects: Sequence[ObjectWord]) -> RoleWord:
    others = [other for other in objects if other is not each]
    rival = others[0].mask if len(others) == 1 and others[0].noun != each.noun else None
    return RoleWord(each.word, OBJECT, each.noun, each.mask, rival)


def _of_phrase(
    prompt: Prompt,
    word: Word,
    role: str,
    objects: Sequence[ObjectWord],
    background: Mask | None,
) -> RoleWord:
    if role == RELATION:
        return RoleWord(word, role, mask=_both(objects))
    if role == BACKGROUND:
        return RoleWord(word, role, mask=background)
    owner = _owner(prompt, word, objects)
    if owner is None:
        return RoleWord(word, role)
    owned = _of_object(owner, objects)
    return RoleWord(word, role, owner.noun, owned.mask, owned.rival)


_SMALL = frozenset(["a", "an", "the", "to", "of", "in", "on", "at", "by", "with"])
"""Words that a phrase has beside those that tell; a phrase of these alone keeps them."""


def _telling(prompt: Prompt, phrase: Word) -> list[Word]:
    words = [each for each in prompt.words if phrase.start <= each.start and each.end <= phrase.end]
    return [each for each in words if each.text.casefold() not in _SMALL] or words


def _both(objects: Sequence[ObjectWord]) -> Mask | None:
    masks = [each.mask for each in objects if each.mask is not None]
    return masks[0] | masks[1] if len(objects) == len(masks) == 2 else None


def _owner(prompt: Prompt, word: Word, objects: Sequence[ObjectWord]) -> ObjectWord | None:
    """The object that an adjective describes: "a red [small] cat", else "a cat that is red"."""
    behind = [each for each in objects if each.word.start >= word.end]
    before = [each for each in objects if each.word.end <= word.start]
    if behind:
        between = prompt.text[word.end : behind[0].word.start].casefold()
        adjoining = set(between.split()).isdisjoint(FUNCTION_WORDS) and "," not in between
        if adjoining or not before:
            return behind[0]
    return before[-1] if before else None


def _occurrences(prompt: Prompt, listed: Sequence[str]) -> list[Word]:
    """The occurrences of the phrases, the longest first if they overlap."""
    standing = [word for phrase in listed for word in prompt.occurrences(phrase)]
    chosen: list[Word] = []
    for word in sorted(standing, key=lambda word: (word.start - word.end, word.start)):
        if all(word.end <= other.start or other.end <= word.start for other in chosen):
            chosen.append(word)
    return sorted(chosen, key=lambda word: word.start)


def _is_read(prompt: Prompt, word: Word) -> bool:
    parts = [each for each in prompt.words if each.start < word.end and word.start < each.end]
    return set(parts) <= set(prompt.read_words)


def _flat(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        nested: Iterable[Any] = value.values()
        return tuple(dict.fromkeys(text for each in nested for text in texts(each, name)))
    return texts(value, name)
