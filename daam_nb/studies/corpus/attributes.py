"""Attributes of an object, and whether compiled code hides further state."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

_PATH_NAMES = ("path", "file", "folder", "directory", "root")


def held_by(value: Any, *, field_names_only: bool = False) -> dict[str, Any]:
    """The attributes of an object, including those in slots.

    Parameters
    ----------
    value
        The object.
    field_names_only
        For a dataclass, whether only its fields count.
    """
    of_fields = dataclasses.is_dataclass(value)
    if of_fields and field_names_only:
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    held = dict(getattr(value, "__dict__", {}))
    for names in (getattr(base, "__slots__", ()) for base in type(value).__mro__):
        for name in [names] if isinstance(names, str) else names:
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                held[name] = getattr(value, name)
    return held


def has_hidden_state(kind: type) -> bool:
    """Whether objects of a class hold more than attributes, as `random.Random` does."""
    slots = [getattr(base, "__slots__", ()) for base in kind.__mro__]
    count = sum(1 if isinstance(names, str) else len(tuple(names)) for names in slots)
    more = kind.__basicsize__ - object.__basicsize__ - 8 * count
    return kind.__itemsize__ > 0 or more > 16  # a dict and weak references


def is_cached(kind: type, name: str) -> bool:
    """Whether an attribute is the cached value of a property."""
    return any(isinstance(vars(b).get(name), functools.cached_property) for b in kind.__mro__)


def as_path(name: str, value: Any) -> Any:
    """A text as a path, if the attribute's name says so and the file exists."""
    words = name.strip("_").split("_")
    if isinstance(value, str) and value and words[-1] in _PATH_NAMES:
        path = Path(value).expanduser()
        return path if path.exists() else value
    return value
