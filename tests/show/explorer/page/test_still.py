"""What a notebook keeps of an explorer beside the widget: a small PNG of what it shows."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from PIL import Image

import daam_nb as dnb
from daam_nb.show.explorer.export import still
from tests.real_sizes import real_size
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import tiny_recording

VIEW = "application/vnd.jupyter.widget-view+json"
MOST = 300_000  # bytes


def bundle_of(widget: Any) -> dict[str, Any]:
    """What a notebook keeps, by its kind."""
    data, _ = widget._repr_mimebundle_()
    return dict(data)


def image_of(bundle: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))


def as_notebook(widget: Any) -> nbformat.NotebookNode:
    """A saved notebook whose cell showed it, without the state of widgets, as GitHub has it."""
    data, metadata = widget._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("explorer", outputs=[output])
    return nbformat.v4.new_notebook(cells=[cell])


def test_widget_text_and_image_are_kept() -> None:
    explorer = opened(word="fox")
    bundle = bundle_of(explorer)
    assert set(bundle) == {VIEW, "image/png", "text/plain"}
    assert bundle[VIEW]["model_id"] == explorer.model_id
    assert "fox" in bundle["text/plain"]
    image = image_of(bundle)
    assert image.width > 300
    assert "fox" in image.info["Description"] + image.info.get("Title", "")


@pytest.mark.parametrize("size", ["sd15", "sdxl"])
def test_it_is_small_at_real_sizes(size: Any) -> None:
    explorer = dnb.explore(real_size(size, steps=2), parser=False)
    assert len(base64.b64decode(bundle_of(explorer)["image/png"])) < MOST
    explorer.close()


def test_it_is_of_what_is_shown_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(still, "quick_png", lambda figure: drawn.append(figure) or b"\x89PNG")
    explorer = opened(word="fox")
    bundle_of(explorer)
    bundle_of(explorer)
    assert len(drawn) == 1
    explorer.theme = "dark"  # leaves no trace in it
    bundle_of(explorer)
    assert len(drawn) == 1
    for name, value in {"word": 1, "threshold": 0.7, "word_b": 2, "steps": slice(0, 1)}.items():
        setattr(explorer, name, value)
        bundle_of(explorer)
    assert len(drawn) == 5


def test_nothing_that_can_be_seen_in_a_still_is_missing_from_its_key() -> None:
    """Every control that a figure follows draws another still."""
    explorer = opened(tiny_recording(TEXT, steps=4), word="fox")
    others: dict[str, Any] = {
        "word": 1, "choice": "all", "layer": 1, "head": 1, "steps": slice(0, 2), "word_b": 5,
        "opacity": 0.1, "threshold": 0.8, "contour": False, "colormap": "gray",
        "heads": [0, 1], "view": "difference", "difference_scale": "common",
        "region": [(0.1, 0.1), (0.1, 0.5), (0.5, 0.5)], "tile_sort": "peak",
    }  # fmt: skip
    from daam_nb.show.figures.saving import quick_png

    first = quick_png(explorer.to_figure())
    kept = (*still.DRAWN, *still.LOOKS)
    for name, value in others.items():
        changed = opened(explorer.run, **{"word": "fox", name: value})
        differs = quick_png(changed.to_figure()) != first
        assert differs == (name in kept), name


def test_two_recordings_stand_beside_each_other() -> None:
    run = tiny_recording(TEXT)
    both = dnb.explore(run, run, parser=False)
    image = image_of(bundle_of(both))
    alone = image_of(bundle_of(both.left))
    assert both.image is not None
    assert image.width == 2 * alone.width + both.image.width + 2 * still.GAP
    assert (np.asarray(image)[:, : alone.width] == np.asarray(alone.convert("RGB"))).all()
    drawn = np.asarray(image)[: both.image.height, -both.image.width :]
    assert (drawn == np.asarray(both.image.convert("RGB"))).all()


def test_nbconvert_without_the_state_of_widgets_shows_the_image() -> None:
    explorer = opened(word="fox")
    page, _ = HTMLExporter().from_notebook_node(as_notebook(explorer))
    sources = re.findall(r'<img[^>]*src="data:image/png;base64,([^"]+)"', page)
    assert [re.sub(r"\s", "", source) for source in sources] == [bundle_of(explorer)["image/png"]]
    assert VIEW not in page


def test_nbconvert_with_the_state_of_widgets_shows_the_widget_alone() -> None:
    explorer = opened(word="fox")
    notebook = as_notebook(explorer)
    state = {explorer.model_id: {"model_name": "AnyModel", "state": {}}}
    kind = "application/vnd.jupyter.widget-state+json"
    notebook.metadata["widgets"] = {kind: {"version_major": 2, "state": state}}
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert VIEW in page
    assert "<img" not in page
