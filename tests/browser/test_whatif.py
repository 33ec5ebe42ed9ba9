"""The panel "What if": the image drawn again by the shipped model, while the page stays awake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from daam_nb import menagerie
from daam_nb.recording import Recording
from daam_nb.show.explorer import explore, hand_out
from daam_nb.show.explorer.page.widget import Explorer as Widget
from daam_nb.tracing import generate
from tests.browser.bare import show
from tests.browser.explorer import explorers
from tests.browser.lab import open_notebook, write_notebook
from tests.browser.servers import Server, voila
from tests.tracing.traces import assert_nothing_left, snapshot

TEXT = "a banana and an apple on the grass"
LIVE = f"""import daam_nb as dnb
pipe = dnb.menagerie.load()
run = dnb.generate(pipe, {TEXT!r}, seed=0, num_inference_steps=8)
explorer = dnb.explore(run, pipe, word="banana", parser=False)
explorer"""
MINUTES = 120_000.0  # milliseconds, on a busy machine


@pytest.fixture(scope="module")
def pipe() -> Any:
    loaded = menagerie.load()
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def run(pipe: Any) -> Recording:
    recorded = generate(pipe, TEXT, seed=0, num_inference_steps=30, effects=["banana"])
    assert isinstance(recorded, Recording)
    return recorded


def opened(page: Page, widget: Widget) -> None:
    """Show an explorer, and wait until it rests."""
    page.set_viewport_size({"width": 966, "height": 590})
    show(page, widget, around="body { margin: 0 }")
    expect(page.get_by_test_id("explorer")).to_have_attribute("data-settled", "true")


def test_an_image_is_drawn_beside_the_first(page: Page, pipe: Any, run: Recording) -> None:
    before = snapshot(pipe)
    widget = explore(run, pipe, word="banana", parser=False)
    opened(page, widget)
    panel, part = page.get_by_test_id("whatif"), page.get_by_test_id
    expect(panel).to_be_hidden()
    part("explorer").press("w")
    expect(panel).to_be_visible()
    expect(part("whatif-how")).to_be_focused()
    expect(part("whatif-hint")).to_contain_text("“banana” is hidden in the text encoder")
    image, room = part("image").bounding_box(), panel.bounding_box()
    assert image is not None and room is not None
    assert room["x"] >= image["x"] + image["width"] and image["y"] < 100  # beside, not over it
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(part("whatif-draw")).to_have_text("Cancel")
    expect(part("whatif-draw")).to_be_focused()
    expect(part("whatif-step")).to_contain_text(re.compile(r"step \d+ of 30, "), timeout=MINUTES)
    part("chip").filter(has_text="apple").click()  # the page answers meanwhile
    expect(part("explorer")).to_have_attribute("data-settled", "true", timeout=MINUTES)
    assert widget.words[widget.word].text == "apple"
    expect(part("title")).to_contain_text("“apple”")
    expect(part("whatif-summary")).to_be_visible(timeout=MINUTES)
    result = widget.what_if_drawn
    assert result is not None and result.word == "banana"
    expect(part("whatif-summary")).to_have_text(result.summary)
    expect(part("whatif-live")).to_have_text(f"Drawn. {result.summary}")
    pictures = part("whatif-pictures").locator("img")
    names = ["first", "now", "difference", "attention", "effect"]
    assert pictures.evaluate_all("all => all.map(image => image.dataset.what)") == names
    assert all(pictures.evaluate_all("all => all.map(image => image.naturalWidth > 0)"))
    texts = pictures.evaluate_all("all => all.map(image => image.alt)")
    assert texts[3:] == ["Attention to “banana”", "Effect of “banana”"]
    expect(part("whatif-draw")).to_have_text("Draw again")
    below = part("whatif-summary").bounding_box()
    assert below is not None and below["y"] + below["height"] <= room["y"] + room["height"]
    part("whatif-draw").press("Escape")
    expect(panel).to_be_hidden()
    expect(part("whatif-button")).to_be_focused()
    assert_nothing_left(before, snapshot(pipe))


def test_it_is_cancelled_and_drawn_otherwise(page: Page, pipe: Any, run: Recording) -> None:
    before = snapshot(pipe)
    widget = explore(run, pipe, word="apple", layer=5, head=2, parser=False)
    opened(page, widget)
    part = page.get_by_test_id
    part("whatif-button").click()
    part("whatif-draw").click()
    expect(part("whatif-draw")).to_have_text("Cancel")
    part("whatif-draw").press("Enter")
    expect(part("whatif-problem")).to_contain_text("Cancelled", timeout=MINUTES)
    assert widget.what_if_drawn is None
    part("whatif-how").select_option("scale")
    part("whatif-factor").fill("0")
    part("whatif-of").select_option("text")
    expect(part("whatif-where")).to_be_disabled()
    expect(part("whatif-hint")).to_contain_text("only in up 2 · 0.0, head 2 · steps 0–29")
    part("whatif-of").select_option("word")
    part("whatif-where").select_option("chosen")
    part("whatif-draw").click()
    expect(part("whatif-summary")).to_contain_text("times 0, in layer", timeout=MINUTES)
    expect(part("whatif-problem")).to_be_hidden()
    drawn = widget.what_if_drawn
    assert drawn is not None
    expected = widget.what_if(how="scale", factor=0, **widget.selection)
    assert drawn.image.tobytes() == expected.image.tobytes()
    assert_nothing_left(before, snapshot(pipe))


def test_a_page_that_goes_away_and_one_that_comes(page: Page, pipe: Any, run: Recording) -> None:
    widget = explore(run, pipe, word="banana", parser=False)
    opened(page, widget)
    page.get_by_test_id("whatif-button").click()
    page.get_by_test_id("whatif-draw").click()
    while widget._studio.job is None:
        page.wait_for_timeout(20)
    assert page.evaluate("() => takeAway()") == [0, 0]
    job = widget._studio.job
    assert job is not None and job.thread is not None
    job.thread.join(MINUTES / 1000)
    other = page.context.new_page()
    opened(other, widget)
    other.get_by_test_id("whatif-button").click()  # as one that is loaded again
    expect(other.get_by_test_id("whatif-summary")).to_contain_text("“banana” hidden")
    assert other.evaluate("() => takeAway()") == [0, 0]
    other.close()
    widget.close()


def test_without_a_pipeline_or_a_kernel_it_says_why(
    page: Page, run: Recording, tmp_path: Any
) -> None:
    part = page.get_by_test_id
    opened(page, explore(run, parser=False))
    part("whatif-button").click()
    expect(part("whatif-problem")).to_contain_text("needs the pipeline that drew this image")
    expect(part("whatif-draw")).to_be_hidden()
    expect(part("whatif-close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(part("whatif")).to_be_hidden()
    page.goto(hand_out(run, tmp_path / "run.html", parser=False).as_uri())
    part("whatif-button").click()
    expect(part("whatif-problem")).to_contain_text("no kernel")
    expect(part("whatif-draw")).to_be_hidden()


def test_in_jupyterlab_it_is_drawn_and_python_has_it(page: Page, server: Server) -> None:
    write_notebook(server.notebooks / "whatif.ipynb", LIVE)
    notebook = open_notebook(page, server, "whatif.ipynb")
    notebook.run_all()
    [explored] = explorers(page)
    explored.part("whatif-button").click()
    explored.part("whatif-draw").click()
    summary = explored.part("whatif-summary")
    expect(summary).to_be_visible(timeout=MINUTES)
    assert notebook.ask("explorer.what_if_drawn.summary") == summary.inner_text()
    assert explored.part("whatif-pictures").locator("img").count() == 4  # no effects were recorded
    same = "dnb.ablate(pipe, words='banana', text_encoder=True, renormalize=True)"
    notebook.do(
        f"with {same}:\n    again = dnb.generate(pipe, run.prompt.text, seed=0,"
        " num_inference_steps=8)"
    )
    assert notebook.ask("again.image.tobytes() == explorer.what_if_drawn.image.tobytes()") is True


def test_under_voila_it_is_drawn(page: Page, tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "whatif.ipynb", LIVE)
    with voila(tmp_path / "voila", notebook) as server:
        page.goto(server.url, timeout=MINUTES)
        [explored] = explorers(page)
        explored.part("whatif-button").click()
        explored.part("whatif-draw").click()
        expect(explored.part("whatif-summary")).to_contain_text("banana", timeout=MINUTES)
        images = explored.part("whatif-pictures").locator("img")
        assert all(images.evaluate_all("all => all.map(image => image.naturalWidth > 0)"))
        page.close()  # before its server goes
