"""Print pyproject.toml's lower bounds as exact versions, one requirement per line.

Tools (pytest, ruff, ...) stay free: a floor is a promise about what the package runs with.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMISED = ("widgets", "studies")


def floors(project: dict[str, object], constraints: str, *, whole: bool = False) -> list[str]:
    """`name==version` for every promised lower bound.

    Of torch the version of the constraints, unless the `whole` is wanted.
    """
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    needed = [*project["dependencies"], *(need for extra in PROMISED for need in extras[extra])]
    lines = [need.replace(">=", "==") for need in needed if whole or not need.startswith("torch>=")]
    if whole:
        return sorted(set(lines))
    torch = re.search(r"^torch==.*$", constraints, flags=re.MULTILINE)
    assert torch, "constraints.txt names no version of torch"
    return sorted({torch.group(), *lines})


if __name__ == "__main__":
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    constraints = (ROOT / "constraints.txt").read_text()
    print("\n".join(floors(pyproject["project"], constraints, whole="--whole" in sys.argv[1:])))
