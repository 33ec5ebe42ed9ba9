"""The explorer's kernel: how long an answer takes, and how many bytes the first display sends.

    OMP_NUM_THREADS=1 python -m benchmarks.explorer

On a recording with the shapes of Stable Diffusion 1.5 (16 cross-attention layers of 8 heads, 50
steps, 10 words, float16, random probabilities) each row times what one action of the hand asks of
the kernel, from the changed trait to the answer ready to be sent. "first" is the first such
action, "cpu" the median in processor time, which other programs on the machine do not lengthen. The
running sums were prepared before, as the kernel does in the pauses of its loop, but in the rows
that say otherwise. It also prints how far preview and exact map are apart, on these random maps
and on the sample recording.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from PIL import Image

import daam_nb
from benchmarks.harness import QUICK, arguments, report, timing
from benchmarks.maps import HEADS, STEPS, sd15_recording
from daam_nb.recording import Recording
from daam_nb.show.explorer.model.agreement import preview_distance
from daam_nb.show.explorer.model.container import VERSION
from daam_nb.show.explorer.page.widget import Explorer

IMAGE = 512
MAPS = ("stack", "exact", "tiles")


def opened(run: Recording) -> Explorer:
    """A fresh explorer of a fresh recording: nothing is kept for it yet."""
    return daam_nb.explore(replace(run), parser=False)  # type: ignore[no-any-return]


def actions(seed: int = 0) -> dict[str, tuple[int, float, Callable[[Explorer], object]]]:
    """What is timed -> how many calls, at most how many milliseconds (median), the action."""
    chance = random.Random(seed)
    words: Iterator[int] = _round(10)
    heads = _round(16 * HEADS)

    def word(explorer: Explorer) -> None:
        explorer.word = next(words)

    def head(explorer: Explorer) -> None:
        number = next(heads)
        explorer.choose(layer=number // HEADS, head=number % HEADS)

    def steps(explorer: Explorer) -> None:
        explorer.steps = slice(*sorted(chance.sample(range(STEPS + 1), 2)))

    def ask(want: tuple[str, ...], at: Any, choose: Any, explorer: Explorer) -> None:
        """As a page does: the choice as a trait, then what it lacks, as a question."""
        explorer._hearing = True  # else what Python chooses travels with its maps
        choose(explorer)
        explorer._received(explorer, question(explorer, want, at), [])

    polygon = [[0.2, 0.2], [0.2, 0.6], [0.5, 0.7], [0.6, 0.3]]
    return {
        "a new word": (10, 200, partial(ask, MAPS, None, word)),
        "another head": (100, 100, partial(ask, MAPS, None, head)),
        "the hand rests on a range of steps": (100, 100, partial(ask, MAPS[1:], None, steps)),
        "another threshold": (100, 100, lambda e: setattr(e, "threshold", chance.random())),
        "a pixel's words, after a new range": (
            30, 80, partial(ask, ("words",), {"y": 0.4, "x": 0.6}, steps)
        ),
        "a region's words, after a new range": (
            30, 80, partial(ask, ("region",), {"polygon": polygon}, steps)
        ),
    }  # fmt: skip


def question(explorer: Explorer, want: tuple[str, ...], at: Any) -> dict[str, Any]:
    """A question of a page about what is chosen."""
    names = ("word", "word_b", "choice", "layer", "head", "steps", "threshold")
    asked = {"v": VERSION, "type": "ask", "id": 1, "run": explorer.subject.name}
    return {**asked, "want": list(want), "sel": explorer.get_state(names), "at": at}


def rest_once(explorer: Explorer) -> None:
    """The hand rests on a range for the first time, before anything was prepared."""
    explorer.steps = slice(3, 40)


def _round(count: int) -> Iterator[int]:
    while True:
        yield from range(count)


def first_display(explorer: Explorer) -> dict[str, int]:
    """Bytes of all that the browser gets before it can draw: binary parts, and text as JSON."""
    state = explorer.get_state()
    parts = {"script and style": len(state["_esm"]) + len(state["_css"])}
    for name, value in state.items():
        if isinstance(value, bytes):
            parts[name.strip("_")] = len(value)
        elif name not in ("_esm", "_css"):
            parts["text"] = parts.get("text", 0) + len(json.dumps(value))
    return {**parts, "together": sum(parts.values())}


def main() -> None:
    """Measure, print, write."""
    options = arguments("explorer-kernel.json", __doc__).parse_args()
    torch.set_num_threads(options.threads)
    run = sd15_recording()
    noise = torch.randint(0, 256, (IMAGE // 4, IMAGE // 4, 3), dtype=torch.uint8)
    image = Image.fromarray(noise.numpy()).resize((IMAGE, IMAGE), Image.Resampling.BICUBIC)
    run = replace(run, image=image)
    rows: list[tuple[object, ...]] = []
    opening = timing([partial(opened, run)] * 4)
    rows.append(
        ("open: explore(run)", opening.first, opening.median, opening.p95, opening.cpu, "", 3)
    )
    cold = timing([partial(rest_once, opened(run)) for _ in range(6)])
    rows.append(
        (
            "the first range of a word, unprepared",
            cold.first,
            cold.median,
            cold.p95,
            cold.cpu,
            100,
            5,
        )
    )
    for what, (calls, limit, action) in actions().items():
        explorer = opened(run)
        for _ in explorer.engine.warm(explorer.selected):
            pass  # as the kernel does in the pauses of its loop
        t = timing([partial(action, explorer)] * (QUICK if options.quick else calls + 1))
        rows.append((what, t.first, t.median, t.p95, t.cpu, limit, t.calls))
        explorer.close()
    sent = first_display(opened(run))
    ranges = QUICK if options.quick else 20
    apart = {"SD-1.5 shapes, random": preview_distance(run, words=(1, 5), ranges=ranges)}
    apart["the sample recording"] = preview_distance(daam_nb.sample())
    report(
        f"The explorer's kernel, SD-1.5 shapes, {options.threads} thread(s), milliseconds",
        ("what", "first", "median", "p95", "cpu", "limit", "calls"),
        rows,
        into=options.json,
        facts={
            "sent on first display, bytes": sent,
            "preview and exact map": {what: one.as_dict() for what, one in apart.items()},
        },
    )
    print("sent on first display:", ", ".join(f"{k} {v / 1000:.0f} kB" for k, v in sent.items()))
    for what, one in apart.items():
        print(f"preview and exact map, {what}: {one}")


if __name__ == "__main__":
    main()
