"""Run the notebooks from top to bottom and keep their outputs, so that they can be read on the web.

    python -m scripts.execute_notebooks              # all of notebooks/
    python -m scripts.execute_notebooks FILE...
    python -m scripts.execute_notebooks --tidy [FILE...]     # nothing is run

Each runs in a new kernel and an empty folder. Meaningless changes are left out: metadata, progress
bars, execution times. Of several representations of an output one is kept, and images are reduced
to 256 colors, so that a notebook is small enough to be read on the web. A notebook with a failing
cell is not written.
"""

from __future__ import annotations

import base64
import copy
import io
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from scripts.few_colors import few_colors

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SECONDS_PER_CELL = 600
# Images come as PNG, which every viewer shows; the rest is text.
SHOWN = ("text/plain", "text/html", "text/markdown", "image/png")
DENSITY = 1.25  # dots of an image for each one of its shown width, at most
WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(path: Path, *, times: int = 1, before: str = "") -> Any:
    """The notebook with the outputs of a fresh run.

    Parameters
    ----------
    path
        The notebook.
    times
        Number of times that all cells are run in the same kernel and folder, as users do; the
        outputs are those of the first run.
    before
        Code that is run first, which is no cell.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails; it holds the cell and its traceback.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        with client.setup_kernel(env=_environment()):
            if before:
                _prepare(client, before)
            _run_all(client)
            first = copy.deepcopy(notebook)
            for _ in range(times - 1):
                _run_all(client)
    return tidied(first)


def _prepare(client: NotebookClient, code: str) -> None:
    first = client.nb.cells[0]  # which gives its place to what is run
    client.execute_cell(nbformat.v4.new_code_cell(code), 0, store_history=False)
    client.nb.cells[0] = first


def _run_all(client: NotebookClient) -> None:
    for place, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, place)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # Notes of the libraries on what is installed, and progress, are for those who run it.
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
    return os.environ | quiet | {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def tidied(notebook: Any) -> Any:
    """The notebook without contents that differ between runs or machines."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for place, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = f"cell-{place}"
        if cell.cell_type == "code":
            cell.outputs = _joined(kept for output in cell.outputs if (kept := _tidied(output)))
    return notebook


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """The same outputs, with the pieces of one stream joined (their number is random)."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before and output.get("name") and before.get("name") == output.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def _tidied(output: Any) -> Any:
    if "data" not in output:
        return output
    if WIDGET in output.data:  # a progress bar: blank without its kernel
        return None
    output.data = {kind: content for kind, content in output.data.items() if kind in SHOWN}
    if "image/png" in output.data:
        output.data.pop("text/html", None)
        shown = output.get("metadata", {}).get("image/png", {})
        output.data["image/png"] = _smaller(output.data["image/png"], shown.get("width"))
    return output if output.data else None


def _smaller(written: str, width: int | None) -> str:
    """The same image, as base64, with a palette, and not much larger than displayed."""
    image = Image.open(io.BytesIO(base64.b64decode(written)))
    most = round(DENSITY * width) if width else image.width
    if image.mode == "P" and image.width <= most:
        return written
    if image.width > most:
        size = (most, round(image.height * most / image.width))
        image = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return base64.b64encode(few_colors(image)).decode("ascii") + "\n"


def main() -> None:
    """Run, or only tidy, the notebooks named, and write each."""
    named = [name for name in sys.argv[1:] if name != "--tidy"]
    paths = [Path(name) for name in named] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        if "--tidy" in sys.argv:
            notebook = tidied(nbformat.read(path, as_version=4))
        else:
            notebook = executed(path)
        nbformat.write(notebook, path)
        print(f"{path}: {len(notebook.cells)} cells, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
