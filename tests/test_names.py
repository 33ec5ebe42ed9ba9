"""A variable is named for what it holds."""

from __future__ import annotations

import ast
import re
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


LEFT_COLUMN = re.compile(
    r"pictur|colour|grey|centre|(?:normal|summar|quant|recogn|capital)is(?:e|ing|ation)"
    r"|^_?(?:least|most)_|(?:^|_)(?:living|wake|forget|alone|aside|seats?|remark)(?:_|$)",
    re.IGNORECASE,
)
"""Words for which there is another one: image, color, gray, center, -ize, min and max, ..."""


def defined(tree: ast.AST) -> list[str]:
    """Every name that is defined: classes, functions, parameters, fields and other variables."""
    names = assigned(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
    return names


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


def test_one_word_for_one_thing() -> None:
    wrong = [path.name for path in PACKAGE.rglob("*.py") if LEFT_COLUMN.search(path.stem)]
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(PACKAGE)
        wrong += [f"{where}: {name}" for name in defined(tree) if LEFT_COLUMN.search(name)]
    assert wrong == []


def test_what_counts_as_defined() -> None:
    tree = ast.parse("class A:\n    b: int = 1\n    async def c(self, *d, e=0, **f): g = h")
    assert sorted(defined(tree)) == ["A", "b", "c", "d", "e", "f", "g", "self"]
    found = [x for x in ("_picture", "MOST_ROWS", "alone", "almost_one") if LEFT_COLUMN.search(x)]
    assert found == ["_picture", "MOST_ROWS", "alone"]
