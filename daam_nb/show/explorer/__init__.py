"""The explorer: scrub the steps, layers and heads of a recording in a notebook.

One anywidget per recording. The browser holds the current word's small maps of all steps and
averages them while the hand moves (a preview, by its own definition); when the hand rests, the
exact map of `heat_maps` takes its place.

opening   `explore(run)`, `hand_out(run, path)`
controls  what can be chosen: one table for Python, the page and the documents
model/    the recording, what can be chosen of it, and its maps and numbers
export/   figure, PNG, table, hand-out: from model and look
redrawing/  the image drawn again with a word taken away; its `door` alone knows a pipeline
page/     the widget: choices as traits, and the page's questions answered
static/   the page itself, as built from `js/`

`page` imports `redrawing`, `export` and `model`, `export` imports `model`. May import the floors
below, `daam_nb.language` and the rest of `daam_nb.show`. ipywidgets and anywidget are imported by
`page` alone, when an explorer is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.show.explorer.opening import explore, hand_out

if TYPE_CHECKING:
    from daam_nb.show.explorer.page.comparing import Comparison as Comparison
    from daam_nb.show.explorer.page.widget import Explorer as Explorer

__all__ = ["Comparison", "Explorer", "explore", "hand_out"]


def __getattr__(name: str) -> Any:
    """Find the classes when they are asked for: making them needs the widgets' packages."""
    from daam_nb.show.explorer.opening import comparison_class, explorer_class

    if name == "Explorer":
        return explorer_class("Explorer")
    if name == "Comparison":
        return comparison_class("Comparison")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
