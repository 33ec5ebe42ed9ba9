"""The steps as a moving image for a page, a few frames for each question: the kernel stays awake.

    film  {..., type: "film", job, film}   draws on, and says how far it is; once done, the file

It has `v, id, run, sel` as a question has, and is answered as one, by the part "film". `film` is
``"overlay"``, ``"image"`` or ``"side_by_side"``. The page asks again, under the same `job`, until
it has the file; where it asks no more, nothing is drawn. Another `job` takes the place of the one
before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from daam_nb.errors import SelectionError
from daam_nb.show.explorer.export.animation import encoded, film_of, in_256_colors
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.container import Part
from daam_nb.show.explorer.page.answers import Question

SECONDS = 0.15  # of drawing for one question; at least one frame


@dataclass(eq=False)
class Reel:
    """One moving image on its way.

    Attributes
    ----------
    name
        What the page calls it.
    places
        Of its steps, among those kept.
    duration
        Milliseconds of a frame.
    rest
        The frames that are to be drawn.
    drawn
        Those that are; none once the file is written.
    count
        How many are drawn.
    file
        The GIF; empty before.
    """

    name: str
    places: list[int]
    duration: int
    rest: Iterator[Image.Image]
    drawn: list[Image.Image] = field(default_factory=list)
    count: int = 0
    file: bytes = b""

    def draw_on(self) -> None:
        """Draw for a moment; the last frame and the file are of two questions."""
        end = time.monotonic() + SECONDS
        while self.count < len(self.places):
            self.drawn.append(in_256_colors(next(self.rest)))
            self.count += 1
            if time.monotonic() >= end:
                return
        if not self.file:
            self.file = encoded(self.drawn, ".gif", self.places, self.duration)
            self.drawn = []


class Projector:
    """What draws the moving images that a page asks for, one at a time."""

    def __init__(self) -> None:
        self._reel: Reel | None = None

    def message(self, look: Look, message: dict[str, Any], question: Question) -> list[Part]:
        """Draw on; see the module."""
        job, what = message.get("job"), message.get("film")
        if not isinstance(job, str) or not isinstance(what, str):
            raise SelectionError("The message lacks what is to be drawn, film, or its job.")
        if self._reel is None or self._reel.name != job:
            places, frames = film_of(look, what, question.selected)
            self._reel = Reel(job, places, look["interval"], frames)
        reel = self._reel
        reel.draw_on()
        told = {"name": "film", "job": job, "count": reel.count, "of": len(reel.places)}
        return [(told, reel.file)]

    def close(self) -> None:
        """Let go of what was drawn."""
        self._reel = None
