"""A still: what an explorer shows as a small PNG, for where a saved notebook has no widget.

GitHub, nbviewer, nbconvert without the widgets' state and editors without a kernel show it; pages
that show the widget choose that, and leave the still out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from daam_nb.errors import DaamError
from daam_nb.show.explorer.export.figure import figure_of
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.selection import compact
from daam_nb.show.figures.saving import quick_png

# What a still is drawn from; the other controls leave no trace in it.
DRAWN = ("word", "choice", "layer", "head", "heads", "steps", "word_b", "opacity", "threshold")
LOOKS = ("contour", "colormap")
GAP = 12  # pixels between two stills


@dataclass
class Still:
    """The last still that was drawn, and of what."""

    key: str = ""
    png: bytes | None = None

    def png_of(self, look: Look) -> bytes | None:
        """Draw what is shown, or return what was drawn of it; None where it cannot be drawn."""
        key = compact([look.subject.name, [str(look[name]) for name in (*DRAWN, *LOOKS)]])
        if key != self.key:
            try:
                self.png = quick_png(figure_of(look))
            except DaamError:  # the widget is shown all the same
                self.png = None
            self.key = key
        return self.png


def side_by_side(stills: Sequence[bytes]) -> bytes:
    """Put stills beside each other on white."""
    images = [Image.open(io.BytesIO(png)).convert("RGB") for png in stills]
    width = sum(image.width for image in images) + GAP * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + GAP
    written = io.BytesIO()
    sheet.save(written, "PNG")
    return written.getvalue()
