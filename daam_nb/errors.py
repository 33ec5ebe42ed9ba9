"""What can go wrong, and the way out.

One family: every error of this package is a `DaamError` and also the built-in error a caller
would expect (`LookupError`, `ValueError`, ...). A message says what happened with the values,
what would have been right, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from daam_nb.printable import printable

if TYPE_CHECKING:
    from PIL.Image import Image


class DaamError(Exception):
    """Base of every error raised by daam_nb.

    Messages quote prompts, file names and names in files, which may be a stranger's: what a
    terminal would obey is escaped in them.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n\t")


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


class UnknownOptionError(DaamError, TypeError):
    """An argument or setting whose name nothing uses."""


class OfOneSideError(UnknownOptionError, AttributeError):
    """What was asked of a comparison is something that each of its sides has."""


class ReadOnlyError(DaamError, AttributeError):
    """A value that follows from others was to be set."""


class WrongKindError(DaamError, TypeError):
    """A value of another kind than the function takes."""


class ShapeError(DaamError, ValueError):
    """Arrays or sizes that do not fit together."""


class UnsupportedPipelineError(DaamError, TypeError):
    """A pipeline whose attention this version cannot read exactly."""


class BusyPipelineError(DaamError, RuntimeError):
    """A pipeline or its scheduler was used by somebody else while a watched call was running."""


class MissingTextError(DaamError, ValueError):
    """Text embeddings whose text nobody knows, or which are not of the text that was told."""


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
        The images the pipeline made, in its order: nothing is lost.
    """

    def __init__(self, message: str, images: Sequence[Image] = ()) -> None:
        super().__init__(message)
        self.images: tuple[Image, ...] = tuple(images)


class FileAccessError(DaamError, OSError):
    """The system would not read or write a file: the disk is full, or it is not permitted."""


class MissingFolderError(DaamError, FileNotFoundError):
    """A file was to be written into a folder that does not exist."""


class RecordingExistsError(DaamError, FileExistsError):
    """`save` was given a path that exists and no permission to replace it."""


class RecordingNotFoundError(DaamError, FileNotFoundError):
    """`load` was given a path that holds no recording."""


class RecordingFormatError(DaamError, ValueError):
    """A recording on disk is cut, altered, hostile or of another version."""


class RecordingVersionError(RecordingFormatError):
    """A recording of a later version of the format than this one reads."""


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
    """A recording lacks what is needed to make its image again."""


class MissingModelError(DaamError, FileNotFoundError):
    """The embedded model's weights are not where they should be."""


class ParseError(DaamError, ValueError):
    """A parse that does not fit its text, or a text or pipeline that gives none."""


class MissingParserError(DaamError, LookupError):
    """No parser of the name asked for is installed."""


class StudyError(DaamError, ValueError):
    """Captions, a corpus or a study's table that cannot be read, or was made with other choices."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely stands for; None if none is like it."""
    every = list(known)
    cases = [other for other in every if other.casefold() == name.casefold()]
    slips = difflib.get_close_matches(name, every, n=1, cutoff=0.8)
    # "steps" for "num_inference_steps", "guidance" for "guidance_scale": a word of a longer name
    # is nearer than another word that is spelt alike ("seeds"). The shortest name that holds it.
    words = [other for other in every if {name, f"{name}s"} & set(other.split("_"))]
    alike = difflib.get_close_matches(name, every, n=1, cutoff=0.6)
    holding = [other for other in every if len(name) > 2 and name in other]
    for names in (cases, slips, words, alike, holding):
        if names:
            return min(names, key=len)
    return None


def unknown_names_message(
    names: Iterable[str], known: Iterable[str], *, where: str, what: str = "argument"
) -> str:
    """The text of an error about names that nothing uses: each with the nearest known one.

    Parameters
    ----------
    names
        The unknown names, at least one.
    known
        All names that `where` takes, in the order in which they are listed.
    where
        Who was called, as the user wrote it: ``"generate()"``, ``"explore()"``.
    what
        What the names are called: ``"argument"``, ``"setting"``, ``"choice"``.
    """
    every = list(dict.fromkeys(known))
    unknown = list(names)
    meant = [
        f"{name!r} is probably {near!r}" if len(unknown) > 1 else f"did you mean {near!r}"
        for name in unknown
        if (near := nearest_name(name, every)) is not None
    ]
    plural = "s" if len(unknown) > 1 else ""
    advice = f"; {', '.join(meant)}{'?' if len(unknown) == 1 else '.'}" if meant else "."
    return (
        f"{where} takes no {what}{plural} {', '.join(map(repr, unknown))}{advice} "
        f"It takes {', '.join(every)}."
    )
