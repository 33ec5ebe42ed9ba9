"""Word boundaries and matching: hand-made cases of UAX #29, and the traps of folding."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.words import Folded, Word, fold, word_boundaries, words_between

FAMILY = "👨\u200d👩\u200d👧"


def words(text: str, whole: tuple[tuple[int, int], ...] = ()) -> list[str]:
    return [word.text for word in words_between(text, word_boundaries(text, whole=whole))]


def places(text: str, phrase: str, *, case: bool = False) -> list[tuple[int, int]]:
    return list(Folded(text, case=case).find_all(phrase, word_boundaries(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A red  car.", ["A", "red", "car"]),
        ("don't rock'n'roll o’clock", ["don't", "rock'n'roll", "o’clock"]),
        ("'quoted' \"words\"", ["quoted", "words"]),
        ("mother-in-law, snake_case", ["mother", "in", "law", "snake_case"]),
        ("3.14 1,000 50% $5 mp3", ["3.14", "1,000", "50", "5", "mp3"]),
        ("U.S.A. a.m.", ["U.S.A", "a.m"]),
        ("(dog:1.3)++ [cat|fox]", ["dog", "1.3", "cat", "fox"]),
        (f"{FAMILY} 👍🏽👍 🇫🇷🇩🇪", [FAMILY, "👍🏽", "👍", "🇫🇷", "🇩🇪"]),
        ("1️⃣ *️⃣ ☀️ ↔️ 🏽", ["1️⃣", "*️⃣", "☀️", "↔️", "🏽"]),
        ("a \u200d😀 \u0301", ["a", "\u200d😀"]),  # nothing hangs on a space
        ("e\u0301te\u0301 cafe\u0301.", ["e\u0301te\u0301", "cafe\u0301"]),
        ("שלום, עולם צה\"ל", ["שלום", "עולם", 'צה"ל']),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("红色的汽车", ["红", "色", "的", "汽", "车"]),
        ("カタカナ", ["カタカナ"]),
        ("l'été İstanbul", ["l'été", "İstanbul"]),
        ("a\u200bb a\u00adb", ["a", "b", "a\u00adb"]),  # a space of no width parts
        ("20° ★ © ™", ["20", "°", "★", "©", "™"]),
        ("", []),
        (" \t\n\u3000", []),
        ("... _ - | < > $ + ` ^ …", []),
    ],
)  # fmt: skip
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_boundaries_have_both_ends_once() -> None:
    assert word_boundaries("") == (0,)
    assert word_boundaries("a b") == (0, 1, 2, 3)


def test_no_boundary_inside_what_is_one_unit() -> None:
    text = "a <cat-toy>s"
    assert words(text) == ["a", "cat", "toy", "s"]
    assert words(text, whole=((2, 11),)) == ["a", "<cat-toy>", "s"]


@given(st.text(max_size=40))
def test_words_lie_apart_in_order_and_hold_no_white_space_alone(text: str) -> None:
    found = list(words_between(text, word_boundaries(text)))
    assert all(text[word.start : word.end] == word.text for word in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert all(word.text == word.text.strip() for word in found)
    # Nothing that Python calls alphanumeric is outside every word.
    inside = {place for word in found for place in range(*word.span)}
    assert all(place in inside for place, sign in enumerate(text) if sign.isalnum())


def test_a_word_knows_its_span() -> None:
    word = Word("cat", 2, 5)
    assert word.span == (2, 5)
    assert str(word) == "cat"


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("a catamaran, a cat", "cat", [(15, 18)]),
        ("cat cats Cat CAT's cat_ cat2", "cat", [(0, 3), (9, 12)]),
        ("a red  car, red\ncar, red, car", "red car", [(2, 10), (12, 19)]),
        ("a red  car", "  red \t car ", [(2, 10)]),
        ("a hot dog is no hot", "hot dog", [(2, 9)]),
        ("a scarred car", "red car", []),
        ("dog dog dog", "dog dog", [(0, 7)]),  # not overlapping
        ("Straße, STRASSE", "strasse", [(0, 6), (8, 15)]),
        ("strasse", "Straße", [(0, 7)]),
        ("İ i ı", "i", [(2, 3)]),  # 'İ' folds to i and a dot: not half of it
        ("İ x", "i\u0307", [(0, 1)]),
        ("xİİ cat", "cat", [(4, 7)]),  # lengths change before it
        ("ΣΊΣΥΦΟΣ", "σίσυφος", [(0, 7)]),
        ("a café", "cafe\u0301", [(2, 6)]),
        ("a cafe\u0301", "café", [(2, 7)]),
        ("a cafe\u0301", "cafe", []),  # the accent belongs to the letter
        ("각", "\u1100\u1161\u11a8", [(0, 1)]),
        ("각", "\u1100", []),
        ("o\u0323\u0307", "o\u0307\u0323", [(0, 3)]),  # order of marks
        ("xo\u0307\u0323", "xo\u0323\u0307", [(0, 4)]),
        ("a ﬁx", "fix", [(2, 4)]),
        ("mother-in-law", "mother-in-law", [(0, 13)]),
        ("mother-in-law", "in", [(7, 9)]),
        ("a, b", ",", [(1, 2)]),
        (f"{FAMILY}👩", "👩", [(5, 6)]),  # not one of the family
        ("🇫🇷🇩🇪", "🇷🇩", []),
        ("what (exactly)? a.b*c", "(exactly)?", [(5, 15)]),
        ("a b", "", []),
        ("a b", "  ", []),
    ],
)
def test_where_a_phrase_stands(text: str, phrase: str, expected: list[tuple[int, int]]) -> None:
    assert places(text, phrase) == expected


def test_case_may_matter() -> None:
    assert places("Cat cat CAT", "Cat", case=True) == [(0, 3)]
    assert places("Café cafe\u0301", "café", case=True) == [(5, 10)]


SMALL = st.lists(st.sampled_from(["cat", "Cat", "catamaran", "dog", " ", "  ", ", ", "-", "\n"]))


@given(SMALL.map("".join), st.sampled_from(["cat", "dog", "cat dog", "cat cat"]))
def test_plain_words_are_found_where_a_regular_expression_finds_them(
    text: str, phrase: str
) -> None:
    pattern = r"\b" + r"\s+".join(phrase.split()) + r"\b"
    expected = [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
    assert places(text, phrase) == expected


MARKED = st.text(
    st.sampled_from("ao\u0323\u0307\u0345\u0344각\u1161ßİ ") | st.characters(codec="utf-8")
)


@settings(max_examples=200)
@given(MARKED)
def test_folding_by_segments_is_folding_the_whole(text: str) -> None:
    assert Folded(text).text == fold(text)
    assert Folded(text, case=True).text == unicodedata.normalize("NFD", text)
