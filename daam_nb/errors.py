"""The errors of the package.

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

    Messages quote prompts, file names and names in files, which may come from strangers: control
    sequences are escaped.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), keep="\n\t")


class PromptError(DaamError, ValueError):
    """A prompt cannot be tokenized, or its tokens, spans or rewritten text do not fit it."""


class WordNotFoundError(DaamError, LookupError):
    """The prompt does not contain the word or phrase."""


class AmbiguousWordError(DaamError, LookupError):
    """The prompt contains the word several times and no occurrence was chosen."""


class TruncatedWordError(DaamError, LookupError):
    """The word lies beyond the last token that the model read."""


class NotKeptError(DaamError, LookupError):
    """The recording does not hold the requested data, because they were not kept."""


class SelectionError(DaamError, ValueError):
    """A choice, for example of layers, steps, heads or tokens, is invalid or selects nothing."""


class UnknownOptionError(DaamError, TypeError):
    """An argument or setting has an unknown name."""


class ReadOnlyError(DaamError, AttributeError):
    """A read-only value was set."""


class WrongKindError(DaamError, TypeError):
    """A value has the wrong type."""


class ShapeError(DaamError, ValueError):
    """Arrays or sizes do not fit together."""


class UnsupportedPipelineError(DaamError, TypeError):
    """The attention of this pipeline cannot be read exactly."""


class BusyPipelineError(DaamError, RuntimeError):
    """A pipeline or its scheduler was used elsewhere during a traced call."""


class MissingTextError(DaamError, ValueError):
    """The text of text embeddings is unknown, or is not the text given."""


class NothingRecordedError(DaamError, RuntimeError):
    """A trace holds no recording, or not exactly one."""


class InterventionError(DaamError, RuntimeError):
    """An intervention could not be carried out exactly, or changed nothing at all."""


class MemoryBudgetError(DaamError, MemoryError):
    """The recording would exceed the memory budget."""


class WatchError(DaamError, RuntimeError):
    """Recording failed, although the pipeline itself finished.

    Attributes
    ----------
    images
        The images that the pipeline made, in its order, so that nothing is lost.
    """

    def __init__(self, message: str, images: Sequence[Image] = ()) -> None:
        super().__init__(message)
        self.images: tuple[Image, ...] = tuple(images)


class FileAccessError(DaamError, OSError):
    """The system could not read or write a file: the disk is full, or access is denied."""


class MissingFolderError(DaamError, FileNotFoundError):
    """A file was to be written into a folder that does not exist."""


class RecordingExistsError(DaamError, FileExistsError):
    """The path given to `save` exists and may not be replaced."""


class RecordingNotFoundError(DaamError, FileNotFoundError):
    """The path given to `load` holds no recording."""


class RecordingFormatError(DaamError, ValueError):
    """A recording on disk is truncated, altered, malicious or of another version."""


class RecordingVersionError(RecordingFormatError):
    """A recording has a later version of the format than this one reads."""


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
    """A recording lacks something needed to make its image again."""


class MissingModelError(DaamError, FileNotFoundError):
    """The shipped model's weights are missing."""


class ParseError(DaamError, ValueError):
    """A parse does not fit its text, or a text or pipeline cannot be parsed."""


class MissingParserError(DaamError, LookupError):
    """The requested parser is not installed."""


class StudyError(DaamError, ValueError):
    """Captions, a corpus or a study's table cannot be read, or were made with other options."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Find the known name most similar to a misspelt one; None if there is none."""
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
    """Write the text of an error about unknown names, each with the most similar known one.

    Parameters
    ----------
    names
        The unknown names, at least one.
    known
        All names that `where` takes, in the order to list them.
    where
        The function called, as the user wrote it: ``"generate()"``, ``"explore()"``.
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
