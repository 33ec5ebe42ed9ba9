"""Protocols of judges, truths and segmenters, which are passed to the studies.

The shipped model's judge is a `Judge`; `truths` makes a `Truth` of a judge, of a folder or
of COCO's annotations; `segmenters` makes a `Segmenter` of transformers' models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.masks import read_mask

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.prompt import Word
    from daam_nb.recording import Recording

Mask = NDArray[np.bool_]
"""(y, x), in the image's pixels."""


@runtime_checkable
class Judge(Protocol):
    """Protocol: labels the pixels of an image, in a closed vocabulary."""

    @property
    def names(self) -> tuple[str, ...]:
        """Label number -> noun; 0 is the background."""

    def labels(self, image: Image) -> NDArray[np.int64]:
        """Label every pixel: (y, x), numbers of `names`."""

    def mask(self, image: Image, noun: str) -> Mask:
        """Mask the pixels that show a noun: (y, x)."""

    def present(self, image: Image) -> dict[str, int]:
        """Count the pixels of each noun that the image shows."""


@runtime_checkable
class Segmenter(Protocol):
    """Protocol: segments nouns in an image; a supervised method to compare word maps with."""

    @property
    def name(self) -> str:
        """Name in tables."""

    def masks(self, image: Image, nouns: Sequence[str]) -> Mapping[str, Mask | None]:
        """Mask the pixels of each noun: (y, x), or None for a noun without a label."""


@dataclass(frozen=True, eq=False)
class Target:
    """An object that a prompt names, with its mask in the image.

    Attributes
    ----------
    noun
        Its name in the truth's vocabulary.
    words
        The words of the prompt that name it; the maps of several are averaged.
    mask
        Its pixels; None if the image does not show it.
    closed
        Whether `noun` belongs to the closed vocabulary (the 80 nouns of the paper's mIoU80).

    Raises
    ------
    ShapeError, SelectionError
        If the mask is invalid: labels, shades, or another shape than (y, x).
    """

    noun: str
    words: tuple[Word, ...]
    mask: Mask | None
    closed: bool = True

    def __post_init__(self) -> None:
        if self.mask is not None:
            mask = read_mask(self.mask, what=f"The mask of {self.noun!r}")
            object.__setattr__(self, "mask", mask.numpy())


@runtime_checkable
class Truth(Protocol):
    """Protocol: true masks of the objects in a recording's image."""

    @property
    def name(self) -> str:
        """Name in reports and beside rows."""

    def targets(self, facts: Mapping[str, Any], run: Recording) -> Sequence[Target]:
        """The objects that the prompt names, in order of mention."""


def check_truth(truth: Any) -> None:
    """Raise a `WrongKindError` unless a truth has a name and says its targets."""
    if isinstance(truth, type) or not _named(truth) or not callable(getattr(truth, "targets", 0)):
        raise WrongKindError(
            "truth= must be an object with a name (a text) and a method targets(facts, run), not "
            f"{kind_of(truth)}: oracles.JudgeTruth(judge), FolderTruth(folder), CocoTruth(file), "
            "or a class of your own with both."
        )


def check_segmenters(segmenters: Any) -> None:
    """Raise a `WrongKindError` unless each segmenter has a name and makes masks."""
    if isinstance(segmenters, str) or not isinstance(segmenters, Sequence):
        raise WrongKindError(
            f"segmenters= must be a list of segmenters, not {kind_of(segmenters)}."
        )
    for segmenter in segmenters:
        if not _named(segmenter) or not callable(getattr(segmenter, "masks", 0)):
            raise WrongKindError(
                "A segmenter must have a name (a text) and a method masks(image, nouns), and "
                f"{kind_of(segmenter)} lacks one of them."
            )


def check_judge(judge: Any) -> None:
    """Raise a `WrongKindError` unless a judge is one; None is none."""
    if judge is not None and (isinstance(judge, type) or not isinstance(judge, Judge)):
        raise WrongKindError(
            "judge= must be an object with names, labels(image), mask(image, noun) and "
            f"present(image), such as daam_nb.menagerie.judge.Judge(), not {kind_of(judge)}."
        )


def _named(value: Any) -> bool:
    return isinstance(getattr(value, "name", None), str)


def targets_of(truth: Truth, facts: Mapping[str, Any], run: Recording) -> list[Target]:
    """Ask a truth, whoever wrote it, and check that its masks are of this image.

    Raises
    ------
    StudyError
        If a mask's aspect ratio is not the image's, as when its axes are swapped. A larger or
        smaller mask of the same aspect ratio is accepted: maps are resized to it.
    """
    targets = list(truth.targets(facts, run))
    for target in targets:
        if target.mask is not None:
            check_proportions(target.mask.shape, run.facts.image_size, f"{target.noun!r}")
    return targets


def check_proportions(mask: tuple[int, ...], image: tuple[int, int], whose: str) -> None:
    """Raise a `StudyError` where a mask does not fit an image by more than a pixel."""
    if abs(mask[0] * image[1] - mask[1] * image[0]) > max(image):
        raise StudyError(
            f"A mask ({whose}) of {mask[0]} x {mask[1]} (height x width) does not fit an image of "
            f"{image[0]} x {image[1]}: their aspect ratios differ. Give one of the whole image; "
            "arrays are (height, width), PIL's sizes (width, height)."
        )
