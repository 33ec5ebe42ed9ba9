"""What the documents tell people to type works.

Every fenced block of a document is checked by its language:

- ``python`` blocks are executed, in their order, in one namespace and an empty folder per document;
- ``sh`` blocks are read command by command. `daam-nb` is run; `make` targets must exist (CI runs
  them); installing and cloning are checked against the project's files, not done;
- a block after the comment ``<!-- not run: the reason -->`` is not run as it stands: where it is
  too long or downloads weights, its shortest form is run (few images, the shipped model or a tiny
  one in place of that of the hub); of what waits for people, and of `make` and `pip`, it is seen
  that it can be read;
- any other language, or a command that nothing here can check, fails.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import daam_nb
from daam_nb import menagerie
from daam_nb.cli import main
from daam_nb.cli.arguments import UsageError, read_arguments
from daam_nb.cli.models import SHIPPED
from daam_nb.menagerie.model import WEIGHTS
from daam_nb.tracing.models import registry
from tests.few_steps import few_steps
from tests.joint_pipelines import sd3

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
PLAIN = {"", "text"}  # output and sketches: nothing to run
APPLIED = {"add-an-explorer-control.md": "tests/show/explorer/test_recipe.py"}  # its diffs

FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n+)?"
    r"^```(?P<language>[^\n]*)\n(?P<code>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, in what language, and why it is not run (or None)."""

    line: int
    language: str
    code: str
    reason: str | None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown text, in order."""
    return [
        Block(
            line=text.count("\n", 0, found.start("code")),
            language=found["language"].strip(),
            code=found["code"],
            reason=found["reason"],
        )
        for found in FENCE.finditer(text)
    ]


def commands(code: str) -> list[list[str]]:
    """The commands of a ``sh`` block as argument lists; comments and continuations resolved."""
    lines = code.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)
    defined = set(re.findall(r"^([a-z]+):", text, flags=re.MULTILINE))
    return set(phony.split()) & defined


def check_make(words: list[str], folder: Path, run: bool) -> None:
    targets = [word for word in words[1:] if "=" not in word]
    assert targets and set(targets) <= make_targets(), f"no such make target: {targets}"


def check_pip(words: list[str], folder: Path, run: bool) -> None:
    """The extras and the files named in a `pip install` exist."""
    assert words[1] == "install", words
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    rest = iter(words[2:])
    for word in rest:
        if word in {"-c", "--constraint"}:
            assert (ROOT / next(rest)).is_file()
        elif word in {"-e", "--editable", "--no-deps", "--quiet"}:
            continue
        elif word == "--index-url":
            assert next(rest).startswith("https://")
        elif word.startswith("."):
            asked = Requirement(project["name"] + word[1:])
            assert asked.extras <= set(project["optional-dependencies"]), word
        else:
            need = str(Requirement(word))
            assert "==" not in need or need in constraints, f"{word}: another version was tested"


def check_daam_nb(words: list[str], folder: Path, run: bool) -> None:
    """Run the program as written, in `folder`; or its shortest form, and read what was typed."""
    assert Path.cwd() == folder, "the program would write into another folder"
    read_arguments(words[1:])
    typed = words if run else shortest(words)
    if typed[1] != "study" or typed[2] not in _studies_run:
        assert main(typed[1:]) == 0, shlex.join(typed)
    if typed[1] == "study":
        _studies_run.add(typed[2])


_studies_run: set[str] = set()  # several documents name the same command; once is enough

FEW = {"--images": "2", "--head-images": "1", "--curve-images": "1", "--batch": "2"}


def shortest(words: list[str]) -> list[str]:
    """The same `daam-nb` command with few images, and with the shipped model for another."""
    typed = list(words)
    for option, few in FEW.items():
        if option in typed:
            typed[typed.index(option) + 1] = few
    if "--model" in typed and typed[typed.index("--model") + 1] not in SHIPPED:
        typed[typed.index("--model") + 1] = str(WEIGHTS)
        typed += ["-n", "2"]
    if "--size" in typed:
        typed[typed.index("--size") + 1] = "64x96"
    return typed


@contextlib.contextmanager
def small_models() -> Iterator[None]:
    """In place of weights from the hub: the shipped model, or a tiny one of the same class."""
    import diffusers

    shipped = menagerie.load()
    tiny = {"StableDiffusion3Pipeline": sd3(pos_embed_max_size=64, num_layers=1)}

    def pretrained(cls: type, name: str, **options: object) -> object:
        assert "/" in name, "an id on the hub was expected"
        return tiny.get(cls.__name__, shipped)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusers.DiffusionPipeline, "from_pretrained", classmethod(pretrained))
        yield


def check_python(words: list[str], folder: Path, run: bool) -> None:
    """`python3 -m venv FOLDER`; a module of ours would be named here when one is written."""
    assert words[1:3] == ["-m", "venv"] and len(words) == 4, words


def check_module(words: list[str], folder: Path, run: bool) -> None:
    """`python -m MODULE`: the module is here, and knows every option that is typed.

    Training takes hours, so that nothing of it is run here; `tests/test_commands.py` says which
    test runs which module.
    """
    assert words[1] == "-m", words
    place = ROOT / words[2].replace(".", "/")
    files = [place.with_suffix(".py"), place / "__main__.py"]
    [file] = [file for file in files if file.is_file()]
    source = file.read_text(encoding="utf-8")
    options = [word for word in words[3:] if word.startswith("--")]
    assert [option for option in options if f'"{option}"' not in source] == []
    if words[2] in BRIEF:
        subprocess.run([sys.executable, *words[1:]], cwd=ROOT, check=True, capture_output=True)


BRIEF = {"training.parser.score"}  # modules that only read, in seconds


def check_conda(words: list[str], folder: Path, run: bool) -> None:
    import yaml

    written = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    if words[1] == "activate":
        assert words[2:] == [written["name"]]
    else:
        assert words[1:] == ["env", "create", "--file", "environment.yml"], words


def check_script(words: list[str], folder: Path, run: bool) -> None:
    assert os.access(ROOT / words[0], os.X_OK), f"{words[0]} is not an executable file here"


def check_elsewhere(words: list[str], folder: Path, run: bool) -> None:
    """Commands of the system, about folders we do not own: nothing of ours to compare with."""


CHECKS = {
    "make": check_make,
    "pip": check_pip,
    "daam-nb": check_daam_nb,
    "python3": check_python,
    "python": check_module,
    "conda": check_conda,
    ".ci/run": check_script,
    "git": check_elsewhere,
    "cd": check_elsewhere,
    "source": check_elsewhere,
    "pre-commit": check_elsewhere,
    "pytest": check_elsewhere,
}


def run_sh(block: Block, folder: Path) -> None:
    for words in commands(block.code):
        check = CHECKS.get(words[0])
        assert check is not None, f"line {block.line}: nothing here can check {words[0]!r}"
        check(words, folder, block.reason is None)


def run_document(path: Path, folder: Path) -> int:
    """Check every block of one document; how many there were."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = blocks(path.read_text(encoding="utf-8"))
    for block in found:
        if block.language == "python":
            # The line numbers of a traceback are the document's own.
            code = compile("\n" * block.line + block.code, str(path), "exec")
            if block.reason is None:
                exec(code, namespace)
            elif block.reason == "downloads weights":
                with small_models():
                    exec(code, {"dnb": daam_nb, "__name__": "__main__"})
        elif block.language == "sh":
            run_sh(block, folder)
        elif block.language == "diff":
            assert path.name in APPLIED, f"line {block.line}: no test applies this diff"
        else:
            assert block.language in PLAIN, f"line {block.line}: language {block.language!r}"
    return len(found)


@pytest.fixture(autouse=True)
def _adapters_of_documents_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", [])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_says_works(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with few_steps():
        run_document(path, tmp_path)


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = [words for block in blocks(text) if block.language == "sh"
             for words in commands(block.code)]  # fmt: skip
    assert ["make", "demo"] in typed and ["make", "test"] in typed


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_our_own_files_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    assert [target for target in targets if not (path.parent / target).exists()] == []


# The checker itself: a check that cannot fail would let the documents rot.


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "```python\n1 / 0\n```\n",
        "```python\nthis is no python\n```\n",
        "<!-- not run: needs weights -->\n```python\nthis is no python\n```\n",
        "```sh\nmake nothing-like-this\n```\n",
        "```sh\npip install -c no-such-file.txt .\n```\n",
        "```sh\npip install torch==1.0.0\n```\n",
        "```sh\npip install '.[no-such-extra]'\n```\n",
        "```sh\nrm -rf /\n```\n",
        "<!-- not run: needs weights -->\n```sh\ndaam-nb a prompt without quotes\n```\n",
        "```ruby\nputs 1\n```\n",
    ],
)
def test_a_wrong_block_is_found(text: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, SyntaxError, UsageError, ZeroDivisionError)):
        run_document(write(tmp_path, text), tmp_path)


def test_blocks_share_names_and_marked_ones_are_not_run(tmp_path: Path) -> None:
    text = (
        "```python\nx = 1\n```\nwords\n\n```python\nassert x == 1\n```\n"
        "<!-- not run: needs weights from the hub -->\n\n```python\n1 / 0\n```\n"
    )
    assert run_document(write(tmp_path, text), tmp_path) == 3


def test_the_fence_keeps_lines_and_reasons() -> None:
    found = blocks("# T\n\n<!-- not run: why -->\n```sh\nmake demo # now\n```\n")
    assert found == [Block(line=4, language="sh", code="make demo # now\n", reason="why")]
    assert commands(found[0].code) == [["make", "demo"]]
