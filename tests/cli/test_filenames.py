"""Words become file names that every system takes, each its own."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.cli.filenames import MAX_BYTES, safe_stem, safe_stems

FORBIDDEN = set('<>:"/\\|?*') | {chr(code) for code in range(32)} | {"\x7f"}
DEVICES = {"con", "prn", "aux", "nul", *(f"{p}{d}" for p in ("com", "lpt") for d in "0123456789")}

texts = st.text(max_size=120) | st.sampled_from(
    ["con", "CON.txt", "aux", "com1", "LPT9.a.b", "..", ".", "-rf", "a/b", "C:\\x", "🐱" * 60, "é"]
)


@pytest.mark.parametrize(
    ("label", "stem"),
    [
        ("zebra", "zebra"),
        ("Zebra", "Zebra"),
        ("red car", "red_car"),
        ("don't", "don_t"),
        ("3.14", "3.14"),
        ("a/b\\c:d", "a_b_c_d"),
        ("..", "_"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("con", "con_"),
        ("NUL", "NUL_"),
        ("com1.x", "com1_.x"),
        ("🐱", "cat-face"),
        ("👩\u200d🚀", "womanrocket"),
        ("犬", "犬"),
        ("cafe\u0301", "café"),
        ("", "_"),
    ],
)
def test_a_name_can_be_read(label: str, stem: str) -> None:
    assert safe_stem(label) == stem


def test_repeated_words_are_numbered_from_the_second() -> None:
    assert safe_stems(["a", "cat", "a", "A", "a"]) == ("a", "cat", "a-2", "A-3", "a-4")


def test_a_number_that_is_taken_is_not_given_again() -> None:
    assert safe_stems(["a", "a-2", "a"]) == ("a", "a-2", "a-3")


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert safe_stems(["é", "e\u0301"]) == ("é", "é-2")


@given(st.lists(texts, max_size=6))
def test_names_are_safe_on_every_system(labels: list[str]) -> None:
    stems = safe_stems(labels)
    assert len(stems) == len(labels)
    for stem in stems:
        assert 0 < len(stem.encode()) <= MAX_BYTES
        assert not FORBIDDEN & set(stem)
        assert not stem.startswith((".", "-")) and not stem.endswith((".", " "))
        assert stem.split(".")[0].lower() not in DEVICES
        assert unicodedata.is_normalized("NFC", stem)
        assert all(character.isprintable() for character in stem)
    for form in ("NFC", "NFD", "NFKC"):
        seen = [unicodedata.normalize(form, stem).lower() for stem in stems]
        assert len(set(seen)) == len(stems)


@given(st.lists(texts, max_size=3))
def test_files_of_these_names_can_be_made(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    folder: Path = tmp_path_factory.mktemp("names")
    for stem in safe_stems(labels):
        (folder / f"{stem}.heat_map.png").touch(exist_ok=False)
    assert len(list(folder.iterdir())) == len(labels)
