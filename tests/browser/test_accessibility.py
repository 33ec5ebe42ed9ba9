"""What axe-core says of the explorer: nothing, at the sizes people have, with every part open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb.recording import Recording
from tests.browser.bare import show
from tests.browser.explorer import ROOT, SECONDS, Explorer
from tests.real_sizes import SIZES, Size, real_size

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async (selector) => {
  const context = selector ? document.querySelector(selector) : document;
  const result = await axe.run(context, {resultTypes: ['violations']});
  return result.violations.flatMap(({id, help, nodes}) => nodes.map(({html, any}) =>
    [id, help, html.slice(0, 160), any.map(({message}) => message).join('; ')].join(' | ')));
}"""
WINDOWS = ((966, 590), (1280, 800), (1920, 1000), (390, 844))
# What is open: a name, and what a hand does for it.
PARTS: dict[str, Any] = {
    "as it opens": lambda _: None,
    "two words": lambda explorer: explorer.part("chip", word=3).click(modifiers=["Shift"]),
    "a place": lambda explorer: explorer.hover(0.5, 0.5),
    "a region": lambda explorer: explorer.draw([(0.2, 0.2), (0.6, 0.6)]),
    "a head": lambda explorer: explorer.tile(1, 1).click(),
    "tiles": lambda explorer: explorer.part("atlas-more").click(),
    "what if": lambda explorer: explorer.part("whatif-button").click(),
    "more": lambda explorer: explorer.part("more").click(),
}


@pytest.fixture(autouse=True)
def _axe() -> None:
    if not AXE.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{AXE} is missing: `make js` first.")
        pytest.skip("axe-core: `make js` first")


@pytest.fixture(scope="module")
def sample() -> Recording:
    return dnb.sample()


def violations(page: Page, selector: str = "") -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    told = page.evaluate(RUN, selector)
    assert isinstance(told, list)
    return told


def opened(page: Page, run: Recording, window: tuple[int, int], **choices: Any) -> Explorer:
    width, height = window
    page.set_viewport_size({"width": width, "height": height})
    widget = dnb.explore(run, **{"parser": None, **choices})
    show(page, widget, around="body { margin: 0 }")
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    return Explorer(page.locator(ROOT))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", PARTS)
def test_every_part(page: Page, sample: Recording, part: str, theme: str) -> None:
    explorer = opened(page, sample, (1280, 800), theme=theme)
    PARTS[part](explorer)
    explorer.settle()
    assert violations(page, ROOT) == []


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_every_window(page: Page, sample: Recording, window: tuple[int, int]) -> None:
    opened(page, sample, window, show_pieces=True, show_syntax=True)
    assert violations(page, ROOT) == []


@pytest.mark.parametrize("size", SIZES)
def test_real_sizes(page: Page, size: Size) -> None:
    opened(page, real_size(size, steps=2), (966, 590), parser=False)
    assert violations(page, ROOT) == []


@pytest.mark.parametrize("window", [(1280, 800), (390, 844)], ids=str)
def test_a_hand_out_as_a_page(
    page: Page, sample: Recording, tmp_path: Path, window: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": window[0], "height": window[1]})
    page.goto(dnb.hand_out(sample, tmp_path / "page.html", parser=False).as_uri())
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    assert violations(page) == []
