"""Any text becomes lines that fit."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daam_nb.show.lettering import MISSING, drawable, plain, width, wrap


def test_what_breaks_lines_or_turns_them_around_is_taken_out() -> None:
    assert plain("a\nb\tc\u2028d") == "a b c d"
    assert plain("bell\x07 nul\0 half\ud800") == "bell\ufffd nul\ufffd half\ufffd"
    assert plain("invoice\u202egnp.exe\u2066x\u2069") == "invoicegnp.exex"
    assert plain("zebra 🦓 שלום $x$ <b>") == "zebra 🦓 שלום $x$ <b>"


@given(st.text(st.characters(), max_size=200))
def test_plain_text_is_one_drawable_line(text: str) -> None:
    shown = plain(text)
    assert not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in shown)
    assert plain(shown) == shown


@settings(deadline=None)
@given(st.text(max_size=300), st.floats(30, 300), st.integers(1, 4))
def test_lines_fit_and_nothing_is_lost_unseen(text: str, room: float, most: int) -> None:
    lines = wrap(text, room, 12, most=most)
    assert 1 <= len(lines) <= most
    for line in lines:
        # One letter that is wider than the room cannot be cut any further.
        assert width(line, 12) <= room or len(line.rstrip("…")) <= 1
    if not lines[-1].endswith("…"):
        together = "".join(lines).replace(" ", "").replace("\xa0", "")
        assert together == plain(text).replace(" ", "").replace("\xa0", "")


def test_lines_break_between_words() -> None:
    room = width("a zebra under", 12) + 1
    assert wrap("a zebra under a pink guitar", room, 12) == ("a zebra under", "a pink guitar")


def test_no_line_breaks_at_a_no_break_space() -> None:
    room = width("version daam_nb", 12) + 1
    assert wrap("version daam_nb\xa00.1", room, 12) == ("version", "daam_nb\xa00.1")


def test_what_is_left_out_shows() -> None:
    assert wrap("word " * 2000, 100, 12, most=2)[-1].endswith("…")
    assert wrap("\u0301" * 5000, 100, 12, most=1)[-1].endswith("…")  # no width at all


def test_a_letter_and_its_accents_stay_together() -> None:
    for line in wrap("e\u0301" * 40, 30, 12, most=100):
        assert not unicodedata.combining(line[0])


def test_width_is_that_of_the_drawn_text() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=72)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text, bold in (("a zebra under a pink guitar", False), ("WWW illustration", True)):
        weight = "bold" if bold else "normal"
        drawn = figure.text(0, 0, text, fontsize=100, fontfamily="DejaVu Sans", fontweight=weight)
        measured = drawn.get_window_extent(renderer).width
        assert width(text, 100, bold=bold) == pytest.approx(measured, rel=0.03)


def test_letters_without_a_font_are_shown_as_missing() -> None:
    private = "\ue123"  # no font has it
    assert drawable(f"a{private}b") == f"a{MISSING}b"
    assert drawable("zebra") == "zebra"
    assert drawable("e\u0301") == "e\u0301"
