"""The tests' own ground: the servers answer, a kernel can be asked, and trouble is noticed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.lab import open_notebook, write_notebook
from tests.browser.servers import Server
from tests.browser.watching import Watch


def test_a_notebook_runs_and_its_kernel_answers(page: Page, server: Server) -> None:
    write_notebook(server.notebooks / "plain.ipynb", "a = 6", "a * 7")
    notebook = open_notebook(page, server, "plain.ipynb")
    notebook.run_all()
    assert [one["data"]["text/plain"] for one in notebook.outputs()] == ["42"]
    assert notebook.ask("[a, str(a)]") == [6, "6"]


def test_a_failing_cell_is_noticed(page: Page, server: Server) -> None:
    write_notebook(server.notebooks / "bad.ipynb", "1 / 0")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        open_notebook(page, server, "bad.ipynb").run_all()


@pytest.mark.parametrize(
    "script", ["console.error('alas')", "setTimeout(() => { throw Error('alas') })"]
)
def test_an_error_in_the_page_is_noticed(page: Page, watch: Watch, script: str) -> None:
    page.goto("about:blank")
    page.evaluate(script)
    page.wait_for_timeout(50)
    with pytest.raises(AssertionError, match="alas"):
        watch.check()
    watch.clear()


def test_a_request_to_another_host_is_noticed(page: Page, watch: Watch) -> None:
    page.goto("data:text/html,<p>here")
    page.evaluate("fetch('https://example.org/x.js').catch(() => 0)")
    page.wait_for_timeout(50)
    assert watch.outside == ["https://example.org/x.js"]
    watch.clear()
