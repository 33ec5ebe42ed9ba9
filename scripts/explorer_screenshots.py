"""Make docs/images/explorer-*.png and classroom.png: the pages as they look in a real browser.

    python -m scripts.explorer_screenshots [NAME...] [--to FOLDER]

JupyterLab, Voila and Chromium as in the browser tests; what is shown is drawn anew by the model
that ships with the package. One image that fails does not keep the others from being made; the
command ends with an error then.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from scripts.few_colors import few_colors
from tests.browser.conftest import FLAGS, chromium
from tests.browser.explorer import Explorer, eventually, explorers
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import ROOT, Server, jupyter, voila

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1500, "height": 1700}
WIDE = {"width": 1960, "height": 2200}  # for two side by side
SECONDS = 300
PROMPT = "a banana and an apple on the grass"
CELLS = (
    "import ipywidgets\nimport daam_nb as dnb\nfrom daam_nb.tracing import forming_images\n"
    "import dataclasses, torch\nfrom tests.show.explorer.model.test_subject import sdxl\n"
    "pipe = dnb.menagerie.load()\n"
    f"runs = [dnb.generate(pipe, {PROMPT!r}, seed=seed, num_inference_steps=20)"
    " for seed in (0, 1)]\n"
    "forming = [forming_images(run, pipe) for run in runs]\n"
    "run, images = runs[0], forming[0]\n"
    "recommended = dnb.menagerie.card().recommended\n"
    # Made-up attention in the shape of SDXL's: soft spots, another one in every head.
    "made_up, chance = sdxl(), torch.Generator().manual_seed(0)\n"
    "def spots(zeros):\n"
    "    found = torch.rand(*zeros.shape[:2], 3, 4, 4, generator=chance).flatten(0, 1)\n"
    "    found = torch.nn.functional.interpolate(found, zeros.shape[-2:], mode='bicubic')\n"
    "    return (found.clamp(0, 1) ** 4).reshape(zeros.shape).half()\n"
    "filled = {name: spots(zeros) for name, zeros in made_up.attention.items()}\n"
    "made_up = dataclasses.replace(made_up, attention=filled)",
    "box = ipywidgets.VBox()\nbox",
)
OPEN = (
    "box.children = [dnb.explore(run, images=images, word='banana', recommended=recommended,"
    " {options})]"
)
MANY = "box.children = [dnb.explore(made_up, parser=False, word='fox', {options})]"


def saved(what: Locator, path: Path, *, most: int | None = None) -> None:
    """Write an image of a part of a page, in few colors so that it stays small."""
    image = Image.open(io.BytesIO(what.screenshot())).convert("RGB")
    if most is not None and image.width > most:
        size = (most, round(image.height * most / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    path.write_bytes(few_colors(image))
    size = path.stat().st_size
    print(f"{path}: {image.width} x {image.height}, {size} bytes", flush=True)


def opened(notebook: Notebook, code: str, count: int = 1) -> list[Explorer]:
    """Show other explorers in the notebook's one output."""
    page = notebook.page
    notebook.do("gone, box.children = box.children, []\nfor child in gone: child.close()\n" + code)
    root = page.locator("[data-testid=explorer]")
    eventually(lambda: root.count() == count)
    page.mouse.move(1, 1)
    found = [one.settle() for one in explorers(page)]
    eventually(lambda: found[0].atlas()["tiles"])  # of a comparison A's page has both
    page.wait_for_timeout(300)  # images are decoded on their own time
    return found


def nothing(_: Explorer) -> None:
    """Show it as it is opened."""


def highest(explorer: Explorer) -> tuple[float, float]:
    """Where the shown map is highest, (y, x) as shares of the image."""
    values, _ = explorer.shown()
    y, x = np.unravel_index(values.argmax(), values.shape)
    return (float(y) + 0.5) / values.shape[0], (float(x) + 0.5) / values.shape[1]


def pixel(explorer: Explorer) -> None:
    """Point at the middle of the word, and wait for the words there."""
    explorer.hover(*highest(explorer))
    explorer.part("rank").first.wait_for()


def region(explorer: Explorer) -> None:
    """Draw a lasso around the middle of the word, and wait for its words and bars."""
    y, x = highest(explorer)
    explorer.part("tool-lasso").click()
    angles = np.linspace(0, 2 * np.pi, 25)
    path = [(y + 0.2 * np.sin(a), x + 0.16 * np.cos(a)) for a in angles]
    explorer.draw([(float(np.clip(v, 0.01, 0.99)), float(np.clip(u, 0.01, 0.99))) for v, u in path])
    explorer.page.mouse.move(1, 1)
    explorer.part("rank").first.wait_for()
    explorer.root.locator("[data-testid=region-layers] .daam-bar").first.wait_for()


def syntax(explorer: Explorer) -> None:
    """Wait for the arcs, and click one."""
    explorer.part("arc").first.wait_for()
    explorer.part("arc").last.locator("text").click()
    explorer.page.mouse.move(1, 1)
    explorer.settle()


def nearer(explorer: Explorer) -> None:
    """Magnify some tiles of many layers."""
    explorer.part("atlas-in").click(click_count=3)
    explorer.page.mouse.move(1, 1)


def keys(explorer: Explorer) -> None:
    """Open the list of keys."""
    explorer.part("more").click()
    explorer.root.locator(".daam-keys").wait_for()


@dataclass(frozen=True)
class Shot:
    """What one image shows: options of `explore`, and what is done then."""

    options: str
    then: Callable[[Explorer], None] = nothing
    code: str = OPEN


SHOTS: dict[str, Shot] = {
    "explorer-light": Shot(""),
    "explorer-dark": Shot("theme='dark', colormap='viridis'"),
    "explorer-compare": Shot("word_b='apple', threshold=0.5"),
    "explorer-difference": Shot("word_b='apple', view='difference'"),
    "explorer-steps": Shot("steps=slice(2, 6), follow_step=True"),
    "explorer-head": Shot("layer=5, head=2, tile_scale='common'"),
    "explorer-sorted": Shot("tile_sort='overlap', choice='recommended', show_pieces=True"),
    "explorer-blocks": Shot("", nearer, MANY),
    "explorer-pixel": Shot("word_b='apple'", pixel),
    "explorer-region": Shot("", region),
    "explorer-syntax": Shot("show_syntax=True, parser='caption_parser'", syntax),
    "explorer-projector": Shot("projector=True"),
    "explorer-keys": Shot("theme='dark'", keys),
}


def shot(notebook: Notebook, name: str, folder: Path) -> None:
    """An image of one explorer after something was done with it."""
    wanted = SHOTS[name]
    [explorer] = opened(notebook, wanted.code.format(options=wanted.options))
    wanted.then(explorer)
    explorer.page.wait_for_timeout(300)
    saved(explorer.root, folder / f"{name}.png")


def two_runs(notebook: Notebook, folder: Path) -> None:
    """Two seeds in one instrument, with the difference of their maps."""
    page = notebook.page
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    try:
        opened(
            notebook,
            "box.children = [dnb.explore(*runs, images=forming, word='banana', parser=False)]",
            count=2,
        )
        page.locator("[data-testid=difference]").wait_for()
        saved(
            page.locator(".jp-OutputArea-output [data-testid=explorer][data-side=a]").first,
            folder / "explorer-two-runs.png",
        )
    finally:
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]


def figure(notebook: Notebook, folder: Path) -> None:
    """What `to_figure` draws of a choice."""
    opened(notebook, OPEN.format(options="word_b='apple', threshold=0.5, parser=False"))
    path = folder / "explorer-figure.png"
    notebook.do(f"box.children[0].to_png({str(path)!r}, overwrite=True)")
    path.write_bytes(few_colors(Image.open(path)))
    print(f"{path}: {path.stat().st_size} bytes", flush=True)


def hand_out(notebook: Notebook, browser: Browser, scratch: Path, folder: Path) -> None:
    """The hand-out in a window of 800 pixels, opened as a file."""
    opened(notebook, OPEN.format(options="parser=False"))
    file = scratch / "banana.html"
    notebook.do(f"box.children[0].to_html({str(file)!r}, overwrite=True)")
    page = browser.new_page(viewport={"width": 800, "height": 1300})
    page.goto(file.as_uri())
    explorers(page)[0].settle()
    page.wait_for_timeout(300)
    height = page.evaluate("() => document.documentElement.scrollHeight")
    page.set_viewport_size({"width": 800, "height": height})
    saved(page.locator("html"), folder / "explorer-handout.png")
    page.close()


def classroom(browser: Browser, scratch: Path, folder: Path) -> None:
    """The page for teaching, under Voila."""
    with voila(scratch, ROOT / "notebooks" / "classroom.ipynb") as server:
        page = browser.new_page(viewport={"width": 1120, "height": 3800})
        page.goto(server.url, timeout=SECONDS * 1000)
        status = page.locator(".daam-lesson-status")
        expect(status).to_contain_text("steps.", timeout=SECONDS * 1000)
        page.get_by_role("button", name="Show the words").click()
        explorers(page)[0].settle()
        page.wait_for_timeout(500)
        saved(page.locator(".daam-lesson").first, folder / "classroom.png", most=720)
        page.close()


def attempt(name: str, make: Callable[[], None]) -> bool:
    """Make an image; where that fails say why, and once more."""
    for _ in range(2):
        try:
            make()
        except Exception:
            print(f"{name} failed:", file=sys.stderr)
            traceback.print_exc()
        else:
            return True
    return False


def in_jupyter(
    server: Server, browser: Browser, scratch: Path, folder: Path, wanted: list[str]
) -> list[str]:
    """Make the images that a notebook shows; return the names of those that failed."""
    page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
    page.emulate_media(reduced_motion="reduce")
    write_notebook(server.notebooks / "shots.ipynb", *CELLS)
    notebook = open_notebook(page, server, "shots.ipynb")
    notebook.run_all()
    others: dict[str, Callable[[], None]] = {
        "explorer-two-runs": lambda: two_runs(notebook, folder),
        "explorer-figure": lambda: figure(notebook, folder),
        "explorer-handout": lambda: hand_out(notebook, browser, scratch, folder),
    }
    makers = {name: (lambda name=name: shot(notebook, name, folder)) for name in SHOTS} | others
    return [name for name in wanted if name in makers and not attempt(name, makers[name])]


NAMES = (*SHOTS, "explorer-two-runs", "explorer-figure", "explorer-handout", "classroom")


def main() -> int:
    """Make the images named, or all; 1 where one could not be made, 2 for an unknown name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    options = parser.parse_args()
    wanted, folder = options.names or list(NAMES), options.to.resolve()
    if unknown := sorted(set(wanted) - set(NAMES)):
        print(f"There is no {unknown[0]!r}. There are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=FLAGS)
        if set(wanted) - {"classroom"}:
            server = stack.enter_context(jupyter(scratch / "jupyter"))
            failed += in_jupyter(server, browser, scratch, folder, wanted)
        if "classroom" in wanted and not attempt(
            "classroom", lambda: classroom(browser, scratch / "voila", folder)
        ):
            failed.append("classroom")
        browser.close()
    if failed:
        print(f"Not made: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
