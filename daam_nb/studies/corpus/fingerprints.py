"""Identity of a value by its content: data that is equal if and only if two values behave the same.

What was measured, and with what, is identified by it and never by name: a judge by its weights, a
folder of masks by its files, a function by its code. Plain values are kept, so that a message can
name those that differ; everything else becomes its type with a digest of its content.

A user's class can define its identity with a method ``fingerprint()`` that returns plain data.
Without one its code and all its attributes count; a path (a `Path`, or text in an attribute named
``path``, ``file``, ``folder`` or ``..._path``) stands for the bytes of its files. External objects
used by its code (of its module, and of other user modules) count, too; values whose content is
inaccessible are refused.
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
    """Compute plain JSON data that identifies a value by its content.

    Parameters
    ----------
    value
        Anything: plain data, paths, arrays, images, recordings, networks, functions, classes,
        and objects made of them.
    name
        Its name in messages.

    Returns
    -------
    JSON data
        Text, numbers, booleans, None, lists and dicts of these.

    Raises
    ------
    StudyError
        For a value whose content is inaccessible, such as an object of compiled code.
    """
    try:
        return Reader(name).read(value)
    except RecursionError:
        raise StudyError(advice(name, value, "it is nested too deeply")) from None


def content_of(value: Any, name: str = "a setting") -> str | None:
    """Compute the digest of a `fingerprint`; None for None."""
    return None if value is None else digest(fingerprint(value, name))
