"""The explorer: scrub the steps, layers and heads of a recording in a notebook.

One anywidget per recording. The browser holds the current word's small maps of all steps and
averages them while the hand moves (a preview, by its own definition); when the hand rests, the
exact map of `heat_maps` takes its place.

opening     `explore(run)`
widget      `Explorer`: how it answers
choices     its traits
comparing   `Comparison`: two recordings side by side
lifetime    closing, and resting where a cell was run again
entries     the words and tokens that can be chosen
subject     what is explored, and what one map is made of; no widgets
stacks      the preview's definition, in 8 bits
tiles       every head of every layer
ranking     from a pixel or a region back to the words
asking      the page's questions and what answers them: a function of recording and selection
container   parts in one string of bytes: what a page paints first, a hand-out
pictures, syntax, facts, sentences, engine, traits
exporting   to_figure, to_png, to_frame
handout     to_html: one file without kernel or network
agreement   how far preview and exact map are apart

`js/` beside the package holds the source of what stands in `static/`. May import the floors below,
`daam_nb.language` and the rest of `daam_nb.show`. ipywidgets and anywidget are imported when an
explorer is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.show.explorer.opening import explore

if TYPE_CHECKING:
    from daam_nb.show.explorer.comparing import Comparison as Comparison
    from daam_nb.show.explorer.widget import Explorer as Explorer

__all__ = ["Comparison", "Explorer", "explore"]


def __getattr__(name: str) -> Any:
    """Find the classes when they are asked for: making them needs the widgets' packages."""
    from daam_nb.show.explorer.opening import comparison_class, explorer_class

    if name == "Explorer":
        return explorer_class("Explorer")
    if name == "Comparison":
        return comparison_class("Comparison")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
