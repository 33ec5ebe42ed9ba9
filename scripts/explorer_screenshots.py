"""Make docs/images/explorer-*.png and classroom.png: the pages as they look in a real browser.

    python -m scripts.explorer_screenshots [NAME...]

JupyterLab, Voila and Chromium as in the browser tests; what is shown is drawn anew by the model
that ships with the package.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.browser.conftest import FLAGS, chromium
from tests.browser.explorer import Explorer, eventually, explorers
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import ROOT, jupyter, voila

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1500, "height": 1700}
PROMPT = "a banana and an apple on the grass"
CELLS = (
    "import ipywidgets\nimport daam_nb as dnb\nfrom daam_nb.tracing import forming_pictures\n"
    "pipe = dnb.menagerie.load()\n"
    f"runs = [dnb.generate(pipe, {PROMPT!r}, seed=seed, num_inference_steps=20)"
    " for seed in (0, 1)]\n"
    "run, pictures = runs[0], forming_pictures(runs[0], pipe)",
    "box = ipywidgets.VBox()\nbox",
)
OPEN = "box.children = [dnb.explore(run, pictures=pictures, word='banana', {options})]"


def saved(what: Locator, name: str) -> None:
    """Write a picture of a part of a page, in few colours so that it stays small."""
    picture = Image.open(io.BytesIO(what.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.png"
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(
        f"{path.relative_to(ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size} bytes"
    )


def opened(notebook: Notebook, code: str, count: int = 1) -> list[Explorer]:
    """Show other explorers in the notebook's one output."""
    notebook.do("gone, box.children = box.children, []\nfor child in gone: child.close()\n" + code)
    root = notebook.page.locator("[data-testid=explorer]")
    eventually(lambda: root.count() == count)
    notebook.page.mouse.move(1, 1)
    return [one.settle() for one in explorers(notebook.page)]


def one(notebook: Notebook, name: str, options: str, then: Callable[[Explorer], None]) -> None:
    """A picture of one explorer after something was done with it."""
    [explorer] = opened(notebook, OPEN.format(options=options))
    then(explorer)
    explorer.page.wait_for_timeout(300)  # a chart may still be on its way
    saved(explorer.root, name)


def nothing(_: Explorer) -> None:
    """Show it as it is opened."""


def region(explorer: Explorer) -> None:
    """Draw a box, and wait for its words."""
    explorer.draw([(0.3, 0.3), (0.8, 0.8)])
    explorer.page.mouse.move(1, 1)
    explorer.part("rank").first.wait_for()


def syntax(explorer: Explorer) -> None:
    """Wait for the arcs, from the best parser installed."""
    explorer.part("arc").first.wait_for()


SHOTS: dict[str, tuple[str, Callable[[Explorer], None]]] = {
    "explorer-light": ("", nothing),
    "explorer-dark": ("theme='dark'", nothing),
    "explorer-compare": ("word_b='apple', threshold=0.5", nothing),
    "explorer-syntax": ("show_syntax=True", syntax),
    "explorer-region": ("layer=5, head=0, steps=(0, 8)", region),
    "explorer-sorted": ("tile_sort='overlap', show_pieces=True", nothing),
    "explorer-projector": ("projector=True", nothing),
}


def two_runs(notebook: Notebook) -> None:
    """Two seeds side by side, with the difference of their maps."""
    opened(notebook, "box.children = [dnb.explore(*runs, word='banana', parser=False)]", count=2)
    notebook.page.set_viewport_size({"width": 1500, "height": 2600})
    saved(notebook.page.locator(".jp-OutputArea-output .widget-vbox").first, "explorer-two-runs")
    notebook.page.set_viewport_size(SIZE)


def hand_out(notebook: Notebook, browser: Browser, place: Path) -> None:
    """The hand-out in a window of 800 pixels."""
    opened(notebook, OPEN.format(options="parser=False"))
    notebook.do(f"box.children[0].to_html({str(place / 'banana.html')!r})")
    page = browser.new_page(viewport={"width": 800, "height": 1500})
    page.goto((place / "banana.html").as_uri())
    explorers(page)[0].settle()
    saved(page.locator("body"), "explorer-handout")
    page.close()


def classroom(browser: Browser, place: Path) -> None:
    """The page for teaching, under Voila."""
    with voila(place, ROOT / "notebooks" / "classroom.ipynb") as server:
        page = browser.new_page(viewport={"width": 1300, "height": 3000})
        page.goto(server.url, timeout=300_000)
        status = page.locator(".daam-lesson-status")
        expect(status).to_contain_text("steps.", timeout=300_000)
        explorers(page)[0].settle()
        saved(page.locator(".daam-lesson").first, "classroom")
        page.close()


def main() -> None:
    wanted = sys.argv[1:] or [*SHOTS, "explorer-two-runs", "explorer-handout", "classroom"]
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = stack.enter_context(sync_playwright())
        program = chromium(playwright)
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        if set(wanted) - {"classroom"}:
            server = stack.enter_context(jupyter(place / "jupyter"))
            page = browser.new_page(viewport=SIZE)
            write_notebook(server.notebooks / "shots.ipynb", *CELLS)
            notebook = open_notebook(page, server, "shots.ipynb")
            notebook.run_all()
            for name, (options, then) in SHOTS.items():
                if name in wanted:
                    one(notebook, name, options, then)
            if "explorer-two-runs" in wanted:
                two_runs(notebook)
            if "explorer-handout" in wanted:
                hand_out(notebook, browser, place)
        if "classroom" in wanted:
            classroom(browser, place / "voila")
        browser.close()


if __name__ == "__main__":
    main()
