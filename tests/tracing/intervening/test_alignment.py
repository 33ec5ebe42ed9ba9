"""Which column goes with which, by hand and by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import SelectionError, ShapeError, WordNotFoundError
from daam_nb.prompt import Prompt
from daam_nb.tracing import Alignment, align
from tests.tiny_tokenizers import clip_tokenizer

TOKENIZER = clip_tokenizer(model_max_length=16)


def prompt(text: str) -> Prompt:
    return Prompt.from_tokenizer(text, TOKENIZER)


def text_links(recorded: str, new: str, **options: dict[str, str]) -> list[tuple[int, int, float]]:
    """Links of the columns of the new prompt's words."""
    made, columns = prompt(new), align(prompt(recorded), prompt(new), **options).links
    return [link for link in columns if made.tokens[link[0]].role == "text"]


def test_a_word_in_place_of_another() -> None:
    assert text_links("a red cat", "a blue cat") == [(1, 1, 1.0), (2, 2, 1.0), (3, 3, 1.0)]


def test_an_inserted_word_keeps_its_own() -> None:
    assert text_links("a cat", "a red cat") == [(1, 1, 1.0), (3, 2, 1.0)]


def test_a_dropped_word() -> None:
    assert text_links("a red cat and a dog", "a red dog") == [(1, 1, 1.0), (2, 2, 1.0), (3, 6, 1.0)]


def test_two_tokens_for_one_share_its_attention() -> None:
    assert text_links("a cat", "a giraffe") == [(1, 1, 1.0), (2, 2, 0.5), (3, 2, 0.5)]


def test_one_token_for_two_takes_both() -> None:
    assert text_links("a giraffe", "a cat") == [(1, 1, 1.0), (2, 2, 1.0), (2, 3, 1.0)]


def test_pairs_of_ones_own() -> None:
    links = text_links("a cat and a dog", "a dog and a cat", words={"dog": "cat", "cat": "dog"})
    assert links == [(1, 1, 1.0), (2, 2, 1.0), (3, 3, 1.0), (4, 4, 1.0), (5, 5, 1.0)]
    with pytest.raises(WordNotFoundError, match="'tree'"):
        align(prompt("a cat"), prompt("a dog"), words={"dog": "tree"})


def test_start_end_and_padding_go_together() -> None:
    links = align(prompt("a cat"), prompt("a red cat")).links
    specials = [(new, old) for new, old, _ in links if old == 0 or old >= 3]
    assert specials == [(0, 0), *((column + 1, column) for column in range(3, 15))]


def test_other_text_encoders() -> None:
    other = Prompt.from_tokenizer("a cat", clip_tokenizer(model_max_length=8))
    with pytest.raises(ShapeError, match="has 8 columns and the new one 16"):
        align(other, prompt("a cat"))


@given(st.lists(st.sampled_from(["a", "red", "cat", "giraffe", "and"]), max_size=5),
       st.lists(st.sampled_from(["a", "red", "cat", "giraffe", "and"]), max_size=5))  # fmt: skip
def test_attention_is_never_handed_out_twice(ours: list[str], theirs: list[str]) -> None:
    """Every recorded column gives away at most what it has, and equal prompts align as they are."""
    recorded, new = prompt(" ".join(theirs)), prompt(" ".join(ours))
    links = align(recorded, new).links
    given_away: dict[int, float] = {}
    for column, old, share in links:
        assert 0 <= column < 16
        given_away[old] = given_away.get(old, 0.0) + share
    assert all(total <= 1 + 1e-9 for total in given_away.values())
    if ours == theirs:
        assert links == tuple((column, column, 1.0) for column in range(16))


def test_only_some_columns() -> None:
    made = Alignment(((1, 1, 1.0), (2, 3, 0.5), (3, 3, 0.5)))
    assert made.columns == (1, 2, 3)
    assert made.only([2]).links == ((2, 3, 0.5),)


@pytest.mark.parametrize("link", [(-1, 0, 1.0), (0, -1, 1.0), (0, 0, 0.0), (0, 0, 1.5)])
def test_links_that_are_none(link: tuple[int, int, float]) -> None:
    with pytest.raises(SelectionError, match="columns count from 0"):
        Alignment((link,))


def test_a_pair_given_twice() -> None:
    with pytest.raises(SelectionError, match="at most once"):
        Alignment(((0, 0, 0.5), (0, 0, 0.5)))


def test_chosen_words_do_not_share_one() -> None:
    """Of "dog" and "car", both to look like "cat", one was dropped without a word."""
    recorded, new = prompt("a red cat and a dog"), prompt("a blue dog and a car")
    with pytest.raises(SelectionError, match=r"'dog' with 'cat' and 'car' with 'cat'.*recorded"):
        align(recorded, new, words={"dog": "cat", "car": "cat"})
    pairs = {"blue dog": "red cat", "dog": "dog"}
    for words in (pairs, dict(reversed(pairs.items()))):
        with pytest.raises(SelectionError, match="share characters 7-10 of the new prompt"):
            align(recorded, new, words=words)
    links = align(recorded, new, words={"dog": "cat", "car": "dog"}).links
    assert {(3, 3, 1.0), (6, 6, 1.0)} <= set(links)


def test_an_alignment_knows_its_prompts() -> None:
    recorded, new, other = prompt("a red cat"), prompt("a dog"), prompt("two red cats")
    alignment = align(recorded, new)
    assert alignment.why_not(recorded, new) == ""
    assert alignment.only([1]).why_not(recorded, new) == ""
    assert "the wrong way round" in alignment.why_not(new, recorded)
    assert "'two red cats' is recorded and 'a dog' is drawn" in alignment.why_not(other, new)
    assert Alignment(alignment.links).why_not(other, new) == ""
