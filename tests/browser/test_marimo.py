"""The explorer in real marimo, where every trait arrives by itself and the page has no Jupyter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

import daam_nb as dnb
from tests.browser.conftest import opened
from tests.browser.explorer import Explorer, close_to, eventually, explorers
from tests.browser.servers import marimo

APP = """import marimo

app = marimo.App()


@app.cell
def _():
    import daam_nb as dnb

    dnb.explore(dnb.sample(), parser=False)
    return


if __name__ == "__main__":
    app.run()
"""
APPLE = 4  # of "a banana and an apple on the grass"
RUN = dnb.sample()


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    folder = tmp_path_factory.mktemp("marimo")
    app = folder / "app.py"
    app.write_text(APP, encoding="utf-8")
    # marimo is light here, whatever the system prefers.
    with marimo(folder, app) as server, opened(browser, color_scheme="dark") as (page, _):
        page.goto(server.url)
        [explorer] = explorers(page)
        yield explorer


def map_of(word: str, **options: object) -> NDArray[np.float64]:
    maps = dnb.heat_maps(RUN, **options)  # type: ignore[arg-type]
    return maps.word(word).values.numpy().astype(float)


def test_a_light_page_has_a_light_explorer(page: Explorer) -> None:
    background = page.page.evaluate(
        "() => getComputedStyle(document.querySelector('marimo-island, #App, #root, body'))"
        ".backgroundColor"
    )
    assert page.state("theme") == "light", background


@pytest.mark.parametrize("word", ["apple", "grass", "banana", "apple"])
def test_another_word_is_shown_by_its_own_maps(page: Explorer, word: str) -> None:
    number = next(n for n, entry in enumerate(RUN.prompt.words) if entry.text == word)
    page.part("chip", word=number).click()
    page.page.mouse.move(1, 1)
    page.settle()
    exact, facts = page.shown()
    assert facts["kind"] == "exact"
    assert close_to(exact, map_of(word))
    # While the hand moves: the preview is of this word too, by its own scales.
    for step in (0, 3, 6):
        preview, facts = page.move(steps=[step, step + 1])
        assert facts["kind"] == "preview"
        assert close_to(preview, map_of(word, steps=step))
    page.move(steps=[0, len(RUN.steps)])
    page.rest()


def test_other_steps_are_shown_by_their_own_maps(page: Explorer) -> None:
    page.part("chip", word=APPLE).click()
    page.settle()
    for key, steps in (("ArrowRight", slice(1, None)), ("PageUp", slice(6, None)), ("Home", None)):
        page.part("step-lo").press(key)
        page.page.mouse.move(1, 1)
        eventually(lambda: page.state("settled") == "true" and page.shown()[1]["kind"] == "exact")
        page.settle()
        assert close_to(page.shown()[0], map_of("apple", steps=steps))
    page.hover(0.6, 0.5)
    page.part("rank").first.wait_for()
    page.part("step-lo").press("PageUp")  # under a resting pointer
    page.settle()
    first = dnb.heat_maps(RUN, steps=slice(5, None))
    cells = [word.values[int(0.6 * 16), int(0.5 * 16)].item() for word in first.words]
    best = first.words[int(np.argmax(cells))].label
    eventually(lambda: page.root.locator(".daam-rank-word").first.inner_text() == best)
