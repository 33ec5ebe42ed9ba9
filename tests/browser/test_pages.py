"""The explorer outside JupyterLab: in Notebook 7, and in the classroom's page under Voila."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.explorer import Explored, close_to, eventually, explorers
from tests.browser.lab import IDLE, Notebook, write_notebook
from tests.browser.servers import ROOT, Server, voila
from tests.browser.watching import Watch

SECONDS_TO_DRAW = 150  # a model is loaded and draws, on a machine that may be busy


def test_notebook_7(page: Page, watch: Watch, server: Server) -> None:
    write_notebook(
        server.notebooks / "seven.ipynb",
        "import daam_nb as dnb\nexplorer = dnb.explore(dnb.sample(), parser=False)\nexplorer",
    )
    page.goto(server.address("notebooks/seven.ipynb"))
    page.wait_for_function(IDLE, timeout=SECONDS_TO_DRAW * 1000)
    watch.clear()  # what Notebook says before a cell has run is no matter of ours
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    [found] = explorers(page)
    explored = Explored(Notebook(page), found)
    assert close_to(found.shown()[0], explored.map_of())
    assert page.locator(".jp-OutputArea-output img").count() == 0  # the still is for saved files
    found.tile(5, 0).click()
    page.mouse.move(1, 1)
    explored.wait(layer=5, head=0)
    found.part("chip", word=4).click()
    explored.wait(word=4)
    # The arrows fold headings there, and would be gone before they come to the explorer.
    for part, press, expected in (
        (found.part("chip", role="a"), "ArrowLeft", {"word": 3}),
        (found.part("chip", role="a"), "ArrowRight", {"word": 4}),
        (found.part("chip", role="a"), "Shift+ArrowRight", {"word": 4, "word_b": 5}),
        (found.part("step-hi"), "ArrowLeft", {"steps": [0, 1, 2, 3, 4, 5]}),
        (found.part("step-lo"), "ArrowRight", {"steps": [1, 2, 3, 4, 5]}),
        (found.part("step-lo"), "a", {"steps": [0, 1, 2, 3, 4, 5, 6]}),
        (found.part("step-lo"), "Escape", {"layer": -1, "head": -1}),
    ):
        part.press(press)
        explored.wait(**expected)
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1


def test_the_classroom_under_voila(page: Page, tmp_path: Path) -> None:
    with voila(tmp_path / "voila", ROOT / "notebooks" / "classroom.ipynb") as server:
        page.goto(server.url, timeout=SECONDS_TO_DRAW * 1000)
        status = page.locator(".daam-lesson-status")
        expect(status).to_contain_text("steps.", timeout=SECONDS_TO_DRAW * 1000)
        assert page.locator(".daam-lesson-guess img").is_visible()
        assert page.locator("[data-testid=explorer]").count() == 0
        assert page.locator("h1").all_inner_texts() == ["What the words paint"]
        page.get_by_role("button", name="Show the words").click()
        [found] = explorers(page)
        before = found.part("provenance").text_content()
        questions = page.locator(".daam-lesson-questions img")
        assert "zebra" in (questions.get_attribute("alt") or "")
        assert questions.evaluate("image => image.complete && image.naturalWidth > 900")
        forward = page.locator(".daam-lesson-panel", has=page.locator(".daam-lesson-now")).first
        marked = forward.locator(".daam-lesson-now i")
        assert marked.inner_text() == "10"
        handle = page.locator(".daam-lesson .noUi-handle, .daam-lesson [role=slider]").last
        handle.focus()
        page.keyboard.press("ArrowRight")
        eventually(lambda: marked.inner_text() == "11")
        assert page.locator(".daam-lesson math").count() > 10

        prompt = page.get_by_role("textbox", name="Prompt")
        prompt.fill("<b>a red apple</b> & a sofa")
        unknown = page.locator(".daam-lesson-unknown")
        expect(unknown).to_contain_text("does not know “b” and “sofa”")
        page.locator(".daam-lesson-vocabulary").get_by_role("button", name="duck").last.click()
        expect(prompt).to_have_value("<b>a red apple</b> & a duck")
        expect(unknown).not_to_contain_text("sofa")
        prompt.fill("<b>a red apple</b> & a sofa")
        prompt.press("Enter")
        expect(status).to_contain_text(
            "“<b>a red apple</b> & a sofa”, seed 0", timeout=SECONDS_TO_DRAW * 1000
        )
        page.get_by_role("button", name="Show the words").click()
        [again] = explorers(page)
        assert again.part("provenance").text_content() != before
        assert "apple" in again.words()
        assert "sofa" in (questions.get_attribute("alt") or "")
        assert page.locator(".daam-lesson-panel b", has_text="a red apple").count() == 0
        prompt.fill("   ")
        prompt.press("Enter")
        expect(status).to_contain_text("Write a prompt first")
        page.close()  # before its server goes
