"""Where a prompt names an object: the longest name, in any spelling, and not inside of another."""

from __future__ import annotations

import doctest

import pytest

from daam_nb.errors import AmbiguousWordError, StudyError
from daam_nb.studies.oracles import nouns
from daam_nb.studies.oracles.nouns import COMPOUNDS, forms, mentions, named_word, singulars
from daam_nb.studies.oracles.truths import COCO_80
from tests.tiny_recordings import tiny_prompt


def named(text: str, vocabulary: tuple[str, ...] = COCO_80) -> dict[str, list[str]]:
    words_of = mentions(tiny_prompt(text, length=40), vocabulary)
    return {name: [word.text for word in words] for name, words in words_of.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a hot dog", {"hot dog": ["hot dog"]}),
        ("a hot dog and a dog", {"hot dog": ["hot dog"], "dog": ["dog"]}),
        ("two Hot Dogs, one DOG", {"hot dog": ["Hot Dogs"], "dog": ["DOG"]}),
        ("a hot-dog stand near hotdogs", {"hot dog": ["hot-dog", "hotdogs"]}),
        ("a hot\n dog", {"hot dog": ["hot\n dog"]}),
        ("a teddy bear hugs a bear", {"teddy bear": ["teddy bear"], "bear": ["bear"]}),
        ("Teddy-bears on a bed", {"teddy bear": ["Teddy-bears"], "bed": ["bed"]}),
        ("a fire hydrant", {"fire hydrant": ["fire hydrant"]}),
        ("a stop sign and a sign", {"stop sign": ["stop sign"]}),
        ("a dog-friendly bus stop", {}),
        ("a sheep dog and three sheep", {"dog": ["dog"], "sheep": ["sheep"]}),
        ("two computer mice", {"mouse": ["mice"]}),
        ("people with knives", {"person": ["people"], "knife": ["knives"]}),
        ("a catamaran, a cupcake, a scar", {}),
        ("an apple tree and an apple", {"apple": ["apple"]}),
        ("a guard-dog", {"dog": ["dog"]}),
        ("a wine glass and cups", {"wine glass": ["wine glass"], "cup": ["cups"]}),
    ],
)  # fmt: skip
def test_what_a_prompt_names(text: str, expected: dict[str, list[str]]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize("text", ["a hot dog", "a hot-dog", "hotdogs", "a HOT  DOG"])
def test_a_hot_dog_is_no_dog_in_a_vocabulary_without_hot_dogs(text: str) -> None:
    assert named(text, ("dog", "cat")) == {}


def test_names_of_one_word_may_stand_for_several_things() -> None:
    prompt = tiny_prompt("a woman and a man")
    people = {"person": ("person", "man", "woman"), "woman": ("woman",)}
    assert mentions(prompt, people) == {
        "person": prompt.occurrences("woman") + prompt.occurrences("man"),
        "woman": prompt.occurrences("woman"),
    }


def test_a_text_is_one_noun_and_not_its_letters() -> None:
    prompt = tiny_prompt("a man and a dog")
    assert list(mentions(prompt, "dog")) == ["dog"]
    assert mentions(prompt, {"person": "man"}) == {"person": prompt.occurrences("man")}


def test_names_that_overlap() -> None:
    assert named("a red hot dog stand", ("red hot", "hot dog", "dog stand")) == {
        "red hot": ["red hot"],
        "dog stand": ["dog stand"],
    }
    assert named("a potted plant", ("plant", "potted plant", "potted")) == {
        "potted plant": ["potted plant"]
    }


def test_the_one_place() -> None:
    prompt = tiny_prompt("a dog and a hot dog and a cat and a cat")
    assert named_word(prompt, "dog", ("hot dog",)).span == (2, 5)
    assert named_word(prompt, "dog").span == (2, 5)
    assert named_word(prompt, "hot dog").span == (12, 19)
    with pytest.raises(AmbiguousWordError, match="'cat' occurs 2 times"):
        named_word(prompt, "cat")
    with pytest.raises(StudyError, match=r"does not name 'bear'\. Give captions"):
        named_word(prompt, "bear")
    with pytest.raises(StudyError, match=r"does not name 'dog' but as a part of .* characters 6-9"):
        named_word(tiny_prompt("a hot dog"), "dog")


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("cat", "cats"), ("bus", "buses"), ("strawberry", "strawberries"), ("toy", "toys"),
     ("knife", "knives"), ("bench", "benches"), ("giraffe", "giraffes"), ("roof", "roofs"),
     ("mouse", "mice"), ("fireman", "firemen"), ("hot dog", "hot dogs"), ("leaf", "leaves"),
     ("human", "humans"), ("person", "people"), ("computer mouse", "computer mice")],
)  # fmt: skip
def test_plurals(noun: str, plural: str) -> None:
    assert plural in forms(noun)
    assert noun in singulars(plural)


def test_compounds_are_of_the_nouns_they_hide() -> None:
    for noun, phrases in COMPOUNDS.items():
        assert phrases
        for phrase in phrases:
            assert named(f"a {phrase} here", (noun,)) == {}, phrase


def test_the_examples() -> None:
    tried = doctest.testmod(nouns)
    assert (tried.attempted > 0, tried.failed) == (True, 0)
