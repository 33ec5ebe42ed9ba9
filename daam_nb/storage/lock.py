"""One writer at a time: a folder's lock that does not outlive its holder."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daam_nb.errors import RecordingExistsError

_fcntl: Any = None
with contextlib.suppress(ImportError):  # Windows has none
    _fcntl = importlib.import_module("fcntl")

HAS_LOCKS = _fcntl is not None
PATIENCE = 60.0  # seconds


@contextlib.contextmanager
def locked(folder: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the folder's lock, or raise `RecordingExistsError` if it is not free in time.

    Without locks (on Windows, some network drives) two writers of one recording are not separated.
    """
    if not HAS_LOCKS:
        yield
        return
    lock = _Lock(folder)
    try:
        lock.take(patience)
        yield
    finally:
        lock.close()


class _Lock:
    """A folder's lock. The system releases it when the process dies, and Python with the object:

    a Ctrl-C at the wrong moment must not leave a lock that nobody can release.
    """

    _descriptor: int | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def take(self, patience: float) -> None:
        """Wait for the lock, at most `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                _fcntl.flock(self._descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
                return
            except OSError as error:
                if not isinstance(error, BlockingIOError) and patience:
                    return  # a drive that has no locks: as on Windows
                if time.monotonic() >= deadline:
                    raise RecordingExistsError(
                        f"{self._folder} has been locked by another writer for over {patience:g} "
                        "s. Wait until it is done, or choose another path."
                    ) from None
            time.sleep(0.02)

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            _fcntl.flock(self._descriptor, _fcntl.LOCK_UN)  # may be done twice; closing may not
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    __del__ = close
