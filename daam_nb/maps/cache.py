"""Results computed once for a recording, kept while it lives and while there is room.

The process has one cache, bounded in bytes; it holds recordings weakly, so that a recording's
entries go when it goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from daam_nb.errors import SelectionError

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.recording import Recording

DEFAULT_LIMIT = 512 * 2**20  # bytes; the sums of 12 tokens of SD-1.5 at 50 steps take 493 MiB


class _Entry:
    __slots__ = ("nbytes", "stamp", "tensors", "used")

    def __init__(self, tensors: tuple[Tensor, ...], used: int, stamp: Hashable) -> None:
        self.tensors = tensors
        self.stamp = stamp
        self.nbytes = sum(tensor.nbytes for tensor in tensors)
        self.used = used


class TensorCache:
    """Cache of tuples of tensors by (recording, key); the least recently used go first.

    Safe to use from several threads. Anything larger than the whole limit is returned and not kept.
    An entry made under another stamp than the one asked for is dropped: the recording's arrays have
    been written into since.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: WeakKeyDictionary[Recording, OrderedDict[Hashable, _Entry]]
        self._entries = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._clock = count()

    @property
    def limit(self) -> int:
        """Maximum number of bytes kept."""
        return self._limit

    @limit.setter
    def limit(self, nbytes: int) -> None:
        with self._lock:
            self._limit = nbytes
            self._shrink()

    @property
    def nbytes(self) -> int:
        """Number of bytes kept now."""
        with self._lock:
            return self._total()

    def get(
        self, run: Recording, key: Hashable, *, stamp: Hashable = None
    ) -> tuple[Tensor, ...] | None:
        """Return the entry made under this stamp (None: any stamp), or None."""
        with self._lock:
            of_run = self._entries.get(run)
            entry = of_run.get(key) if of_run is not None else None
            if of_run is None or entry is None:
                return None
            if stamp is not None and entry.stamp != stamp:
                del of_run[key]
                return None
            entry.used = next(self._clock)
            return entry.tensors

    def get_or_make(
        self,
        run: Recording,
        key: Hashable,
        make: Callable[[], tuple[Tensor, ...]],
        *,
        stamp: Hashable = None,
    ) -> tuple[Tensor, ...]:
        """Return the entry, or make it (one thread at a time) and keep it."""
        kept = self.get(run, key, stamp=stamp)
        if kept is not None:
            return kept
        with self._building:
            kept = self.get(run, key, stamp=stamp)
            if kept is None:
                kept = make()
                self._put(run, key, kept, stamp)
            return kept

    def _put(
        self, run: Recording, key: Hashable, tensors: tuple[Tensor, ...], stamp: Hashable
    ) -> None:
        with self._lock:
            entry = _Entry(tensors, next(self._clock), stamp)
            if entry.nbytes > self._limit:
                return
            self._entries.setdefault(run, OrderedDict())[key] = entry
            self._shrink()

    def _total(self) -> int:
        runs = list(self._entries.values())
        return sum(entry.nbytes for of_run in runs for entry in of_run.values())

    def _shrink(self) -> None:
        while self._total() > self._limit:
            runs = list(self._entries.values())
            _, key, of_run = min(
                ((entry.used, key, of_run) for of_run in runs for key, entry in of_run.items()),
                key=lambda found: found[0],
            )
            del of_run[key]


CACHE = TensorCache(DEFAULT_LIMIT)


def limit_cache(nbytes: int) -> None:
    """Limit the memory that heat maps use between calls.

    Running sums over steps make every later choice of steps fast; they take 4 bytes per step,
    layer, head and native pixel for each token: 41 MiB for SD-1.5 at 50 steps.

    Parameters
    ----------
    nbytes
        Bytes for all recordings together, >= 0; 512 MiB by default. With 0 nothing is kept, and the
        sums are computed anew for each choice of steps.

    Raises
    ------
    SelectionError
        If `nbytes` is not an integer >= 0.
    """
    if isinstance(nbytes, bool) or not isinstance(nbytes, int) or nbytes < 0:
        raise SelectionError(
            f"The cache's limit must be a whole number of bytes >= 0, not {nbytes!r}; 512 MiB is "
            f"{DEFAULT_LIMIT}."
        )
    CACHE.limit = nbytes
