"""Words of a prompt that a model never read, and what is offered in their place."""

from __future__ import annotations

from typing import Any

import pytest

from daam_nb.classroom import Classroom
from daam_nb.classroom.vocabulary import MAX_NAMED, MAX_OFFERED, offers, unknown_words
from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.menagerie import WORDS
from tests.pipelines import sd1

KNOWN = ("zebra", "car", "cat", "red", "a", "on", "the", "grass")


def opened(**options: Any) -> Classroom:
    return Classroom(sd1(), draw=False, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red cat, on the grass", []),
        ("A Red CAT", []),
        ("a sofa and a SOFA", [(2, 6), (7, 10)]),
        ("two cats", [(0, 3), (4, 8)]),
        ("", []),
        (" , . !", []),
        ("the cat\u2019s grass", [(4, 9)]),
        ("\u732b", [(0, 1)]),
    ],
)
def test_unknown_words_are_found_once_each(text: str, expected: list[tuple[int, int]]) -> None:
    assert unknown_words(text, KNOWN) == expected


def test_what_is_offered_is_known_alike_and_not_in_the_text_yet() -> None:
    assert offers("cats", KNOWN)[0] == "cat"
    assert "cat" not in offers("cats", KNOWN, "a cat and cats")
    assert offers("girafe", WORDS)[:2] == ["giraffe", "giraffes"]
    assert offers("unicorn", WORDS, "a zebra and a unicorn")[:2] == ["cat", "duck"]
    assert len(offers("qqq", WORDS)) == MAX_OFFERED
    assert offers("dog", ("a",), "a dog") == []


def test_it_is_said_as_the_prompt_changes() -> None:
    page = opened(prompt="a red cat", known_words=KNOWN)
    assert page.vocabulary is not None and page.vocabulary.said.value == ""
    page.prompt.value = "a red <sofa> on the dogs"
    said = page.vocabulary.said.value
    assert "\u201csofa\u201d and \u201cdogs\u201d" in said and "<sofa>" not in said
    [first, second] = page.vocabulary.offered.children
    assert "sofa" in first.children[0].value and "dogs" in second.children[0].value
    chosen = next(button for button in first.children[1:])
    chosen.click()
    assert page.prompt.value == f"a red <{chosen.description}> on the dogs"
    assert "sofa" not in page.vocabulary.said.value
    page.prompt.value = "a b c d e f g h"
    assert len(page.vocabulary.offered.children) == MAX_NAMED


def test_what_was_offered_before_is_closed() -> None:
    page = opened(prompt="a sofa", known_words=KNOWN)
    assert page.vocabulary is not None
    [row] = page.vocabulary.offered.children
    page.prompt.value = "a cat"
    assert row.comm is None and all(child.comm is None for child in row.children)


def test_a_prompt_of_any_length_is_looked_at_in_bounds() -> None:
    page = opened(known_words=KNOWN)
    page.prompt.value = "sofa" + " cat" * 100_000
    assert page.vocabulary is not None and "sofa" in page.vocabulary.said.value


def test_without_known_words_nothing_is_said() -> None:
    assert opened(prompt="a sofa").vocabulary is None


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("zebra", WrongKindError),
        (7, WrongKindError),
        ([b"zebra"], WrongKindError),
        (["zebra", None], WrongKindError),
        ([], SelectionError),
    ],
)
def test_known_words_are_words(words: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="known_words"):
        opened(known_words=words)
