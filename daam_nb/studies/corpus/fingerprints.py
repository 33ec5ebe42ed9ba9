"""What a thing is, by content: data that is equal exactly where two things do the same.

What was measured, and with what, is recognized by it and never by a name: a judge by its weights,
a folder of masks by its files, a function by its code. Plain values stay as they are, so that a
message can say which differ; everything else becomes its kind with a digest of its content.

A class of one's own can say itself what it is, by a method ``fingerprint()`` that returns plain
data. Without one its code and all its attributes count; a path (a `Path`, or text in an attribute
called ``path``, ``file``, ``folder`` or ``..._path``) stands for the bytes of its files. What its
code reads outside of itself (objects of its module, and of other modules of one's own) counts, too;
what shows nothing of its content is refused.
"""

from __future__ import annotations

from typing import Any

from daam_nb.errors import StudyError
from daam_nb.studies.corpus.networks import ModelReader as Reader
from daam_nb.studies.corpus.reader import (
    LENGTH,
    advice,
    digest,
    file_digest,
    is_installed,
    recording_content,
    tensor_digest,
)

__all__ = [
    "LENGTH",
    "Reader",
    "content_of",
    "digest",
    "file_digest",
    "fingerprint",
    "is_installed",
    "recording_content",
    "tensor_digest",
]


def fingerprint(value: Any, name: str = "a setting") -> Any:
    """Plain JSON data that says what a value is.

    Parameters
    ----------
    value
        Anything: plain data, paths, arrays, images, recordings, networks, functions, classes,
        and objects made of them.
    name
        What it is called in messages.

    Returns
    -------
    JSON data
        Text, numbers, booleans, None, lists and dicts of these.

    Raises
    ------
    StudyError
        For what shows nothing of its content, such as an object of compiled code.
    """
    try:
        return Reader(name).read(value)
    except RecursionError:
        raise StudyError(advice(name, value, "it is nested too deeply")) from None


def content_of(value: Any, name: str = "a setting") -> str | None:
    """The digest of a `fingerprint`; None of None."""
    return None if value is None else digest(fingerprint(value, name))
