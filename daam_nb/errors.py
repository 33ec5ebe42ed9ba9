"""What can go wrong, and the way out.

One family: every error of this package is a `DaamError` and also the built-in error a caller
would expect (`LookupError`, `ValueError`, ...). A message says what happened with the values,
what would have been right, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


class DaamError(Exception):
    """Base of every error raised by daam_nb."""


class PromptError(DaamError, ValueError):
    """A prompt that cannot be tokenized, or whose tokens, spans or rewritten text do not fit it."""


class WordNotFoundError(DaamError, LookupError):
    """The prompt does not hold the word (or phrase) asked for."""


class AmbiguousWordError(DaamError, LookupError):
    """The prompt holds the word several times and no occurrence was chosen."""


class TruncatedWordError(DaamError, LookupError):
    """The word stands in the text, but behind the last token that the model read."""


class NotKeptError(DaamError, LookupError):
    """The recording does not hold what was asked for, because it was not kept."""


class SelectionError(DaamError, ValueError):
    """A choice of layers, steps, heads or tokens that selects nothing or cannot be read."""


class ShapeError(DaamError, ValueError):
    """Arrays or sizes that do not fit together."""


class UnsupportedPipelineError(DaamError, TypeError):
    """A pipeline whose attention this version cannot read exactly."""


class MissingTextError(DaamError, ValueError):
    """Embeddings were given without the text behind them, so no token can be named."""


class NothingRecordedError(DaamError, RuntimeError):
    """A trace was closed, or asked for its recording, and held none (or not just one)."""


class InterventionError(DaamError, RuntimeError):
    """An intervention that could not be carried out exactly, or that changed nothing at all."""


class MemoryBudgetError(DaamError, MemoryError):
    """What was asked to be kept is larger than the memory budget."""


class WatchError(DaamError, RuntimeError):
    """Watching failed although the pipeline itself finished.

    Attributes
    ----------
    images
        The pictures the pipeline made, in its order: nothing is lost.
    """

    def __init__(self, message: str, images: Sequence[Image] = ()) -> None:
        super().__init__(message)
        self.images: tuple[Image, ...] = tuple(images)


class RecordingExistsError(DaamError, FileExistsError):
    """`save` was given a path that exists and no permission to replace it."""


class RecordingNotFoundError(DaamError, FileNotFoundError):
    """`load` was given a path that holds no recording."""


class RecordingFormatError(DaamError, ValueError):
    """A recording on disk is cut, altered, hostile or of another version."""


class MissingExtraError(DaamError, ImportError):
    """A package that an optional part needs is not installed.

    Attributes
    ----------
    extra
        The name of the extra: ``pip install "daam_nb[extra]"``.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f'Install it with: pip install "daam_nb[{extra}]"'
        )
        self.extra = extra


class ReproductionError(DaamError, RuntimeError):
    """A recording lacks what is needed to make its picture again."""


class MissingModelError(DaamError, FileNotFoundError):
    """The embedded model's weights are not where they should be."""


class ParseError(DaamError, ValueError):
    """A parse that does not fit its text, or a text or pipeline that gives none."""


class MissingParserError(DaamError, LookupError):
    """No parser of the name asked for is installed."""


class StudyError(DaamError, ValueError):
    """Captions, a corpus or a study's table that cannot be read, or was made with other choices."""
