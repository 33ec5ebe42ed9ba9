"""The menu of saved selections: with a kernel, by keyboard, and in a hand-out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

import daam_nb as dnb
from tests.browser.bare import show
from tests.browser.explorer import ROOT, SECONDS, Explorer, eventually, explorers

HOSTILE = "<img src=x onerror=window.hacked=1> & ‘late’"


def saved_names(explorer: Explorer) -> list[str]:
    return [choose.inner_text() for choose in explorer.part("saved-choose").all()]


def save(explorer: Explorer, name: str) -> None:
    explorer.part("saved-name").fill(name)
    explorer.part("saved-name").press("Enter")


def test_saved_chosen_and_deleted(page: Page) -> None:
    widget = dnb.explore(dnb.sample(), parser=False)
    page.set_viewport_size({"width": 966, "height": 590})
    show(page, widget, around="body { margin: 0 }")
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    explorer = Explorer(page.locator(ROOT))
    explorer.tile(5, 2).click()
    explorer.tile(1, 0).click(modifiers=["Shift"])
    page.mouse.move(1, 1)
    eventually(lambda: len(widget.heads) == 2)
    kept = widget.selection
    explorer.part("saved").press("Enter")  # by keyboard, as all else
    menu = explorer.part("saved-list").bounding_box()
    assert menu is not None and menu["x"] + menu["width"] <= 966
    save(explorer, "b e")  # letters that are keys of the explorer
    eventually(lambda: widget.selections == {"b e": kept})
    assert widget.contour
    save(explorer, HOSTILE)
    eventually(lambda: saved_names(explorer) == ["b e", HOSTILE])
    assert page.evaluate("window.hacked") is None
    explorer.part("atlas").press("Escape")
    eventually(lambda: widget.heads == ())
    eventually(lambda: explorer.part("saved-choose").first.get_attribute("aria-pressed") == "false")
    explorer.part("saved-choose").first.click()
    eventually(lambda: widget.selection == kept)
    eventually(lambda: explorer.part("saved-choose").first.get_attribute("aria-pressed") == "true")
    explorer.part("saved-delete").last.click()
    eventually(lambda: list(widget.selections) == ["b e"])
    widget.save_selection("from Python")
    explorer.part("saved-name").press("Escape")
    assert not explorer.part("saved-list").is_visible()


def test_a_hand_out_has_them_and_keeps_more(page: Page, tmp_path: Path) -> None:
    widget = dnb.explore(dnb.sample(), parser=False)
    widget.choose(layer=5, head=2)
    widget.save_selection("one head")
    widget.choose(layer=-1, head=-1)
    page.goto(widget.to_html(tmp_path / "page.html").as_uri())
    [explorer] = explorers(page)
    explorer.part("saved").click()
    eventually(lambda: saved_names(explorer) == ["one head"])
    explorer.part("saved-choose").click()
    eventually(lambda: [explorer.trait("layer"), explorer.trait("head")] == [5, 2])
    explorer.tile(1, 1).click()
    save(explorer, "another")
    eventually(lambda: saved_names(explorer) == ["one head", "another"])
    eventually(lambda: "head=1.1" in page.evaluate("location.href"))
    assert "saved" not in page.evaluate("location.href")
    page.evaluate("location.hash = '#word=4'")
    eventually(lambda: explorer.trait("word") == 4)
    eventually(lambda: saved_names(explorer) == ["one head", "another"])
