"""Print pyproject.toml's lower bounds as exact versions, one requirement per line.

Tools (pytest, ruff, ...) stay free: a floor is a promise about what the package runs with.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMISED = ("widgets", "studies")


def floors(project: dict[str, object], constraints: str) -> list[str]:
    """`name==version` for every promised lower bound, and the tested version for torch."""
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    needed = [*project["dependencies"], *(need for extra in PROMISED for need in extras[extra])]
    lines = [need.replace(">=", "==") for need in needed if not need.startswith("torch>=")]
    torch = re.search(r"^torch==.*$", constraints, flags=re.MULTILINE)
    assert torch, "constraints.txt names no version of torch"
    return sorted({torch.group(), *lines})


if __name__ == "__main__":
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    print("\n".join(floors(pyproject["project"], (ROOT / "constraints.txt").read_text())))
