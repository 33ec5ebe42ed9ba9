"""A variable is named for what it holds."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "daam_nb"
GENERIC = frozenset(
    [
        *("alone", "aside", "asked", "done", "found", "given", "made", "one", "place", "said"),
        *("shown", "taken", "temp", "there", "thing", "tmp", "told", "val", "wanted"),
    ]
)
"""Names that say nothing of the thing itself."""
LIMIT = 0.015


def assigned(tree: ast.AST) -> list[str]:
    """Every name that is assigned to: by ``=``, ``for``, ``with``, in comprehensions."""
    return [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def test_generic_names_are_rare() -> None:
    names = Counter[str]()
    where: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        of_file = assigned(ast.parse(path.read_text(encoding="utf-8")))
        names.update(of_file)
        for name in GENERIC.intersection(of_file):
            where.setdefault(name, []).append(str(path.relative_to(PACKAGE)))
    generic = sum(names[name] for name in GENERIC)
    assert generic / names.total() <= LIMIT, where


def test_what_counts_as_assigned() -> None:
    tree = ast.parse("a = 1\nfor b in c: pass\n[d for d in e]\nwith f as g: h.i = 2\nk += 1")
    assert sorted(assigned(tree)) == ["a", "b", "d", "g", "k"]
