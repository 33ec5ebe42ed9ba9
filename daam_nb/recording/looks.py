"""Looks: recordings of an image that the model did not draw, told from those that it drew.

A look keeps in ``facts.batch`` what was done, in words (``"look"``), the size of the image before
it was resized (``"look_size"``) and the name of the file that it was read from (``"look_file"``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daam_nb.recording.facts import Facts

LOOK, LOOK_SIZE, LOOK_FILE = "look", "look_size", "look_file"


def look_in_words(facts: Facts) -> str:
    """What was done to an image that the model was given to look at; empty if it drew it."""
    return str(facts.batch.get(LOOK) or "")


def file_of(facts: Facts) -> str:
    """Name of the file that the image of a look was read from; empty if it came from none."""
    return str(facts.batch.get(LOOK_FILE) or "")


def size_before(facts: Facts) -> tuple[int, int] | None:
    """(height, width) of the image of a look before it was resized; None if it was not."""
    size = facts.batch.get(LOOK_SIZE)
    return None if not size else (int(size[0]), int(size[1]))
