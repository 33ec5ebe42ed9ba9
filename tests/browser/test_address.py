"""The address of a hand-out holds what it shows: read as it opens, written when the hand rests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.show.explorer.controls import CONTROLS
from tests.browser.explorer import ROOT, Explorer, eventually, explorers

# Another value of each control, as the page knows it; several heads are tried by themselves.
OTHERS: dict[str, Any] = {
    "word": 4, "choice": "all", "layer": 5, "head": 2, "steps": [2, 5], "word_b": 0,
    "opacity": 0.35, "threshold": 0.55, "contour": False, "follow_step": True,
    "colormap": "viridis", "interval": 400, "show_pieces": True, "show_syntax": True,
    "theme": "dark", "projector": True, "region": [[0.1, 0.25], [0.1, 0.5], [0.75, 0.5]],
    "view": "difference", "difference_scale": "common", "cells": True,
    "tile_measure": "entropy", "tile_sort": "peak",
}  # fmt: skip
_CHOOSE = "(root, choices) => root.__daam.state.set(choices)"
_ALL = """(root, names) => Object.fromEntries(
  names.map(name => [name, root.__daam.model.get(name)]))"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("address") / "page.html"
    return dnb.hand_out(dnb.sample(), path, parser=False, word="banana")


def address_of(page: Page) -> str:
    """The address that the page has now; `page.url` may be an older one."""
    address: str = page.evaluate("location.href")
    return address


def other_values() -> dict[str, Any]:
    values = {}
    for control in CONTROLS:
        if not control.in_address or control.name == "heads":
            continue
        options = control.kind.limits.get("options", [])
        another = [name for name, _ in options if name != control.default]
        values[control.name] = OTHERS[control.name] if control.name in OTHERS else another[0]
    return values


@pytest.mark.parametrize("heads", [[], [[1, 3], [5, 0]], [0, 3]])
def test_all_controls_come_back_by_their_address(page: Page, file: Path, heads: list[Any]) -> None:
    page.goto(file.as_uri())
    [found] = explorers(page)
    entries = page.evaluate("history.length")
    chosen = other_values()
    if heads:
        chosen |= {"heads": heads, "head": -1, "layer": -1}
    found.root.evaluate(_CHOOSE, chosen)
    eventually(
        lambda: (
            address_of(page).count("&") >= len(chosen) - 3 and "threshold=0.55" in address_of(page)
        )
    )
    assert page.evaluate("history.length") == entries
    address = address_of(page)
    assert f"{'head=5.2' if not heads else 'heads=' + ('0,3' if heads[0] == 0 else '1.3,5.0')}" in (
        address
    )
    page.goto("about:blank")
    page.goto(address)
    again = Explorer(page.locator(ROOT))  # a range of steps is a preview here, and stays one
    eventually(lambda: again.root.get_attribute("data-kind") != "waiting")
    assert again.root.evaluate(_ALL, list(chosen)) == chosen
    assert address_of(page) == address
    assert again.part("notice").is_hidden() or "address" not in again.part("notice").inner_text()


def test_another_address_is_followed_and_none_is_the_page_as_it_opens(
    page: Page, file: Path
) -> None:
    page.goto(file.as_uri())
    [found] = explorers(page)
    opening = found.trait("word"), found.trait("threshold")
    page.evaluate("location.hash = 'word=apple&steps=3-5&threshold=0.5'")
    eventually(lambda: found.trait("word") == 4 and found.trait("threshold") == 0.5)
    assert found.trait("steps") == [3, 6]
    page.evaluate("location.hash = ''")
    eventually(lambda: (found.trait("word"), found.trait("threshold")) == opening)


def test_what_the_page_does_not_know_is_said_and_left_out(page: Page, file: Path) -> None:
    bad = "word=99&threshold=0.7&zoom=3&head=55.1&steps=%3Cimg%20src=x%20onerror=alert(1)%3E"
    page.goto(f"{file.as_uri()}#{bad}")
    [found] = explorers(page)
    assert found.trait("threshold") == 0.7
    said = found.part("notice").inner_text()
    assert said.startswith("Not understood in the address, and left out: “word=99”, “zoom=3”, ")
    assert page.locator("img[src=x]").count() == 0
    page.evaluate("location.hash = 'threshold=0.6'")
    eventually(lambda: found.part("notice").is_hidden())


def test_the_button_copies_the_address_of_now(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    [found] = explorers(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    found.root.evaluate(_CHOOSE, {"threshold": 0.25})
    found.part("more").click()
    found.part("copy-link").click()
    eventually(lambda: found.part("live").inner_text() == "Link copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("page.html#threshold=0.25")
    assert address_of(page).endswith("page.html#threshold=0.25")
    # Where a page may not write to the clipboard, the link stands there to be copied.
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    )
    found.part("copy-link").click()
    eventually(lambda: found.part("link").is_visible())
    assert found.part("link").input_value() == address_of(page)


def test_playing_does_not_fill_the_address(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    [found] = explorers(page)
    found.root.evaluate(_CHOOSE, {"interval": 60, "steps": [0, 1], "playing": True})
    seen: set[tuple[int, ...]] = set()
    eventually(lambda: seen.add(tuple(found.trait("steps"))) or len(seen) > 2)
    assert "steps" not in address_of(page)
    found.root.evaluate(_CHOOSE, {"playing": False})
    eventually(lambda: "interval=60" in address_of(page))
    assert "playing" not in address_of(page)
