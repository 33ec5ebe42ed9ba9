"""Every benchmark and script runs, in its quickest form; a new one has to say which that is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

import daam_nb
from daam_nb.menagerie import card
from daam_nb.menagerie.model import JOINT, WEIGHTS
from tests.programs import run_program
from training.eval.prompts import FILE as PROMPTS
from training.images import entries, image_path
from training.sprites import FONT

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 400

# Modules that other tests run as commands, and which.
ELSEWHERE = {
    "training.__main__": "tests/training/test_short_run.py",
    "training.parser.score": "tests/test_readme.py, as docs/caption-parser.md writes it",
}


@dataclass(frozen=True)
class Command:
    """One command: its arguments, what must be there before, and what it leaves behind.

    ``{to}`` stands for an empty folder; `leaves` are files in it. `anew`: see `run_program`.
    """

    module: str
    arguments: Sequence[str]
    leaves: Sequence[str]
    before: Callable[[Path], None] | None = None
    browser: bool = False
    anew: bool = False


def blank_images(to: Path) -> None:
    """Images as ``python -m training score`` paints them, but empty."""
    for weights in (WEIGHTS, JOINT):
        folder = to / f"pictures-{card(weights).revision}"
        folder.mkdir()
        for index in range(len(entries())):
            Image.new("RGB", (64, 64)).save(image_path(folder, index))


def an_options_page(to: Path) -> None:
    """A document with a place for the options of studies."""
    text = "# Options\n\n<!-- options: begin -->\n<!-- options: end -->\n"
    (to / "document.md").write_text(text, encoding="utf-8")


def a_document(to: Path) -> None:
    """A document with one block that prints."""
    text = "# T\n\n```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    (to / "document.md").write_text(text, encoding="utf-8")


def a_notebook(to: Path) -> None:
    """A notebook of one cell."""
    cell = nbformat.v4.new_code_cell("1 + 1")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), to / "sum.ipynb")


def timed(module: str, *more: str, browser: bool = False) -> Command:
    """A benchmark."""
    return Command(
        module, ("--quick", *more, "--json", "{to}/result.json"), ["result.json"], browser=browser
    )


COMMANDS = [
    timed("benchmarks.maps"),
    timed("benchmarks.concepts"),
    timed("benchmarks.effects"),
    timed("benchmarks.extras"),
    timed("benchmarks.gradients"),
    timed("benchmarks.joint_effects"),
    timed("benchmarks.refining"),
    timed("benchmarks.watching"),
    timed("benchmarks.explorer"),
    timed("benchmarks.explorer_browser", "--size", "sdxl", browser=True),
    timed("benchmarks.classroom", browser=True),
    timed("benchmarks.first_image"),
    Command("scripts.demo_image", ("--to", "{to}"), ["demo.png"]),
    Command("scripts.entered_files", ("click",), []),
    Command("scripts.execute_notebooks", ("{to}/sum.ipynb",), ["sum.ipynb"], a_notebook),
    Command(
        "scripts.explorer_controls",
        ("--to", "{to}"),
        ["js/src/controls.data.js", "docs/explorer.md"],
    ),
    Command("scripts.explorer_fixture", ("--to", "{to}/fixture.json"), ["fixture.json"]),
    Command(
        "scripts.explorer_screenshots",
        ("explorer-light", "--to", "{to}"),
        ["explorer-light.png"],
        browser=True,
    ),
    Command("scripts.fuzz_recordings", ("--cases", "5", "--workers", "1"), [], anew=True),
    Command("scripts.make_sample", ("--to", "{to}/sample"), ["sample/recording.json"]),
    Command(
        "scripts.menagerie_page",
        ("--work", "{to}", "--to", "{to}"),
        ["menagerie.md", "MODEL_CARD.md", "menagerie-single.png", "menagerie-attribution.png"],
        blank_images,
    ),
    Command("scripts.print_blocks", ("{to}/document.md",), ["document.md"], a_document),
    Command("scripts.study_options", ("{to}/document.md",), ["document.md"], an_options_page),
    Command("scripts.rating_screenshots", ("--to", "{to}"), ["rating.png"], browser=True),
    Command("daam_nb.show.explorer.model.agreement", (), []),
    Command("training.eval.prompts", ("{to}/prompts.json",), ["prompts.json"]),
    Command(
        "training.blind", ("sheets", "--work", "{to}"), ["blind/names/sheet-01.png"], blank_images
    ),
    Command("training.sprites", ("{to}",), ["apple.png", "zebra.png"]),
    Command("js.make_palettes", ("{to}/palettes.js",), ["palettes.js"]),
    Command("js.test.make_numbers", ("{to}/numbers.json",), ["numbers.json"]),
]


def file_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def run(command: Command, to: Path) -> str:
    """Run it in the project's folder; what it printed."""
    program = (
        [str(file_of(command.module))] if command.module[:3] == "js." else ["-m", command.module]
    )
    words = [word.format(to=to) for word in command.arguments]
    done = run_program([*program, *words], seconds=SECONDS, anew=command.anew)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def browser_there() -> bool:
    named = os.environ.get("DAAM_NB_BROWSER")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return bool(named) or any(map(shutil.which, names))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.module)
def test_it_runs(command: Command, tmp_path: Path) -> None:
    if command.browser and not browser_there() and not os.environ.get("CI"):
        pytest.skip("no Chromium here")
    if command.module == "training.sprites" and not FONT.is_file():
        pytest.skip("the font is not installed (Debian: fonts-noto-color-emoji)")
    if command.before is not None:
        command.before(tmp_path)
    run(command, tmp_path)
    for name in command.leaves:
        assert (tmp_path / name).stat().st_size > 0, name
    CHECKS.get(command.module, lambda _: None)(tmp_path)


def test_the_study_of_maps_runs_on_the_shipped_model(tmp_path: Path) -> None:
    """Its world comes along: judge, captions, rendered scenes, relations, layers."""
    few = ("--images", "2", "-n", "2", "--levels", "2")
    words = ("study", "maps", "--into", "{to}/runs", *few, "--quiet")
    run(Command("daam_nb", words, []), tmp_path)
    page = (tmp_path / "runs" / "maps.md").read_text(encoding="utf-8")
    assert "| rendered images | 2 |" in page and "### By role of the word" in page
    assert (tmp_path / "runs" / "maps" / "methods.png").stat().st_size > 0


def test_the_head_atlas_runs_on_the_shipped_model(tmp_path: Path) -> None:
    """Its world comes along: judge, captions, concepts; and the table of heads is read."""
    few = ("--images", "2", "-n", "2", "--passes", "1")
    words = ("study", "atlas", "--into", "{to}/runs", *few, "--quiet")
    run(Command("daam_nb", words, ["runs/atlas.md", "runs/heads.csv"]), tmp_path)
    page = (tmp_path / "runs" / "atlas.md").read_text(encoding="utf-8")
    assert "| heads | 28 |" in page and "### Relevance by concept" in page
    assert len(daam_nb.HeadTable.read(tmp_path / "runs" / "heads.csv").rows) == 28


# What some of them must have written, beside that they wrote something.


def the_output_is_renewed(to: Path) -> None:
    assert "```text\n2\n```" in (to / "document.md").read_text(encoding="utf-8")


def the_cell_has_run(to: Path) -> None:
    [cell] = nbformat.read(to / "sum.ipynb", as_version=4).cells
    assert cell.outputs[0].data["text/plain"] == "2"


def the_sample_opens(to: Path) -> None:
    again, shipped = daam_nb.load(to / "sample"), daam_nb.sample()
    assert again.prompt.text == shipped.prompt.text and again.steps == shipped.steps


def the_prompts_are_those_checked_in(to: Path) -> None:
    assert (to / "prompts.json").read_text() == PROMPTS.read_text()


def the_sheets_can_be_scored(to: Path) -> None:
    """The answers that people gave of the shipped images, on these empty ones."""
    where = ("--work", "{to}", "--report", "{to}")
    answers = ROOT / "training" / "eval"
    given = [
        word
        for kind in ("names", "labels")
        for word in (f"--{kind}", f"{answers}/answers-{kind}.csv")
    ]
    run(Command("training.blind", ("score", *where, *given), []), to)
    assert set(json.loads((to / "blind.json").read_text())) == {"model", "names", "labels"}


def the_palettes_are_those_checked_in(to: Path) -> None:
    checked_in = ROOT / "js" / "src" / "palettes.data.js"
    assert (to / "palettes.js").read_text() == checked_in.read_text()


def the_numbers_are_those_checked_in(to: Path) -> None:
    made, kept = (
        json.loads(path.read_text())
        for path in (to / "numbers.json", ROOT / "js" / "test" / "numbers.json")
    )
    for name in ("map", "enlarged"):
        np.testing.assert_allclose(made["enlargement"][name], kept["enlargement"][name], atol=1e-6)
    assert made["contours"]["shape"] == kept["contours"]["shape"]


CHECKS: dict[str, Callable[[Path], None]] = {
    "scripts.print_blocks": the_output_is_renewed,
    "scripts.execute_notebooks": the_cell_has_run,
    "scripts.make_sample": the_sample_opens,
    "training.eval.prompts": the_prompts_are_those_checked_in,
    "training.blind": the_sheets_can_be_scored,
    "js.make_palettes": the_palettes_are_those_checked_in,
    "js.test.make_numbers": the_numbers_are_those_checked_in,
}


def test_every_command_is_listed() -> None:
    """Whatever can be run as a program is run by a test."""
    folders = ("benchmarks", "scripts", "training", "daam_nb/show", "daam_nb/studies", "js")
    programs = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and '__name__ == "__main__"' in path.read_text("utf-8")
    }
    assert programs == {command.module for command in COMMANDS} | set(ELSEWHERE)


def test_a_benchmark_is_quick_on_request_only() -> None:
    """`--quick` stands in what every benchmark shares, so that none can lack it."""
    for path in (ROOT / "benchmarks").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text:
            assert "options.quick" in text, path.name
