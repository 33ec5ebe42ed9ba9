"""Prompts are text: never markup, never mathematics, never a flood of warnings."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from daam_nb.show.figures import head_sheet, overlay, step_strip, token_bars, words_row
from daam_nb.show.lettering import plain
from tests.show.figures.drawn import words_of_matplotlib, words_of_plotly
from tests.tiny_recordings import tiny_recording

HOSTILE = {
    "mathematics": "cost $x$ and $\\frac{1}{0}$ \\alpha a_b^c",
    "markup": "<b>bold</b> <br> &amp; &lt; <script>alert(1)</script> <a href='javascript:x'>y</a>",
    "places to fill in": "x %{z} {y} {{z}} %s %(a)s",
    "quotes": "\"double\" 'single' `back` “curly”",
    "emoji": "zebra 🦓 family 👩‍👩‍👧 flag 🇺🇬 tone 👍🏽",
    "right to left": "שלום עולם مرحبا بالعالم and back",
    "turning": "image\u202egnp.exe \u2067hidden\u2069 end",
    "no spaces": "日本語のとても長い文章です",
    "one long word": "Donaudampfschifffahrt" * 20,
    "lines": "first\nsecond\r\nthird\u2028fourth\tfifth",
    "control signs": "bell \x07 nul \0 escape \x1b[31m end",
    "a book": "a zebra in the snow " * 500,
}


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE.keys())
def prompt(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_figure_takes_it(prompt: str, tmp_path: Path) -> None:
    run = replace(tiny_recording(prompt, length=10), image=Image.new("RGB", (96, 64), "white"))
    word = run.prompt.words[0].span
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, figure in enumerate(
            (
                overlay(run, word, width=100),
                step_strip(run, word, bins=1),
                head_sheet(run, word, layers="mid"),
                token_bars(run),
            )
        ):
            saved = figure.save(tmp_path / f"{number}.png", scale=0.5)
            assert saved.stat().st_size > 1000
        svg = words_row(run, words=[word]).save(tmp_path / "row.svg")
    ElementTree.parse(svg)  # well-formed


def test_every_format_takes_all_at_once(tmp_path: Path) -> None:
    prompt = " ".join(HOSTILE.values())[:2000]
    run = replace(tiny_recording(prompt, length=10), image=Image.new("RGB", (96, 64), "white"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = overlay(run, run.prompt.words[0].span, width=100)
        assert figure.save(tmp_path / "row.pdf").read_bytes().startswith(b"%PDF")
        page = figure.save(tmp_path / "row.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<a href='javascript" not in page
    assert "<b>bold" not in page


def test_it_is_drawn_as_it_is(prompt: str) -> None:
    figure = token_bars(tiny_recording(prompt, length=10))
    for artist in words_of_matplotlib(figure):
        assert artist.get_parse_math() is False
        assert artist.get_usetex() is False
    for note in figure.to_plotly().layout.annotations:
        text = note.text.removeprefix("<b>").removesuffix("</b>")
        assert not set("<>$%{}") & set(text)
        assert not re.search(r"&(?!#\d+;)", text)
    if len(prompt) < 60:
        assert f"“{plain(prompt)}”" in words_of_plotly(figure)


def test_hovering_cannot_be_filled_in() -> None:
    run = tiny_recording("%{z}<extra>x</extra>")
    figure = overlay(run, (0, len(run.prompt.text) - 8), width=100)
    assert figure.panels[0].name == "%{z}<extra>x"
    traces = [t for t in figure.to_plotly().data if t.uid.startswith("heat")]
    assert traces
    for trace in traces:
        assert trace.hovertemplate.count("%{") == 1
        assert trace.hovertemplate.count("<extra></extra>") == 1
        assert trace.hovertemplate.count("<") == 2


def test_titles_do_not_run_into_each_other() -> None:
    run = tiny_recording("incomprehensibilities " * 8, length=12)
    figure = words_row(run)
    drawn = figure.to_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(drawn).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in drawn.axes[0].texts]
    height, width = figure.size
    for number, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_letters_shrink_before_a_word_is_cut() -> None:
    figure = words_row(tiny_recording("electroencephalographers " * 8, length=10))
    titles = [line for line in figure.sheet.lines if line.bold]
    assert [line.text for line in titles] == ["electroencephalographers"] * 8
    assert all(9.5 <= line.size < 13 for line in titles)
