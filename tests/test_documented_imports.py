"""What documents and notebooks import from daam_nb is there, also in blocks that nothing runs."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("daam_nb/**/*.md")])
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
FENCED = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def codes(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return FENCED.findall(text)
    found = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        found += [source] if cell["cell_type"] == "code" else FENCED.findall(source)
    return found


def imported(code: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every import from daam_nb; of a name that is a module, the module."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "daam_nb":
            yield from ((str(node.module), alias.name) for alias in node.names)


def is_there(module: str, name: str) -> bool:
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_what_is_imported_is_there(path: Path) -> None:
    names = [pair for code in codes(path) for pair in imported(code)]
    assert [pair for pair in names if not is_there(*pair)] == []


def test_a_name_that_is_not_there_is_found() -> None:
    code = "from daam_nb.studies import corpus, run_study, nothing\nfrom daam_nb.gone import x"
    names = list(imported(code))
    assert [name for module, name in names if not is_there(module, name)] == ["nothing", "x"]
