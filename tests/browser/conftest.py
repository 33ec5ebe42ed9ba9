"""One browser, one JupyterLab and one Voila for all browser tests of a process.

The tests need Chromium (or Chrome). Where there is none they are skipped, but not in CI, where
that is a failure: set DAAM_NB_BROWSER to its path if it lies in an unusual place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.servers import Server, jupyter
from tests.browser.watching import Watch

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No address but this machine's resolves: a request to another host fails, and the test with it.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
SIZE = {"width": 1300, "height": 1600}  # so that the whole explorer is in sight
NO_BROWSER = (
    "No Chromium was found, so the browser tests cannot run. Install one (Debian and Ubuntu: "
    "`apt-get install chromium`; anywhere: `python -m playwright install chromium`), or name it in "
    "DAAM_NB_BROWSER."
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the browser tests in one process (`pytest -n ... --dist loadgroup`): one browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


def chromium(playwright: Playwright) -> str | None:
    """The browser's program: the one named, playwright's own, or the one on the path."""
    named = os.environ.get("DAAM_NB_BROWSER")
    if named:
        return named
    own = playwright.chromium.executable_path
    if Path(own).exists():
        return own
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = chromium(playwright)
        if program is None:
            if os.environ.get("CI"):
                pytest.fail(NO_BROWSER)
            pytest.skip(NO_BROWSER)
        found = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab with Notebook 7; asked for after the browser, so not started for nothing."""
    with jupyter(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[tuple[Page, Watch]]:
    """A new window; at its end nothing may have been reported or asked of another host."""
    watch = Watch()
    context = browser.new_context(**{"viewport": SIZE, "reduced_motion": "reduce"} | options)
    watch.over(context)
    try:
        yield context.new_page(), watch
    finally:
        context.close()
    watch.check()


@pytest.fixture
def watched(browser: Browser) -> Iterator[tuple[Page, Watch]]:
    """A window of one test, and what went wrong in it so far."""
    with opened(browser) as page_and_watch:
        yield page_and_watch


@pytest.fixture
def page(watched: tuple[Page, Watch]) -> Page:
    """A window of one test; an error or a request to another host fails it."""
    return watched[0]


@pytest.fixture
def watch(watched: tuple[Page, Watch]) -> Watch:
    """What went wrong so far in `page`."""
    return watched[1]
