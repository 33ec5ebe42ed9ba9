"""The top level: light to import, complete, and the same for people and editors."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import daam_nb

PACKAGE = Path(daam_nb.__file__).parent

# What `import daam_nb` must not load. Torch is the heaviest of what remains.
HEAVY = (
    "torch", "diffusers", "transformers", "numpy", "matplotlib", "PIL", "plotly", "ipywidgets",
    "anywidget", "spacy", "pandas", "scipy", "xarray", "huggingface_hub",
)  # fmt: skip

# What a recording must open, map and draw without.
MODELS = ("diffusers", "transformers", "tokenizers", "spacy", "pandas", "plotly", "ipywidgets")


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints; its complaint, should it fail, is the test's."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code: str, names: tuple[str, ...], *arguments: str) -> list[str]:
    """Which of the top-level packages `names` are loaded after `code`."""
    tail = f"\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    return python(code + tail, *arguments).splitlines()[-1].split()


def test_import_loads_nothing_heavy() -> None:
    assert loaded("import daam_nb", HEAVY) == []


def test_the_probe_sees_what_is_loaded() -> None:
    assert loaded("import numpy", HEAVY) == ["numpy"]


def test_import_reads_only_its_own_files() -> None:
    """No disk beyond Python's own imports and the stub, no network, no process."""
    code = """
import sys
import lazy_loader                      # its imports are not ours
seen = []
def hook(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "shutil.", "os.mkdir")):
        seen.append(event)
    if event == "open" and not str(arguments[0]).endswith((".pyc", ".py")):
        seen.append(str(arguments[0]))
sys.addaudithook(hook)
import daam_nb
found = list(seen)                      # printing may open things, too
print("\\n".join(found))
"""
    opened = [line for line in python(code).splitlines() if ".pyc." not in line]
    assert [Path(line).name for line in opened] == ["__init__.pyi"]


@pytest.mark.parametrize("name", daam_nb.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(daam_nb, name) is not None


def test_names_have_documentation() -> None:
    silent = [name for name in daam_nb.__all__ if not getattr(daam_nb, name).__doc__]
    assert silent == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = daam_nb.no_such_name  # type: ignore[attr-defined]


def test_dir_completes_the_public_names() -> None:
    assert set(daam_nb.__all__) <= set(dir(daam_nb))


def test_the_stub_reexports_what_it_imports() -> None:
    """A type checker sees a stub's import only when it is written `import x as x`."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    aliases = [
        alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert aliases
    assert [alias.name for alias in aliases if alias.asname != alias.name] == []
    assert sorted(alias.name for alias in aliases) == sorted(daam_nb.__all__)


def test_no_public_function_shares_a_module_name() -> None:
    modules = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.parent.name for path in PACKAGE.rglob("__init__.py")
    }
    functions = {
        name for name in daam_nb.__all__ if not hasattr(getattr(daam_nb, name), "__path__")
    } - {"errors"}
    assert functions & modules == set()


def test_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", daam_nb.__version__)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording on disk, made by hand."""
    from tests.tiny_recordings import tiny_recording

    return tiny_recording().save(tmp_path_factory.mktemp("top_level") / "run")


def test_a_saved_recording_opens_and_maps_without_diffusers(saved: Path) -> None:
    code = """
import sys
import daam_nb as dnb
run = dnb.load(sys.argv[1])
assert float(dnb.heat_maps(run).word("cat").values.max()) > 0
"""
    assert loaded(code, MODELS, str(saved)) == []


def test_a_saved_recording_is_drawn_without_diffusers(saved: Path, tmp_path: Path) -> None:
    code = """
import sys
import daam_nb as dnb
run = dnb.load(sys.argv[1])
cat = dnb.heat_maps(run).word("cat")
dnb.overlay(run, cat).save(sys.argv[2])
"""
    image = tmp_path / "cat.png"
    assert loaded(code, MODELS, str(saved), str(image)) == []
    assert image.stat().st_size > 0
