"""Words of a prompt, what each is, and where it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from daam_nb.studies.maps.word_roles import Phrases, role_words
from daam_nb.studies.oracles.objects import ObjectWord, judged_objects
from tests.studies.toy import ToyJudge
from tests.tiny_recordings import tiny_prompt

PHRASES = Phrases.of(["red", "blue"], {"left": ("left of", "to the left of")}, ["in the snow"])
LEFT = np.array([[True, False]])


def roles(text: str, nouns: tuple[str, ...] = ("cat", "dog"), **options: Any) -> dict[str, Any]:
    prompt = tiny_prompt(text, **options)
    masks = {"cat": LEFT, "dog": ~LEFT}
    objects = [ObjectWord(prompt.find(noun), noun, masks[noun]) for noun in nouns]
    background = np.zeros((1, 2), bool)
    return {each.word.text: each for each in role_words(prompt, objects, background, PHRASES)}


def test_every_word_has_a_role() -> None:
    words = roles("a red cat to the left of a big dog in the snow", length=20)
    assert {text: each.role for text, each in words.items()} == {
        **dict.fromkeys(("a", "to", "the", "of", "big", "in"), "other"),
        "red": "adjective",
        "cat": "object",
        "left": "relation",
        "dog": "object",
        "snow": "background",
    }
    assert words["cat"].mask is LEFT and np.array_equal(words["cat"].rival, ~LEFT)
    assert words["red"].mask is LEFT and words["red"].noun == "cat"
    assert words["left"].mask.all() and not words["snow"].mask.any()
    assert words["big"].mask is None and words["big"].noun == ""


def test_a_phrase_of_small_words_keeps_them() -> None:
    phrases = Phrases.of((), ["with"], ())
    prompt = tiny_prompt("a cat with a hat")
    found = {each.word.text: each.role for each in role_words(prompt, [], None, phrases)}
    assert found["with"] == "relation"


@pytest.mark.parametrize(
    ("text", "noun"),
    [
        ("a red cat and a dog", "cat"),
        ("a cat and a red big dog", "dog"),
        ("a cat that is red and a dog", "cat"),
        ("the cat is red, dog", "cat"),
        ("red and a cat", "cat"),
    ],
)
def test_an_adjective_is_said_of_an_object(text: str, noun: str) -> None:
    nouns = tuple(name for name in ("cat", "dog") if name in text)
    assert roles(text, nouns)["red"].noun == noun


def test_words_that_were_cut_are_left_out() -> None:
    assert list(roles("a red cat in the snow", ("cat",), length=6)) == ["a", "red", "cat", "in"]


def test_a_single_object_has_no_rival() -> None:
    words = roles("a cat left of", ("cat",))
    assert words["cat"].rival is None and words["left"].mask is None


def test_a_judge_says_where_objects_are() -> None:
    bright = Image.new("RGB", (96, 64), "white")
    prompt = tiny_prompt("a dog and a cat and a bird")
    objects, background = judged_objects(prompt, bright, ToyJudge())
    assert [each.noun for each in objects] == ["dog", "cat"]
    labels = ToyJudge().labels(bright)
    assert np.array_equal(objects[0].mask, labels == 2)
    assert np.array_equal(background, labels == 0)
    dark = Image.new("RGB", (96, 64), "black")
    assert [each.mask is None for each in judged_objects(prompt, dark, ToyJudge())[0]] == [
        True,
        False,
    ]
    twice = tiny_prompt("a cat and a cat")
    assert judged_objects(twice, bright, ToyJudge())[0] == []  # which is which?
