"""A notebook in a real JupyterLab: opened, run, and its kernel asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page

from tests.browser.servers import Server

SECONDS = 90
IDLE = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  return widget?.sessionContext?.session?.kernel?.status === 'idle' && widget.content?.model;
}"""
_RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
_OUTPUTS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
  return cells.map(cell => cell.toJSON()).filter(cell => cell.cell_type === 'code')
    .flatMap(cell => cell.outputs);
}"""
_EXECUTE = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false, stop_on_error: false});
  let out = '', failed = '';
  future.onIOPub = message => {
    const {content, header} = message;
    if (header.msg_type === 'stream') out += content.text;
    if (header.msg_type === 'error') failed = content.traceback.join('\\n');
  };
  await future.done;
  return {out, failed};
}"""


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    nbformat.write(notebook, path)
    return path


@dataclass(frozen=True)
class Notebook:
    """A notebook open in JupyterLab, with a kernel."""

    page: Page

    def run_all(self) -> None:
        """Run every cell, and see that none failed."""
        self.page.evaluate(_RUN)
        failed = [one for one in self.outputs() if one["output_type"] == "error"]
        assert failed == [], "\n".join(failed[0]["traceback"])

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of all cells, as a file would hold them."""
        outputs: list[dict[str, Any]] = self.page.evaluate(_OUTPUTS)
        return outputs

    def do(self, code: str) -> str:
        """Run code in the kernel and return what it printed; an error there is one here."""
        found = self.page.evaluate(_EXECUTE, code)
        assert found["failed"] == "", found["failed"]
        printed: str = found["out"]
        return printed

    def ask(self, expression: str) -> Any:
        """The value of an expression in the kernel, as JSON brings it."""
        printed = self.do(f"import json as _json; print(_json.dumps({expression}))")
        return json.loads(printed.splitlines()[-1])

    def save(self) -> None:
        """Save, as Ctrl+S does."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


def change_theme(page: Page, name: str) -> None:
    """Choose a theme of JupyterLab, and wait until its curtain has been taken away.

    It goes 0.2 s after the theme has come. Another theme within that time would have JupyterLab
    remove it twice, which is an error in its own page.
    """
    page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name
    )
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def open_notebook(page: Page, server: Server, name: str) -> Notebook:
    """Open a notebook in JupyterLab and wait for its kernel."""
    page.goto(server.address(f"lab/tree/{name}") + "&reset")
    page.wait_for_function(IDLE, timeout=SECONDS * 1000)
    return Notebook(page)
