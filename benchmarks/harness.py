"""Common code of the benchmarks: timing, one table on the screen, the same as JSON."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

QUICK = 3  # calls of a quick run, where there are more otherwise


@dataclass(frozen=True)
class Timing:
    """Milliseconds of repeated calls.

    `first` is the first call, `median` and `p95` are those of the others; `cpu` is their median in
    processor time, which other programs on the machine affect less.
    """

    first: float
    median: float
    p95: float
    cpu: float
    calls: int


def clock(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of one call, in wall and processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def timing(calls: Sequence[Callable[[], object]]) -> Timing:
    """Time each call once; the first is reported separately and not counted among the others."""
    first, *others = (clock(call) for call in calls)
    walls, cpus = zip(*others, strict=True)
    p95 = statistics.quantiles(walls, n=20)[18]
    return Timing(first[0], statistics.median(walls), p95, statistics.median(cpus), len(others))


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """Options of every benchmark: the JSON file, the number of threads, whether to be quick."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / name)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="go through everything once or twice, to see that it runs; the numbers mean nothing, "
        "and no goal is judged",
    )
    return parser


def report(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    into: Path,
    facts: dict[str, Any] | None = None,
) -> None:
    """Print one table and write it, with the machine and the versions, as JSON."""
    written = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *written]) for i in range(len(columns))]
    print(title)
    for line in [list(columns), ["-" * width for width in widths], *written]:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells))
    result = {
        "title": title,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "facts": facts or {},
        "rows": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {into}")


def machine() -> dict[str, Any]:
    """The machine and versions that the numbers depend on."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _shown(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
