"""docs/add-an-explorer-control.md: its example, taken word for word into a copy of the project."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECIPE = ROOT / "docs" / "add-an-explorer-control.md"
NODE = shutil.which("node")
MODULES = ROOT / "js" / "node_modules"
pytestmark = pytest.mark.skipif(not RECIPE.exists(), reason="the package alone is installed")


def blocks(language: str) -> list[str]:
    """The fenced blocks of the recipe in one language."""
    text = RECIPE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def taken(diff: str, folder: Path) -> Path:
    """Apply a diff of one file: what stood there must stand there once, whatever its line."""
    name = re.findall(r"^\+\+\+ b/(.*)$", diff, re.M)[0]
    lines = diff.split("@@\n", 1)[1].splitlines(keepends=True)
    before = "".join(line[1:] or "\n" for line in lines if line[0] in " -")
    after = "".join(line[1:] or "\n" for line in lines if line[0] in " +")
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{name} does not hold what the recipe changes:\n{before}"
    (folder / name).write_text(text.replace(before, after), encoding="utf-8")
    return folder / name


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the example's control."""
    folder = tmp_path_factory.mktemp("project")
    unread = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("daam_nb", "js", "scripts", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=unread)
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "explorer.md", folder / "docs")
    changed = [taken(diff, folder) for diff in blocks("diff")]
    assert [path.name for path in changed] == ["controls.py", "test_controls.py", "image.js"]
    run(folder, sys.executable, "-m", "scripts.explorer_controls")
    return folder


def run(folder: Path, *words: str) -> str:
    """Run a command in the copy."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_the_recipe_tries_works(project: Path) -> None:
    (code,) = [block for block in blocks("python") if "import daam_nb" in block]
    printed = run(project, sys.executable, "-c", code)
    said = re.search(r"print\(error\) +# (.*)", code)
    assert said is not None and printed == said[1] + "\n"
    text = (project / "faded.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text


def test_the_documents_and_the_page_know_it(project: Path) -> None:
    row = "| `image_opacity` | of the image below the colors | a number from 0 to 1 | `1.0` |"
    assert row in (project / "docs" / "explorer.md").read_text(encoding="utf-8")
    script = (project / "js" / "src" / "controls.data.js").read_text(encoding="utf-8")
    assert '  image_opacity: {"kind": "Share", "default": 1.0,' in script


def test_the_tests_of_the_table_hold_with_it(project: Path) -> None:
    words = ("-q", "-p", "no:cacheprovider", "--rootdir", str(project))
    run(project, sys.executable, "-m", "pytest", *words, "tests/show/explorer/test_controls.py")


def test_the_test_for_a_browser_asks_what_its_helpers_have() -> None:
    pytest.importorskip("playwright")
    from tests.browser.explorer import Explored, Explorer
    from tests.browser.lab import Notebook

    (code,) = [block for block in blocks("python") if "def test_" in block]
    known = {"explored": Explored, "explored.notebook": Notebook, "page": Explorer}
    fields = {"explored": {"notebook"}}
    asked = [
        (ast.unparse(node.value), node.attr)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in known
    ]
    assert {of for of, _ in asked} == {*known}
    for of, name in asked:
        assert hasattr(known[of], name) or name in fields.get(of, ()), f"{of}.{name}"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("ci", "bundle"), [("", "build"), ("true", "current")])
def test_make_brings_the_bundle_up_to_date_before_a_test_compares_it(ci: str, bundle: str) -> None:
    lines = run(ROOT, "make", "--dry-run", "js", f"CI={ci}").splitlines()
    scripts = [line.split()[-1] for line in lines if line.startswith("npm run")]
    assert scripts.index(bundle) < scripts.index("test")
    assert ("scripts.explorer_controls" in "".join(lines)) == (not ci)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_says_where_the_table_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "npm").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "npm").chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    printed = run(ROOT, "env", path, "make", "js", "CI=", f"VENV={tmp_path}/none")
    assert "python -m scripts.explorer_controls" in printed


@pytest.mark.skipif(NODE is None or not MODULES.is_dir(), reason="Node.js: `make js` first")
def test_the_page_is_built_with_it(project: Path) -> None:
    assert NODE is not None
    modules = project / "js" / "node_modules"
    modules.symlink_to(MODULES, target_is_directory=True)
    run(project / "js", NODE, "build.js")
    built = (project / "daam_nb/show/explorer/static/explorer.js").read_text(encoding="utf-8")
    assert built.count('"image_opacity"') == 1 and "Image" in built
    run(project / "js", NODE, "node_modules/typescript/bin/tsc", "--project", "tsconfig.json")
    asked = (
        "import { State } from './src/state.js'; import * as flags from './src/flags.js';"
        "const state = new State({ get() {}, on() {}, off() {} });"
        "console.log(state.get('image_opacity'), flags.OF_TRAIT.image_opacity,"
        " flags.MAP | flags.LOOK);"
    )
    words = run(project / "js", NODE, "--input-type=module", "-e", asked).split()
    assert words == ["1", words[2], words[2]]
