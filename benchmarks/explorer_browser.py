"""The explorer in a real browser: our own work, painted frames, and what the first display sends.

    OMP_NUM_THREADS=1 python -m benchmarks.explorer_browser [--size sd15 sdxl sd3 flux]

JupyterLab and Chromium as in the browser tests, on recordings of made-up attention with the shapes
of Stable Diffusion 1.5 (16 layers of 8 heads, 50 steps), XL (70 layers of 10 or 20, 20 steps), 3
(24 of 24, 14 steps) and FLUX (57 of 24, 7 steps), of 12 words. For each kind of input, made by the
mouse: "work" is the time that our own handlers and drawing take, from the input event to the
finished drawing, without the wait for the next frame; "painted" is the time until the frame after
it, in frames of 1/60 s; "exact" is the time until the exact map has replaced the preview; of a
range of steps from the moment at which the hand rests. "Memory" is what the kernel's process has
more than before the explorer opened, after all that. All are wall times: a busy machine lengthens
them.
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
from tests.browser.servers import Server, jupyter
from tests.real_sizes import SIZES, Size

FRAME = 1000 / 60
STEPS: dict[Size, int] = {"sd15": 50, "sdxl": 20, "sd3": 14, "flux": 7}
CELLS = (
    "import daam_nb as dnb\nfrom pathlib import Path\nfrom tests.real_sizes import real_size\n"
    "run = real_size({size!r}, steps={steps})\n"
    "def resident():\n"
    "    lines = Path('/proc/self/status').read_text().splitlines()\n"
    "    return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS')) / 1024\n"
    "before = resident()",
    "explorer = dnb.explore(run, parser=False)\nexplorer",
)
# What is hoped for: milliseconds until the exact map, seconds and MB of the first display, MB.
WORD_LIMITS: dict[Size, float] = {"sd15": 150, "sdxl": 300, "sd3": 300, "flux": 300}
RANGE_LIMIT, DISPLAY_LIMITS, MEMORY_LIMIT = 100, (1.5, 1.0), 400
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
_REST = """async (root, steps) => {
  const frame = () => new Promise(requestAnimationFrame);
  const before = root.__daam.shown().key, start = performance.now();
  root.__daam.state.set({steps}, 'now');
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


def drag_steps(explorer: Explorer, count: int, stride: int) -> None:
    """Move the first end of the slider up and down, `stride` steps at a time, then the last."""
    up = [0.001, *((step + 0.01) / count for step in range(1, count * 4 // 5, stride))]
    down = [0.999, *((step + 0.01) / count for step in range(count - 2, count // 5, -stride))]
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


def rests(explorer: Explorer, count: int, times: int) -> list[float]:
    """Milliseconds from a range of steps at rest until its exact map is drawn."""
    ranges = [(number % (count - 1), count - number % 2) for number in range(times)]
    return [explorer.root.evaluate(_REST, list(steps)) for steps in ranges]


def main() -> None:
    """Measure in a browser, print, write."""
    parser = arguments("explorer-browser.json", __doc__)
    parser.add_argument("--size", nargs="+", choices=SIZES, default=SIZES, help="all if left out")
    options = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    with (
        tempfile.TemporaryDirectory() as place,
        jupyter(Path(place)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=FLAGS)
        for size in options.size:
            page = browser.new_page(viewport={"width": 1300, "height": 1600})
            rows += [(size, *row) for row in of_size(page, server, size, quick=options.quick)]
            page.close()
        browser.close()
    report(
        "The explorer in Chromium (ms; frames of 16.7 ms)",
        (
            "size",
            "input",
            "inputs",
            "work median",
            "work p95",
            "painted median",
            "painted p95",
            "exact median",
            "limit",
        ),
        rows,
        into=options.json,
    )


def of_size(page: Page, server: Server, size: Size, *, quick: bool) -> list[tuple[object, ...]]:
    """The rows of one size of recording."""
    count = 6 if quick else STEPS[size]
    name = f"{size}.ipynb"
    write_notebook(server.notebooks / name, CELLS[0].format(size=size, steps=count))
    notebook = open_notebook(page, server, name)
    notebook.run_all()  # the recording is made and everything imported
    page.evaluate(_INSERT, CELLS[1])
    seconds, megabytes = first_display(notebook, page)
    [explorer] = explorers(page)
    rows = measured(explorer, size, count, quick=quick)
    memory = notebook.ask("resident() - before")
    notebook.do("explorer.close(); del run")
    beside: tuple[tuple[str, float, float], ...] = (
        ("first display, s", seconds, DISPLAY_LIMITS[0]),
        ("first display, MB", megabytes, DISPLAY_LIMITS[1]),
        ("memory, MB", memory, MEMORY_LIMIT),
    )
    return [*rows, *((name, 1, "", "", "", "", value, limit) for name, value, limit in beside)]


def measured(
    explorer: Explorer, size: Size, count: int, *, quick: bool = False
) -> list[tuple[object, ...]]:
    """A row for each kind of input."""
    rows: list[tuple[object, ...]] = []
    moves, stride = (6, 2) if quick else (MOVES, 1)
    for name, make in (
        ("range of steps", lambda: drag_steps(explorer, count, stride)),
        ("threshold", lambda: drag_input(explorer, "threshold", moves)),
        ("opacity", lambda: drag_input(explorer, "opacity", moves)),
    ):
        timings = measure(explorer, make)
        work = [timing["work"] for timing in timings]
        frames = [(timing["painted"] - timing["input"]) / FRAME for timing in timings]
        spread = (median(work), _p95(work), median(frames), _p95(frames))
        rows.append((name, len(timings), *spread, "", ""))
    tiles = [explorer.tile(layer, head) for layer in (0, 5, 9) for head in (1, 4, 6)]
    words = [explorer.part("chip", word=word) for word in (2, 4, 6, 8, 3, 5)]
    sets: tuple[tuple[str, Sequence[Locator | Tile], float | str], ...] = (
        ("head", tiles, ""),
        ("word", words, WORD_LIMITS[size]),
    )
    for name, parts, limit in sets:
        waits = clicks(explorer, parts[:2] if quick else parts)
        rows.append((name, len(waits), "", "", "", "", median(waits), limit))
    waits = rests(explorer, count, 2 if quick else 10)
    rows.append(("range at rest", len(waits), "", "", "", "", median(waits), RANGE_LIMIT))
    return rows


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[18]


if __name__ == "__main__":
    main()
