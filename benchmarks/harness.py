"""What every benchmark shares: timing, one table on the screen, the same as JSON beside it."""

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


@dataclass(frozen=True)
class Timing:
    """Milliseconds of repeated calls."""

    first: float
    median: float
    p95: float
    calls: int


def clock(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def timing(calls: Sequence[Callable[[], object]]) -> Timing:
    """Time each call once; the first is reported apart and not counted among the others."""
    first, *others = (clock(call) for call in calls)
    cuts = statistics.quantiles(others, n=20) if len(others) > 1 else others * 19
    return Timing(first, statistics.median(others), cuts[18], len(others))


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """Options that every benchmark has: where the JSON goes, how many threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / name)
    parser.add_argument("--threads", type=int, default=1)
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
    """What the numbers depend on beside the code."""
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
