from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.errors import DaamError, RecordingFormatError, RecordingNotFoundError
from daam_nb.printable import printable

PLAIN = [
    "a zebra and a giraffe",
    "naïve café, e\u0301",
    "中文 日本語 한국어 عربي עברית हिन्दी ไทย",
    "🦓 👩‍🚀 👨‍👩‍👧 ❤️ 👍🏽 🇨🇭",
    "∑ √ ½ ★ “quotes” … – —",
    "no\u00a0break, wide\u3000space",
]
ESCAPED = [
    ("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07"),  # the clipboard
    ("\x1b]0;root\x07\x1b[2K\x1b[8m", r"\x1b]0;root\x07\x1b[2K\x1b[8m"),  # title, hidden text
    ("\x9b31mred", r"\x9b31mred"),  # C1: one sign that begins a sequence
    ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
    ("x\u202egpj.exe\u2066\u2069\u200f", r"x\u202egpj.exe\u2066\u2069\u200f"),
    ("ad\u200bmin\u2060\ufeff\u00ad", r"ad\u200bmin\u2060\ufeff\xad"),
    ("a\u200db", r"a\u200db"),  # a joiner that joins no images
    ("line\u2028para\u2029", r"line\u2028para\u2029"),
    ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),  # tags: text that nobody sees
    ("\u3164\u2800\ufe00\U000e0100\u034f", r"\u3164\u2800\ufe00\U000e0100\u034f"),
    ("\ud800", r"\ud800"),
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_can_be_seen_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(("text", "shown"), ESCAPED)
def test_what_a_terminal_obeys_or_nobody_sees_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_some_signs_may_stay() -> None:
    assert printable("a\n\x1bb\t", keep="\n\t") == "a\n\\x1bb\t"


@given(st.text())
def test_nothing_that_controls_is_left(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cs", "Zl", "Zp", "Co", "Cn"}
    assert {sign for sign in shown if unicodedata.category(sign) == "Cf"} <= {"\u200d"}
    assert printable(shown) == shown


def test_no_error_of_ours_says_what_a_terminal_obeys() -> None:
    assert str(DaamError("a\nb \x1b[2J\u202e")) == "a\nb \\x1b[2J\\u202e"
    assert str(RecordingFormatError("\x07")) == r"\x07"
    assert str(RecordingNotFoundError("\x07")) == r"\x07"
    assert str(DaamError()) == ""
