"""`HeatMaps` as a mapping from the words of a prompt to their maps."""

from __future__ import annotations

import pytest
import torch

from daam_nb.errors import AmbiguousWordError, UnknownOptionError, WordNotFoundError
from daam_nb.maps import heat_maps
from daam_nb.prompt import Word
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat and a dog")
MAPS = heat_maps(RUN)


def test_a_word_by_its_text_its_span_or_itself() -> None:
    assert torch.equal(MAPS["cat"].values, MAPS.word("cat").values)
    assert torch.equal(MAPS["a dog"].values, MAPS.word("a dog").values)
    assert torch.equal(MAPS[(2, 5)].values, MAPS.word("cat").values)
    first, second = (word for word in MAPS if word.text == "a")
    assert torch.equal(MAPS[second].values, MAPS.word("a", occurrence=1).values)
    assert not torch.equal(MAPS[first].values, MAPS[second].values)
    with pytest.raises(AmbiguousWordError, match="occurs 2 times"):
        MAPS["a"]
    with pytest.raises(WordNotFoundError, match="'zebra'"):
        MAPS["zebra"]


@pytest.mark.parametrize(
    ("word", "there"),
    [
        ("cat", True),
        ("CAT", True),
        ("a", True),  # twice, and there
        ("a dog", True),
        ("zebra", False),
        ("ca", False),
        (Word("cat", 2, 5), True),
        ((2, 5), True),
        ((2, 400), False),
        (3, False),
        (None, False),
    ],
)
def test_whether_a_word_is_there(word: object, there: bool) -> None:
    assert (word in MAPS) is there


def test_words_in_order_each_with_its_map() -> None:
    assert [word.text for word in MAPS] == ["a", "cat", "and", "a", "dog"]
    assert len(MAPS) == 5 and MAPS.keys() == tuple(MAPS)
    items = MAPS.items()
    assert [word_map.label for _, word_map in items] == [word.text for word, _ in items]
    for word, word_map in items:
        assert torch.equal(word_map.values, MAPS[word].values)
    assert list(dict(MAPS)) == list(MAPS)  # type: ignore[call-overload]


def test_words_whose_tokens_were_not_kept_are_not_there() -> None:
    maps = heat_maps(tiny_recording("a cat and a dog", tokens=[2, 3]))
    assert [word.text for word in maps] == ["cat", "and"]
    assert "cat" in maps and "dog" not in maps and "cat and" in maps and "a cat" not in maps


def test_words_that_share_their_tokens_share_no_memory() -> None:
    first, second = (MAPS.words[0], MAPS.words[3])
    first.values[:] = 7.0
    assert second.values.max() < 1


def test_misspelt_options_of_words_name_the_nearest() -> None:
    for call in (MAPS.word, MAPS.by_step, MAPS.by_head):
        with pytest.raises(UnknownOptionError, match=r"occurance.*did you mean 'occurrence'"):
            call("cat", occurance=1)  # type: ignore[call-arg]
