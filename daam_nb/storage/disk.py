"""Failures of the file system as errors that state what to do."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from daam_nb.errors import DaamError, FileAccessError

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space, or choose another folder",
    errno.EDQUOT: "your disk quota is exceeded: free some space, or choose another folder",
    errno.EFBIG: "the file would be larger than the file system allows: choose another folder",
    errno.EROFS: "its file system is read-only: choose another folder",
    errno.EACCES: "permission denied: choose another folder, or ask its owner",
    errno.EPERM: "permission denied: choose another folder, or ask its owner",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another path",
    errno.EISDIR: "it is a folder: choose another path",
    errno.ENOENT: "a folder of the path does not exist, or was removed meanwhile",
    errno.EIO: "the drive has failed: choose another one",
    errno.EMFILE: "too many files are open: close some",
}


@contextlib.contextmanager
def told(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Turn an `OSError` inside the block into a `FileAccessError` about `path`.

    Parameters
    ----------
    path
        The path to be read or written.
    what
        ``"read"`` or ``"written"``.

    Raises
    ------
    FileAccessError
        For an `OSError` that is not a `DaamError`; its ``errno`` is the system's.
    """
    _check_name(path, what)
    try:
        yield
    except DaamError:
        raise
    except BrokenPipeError:
        raise  # of whoever reads our output
    except OSError as error:
        raise access_error(path, what, error) from error


def _check_name(path: str | os.PathLike[str], what: str) -> None:
    try:
        odd = b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        odd = True
    if odd:
        raise FileAccessError(
            f"{str(path)!r} could not be {what}: that is not a valid file name. Choose another."
        )


def access_error(path: str | os.PathLike[str], what: str, error: OSError) -> FileAccessError:
    """Make the error about a path, with the way out for the system's error."""
    reason = error.strerror or str(error)
    advice = _ADVICE.get(error.errno or 0, "choose another place")
    about = error.filename
    where = f" ({about})" if isinstance(about, str) and Path(about) != Path(path) else ""
    our_error = FileAccessError(f"{path} could not be {what}: {reason}{where}; {advice}.")
    our_error.errno = error.errno
    return our_error


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte, however many the system accepts at once."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
