"""A page that is loaded again asks the kernel for all widgets at once: few may be there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.explorer import Explored, eventually, explorers
from tests.browser.lab import Notebook, open_notebook, write_notebook
from tests.browser.servers import Server

RUNS = 20
CELLS = (
    "import daam_nb as dnb, gc, weakref\n"
    "from daam_nb.show.explorer.page.lifetime import Reopenable, open_widgets\n"
    "run, made = dnb.sample(), []",
    "explorer = dnb.explore(run, parser=False)\nmade.append(weakref.ref(explorer))\n"
    "display(explorer)",
    "both = dnb.explore(run, run, parser=False)\nboth",
)
COUNT = "[len([w for w in open_widgets() if isinstance(w, Reopenable)]), len(open_widgets())]"
_RUN_CELL = """async (index) => {
  const {commands, shell} = window.jupyterapp;
  shell.currentWidget.content.activeCellIndex = index;
  await commands.execute('notebook:run-cell');
}"""
_APPEND = """code => window.jupyterapp.shell.currentWidget.content.model.sharedModel.addCell(
  {cell_type: 'code', source: code})"""
_SHOWN = "[data-testid=explorer][data-settled=true]"


@pytest.fixture
def notebook(page: Page, server: Server) -> Notebook:
    write_notebook(server.notebooks / "reload.ipynb", *CELLS)
    opened = open_notebook(page, server, "reload.ipynb")
    opened.run_all()
    return opened


def test_one_reload_brings_everything_back_after_a_cell_was_run_many_times(
    notebook: Notebook,
) -> None:
    page = notebook.page
    eventually(lambda: page.locator(_SHOWN).count() == 3)
    before = notebook.ask(COUNT)
    assert before[0] == 4  # one explorer, one comparison and its two
    for _ in range(RUNS):
        page.evaluate(_RUN_CELL, 1)
    for _ in range(3):
        page.evaluate(_RUN_CELL, 2)
    assert notebook.ask("len(made)") == RUNS + 1
    assert notebook.ask(COUNT) == before
    assert notebook.ask("(gc.collect(), sum(one() is not None for one in made))[1]") == 1
    eventually(lambda: page.locator(_SHOWN).count() == 3)
    page.locator(_SHOWN).first.locator("[data-testid=chip][data-word='4']").click()
    explored = Explored(notebook, explorers(page)[0])
    explored.wait(word=4)
    shown, _ = explored.page_side.shown()
    notebook.save()
    notebook.ask("0")  # nothing waits for the kernel any more

    page.reload()
    eventually(lambda: page.locator(_SHOWN).count() == 3)
    again = explorers(page)[0]
    assert (again.settle().shown()[0] == shown).all()
    again.part("chip", word=1).click()
    Explored(notebook, again).wait(word=1)


def test_what_rests_is_shown_again(notebook: Notebook) -> None:
    page = notebook.page
    notebook.do("first = explorer\nfirst.word = 'grass'")
    page.evaluate(_RUN_CELL, 1)
    assert notebook.ask("[first in open_widgets(), explorer in open_widgets()]") == [False, True]
    page.evaluate(_APPEND, "first")
    page.evaluate(_RUN_CELL, 3)
    eventually(lambda: page.locator(_SHOWN).count() == 4)
    again = explorers(page)[3]
    assert again.part("chip", role="a").inner_text() == "grass"
    again.part("chip", word=1).click()
    Explored(notebook, again, name="first").wait(word=1)
