"""The ranked words of a place: lift, share and what chance gives, with a kernel and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.show.explorer.model.ranking import Ranked
from tests.browser.bare import show
from tests.browser.explorer import Explorer, eventually, explorers

BOX = [(0.2, 0.15), (0.5, 0.45)]
REGION = [[0.2, 0.15], [0.2, 0.45], [0.5, 0.45], [0.5, 0.15]]
# What a row says: value, share, lift and its band.
_ROW = re.compile(
    r"\S.* ([\d.e-]+), ([\d.]+) % of the words; "
    r"lift × ([\d.]+), × ([\d.]+) to × ([\d.]+) in 90 % of"
)


def rows_of(page: Explorer) -> list[tuple[str, float, float, float, float]]:
    """Each row: word, share, lift, and the two ends of what chance gives."""
    rows = []
    for row in page.part("rank").all():
        said = _ROW.match(row.get_attribute("title") or "")
        assert said is not None, row.get_attribute("title")
        share, *others = map(float, said.groups()[1:])
        rows.append((row.locator(".daam-rank-word").inner_text(), share / 100, *others))
    return rows  # type: ignore[return-value]


def agree(page: Explorer, ranked: tuple[Ranked, ...], *, rel: float = 0.0) -> None:
    """The page's rows are those of Python, rounded as the page rounds them, or a little off."""
    rows = rows_of(page)
    assert len(rows) == min(8, len(ranked))
    if not rel:
        assert [row[0] for row in rows] == [row.text for row in ranked[:8]]
    of = {row.text: row for row in ranked}
    for word, share, *lifts in rows:
        row = of[word]
        assert share == pytest.approx(row.share, abs=rel / 10 or 5.1e-4)
        expected = [row.lift, *(row.chance or ())]
        assert lifts == pytest.approx(expected, rel=rel or 0.01, abs=0.051)


def lifted(page: Explorer) -> None:
    """Wait for words with their lifts."""
    page.part("rank").first.wait_for()
    eventually(lambda: all("lift" in (row.get_attribute("title") or "")
                           for row in page.part("rank").all()))  # fmt: skip


def test_words_of_a_place_and_of_a_region_are_those_of_python(page: Page) -> None:
    widget = dnb.explore(dnb.sample(), parser=False, word="banana")
    show(page, widget, around="")
    [there] = explorers(page)
    there.hover(0.4, 0.3)
    lifted(there)
    agree(there, widget.words_at(0.4, 0.3))
    assert "all places" in there.part("ranking-note").inner_text()
    bar = there.part("rank").first.locator(".daam-rank-bar").bounding_box()
    line = there.part("rank").first.locator(".daam-rank-one").bounding_box()
    assert bar and line
    assert line["x"] + line["width"] / 2 == pytest.approx(bar["x"] + bar["width"] / 2, abs=1)
    there.part("control-rank_by").select_option("share")
    eventually(lambda: widget.rank_by == "share")
    page.wait_for_timeout(50)
    assert [row[0] for row in rows_of(there)] == [row.text for row in widget.words_at(0.4, 0.3)]
    assert there.part("ranking").get_attribute("data-by") == "share"
    assert not there.part("rank").first.locator(".daam-rank-lift").is_visible()
    note = there.part("ranking-note").get_attribute("title") or ""
    assert note.startswith("Ranked by share")
    there.part("control-rank_by").select_option("lift")
    there.draw(BOX)
    there.part("ranking-note").get_by_text("other regions of this size").wait_for()
    agree(there, widget.words_in())


def test_words_of_a_hand_out_have_the_lifts_of_its_maps(page: Page, tmp_path: Path) -> None:
    run = dnb.sample()
    widget = dnb.explore(run, parser=False, word="banana")
    page.goto(widget.to_html(tmp_path / "page.html").as_uri())
    [there] = explorers(page)
    there.hover(0.4, 0.3)
    lifted(there)
    agree(there, widget.words_at(0.4, 0.3), rel=0.15)  # of previews, in 8 bits
    there.draw(BOX)
    there.part("ranking-note").get_by_text("other regions of this size").wait_for()
    agree(there, widget.words_in(REGION), rel=0.15)
