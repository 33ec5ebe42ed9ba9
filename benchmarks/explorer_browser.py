"""The explorer in a real browser: our own work, painted frames, and what the first display sends.

    OMP_NUM_THREADS=1 python -m benchmarks.explorer_browser

JupyterLab and Chromium as in the browser tests, on a recording with the shapes of Stable Diffusion
1.5 (16 layers of 8 heads, 50 steps, 10 words, random probabilities). For each kind of input, made
by the mouse: "work" is the time that our own handlers and drawing take, from the input event to the
finished drawing, without the wait for the next frame; "painted" is the time until the frame after
it, in frames of 1/60 s; "exact" is the time until the exact map has replaced the preview. All are
wall times: a busy machine lengthens them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.harness import arguments, report
from tests.browser.conftest import FLAGS, chromium
from tests.browser.explorer import Explorer, Tile, explorers
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import jupyter

FRAME = 1000 / 60
CELLS = (
    "import daam_nb as dnb\nfrom PIL import Image\nfrom dataclasses import replace\n"
    "from benchmarks.maps import sd15_recording\n"
    "run = replace(sd15_recording(), image=Image.new('RGB', (512, 512), 'gray'))",
    "explorer = dnb.explore(run, parser=False)\nexplorer",
)
MOVES = 60  # of a slider; fewer in a quick run
_INSERT = """code => {
  const {content} = window.jupyterapp.shell.currentWidget;
  content.model.sharedModel.insertCell(0, {cell_type: 'code', source: code});
  content.activeCellIndex = 0;
}"""
_RUN_ONE = "() => window.jupyterapp.commands.execute('notebook:run-cell')"
_CLICK = """async (part, at) => {
  const root = part.closest('[data-testid=explorer]');
  const click = () => {
    if (!at) return part.click();
    const box = part.getBoundingClientRect();
    const place = {clientX: box.left + at.x, clientY: box.top + at.y, pointerType: 'mouse'};
    for (const type of ['pointerdown', 'pointerup'])
      part.dispatchEvent(new PointerEvent(type, {...place, bubbles: true, button: 0}));
  };
  const frame = () => new Promise(requestAnimationFrame);
  const before = root.__daam.shown().key, start = performance.now();
  click();
  const waits = (map) => map?.kind !== 'exact' || map.key === before;
  do await frame(); while (waits(root.__daam.shown()));
  return performance.now() - start;
}"""
_TIMINGS = "(root, from) => root.__daam_timings.slice(from)"


def measure(explorer: Explorer, moves: Callable[[], None]) -> list[dict[str, float]]:
    """What the page noted of the inputs that `moves` makes."""
    before = explorer.root.evaluate("root => root.__daam_timings.length")
    moves()
    explorer.settle()
    timings: list[dict[str, float]] = explorer.root.evaluate(_TIMINGS, before)
    return [one for one in timings if one.get("painted")]


def drag(explorer: Explorer, part: Locator, places: Sequence[float]) -> None:
    """Press at the first place (share of a part's width), move to each other one, let go."""
    mouse = explorer.page.mouse
    for number, place in enumerate(places):
        mouse.move(*explorer.at(part, 0.5, place))
        if number == 0:
            mouse.down()
        explorer.page.wait_for_timeout(2 * FRAME)
    mouse.up()


def drag_steps(explorer: Explorer, stride: int) -> None:
    """Move the first end of the slider up and down, `stride` steps at a time, then the last."""
    up = [0.001, *((step + 0.01) / 50 for step in range(1, 40, stride))]
    down = [0.999, *((step + 0.01) / 50 for step in range(48, 10, -stride))]
    slider = explorer.part("steps-slider")
    drag(explorer, slider, [*up, *up[-2::-1]])
    drag(explorer, slider, down)


def drag_input(explorer: Explorer, name: str, moves: int) -> None:
    """Slide the input of a control, of type range."""
    drag(explorer, explorer.input(name), [0.1 + 0.8 * number / moves for number in range(moves)])


def clicks(explorer: Explorer, parts: Sequence[Locator | Tile]) -> list[float]:
    """Milliseconds from each click until the exact map is drawn, by the page's own clock."""
    return [
        part.canvas.evaluate(_CLICK, part.middle)
        if isinstance(part, Tile)
        else part.evaluate(_CLICK)
        for part in parts
    ]


def first_display(notebook: Notebook, page: Page) -> tuple[float, float]:
    """Seconds from running the cell to an explorer that can be used, and MB of its state."""
    start = time.perf_counter()
    page.evaluate(_RUN_ONE)
    [explorer] = explorers(page)
    explorer.settle()
    seconds = time.perf_counter() - start
    sizes = (
        "sum(len(v) if isinstance(v, bytes) else len(__import__('json').dumps(v, default=str)) "
        "for v in explorer.get_state().values())"
    )
    return seconds, notebook.ask(sizes) / 1e6


def main() -> None:
    """Measure in a browser, print, write."""
    options = arguments("explorer-browser.json", __doc__).parse_args()
    with (
        tempfile.TemporaryDirectory() as place,
        jupyter(Path(place)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1600})
        write_notebook(server.notebooks / "sd15.ipynb", CELLS[0])
        notebook = open_notebook(page, server, "sd15.ipynb")
        notebook.run_all()  # the recording is made and everything imported
        page.evaluate(_INSERT, CELLS[1])
        seconds, megabytes = first_display(notebook, page)
        [explorer] = explorers(page)
        rows = measured(explorer, quick=options.quick)
        browser.close()
    report(
        "The explorer in Chromium, SD 1.5 size (ms; frames of 16.7 ms)",
        (
            "input",
            "inputs",
            "work median",
            "work p95",
            "painted median",
            "painted p95",
            "exact median",
        ),
        rows,
        into=options.json,
        facts={"first display, s": round(seconds, 2), "first display, MB": round(megabytes, 2)},
    )
    print(f"first display to interactive {seconds:.2f} s, {megabytes:.2f} MB of state")


def measured(explorer: Explorer, *, quick: bool = False) -> list[tuple[object, ...]]:
    """A row for each kind of input."""
    rows: list[tuple[object, ...]] = []
    count, stride = (6, 10) if quick else (MOVES, 1)
    for name, moves in (
        ("range of steps", lambda: drag_steps(explorer, stride)),
        ("threshold", lambda: drag_input(explorer, "threshold", count)),
        ("opacity", lambda: drag_input(explorer, "opacity", count)),
    ):
        found = measure(explorer, moves)
        work = [one["work"] for one in found]
        frames = [(one["painted"] - one["input"]) / FRAME for one in found]
        rows.append((name, len(found), median(work), _p95(work), median(frames), _p95(frames), ""))
    tiles = [explorer.tile(layer, head) for layer in (0, 5, 9) for head in (1, 4, 6)]
    words = [explorer.part("chip", word=word) for word in (2, 4, 6, 8, 3, 5)]
    sets: tuple[tuple[str, Sequence[Locator | Tile]], ...] = (("head", tiles), ("word", words))
    for name, parts in sets:
        waits = clicks(explorer, parts[:2] if quick else parts)
        rows.append((name, len(waits), "", "", "", "", median(waits)))
    return rows


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[18]


if __name__ == "__main__":
    main()
