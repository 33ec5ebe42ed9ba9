"""Where a place of the image looks: by mouse, keyboard and touch; and where nothing is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import daam_nb as dnb
from daam_nb import menagerie
from daam_nb.maps import self_attention_map
from daam_nb.recording import Recording
from tests.browser.bare import show
from tests.browser.explorer import ROOT, SECONDS, Explorer, close_to, eventually, explorers


@pytest.fixture(scope="module", params=["steps", True])
def run(request: pytest.FixtureRequest) -> Recording:
    pipe = menagerie.load()
    pipe.set_progress_bar_config(disable=True)
    kept: Any = request.param
    recording = dnb.generate(
        pipe, "a dog next to a car", seed=0, num_inference_steps=4, self_attention=kept
    )
    assert isinstance(recording, Recording)
    return recording


def opened(page: Page, run: Recording) -> tuple[Explorer, Any]:
    page.set_viewport_size({"width": 966, "height": 590})
    widget = dnb.explore(run, parser=False)
    show(page, widget, around="body { margin: 0 }")
    page.wait_for_selector(f"{ROOT}[data-settled=true]", timeout=SECONDS * 1000)
    return Explorer(page.locator(ROOT)), widget


def looks(explorer: Explorer) -> dict[str, Any] | None:
    """What is drawn, where it is where a place looks."""
    told = explorer.root.evaluate("root => { const s = root.__daam.shown(); return s.looks && s; }")
    assert told is None or isinstance(told, dict)
    return told


def test_the_map_is_that_of_the_place(page: Page, run: Recording) -> None:
    explorer, widget = opened(page, run)
    button = explorer.part("looking")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    for y, x in ((0.3, 0.25), (0.72, 0.6)):
        explorer.hover(y, x)
        eventually(
            lambda y=y, x=x: (
                (at := looks(explorer)) and np.allclose(at["looks"]["place"], (y, x), atol=1 / 64)
            )
        )
        shown, facts = explorer.shown()
        expected = self_attention_map(run, tuple(facts["looks"]["place"])).values.numpy()
        assert close_to(shown, expected.astype(float))
        assert "looks · all self-attention" in explorer.part("status").inner_text()
        assert "undefined" not in explorer.part("status").inner_text()
        assert explorer.part("title").inner_text() == "Where a place looks"
        assert explorer.part("unit").inner_text() == "Self-attention; 1: to all cells alike"
    explorer.root.evaluate("root => root.__daam.state.set({steps: [1, 3]}, 'now')")
    eventually(lambda: widget.steps == (1, 2))
    by_steps = run.self_attention is not None and run.self_attention.kept == "steps"
    explorer.hover(0.4, 0.4)
    steps = [1, 2] if by_steps else None
    expected_at = (25.5 / 64, 25.5 / 64)
    wanted = self_attention_map(run, expected_at, steps=steps).values.numpy().astype(float)
    eventually(lambda: looks(explorer) and close_to(explorer.shown()[0], wanted))
    said = explorer.part("status").inner_text()
    assert ("all steps" in said) is not by_steps
    button.click()
    eventually(lambda: looks(explorer) is None)
    explorer.settle()
    assert "looks" not in explorer.part("status").inner_text()


def test_by_keyboard_and_beside_a_second_word(page: Page, run: Recording) -> None:
    explorer, _ = opened(page, run)
    explorer.part("chip", word=2).click(modifiers=["Shift"])
    explorer.part("looking").press("Enter")
    explorer.part("image").press("ArrowRight")
    eventually(lambda: looks(explorer))
    _, facts = explorer.shown()
    assert np.allclose(facts["looks"]["place"], (0.5, 0.5), atol=1 / 32)


def test_nothing_is_offered_that_was_not_recorded(
    page: Page, run: Recording, tmp_path: Path
) -> None:
    explorer, _ = opened(page, dnb.sample())
    assert not explorer.part("looking").is_visible()
    page.goto(dnb.hand_out(run, tmp_path / "page.html", parser=False).as_uri())
    [handed] = explorers(page)
    assert not handed.part("looking").is_visible()
