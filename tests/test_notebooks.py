"""The notebooks run from top to bottom, and what is committed is what a run gives."""

from __future__ import annotations

import ast
import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from scripts.execute_notebooks import NOTEBOOKS, SHOWN, executed, tidied
from scripts.few_colors import few_colors

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
MAX_BYTES = 650_000  # a page of the web

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in code_cells(notebook):
        yield from cell.outputs


def kinds(notebook: Any) -> list[list[tuple[str, ...]]]:
    """For every code cell what it shows: the kinds of its outputs, not their content."""
    return [
        [(output.output_type, *sorted(output.get("data", {}))) for output in cell.outputs]
        for cell in code_cells(notebook)
    ]


def test_there_are_notebooks() -> None:
    assert "00-quickstart" in [path.stem for path in PATHS]


@each
def test_it_is_a_valid_notebook_of_a_fresh_run(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_nothing_in_it_failed_or_complained(path: Path) -> None:
    bad = [o for o in outputs(read(path)) if o.output_type == "error" or o.get("name") == "stderr"]
    assert bad == []


@each
def test_it_shows_small_images_and_text_only(path: Path) -> None:
    notebook = read(path)
    shown = {kind for output in outputs(notebook) for kind in output.get("data", {})}
    assert shown <= set(SHOWN)
    assert "image/png" in shown
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size < MAX_BYTES


@each
def test_its_images_are_in_few_colors(path: Path) -> None:
    written = [output.get("data", {}).get("image/png") for output in outputs(read(path))]
    images = [Image.open(io.BytesIO(base64.b64decode(one))) for one in written if one]
    assert {image.mode for image in images} <= {"P", "L", "1"}


def test_few_colors_stay_close_to_the_image() -> None:
    y, x = np.mgrid[0:120, 0:160]
    smooth = np.stack([x * 255 // 160, y * 255 // 120, (x + y) % 256], -1).astype(np.uint8)
    made = np.asarray(Image.open(io.BytesIO(few_colors(Image.fromarray(smooth)))).convert("RGB"))
    assert np.abs(made.astype(int) - smooth).mean() < 12
    ink = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert Image.open(io.BytesIO(few_colors(ink))).convert("RGB").getpixel((0, 0)) == (255,) * 3


@each
def test_it_carries_nothing_of_the_machine_it_ran_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert nbformat.writes(tidied(read(path))) + "\n" == text
    assert re.search(r"/(home|Users|root|tmp|work)/", text) is None


def test_what_a_cell_writes_in_pieces_is_kept_as_one() -> None:
    def wrote(text: str, name: str = "stdout") -> Any:
        return nbformat.v4.new_output("stream", name=name, text=text)

    shown = nbformat.v4.new_output("display_data", {"text/plain": "an image"})
    pieces = [wrote("1\n"), wrote("2\n"), wrote("!", "stderr"), wrote("3\n"), shown, wrote("4\n")]
    cell = nbformat.v4.new_code_cell("", outputs=pieces)
    kept = tidied(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert [one.get("text") for one in kept] == ["1\n2\n", "!", "3\n", None, "4\n"]


@each
def test_no_method_lives_in_a_notebook_alone(path: Path) -> None:
    for cell in code_cells(read(path)):
        made = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, DEFINED)]
        assert made == [], cell.source


DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@each
def test_its_links_lead_somewhere(path: Path) -> None:
    words = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", words)
    assert [target for target in targets if not (path.parent / target).exists()] == []


# Images that ask for no number of steps are drawn in few.
QUICK = "from tests.few_steps import few_steps\n_few = few_steps()\n_few.__enter__()"
WRITES = re.compile(r"into=|\.save\(|to_html\(|to_png\(|overwrite=")


@each
def test_it_runs_and_shows_the_same_kinds_of_things(path: Path) -> None:
    """What writes files runs twice in one kernel and folder, as with a second Run All."""
    notebook = read(path)
    writes = any(WRITES.search(cell.source) for cell in code_cells(notebook))
    assert kinds(executed(path, times=2 if writes else 1, before=QUICK)) == kinds(notebook)


def test_a_notebook_that_runs_once_only_is_noticed(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    cells = [nbformat.v4.new_code_cell("open('there.txt', 'x').close()")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "once.ipynb")
    executed(tmp_path / "once.ipynb")
    with pytest.raises(CellExecutionError, match="FileExistsError"):
        executed(tmp_path / "once.ipynb", times=2)


SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)


def test_the_exercises_solutions_are_folded_and_run(tmp_path: Path) -> None:
    notebook = read(NOTEBOOKS / "01-explorer.ipynb")
    cells, found = [], 0
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "markdown":
            continue
        assert cell.source.count("**Exercise") == len(SOLUTION.findall(cell.source))
        for solution in SOLUTION.findall(cell.source):
            found += 1
            code = re.findall(r"```python\n(.*?)```", solution, flags=re.DOTALL)
            cells += [nbformat.v4.new_code_cell(one) for one in code]
    assert found >= 6
    notebook.cells = cells
    nbformat.write(notebook, tmp_path / "solved.ipynb")
    solved = executed(tmp_path / "solved.ipynb", before=QUICK)
    assert [o for o in outputs(solved) if o.output_type == "error"] == []


def test_a_failing_cell_is_noticed(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    path = tmp_path / "bad.ipynb"
    cell = nbformat.v4.new_code_cell("1 / 0")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(path)
