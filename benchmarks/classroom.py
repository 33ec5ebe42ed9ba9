"""How long the classroom's page takes: from opening it to a prompt, an image, and the explorer.

    python -m benchmarks.classroom [--openings 3]

The page is served as `make classroom` does, by Voila with kernels that have run the notebook before
anyone asks, and each opening waits for such a kernel. A page that is opened before, in the first
half minute or by many at once, waits until its kernel has run the notebook.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.harness import arguments, report
from tests.browser.conftest import FLAGS, chromium
from tests.browser.servers import Server, voila

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "classroom.ipynb"
WAITS = ("from opening to the image", "to the whole page", "from the press to the explorer")
LIMITS = {WAITS[0]: 5, WAITS[1]: 5}
SECONDS = 180
SETTLES = 15  # seconds in which the next kernel runs the notebook: only its start is logged


def opening(browser: Browser, server: Server) -> tuple[float, float, float]:
    """Seconds from opening to the image, to the whole page, and from a press to the explorer."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(SECONDS * 1000)
    start = time.perf_counter()
    page.goto(server.url)
    page.locator(".daam-lesson-guess img").wait_for()
    image = time.perf_counter() - start
    page.locator(".daam-lesson-status", has_text="steps.").wait_for()
    whole = time.perf_counter() - start
    start = time.perf_counter()
    page.get_by_role("button", name="Show the words").click()
    page.wait_for_selector("[data-testid=explorer][data-settled=true]")
    explorer = time.perf_counter() - start
    page.close()
    return image, whole, explorer


def wait_until_ready(server: Server, times: int) -> None:
    """Wait until the pool of kernels was filled so many times."""
    end = time.monotonic() + SECONDS
    while server.log.read_text(errors="replace").count("is filled with") < times:
        if time.monotonic() > end:
            raise SystemExit(f"No kernel was ready within {SECONDS} s: {server.log}")
        time.sleep(0.5)
    time.sleep(SETTLES)


def main() -> None:
    """Open the page several times and print what was waited for."""
    parser = arguments("classroom.json", __doc__)
    parser.add_argument("--openings", type=int, default=5, metavar="N", help="with a kernel ready")
    options = parser.parse_args()
    openings = 1 if options.quick else options.openings
    with (
        tempfile.TemporaryDirectory() as scratch,
        voila(Path(scratch), NOTEBOOK, ready_kernels=1) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=FLAGS)
        times = []
        for count in range(openings):
            wait_until_ready(server, count + 1)
            times.append(opening(browser, server))
        browser.close()
    rows = [
        (name, statistics.median(column), max(column), LIMITS.get(name, ""))
        for name, column in zip(WAITS, zip(*times, strict=True), strict=True)
    ]
    title = f"The classroom's page, {openings} openings with a kernel ready, seconds"
    report(title, ("what", "median", "longest", "limit"), rows, into=options.json)


if __name__ == "__main__":
    main()
