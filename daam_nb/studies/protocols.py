"""What a judge and a segmenter must be able to do. No study knows a model; they come in as these.

The shipped model's judge is a `Judge`; `studies.segmenters` makes a `Segmenter` of transformers'
models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

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


@runtime_checkable
class Truth(Protocol):
    """Where the objects of a recording's picture really are."""

    @property
    def vocabulary(self) -> frozenset[str]:
        """The closed vocabulary: nouns that every method knows (the 80 of the paper's mIoU80)."""

    def masks(self, facts: Mapping[str, Any], run: Recording) -> Mapping[str, Mask]:
        """Word of the prompt -> (y, x); only words whose object the picture shows."""
