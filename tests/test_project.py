"""The files around the package agree with each other."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import daam_nb

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# conda-forge's names where they are not PyPI's. matplotlib-base is matplotlib without Qt.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def requirements(*lists: list[str]) -> dict[str, Requirement]:
    """Requirements by name; references of one extra to another are left out."""
    parsed = (Requirement(text) for texts in lists for text in texts)
    return {need.name: need for need in parsed if need.name != PROJECT["name"]}


ALL = requirements(PROJECT["dependencies"], *EXTRAS.values())


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) for pin in pins)
    return {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in pins}


def load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_conda_users_get_the_same_environment() -> None:
    written = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *plain, by_pip = written["dependencies"]
    needs = map(Requirement, [*plain, *by_pip["pip"]])
    conda = {need.name: str(need.specifier) for need in needs}
    ours = {CONDA_NAMES.get(name, name): str(need.specifier) for name, need in ALL.items()}
    assert conda == {**ours, "python": PROJECT["requires-python"], "pip": ""}


def test_one_package_has_one_bound() -> None:
    bounds: dict[str, set[str]] = {}
    for text in [*PROJECT["dependencies"], *(need for extra in EXTRAS.values() for need in extra)]:
        need = Requirement(text)
        bounds.setdefault(need.name, set()).add(str(need.specifier))
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_the_extra_all_names_every_extra_for_users() -> None:
    (everything,) = (Requirement(text) for text in EXTRAS["all"])
    assert everything.extras == set(EXTRAS) - {"all", "dev"}, (
        "tools of development are not for users"
    )


def test_every_dependency_has_a_floor_and_a_tested_version() -> None:
    tested = constraints()
    for name, need in ALL.items():
        assert str(need.specifier).startswith(">="), f"{need} has no floor"
        assert tested[canonicalize_name(name)] in need.specifier, f"{name}: tested outside {need}"


def test_constraints_name_no_local_build() -> None:
    """`torch==2.13.0` fits the plain and the CPU-only wheel; `+cpu` would fit one index only."""
    assert {name: str(v) for name, v in constraints().items() if v.local} == {}


def test_floors_are_the_lower_bounds() -> None:
    lines = load_file(ROOT / ".ci" / "floors.py").floors(
        {"dependencies": ["torch>=2.6", "numpy>=1.26"],
         "optional-dependencies": {"widgets": ["plotly>=6.0"], "studies": [],
                                   "dev": ["pytest>=8"]}},
        "numpy==2.4.6\ntorch==2.13.0\n",
    )  # fmt: skip
    assert lines == ["numpy==1.26", "plotly==6.0", "torch==2.13.0"]


def test_an_error_about_a_missing_package_names_an_extra_that_brings_it() -> None:
    """`MissingExtraError(package, extra, purpose)`: wherever it is raised with plain texts."""
    calls = [
        (path.name, [argument.value for argument in node.args[:2]])
        for path in sorted((ROOT / "daam_nb").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) == "MissingExtraError"
        and all(isinstance(argument, ast.Constant) for argument in node.args[:2])
    ]
    assert calls, "no such error anywhere: then this test has nothing to check"
    for where, (package, extra) in calls:
        brought = {canonicalize_name(name) for name in requirements(EXTRAS.get(extra, []))}
        assert canonicalize_name(package) in brought, f"{where}: {extra!r} brings no {package!r}"


def test_pre_commit_uses_the_ruff_of_ci() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (ruff,) = (repo for repo in hooks["repos"] if repo["repo"].endswith("/ruff-pre-commit"))
    assert ruff["rev"] == f"v{constraints()['ruff']}"


def test_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == daam_nb.__version__
    assert citation["license"] == "MIT"
    assert citation["preferred-citation"]["doi"] == "10.18653/v1/2023.acl-long.310"


def test_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+)", text, flags=re.MULTILINE)
    assert first and first.group(1) == daam_nb.__version__


def test_the_command_line_program_exists() -> None:
    module, _, function = PROJECT["scripts"]["daam-nb"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_floor_plan_is_kept() -> None:
    """The same contracts as `make lint`, so that `make test` alone shows a broken one."""
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program, "import-linter is a development dependency"
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_over_500_lines() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "daam_nb").rglob("*.py")
    }
    assert {path: count for path, count in lines.items() if count > 500} == {}


def test_every_tier_names_files_that_are_there() -> None:
    tiers = load_file(ROOT / "tests" / "conftest.py").TIERS
    markers = PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]
    declared = {line.partition(":")[0] for line in markers}
    assert set(tiers) == declared
    for places in tiers.values():
        assert [place for place in places if not (ROOT / "tests" / place).exists()] == []


def built(tmp_path: Path, kind: str) -> Path:
    """What ``python -m build`` would make: an sdist or a wheel of this checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = tmp_path.iterdir()
    return file


def test_the_sdist_holds_everything_that_its_tests_read(tmp_path: Path) -> None:
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a checkout of git: this is an sdist")
    with tarfile.open(built(tmp_path, "sdist")) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    tracked = {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}
    assert tracked - names == set()
    assert {name.split("/")[0] for name in names - tracked} <= {"PKG-INFO"}


def test_addresses_come_from_one_setting() -> None:
    """None while it is empty; where it is set, CITATION.cff says the same."""
    repository = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    hook = load_file(ROOT / ".ci" / "urls.py")
    metadata: dict[str, dict[str, str]] = {}
    hook.Urls(str(ROOT), {"repository": repository}).update(metadata)
    assert bool(metadata["urls"]) == bool(repository)
    assert all(address.startswith(repository) for address in metadata["urls"].values())
    hook.Urls(str(ROOT), {"repository": "https://example.org/a/b/"}).update(metadata)
    assert metadata["urls"]["Issues"] == "https://example.org/a/b/issues"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.get("repository-code", "") == repository


def test_bold_type_is_opened_and_closed() -> None:
    """A lost asterisk shows: `*Words.**` is printed as it stands."""
    broken = []
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("daam_nb/**/*.md")):
        text = re.sub(r"```.*?```|`[^`]*`|\\\*", "", path.read_text("utf-8"), flags=re.S)
        paragraphs = re.split(r"\n\s*\n|\n(?=\s*[-|])", text)
        broken += [f"{path.name}: {part[:60]}" for part in paragraphs if part.count("**") % 2]
    assert broken == []
