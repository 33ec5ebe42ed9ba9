"""The steps as a moving image for a page, a few frames for each question: the kernel stays awake.

    film  {..., type: "film", job, film, as}   draws on, and says how far it is; then the file

It has `v, id, run, sel` as a question has, and is answered as one, by the part "film". `film` is
``"overlay"``, ``"image"`` or ``"side_by_side"``, `as` ``"gif"``, ``"webm"`` or ``"zip"``. The page
asks again, under the same `job`, until it has the file; where it asks no more, nothing is drawn.
Another `job` takes the place of the one before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from daam_nb.errors import SelectionError
from daam_nb.kinds import check_choice
from daam_nb.show.explorer.export.animation import encoded, film_of, in_256_colors
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.export.video import check_encoder, has_encoder
from daam_nb.show.explorer.model.container import Part
from daam_nb.show.explorer.page.answers import Question

FILES = ("gif", "webm", "zip")
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
    suffix
        Of the file.
    file
        Its bytes; empty before.
    """

    name: str
    places: list[int]
    duration: int
    rest: Iterator[Image.Image]
    suffix: str
    drawn: list[Image.Image] = field(default_factory=list)
    count: int = 0
    file: bytes = b""

    def draw_on(self) -> None:
        """Draw for a moment; the last frame and the file are of two questions."""
        end = time.monotonic() + SECONDS
        while self.count < len(self.places):
            frame = next(self.rest)
            self.drawn.append(in_256_colors(frame) if self.suffix == ".gif" else frame)
            self.count += 1
            if time.monotonic() >= end:
                return
        if not self.file:
            self.file = encoded(self.drawn, self.suffix, self.places, self.duration)
            self.drawn = []


def written() -> tuple[str, ...]:
    """What moving images can be written as here."""
    return tuple(name for name in FILES if name != "webm" or has_encoder())


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
            suffix = message.get("as")
            check_choice(suffix, "as", FILES)
            if suffix == "webm":
                check_encoder()
            places, frames = film_of(look, what, question.selected)
            self._reel = Reel(job, places, look["interval"], frames, f".{suffix}")
        reel = self._reel
        reel.draw_on()
        told = {"name": "film", "job": job, "count": reel.count, "of": len(reel.places)}
        return [(told, reel.file)]

    def close(self) -> None:
        """Let go of what was drawn."""
        self._reel = None
