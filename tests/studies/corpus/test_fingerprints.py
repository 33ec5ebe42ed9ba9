"""What a value is, by content: whatever state it has, and whatever its code reads outside."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import random
import re
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies.corpus.fingerprints import content_of

PLAIN = "b440625f9fc5ea68"
ARRAY = "38daebdc75386bb3"


class Box:
    """Some state of the user's."""

    def __init__(self) -> None:
        self.shift = 0


@dataclass
class Options:
    shift: int = 0


BOX, OPTIONS, SPACE, HELPER = Box(), Options(), types.SimpleNamespace(shift=0), None
LOCK = threading.Lock()


class Reading:
    """Each method reads an object of this module."""

    def box(self) -> int:
        return BOX.shift

    def options(self) -> Any:
        return OPTIONS.shift

    def space(self) -> Any:
        return SPACE.shift

    def lock(self) -> Any:
        return LOCK

    def __len__(self) -> int:
        return SPACE.shift  # type: ignore[no-any-return]


@pytest.mark.parametrize("state", [BOX, OPTIONS, SPACE])
@pytest.mark.parametrize("name", ["box", "options", "space"])
def test_an_object_of_the_module_counts_where_it_is_read(state: Any, name: str) -> None:
    read = {"box": BOX, "options": OPTIONS, "space": SPACE}[name] is state
    before = content_of(getattr(Reading, name))
    state.shift = 8
    try:
        assert (content_of(getattr(Reading, name)) != before) == read
    finally:
        state.shift = 0
    assert content_of(getattr(Reading, name)) == before


def test_a_special_method_counts_and_what_cannot_be_read_is_refused() -> None:
    kind = type("Sized", (), {"__len__": Reading.__len__, "__module__": __name__})
    before = content_of(kind())
    SPACE.shift = 5
    try:
        assert content_of(kind()) != before
    finally:
        SPACE.shift = 0
    with pytest.raises(StudyError, match=r"a _thread\.lock cannot be .*fingerprint\(\)"):
        content_of(Reading())


def test_a_module_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions, its attributes, and what was changed in it and loaded again."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_helper.py").write_text("SHIFT = 0\ndef shift():\n    return 1\n")
    import own_helper  # type: ignore[import-not-found]

    function: dict[str, Any] = {"__name__": "own_study", "own_helper": own_helper}
    exec("def read():\n    return own_helper.SHIFT + own_helper.shift()", function)
    contents = [content_of(function["read"])]
    own_helper.SHIFT = 8
    contents.append(content_of(function["read"]))
    own_helper.shift = eval("lambda: 2", {"__name__": "own_helper"})
    contents.append(content_of(function["read"]))
    own_helper.unread = threading.Lock()
    assert content_of(function["read"]) == contents[2]
    assert len(set(contents)) == 3
    del sys.modules["own_helper"]


class Listed(list):  # type: ignore[type-arg]
    pass


class Text(str):
    pass


class Number(int):
    pass


class Length(float):
    pass


class Several(set):  # type: ignore[type-arg]
    pass


class Grid(np.ndarray):
    pass


def with_shift(value: Any, shift: int) -> Any:
    value.shift = shift
    return value


def function_with(shift: int) -> Callable[[], None]:
    def f() -> None: ...

    return with_shift(f, shift)  # type: ignore[no-any-return]


class One(enum.Enum):
    A = 1


Two = enum.Enum("One", {"A": 2}, module=__name__)  # of the same name, with another value

PAIRS: dict[str, Callable[[int], Any]] = {
    "list": lambda n: with_shift(Listed([1]), n),
    "str": lambda n: with_shift(Text("a"), n),
    "int": lambda n: with_shift(Number(3), n),
    "float": lambda n: with_shift(Length(3.0), n),
    "set": lambda n: with_shift(Several({1}), n),
    "array": lambda n: with_shift(np.zeros(2).view(Grid), n),
    "mask": lambda n: np.ma.array([1.0, 2.0], mask=[n, 0]),
    "random": random.Random,
    "function": function_with,
    "bound builtin": lambda n: [n].index,
    "default dict": lambda n: collections.defaultdict([list, dict][n]),
    "enum": lambda n: [One, Two][n].A,
    "pattern": lambda n: re.compile("ab"[n]),
    "decimal": decimal.Decimal,
    "date": lambda n: datetime.date(2020, 1, 1 + n),
    "deque": lambda n: collections.deque([n]),
    "table": lambda n: pd.DataFrame({"a": [[1], ["1"]][n]}),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_all_state_counts(kind: str) -> None:
    make = PAIRS[kind]
    assert content_of(make(0)) == content_of(make(0)) != content_of(make(1))
    assert content_of({"held": make(0)}) != content_of({"held": make(1)})


def test_plain_data_stays_as_it_was() -> None:
    """What corpora and rows on disk were recognized by."""
    assert content_of({"a": [1, 2.5, "x", None, (True,)], "b": {"c": range(2)}}) == PLAIN
    assert content_of(np.arange(3, dtype=np.int64)) == ARRAY
