"""Make docs/images/rating.png: the rating page in a real browser.

    python -m scripts.rating_screenshots                  # docs/images/rating.png
    python -m scripts.rating_screenshots --to FOLDER      # the same, into a folder
    python -m scripts.rating_screenshots --every FOLDER   # every screen of both tasks

JupyterLab and Chromium as in the browser tests; the images are drawn anew by the model that ships
with the package. No answer is kept.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from scripts.few_colors import few_colors
from tests.browser.conftest import FLAGS, chromium
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import ROOT, jupyter

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1300, "height": 1500}
CELLS = (
    "import ipywidgets, tempfile\nimport daam_nb as dnb\nfrom daam_nb.studies import rating\n"
    "from daam_nb.studies.corpus.generation import Run\n"
    "pipe, call = dnb.menagerie.load(), {'num_inference_steps': 20, 'guidance_scale': 4.0}\n"
    "runs = [dnb.generate(pipe, 'a red apple on the grass', seed=2, **call)]\n"
    "pair = dnb.generate(pipe, 'a banana and an apple', seed=1, **call)\n"
    "facts = {'prompt': pair.prompt.text, 'seed': 1, 'first': 'banana', 'second': 'apple'}\n"
    "words = rating.word_items(runs, layers=dnb.menagerie.card().recommended)\n"
    "pairs = rating.pair_items([Run('pair', facts, pair)])\n"
    "pairs_of_words = {'words': words, 'pairs': pairs}",
    "box = ipywidgets.VBox()\nbox",
)
# The rater whose order begins with the noun: everyone has an order of their own.
OPEN = """
rater = next(name for name in map(str, range(99)) if rating.Session(
    words, rater=name, into=tempfile.mkdtemp())._items[0].facts['word'] == 'apple')
page = rating.rate(pairs_of_words[{task!r}], rater=rater, into=tempfile.mkdtemp(), {options})
box.children = [page]
"""


def saved(what: Locator, path: Path) -> None:
    """Write an image of the page."""
    image = Image.open(io.BytesIO(what.screenshot())).convert("RGB")
    path.write_bytes(few_colors(image))
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size} bytes")


def opened(notebook: Notebook, task: str, options: str) -> Locator:
    """Show the first card."""
    notebook.do("box.children = []")
    notebook.do(OPEN.format(task=task, options=options))
    root = notebook.page.locator("[data-testid=rating]")
    root.focus()
    return root


def card(root: Locator) -> Page:
    """Leave the instructions."""
    root.page.keyboard.press("Enter")
    expect(root).to_have_attribute("data-ready", "true", timeout=30_000)
    root.page.wait_for_timeout(200)
    return root.page


def every_screen(notebook: Notebook, folder: Path) -> None:
    """Both tasks: instructions, card, reasons, what was answered; light, dark, large."""
    for task in ("words", "pairs"):
        for theme in ("light", "dark"):
            root = opened(notebook, task, f"theme={theme!r}")
            saved(root, folder / f"{task}-{theme}-instructions.png")
            page = card(root)
            saved(root, folder / f"{task}-{theme}-card.png")
            page.keyboard.press("s")
            saved(root, folder / f"{task}-{theme}-skip.png")
            page.keyboard.press("Escape")
    root = opened(notebook, "words", "large=True")
    page = card(root)
    page.keyboard.press("4")
    expect(root).to_have_attribute("data-turn", "2")
    page.wait_for_timeout(300)
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("data-turn", "3")
    saved(root, folder / "words-large-back.png")
    root = opened(notebook, "pairs", "theme='light'")
    card(root).keyboard.press("b")
    expect(root).to_have_attribute("data-screen", "end")
    root.page.wait_for_timeout(300)
    saved(root, folder / "pairs-end.png")


def main() -> None:
    """Take the images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    parser.add_argument("--every", type=Path, metavar="FOLDER", help="every screen, into a folder")
    options = parser.parse_args()
    folder = options.every
    with (
        tempfile.TemporaryDirectory() as place,
        jupyter(Path(place)) as server,
        sync_playwright() as playwright,
    ):
        program = chromium(playwright)
        if program is None:
            raise SystemExit("No Chromium was found; see tests/browser/conftest.py.")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        write_notebook(server.notebooks / "rating.ipynb", *CELLS)
        notebook = open_notebook(browser.new_page(viewport=SIZE), server, "rating.ipynb")
        notebook.run_all()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            every_screen(notebook, folder)
        else:
            root = opened(notebook, "words", "theme='light'")
            card(root)
            saved(root, options.to / "rating.png")
        browser.close()


if __name__ == "__main__":
    main()
