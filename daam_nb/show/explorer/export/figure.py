"""The selection of an explorer as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.selection import entry_map, maps_of
from daam_nb.show.figures import overlay, words_row

if TYPE_CHECKING:
    from daam_nb.show.figures.figure import Figure


def figure_of(look: Look) -> Figure:
    """Draw the selection: one word over the image, or two side by side."""
    subject = look.subject
    maps = maps_of(subject, look.selected)
    word = entry_map(subject, maps, look["word"])
    options: dict[str, Any] = {
        "threshold": look["threshold"] if look["contour"] else None,
        "colormap": look["colormap"],
        "opacity": look["opacity"],
    }
    if look["word_b"] < 0:
        return overlay(subject.run.image, word, **options)
    other = entry_map(subject, maps, look["word_b"])
    pair: Any = [word, other]  # heat maps find the word of another map too
    return words_row(maps, words=pair, **options)
