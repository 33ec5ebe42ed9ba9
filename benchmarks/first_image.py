"""Time to the first image: a fresh process loads the shipped model, offline, and draws.

    python -m benchmarks.first_image                # one thread
    python -m benchmarks.first_image --threads 2

Each run is a separate process: `import` of the package and of diffusers, `load()`, the first
image (20 steps with guidance) and the second. The goal: one image in at most 2 s. The exit status
is 1 if the median of the first image misses it. Processor time is given next to wall time, because
other programs on the machine affect it less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import arguments, report

GOAL_SECONDS = 2.0
ROOT = Path(__file__).parent.parent
PARTS = ("import", "load", "first image", "second image")
TOTAL = ("all up to the first image", 0, 3)

FRESH = """
import json, sys, time
start = time.perf_counter(), time.process_time()
import torch
from diffusers import StableDiffusionPipeline
import daam_nb
torch.set_num_threads(int(sys.argv[1]))
marks = [(time.perf_counter(), time.process_time())]
pipe = daam_nb.menagerie.load()
pipe.set_progress_bar_config(disable=True)
marks.append((time.perf_counter(), time.process_time()))
for seed in range(2):
    generator = torch.Generator().manual_seed(seed)
    pipe("an apple on the grass", num_inference_steps=20, guidance_scale=4.0, generator=generator)
    marks.append((time.perf_counter(), time.process_time()))
spent = [(b - a, d - c) for (a, c), (b, d) in zip([start, *marks], marks)]
print(json.dumps(spent))
"""


def fresh(threads: int) -> list[tuple[float, float]]:
    """Seconds (wall, processor) of each of `PARTS` in a new process that uses no network."""
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(threads)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [(wall, spent) for wall, spent in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Measure, print and write."""
    parser = arguments("first_image.json", __doc__)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.runs = 1 if options.quick else options.runs
    runs = [fresh(options.threads) for _ in range(options.runs)]
    rows: list[list[Any]] = []
    for name, first, last in (*((part, i, i + 1) for i, part in enumerate(PARTS)), TOTAL):
        wall = [sum(part[0] for part in run[first:last]) for run in runs]
        spent = median(sum(part[1] for part in run[first:last]) for run in runs)
        rows.append([name, min(wall), median(wall), max(wall), spent])
    load = os.getloadavg()[0]
    report(
        f"A fresh process, {options.threads} thread(s), {options.runs} runs: seconds",
        ("part", "least", "median", "most", "processor, median"),
        rows,
        into=options.json,
        facts={"threads": options.threads, "runs": options.runs, "load_average": load},
    )
    met = rows[PARTS.index("first image")][2] <= GOAL_SECONDS
    print(f"goal of {GOAL_SECONDS} s for an image {'met' if met else 'missed'}; load {load:.1f}")
    sys.exit(0 if met or options.quick else 1)


if __name__ == "__main__":
    main()
