"""White space made plain, with the way back."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.language import spacing
from daam_nb.language.spacing import single_spaced


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a\nb", "a b"), ("a \r\n\t b", "a b"), (" a ", "a"), ("a\u00a0\u3000b", "a b"),
     ("a\u200bb", "a b"), ("a\x00b\x85c", "a b c"), ("c\u00ada\u2060t\ufeff", "cat"),
     ("ca\u200dt", "cat"), ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"), ("", "")],
)  # fmt: skip
def test_by_hand(text: str, plain: str) -> None:
    assert single_spaced(text).text == plain


@given(st.text(alphabet="ab \n\t\u00a0\u200b\u200d\ufeff\u00ad\x00é\U0001f469", max_size=12))
def test_every_character_comes_from_its_own(text: str) -> None:
    spaced = single_spaced(text)
    assert len(spaced.text) == len(spaced.origins)
    assert list(spaced.origins) == sorted(set(spaced.origins))
    assert single_spaced(spaced.text).text == spaced.text == spaced.text.strip()
    assert "  " not in spaced.text
    for character, origin in zip(spaced.text, spaced.origins, strict=True):
        assert character in (" ", text[origin])


def test_the_examples() -> None:
    tried = doctest.testmod(spacing)
    assert (tried.attempted > 0, tried.failed) == (True, 0)
