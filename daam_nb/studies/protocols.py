"""What a judge, a truth and a segmenter must be able to do. No study knows a model; they come in.

The shipped model's judge is a `Judge`; `studies.truths` makes a `Truth` of a judge, of a folder or
of COCO's annotations; `studies.segmenters` makes a `Segmenter` of transformers' models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.prompt import Word
    from daam_nb.recording import Recording

Mask = NDArray[np.bool_]
"""(y, x), in the picture's pixels."""


@runtime_checkable
class Judge(Protocol):
    """Says what a picture shows, pixel by pixel, in a closed vocabulary."""

    @property
    def names(self) -> tuple[str, ...]:
        """Label number -> noun; 0 is the background."""

    def labels(self, image: Image) -> NDArray[np.int64]:
        """What every pixel shows: (y, x), numbers of `names`."""

    def mask(self, image: Image, noun: str) -> Mask:
        """Where the picture shows a noun: (y, x)."""

    def present(self, image: Image) -> dict[str, int]:
        """Nouns that the picture shows, with their pixels."""


@runtime_checkable
class Segmenter(Protocol):
    """Finds nouns in a picture; a supervised method to compare word maps with."""

    @property
    def name(self) -> str:
        """As it stands in tables."""

    def masks(self, image: Image, nouns: Sequence[str]) -> Mapping[str, Mask | None]:
        """Where the picture shows each noun: (y, x), or None for one it has no name for."""


@dataclass(frozen=True, eq=False)
class Target:
    """An object that a prompt names, and where its picture shows it.

    Attributes
    ----------
    noun
        What it is called in the truth's vocabulary.
    words
        Where the prompt names it; the maps of several are averaged.
    mask
        Its pixels; None where the picture does not show it.
    closed
        Whether `noun` is of the closed vocabulary (the 80 of the paper's mIoU80).
    """

    noun: str
    words: tuple[Word, ...]
    mask: Mask | None
    closed: bool = True


@runtime_checkable
class Truth(Protocol):
    """Where the objects of a recording's picture really are."""

    @property
    def name(self) -> str:
        """As it stands in reports and beside rows."""

    def targets(self, facts: Mapping[str, Any], run: Recording) -> Sequence[Target]:
        """The objects that the prompt names, in order of mention."""
