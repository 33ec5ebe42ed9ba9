"""A saved notebook: live hosts show the widget alone, pages without a kernel the image."""

from __future__ import annotations

import json
from pathlib import Path

from nbconvert import HTMLExporter
from playwright.sync_api import Page

from tests.browser.explorer import eventually, explorers
from tests.browser.lab import open_notebook, write_notebook
from tests.browser.servers import Server, voila

CODE = "import daam_nb as dnb\nexplorer = dnb.explore(dnb.sample(), parser=False)\nexplorer"
VIEW = "application/vnd.jupyter.widget-view+json"


def test_jupyterlab_shows_the_widget_and_saves_the_image(
    page: Page, server: Server, tmp_path: Path
) -> None:
    file = write_notebook(server.notebooks / "saved.ipynb", CODE)
    notebook = open_notebook(page, server, "saved.ipynb")
    notebook.run_all()
    [_] = explorers(page)
    assert page.locator(".jp-OutputArea-output").count() == 1
    assert page.locator(".jp-OutputArea-output img").count() == 0
    notebook.save()
    eventually(lambda: '"image/png"' in file.read_text("utf-8"))
    [output] = json.loads(file.read_text("utf-8"))["cells"][0]["outputs"]
    assert set(output["data"]) == {VIEW, "image/png", "text/plain"}

    # As GitHub and nbviewer draw it: nbconvert, without the state of widgets.
    saved = json.loads(file.read_text("utf-8"))
    saved["metadata"].pop("widgets", None)
    bare = tmp_path / "bare.ipynb"
    bare.write_text(json.dumps(saved), encoding="utf-8")
    text, _ = HTMLExporter().from_filename(str(bare))
    shown = tmp_path / "shown.html"
    shown.write_text(without_network(text), encoding="utf-8")
    page.goto(shown.as_uri())
    [image] = page.locator(".jp-OutputArea-output img").all()
    assert image.evaluate("image => image.complete && image.naturalWidth > 300")
    assert image.is_visible()


def test_voila_shows_the_widget_alone(page: Page, tmp_path: Path) -> None:
    file = write_notebook(tmp_path / "plain.ipynb", CODE)
    with voila(tmp_path / "voila", file) as running:
        page.goto(running.url, timeout=90_000)
        [_] = explorers(page)
        assert page.locator(".jp-OutputArea-output img, .output_png").count() == 0
        page.close()  # before its server goes


def without_network(text: str) -> str:
    """A page of nbconvert without the scripts that it would load: math, diagrams, widgets."""
    start = text.index("<head>")
    head, body = text[start : text.index("</head>")], text[text.index("</head>") :]
    styles = "".join(part.split("</style>")[0] for part in head.split("<style")[1:])
    return f"{text[:start]}<head><style>{styles.partition('>')[2]}</style>{body}"
