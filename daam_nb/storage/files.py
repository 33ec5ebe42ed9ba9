"""One file, complete at every moment: written next to its destination, synced, moved into place.

A killed process leaves the old file or the new one, and at most a partial one next to it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from daam_nb.errors import MissingFolderError
from daam_nb.storage.disk import told, write_all
from daam_nb.storage.lock import HAS_LOCKS

PART = re.compile(r"\..+\.[0-9a-f]{12}\.part")
"""Names of what a killed writer may leave."""


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically: completely, or not at all. An existing file is replaced.

    Raises
    ------
    MissingFolderError
        If the folder does not exist.
    FileAccessError
        If the system cannot write: no space, no permission. The old file stays.
    """
    with whole_file(path) as part:
        write_new(part, content)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path for writing a file, which is moved to its destination after the block.

    Parameters
    ----------
    path
        Path of the file; replaced if it exists.

    Yields
    ------
    Path
        In the same folder, with a name that matches `PART`. Removed after an error in the block;
        the old file stays then.

    Raises
    ------
    MissingFolderError, FileAccessError
        As `write_file`.
    """
    with told(path, "written"):
        if not path.parent.is_dir():
            raise MissingFolderError(
                f"There is no folder {path.parent}. Create it first, or choose another."
            )
        part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.part")
        try:
            yield part
            to_disk(part)
            move_into_place(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def move_into_place(part: Path, path: Path) -> None:
    """Replace a file with one next to it whose content is synced, and sync the move."""
    to_disk(path.parent)  # the names of new files, before anything points at them
    os.replace(part, path)
    to_disk(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write all bytes of a new file, unbuffered."""
    with path.open("xb", buffering=0) as file:
        write_all(file.fileno(), content)


def to_disk(path: Path) -> None:
    """Sync a file, or a folder's list of names, to the disk."""
    if not HAS_LOCKS and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDWR if not HAS_LOCKS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
