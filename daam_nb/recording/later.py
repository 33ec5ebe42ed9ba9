"""A field whose value is fetched on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A value that is not fetched yet, with its shape and its size in bytes.

    Copied or pickled, it becomes the value itself.
    """

    def __init__(self, fetch: Callable[[], T], shape: tuple[int, ...], nbytes: int = 0) -> None:
        self.fetch = fetch
        self.nbytes = nbytes
        self.shape = shape

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _itself, (self.fetch(),)


class LaterField(Generic[T]):
    """A dataclass field that is set to a value, None or a `Later`, and returns the value or None.

    A data descriptor: the dataclass's own ``__init__`` stores through it, a frozen one too, and
    finds None as the default.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> T | None:
        if instance is None:
            return None
        value: T | Later[T] | None = instance.__dict__[self._name]
        if isinstance(value, Later):
            value = instance.__dict__[self._name] = value.fetch()
        return value

    def __set__(self, instance: object, value: T | Later[T] | None) -> None:
        instance.__dict__[self._name] = value


def not_fetched(instance: object, name: str) -> Any:
    """Return the present content of a `LaterField`, without fetching it."""
    return instance.__dict__[name]


def _itself(value: T) -> T:
    return value
