"""The external objects that a function uses: names of its module and of modules that it uses."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from typing import Any

_LOADING = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_DYNAMIC = {"globals", "getattr", "vars", "attrgetter"}


def outside_of(function: types.FunctionType) -> dict[str, Any]:
    """Name -> the object that a function, or one nested in it, looks up outside itself."""
    space, code = function.__globals__, function.__code__
    looked_up = {name for op, name in _instructions(code) if op in _LOADING}
    if looked_up & _DYNAMIC:  # getattr(module, "name"), globals()["name"]
        looked_up |= _texts(code)
    imported = {name for op, name in _instructions(code) if op == "IMPORT_NAME"}
    return {
        **{name: sys.modules[name] for name in sorted(imported) if name in sys.modules},
        **{name: space[name] for name in sorted(looked_up) if name in space},
    }


def names_in(code: types.CodeType) -> set[str]:
    """All names and texts in a function's code and nested functions, which it may look up."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return {*code.co_names, *_texts(code), *(name for each in inner for name in names_in(each))}


def _instructions(code: types.CodeType) -> Iterator[tuple[str, str]]:
    for instruction in dis.get_instructions(code):
        if isinstance(instruction.argval, str):
            yield instruction.opname, instruction.argval
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _instructions(const)


def _texts(code: types.CodeType) -> set[str]:
    texts = {const for const in code.co_consts if isinstance(const, str)}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            texts |= _texts(const)
    return texts


def code_content(code: types.CodeType) -> list[Any]:
    """A function's code without file names and line numbers, so that moving it changes nothing."""
    consts: list[Any] = []
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            consts.append(code_content(const))
        elif isinstance(const, frozenset):  # in another order in every process
            consts.append(sorted(map(repr, const)))
        else:
            consts.append(repr(const))
    names = [list(names) for names in (code.co_names, code.co_varnames, code.co_freevars)]
    return [code.co_code.hex(), consts, names, code.co_flags]


def full(cell: types.CellType) -> bool:
    """Whether the enclosing function has set what the cell holds."""
    try:
        cell.cell_contents  # noqa: B018 (empty until the enclosing function has set it)
    except ValueError:
        return False
    return True
