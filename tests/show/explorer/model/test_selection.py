"""What is selected: words found by whatever names them, and checked."""

from __future__ import annotations

import pytest

from daam_nb.errors import AmbiguousWordError, SelectionError, WordNotFoundError
from daam_nb.show.explorer.model.selection import number_of
from daam_nb.show.explorer.model.subject import subject_of
from tests.tiny_recordings import tiny_recording


def test_finds_by_number_text_word_and_span() -> None:
    subject, _ = subject_of(tiny_recording("a cat and a dog"))
    assert number_of(subject, 1) == 1
    assert number_of(subject, "Dog") == 4
    assert number_of(subject, subject.prompt.find("and")) == 2
    assert number_of(subject, (10, 11)) == 3
    assert number_of(subject, "a", occurrence=1) == 3
    with pytest.raises(AmbiguousWordError):
        number_of(subject, "a")
    with pytest.raises(WordNotFoundError):
        number_of(subject, "zebra")
    assert number_of(subject, "cat and") == number_of(subject, (2, 9)) == len(subject.entries) - 1
    assert subject.entries[-1].text == "cat and"
    for wrong in (-1, 99, True, 1.0, None, (0, 99), (3,), "cat dog"):
        with pytest.raises((SelectionError, WordNotFoundError)):
            number_of(subject, wrong)


def test_a_word_that_was_not_recorded_is_refused_with_the_numbers_of_those_that_were() -> None:
    subject, _ = subject_of(tiny_recording("one two three four", tokens=(0, 1, 3, 5)))
    message = r"'two' stands in the prompt and its attention was.* 0 'one', 2 'three', 4 "
    with pytest.raises(SelectionError, match=message):
        number_of(subject, "two")
