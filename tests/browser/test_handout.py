"""A hand-out from file://, as the parser of a browser takes it apart, and what it says it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.recording import Recording
from tests.browser.explorer import close_to, eventually, explorers
from tests.browser.test_recordings import HOSTILE
from tests.tiny_recordings import tiny_recording

# Where an element were not allowed, the parser would move it, or end one early: then other
# children, or text that is no text of ours, would stand in the page.
_CHILDREN = """() => [document.compatMode, [document.head, document.body].map(
  node => [...node.childNodes].filter(one => one.nodeType !== 3 || one.data.trim())
    .map(one => one.nodeName.toLowerCase()))]"""
_HEAD = ["meta", "meta", "meta", "meta", "title", "style"]
_BODY = ["h1", "p", "noscript", "div", "script", "script"]


@pytest.mark.parametrize(
    "run",
    [
        dnb.sample(),
        tiny_recording(HOSTILE, length=50),
        tiny_recording("</style></script></title><!-- <p> &amp; -->", length=50),
    ],
    ids=["sample", "hostile", "ends"],
)
def test_a_hand_out_is_valid_and_reports_nothing(
    page: Page, tmp_path: Path, run: Recording
) -> None:
    explorer = dnb.explore(run, parser=False)
    file = explorer.to_html(tmp_path / "page.html")
    explorer.close()
    page.goto(file.as_uri())
    [found] = explorers(page)
    assert page.evaluate(_CHILDREN) == ["CSS1Compat", [_HEAD, _BODY]]
    assert page.title() == " ".join(run.prompt.text.split())
    last = found.part("chip", kind="word").last
    last.click()
    eventually(lambda: last.get_attribute("data-role") == "a" and found.state("settled") == "true")


def test_a_grid_that_was_left_out_is_said_and_not_waited_for(page: Page, tmp_path: Path) -> None:
    explorer = dnb.explore(tiny_recording("a red fox", steps=20), parser=False, word="fox")
    file = explorer.to_html(tmp_path / "page.html", max_bytes=1)
    explorer.close()
    page.goto(file.as_uri())
    [found] = explorers(page)
    assert "left out" not in found.part("grid-note").inner_text()
    assert "grids of heads of “a”, “red” were left out" in found.part("info").inner_text()
    found.part("chip", word=1).click()
    said = "The grid of this word was left out of this page."
    eventually(lambda: said in found.part("grid-note").inner_text())
    found.part("chip", word=2).click()
    eventually(lambda: found.part("grid-note").inner_text() == "")


def test_several_heads_are_shown_where_it_begins_with_them_and_else_said_to_lack(
    page: Page, tmp_path: Path
) -> None:
    run = dnb.sample()
    pairs = [(run.layers[1].name, 3), (run.layers[5].name, 0)]
    file = dnb.hand_out(run, tmp_path / "page.html", parser=False, word="banana", heads=pairs)
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.settle()
    expected = dnb.heat_maps(run, layers="all", heads=pairs).word("banana").values.numpy()
    shown, facts = found.shown()
    assert facts["kind"] == "exact"
    assert close_to(shown, expected)
    assert "2 heads of 2 layers" in found.part("status").inner_text()
    assert "several heads together were left out but for those" in found.part("info").inner_text()
    found.part("tile", layer=5, head=1).click(modifiers=["Shift"])
    page.mouse.move(1, 1)
    said = "3 heads of 2 layers: not embedded in this page."
    eventually(lambda: said in found.part("notice").inner_text())
    eventually(lambda: found.state("kind") == "absent")
    assert "waiting" not in found.root.inner_text()
    assert "no map in this page" in found.part("status").inner_text()
    assert found.part("area").inner_text() == found.part("peak").inner_text() == "–"
    found.part("tile", layer=5, head=1).click(modifiers=["Shift"])
    page.mouse.move(1, 1)
    eventually(lambda: found.state("settled") == "true")
    assert close_to(found.shown()[0], expected)
