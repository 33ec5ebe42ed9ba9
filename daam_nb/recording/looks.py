"""Looks: recordings of an image that the model did not make, and how to recognize them.

A look keeps in ``facts.batch`` what was done, in words (``"look"``), the size of the image before
it was resized (``"look_size"``) and the name of the file that it was read from (``"look_file"``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daam_nb.recording.facts import Facts

LOOK, LOOK_SIZE, LOOK_FILE = "look", "look_size", "look_file"


def look_in_words(facts: Facts) -> str:
    """Describe how the model was run on a given image; empty if it made the image itself."""
    return str(facts.batch.get(LOOK) or "")


def file_of(facts: Facts) -> str:
    """Return the name of the file that a look's image was read from; empty if there is no file."""
    return str(facts.batch.get(LOOK_FILE) or "")


def size_before(facts: Facts) -> tuple[int, int] | None:
    """Return (height, width) of a look's image before resizing; None if it was not resized."""
    size = facts.batch.get(LOOK_SIZE)
    return None if not size else (int(size[0]), int(size[1]))
