"""The argument names that a pipeline's call takes; unused names are refused.

Many pipelines of diffusers end their signature in ``**kwargs``, take two deprecated names out of it
(``callback``, ``callback_steps``) and silently drop the rest: ``guidance=4.0`` runs with 7.5. Which
names they take is read from their source.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from daam_nb.errors import UnknownOptionError, unknown_names_message

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_CALL = "__call__"
_READERS = ("pop", "get", "setdefault")


@dataclass(frozen=True)
class CallNames:
    """The names that a call takes.

    Attributes
    ----------
    names
        In the order of the signature, then those that are read from its ``**kwargs``.
    any_name
        Whether it passes further names on in a way that cannot be followed: no name is unknown
        then.
    """

    names: tuple[str, ...]
    any_name: bool = False

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return the names that nothing reads."""
        return [] if self.any_name else [name for name in names if name not in self.names]


def call_names(pipe: Any) -> CallNames:
    """Read the names that a pipeline's ``__call__`` takes from its signature and source."""
    kind: Any = type(pipe)
    return _of_class(kind, next((vars(k)[_CALL] for k in kind.__mro__ if _CALL in vars(k)), None))


def refuse_unread(pipe: Any, names: Iterable[str]) -> None:
    """Refuse a call of a pipeline with names that it would drop without reading them.

    Raises
    ------
    UnknownOptionError
        With the most similar name that the call takes.
    """
    known = call_names(pipe)
    if unknown := known.unknown(names):
        where = f"{type(pipe).__name__}.__call__()"
        raise UnknownOptionError(unknown_names_message(unknown, known.names, where=where))


def refuse_unknown(
    pipe: Any,
    options: Iterable[str],
    *,
    where: str,
    own: Iterable[str],
    without: Mapping[str, str] | None = None,
) -> None:
    """Refuse options that neither a function nor the pipeline it calls would read.

    Parameters
    ----------
    pipe
        The pipeline to be called.
    options
        Names passed to the function that it does not know itself.
    where
        The function, as the user wrote it: ``"generate()"``.
    own
        Names that the function reads itself, its named parameters included.
    without
        Names of the pipeline's call that are not allowed here, each with what to do instead.

    Raises
    ------
    UnknownOptionError
        Before anything else happens.
    """
    options, own, without = list(options), list(own), dict(without or {})
    for name in options:
        if name in without and name not in own:
            raise UnknownOptionError(f"{where} takes no argument {name!r}: {without[name]}")
    calls = call_names(pipe)
    unknown = [name for name in calls.unknown(options) if name not in own]
    if "steps" in unknown and "keep_steps" in own:
        raise UnknownOptionError(
            f"{where} takes no argument 'steps', which would be ambiguous: num_inference_steps=20 "
            "draws in 20 steps, keep_steps=slice(10, None) keeps the attention of those from step "
            "10 on."
        )
    if unknown:
        known = [name for name in (*own, *calls.names) if name not in without]
        raise UnknownOptionError(unknown_names_message(unknown, known, where=where))


# --- the source -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _of_class(kind: Hashable, function: Any) -> CallNames:
    """Names of the first ``__call__`` among a class and its bases; `function` keys the cache."""
    assert isinstance(kind, type)
    owners = [owner for owner in kind.__mro__ if _CALL in vars(owner)]
    return _of_owners(owners) if owners and callable(function) else CallNames((), any_name=True)


def _of_owners(owners: list[type]) -> CallNames:
    function = vars(owners[0])[_CALL]
    parameters = list(inspect.signature(function).parameters.values())[1:]  # without self
    names = [p.name for p in parameters if p.kind in _NAMED]
    rest = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    if rest is None:
        return CallNames(tuple(names))
    tree = _source(function)
    if tree is None:
        return CallNames(tuple(names), any_name=True)
    uses = sum(isinstance(n, ast.Name) and n.id == rest for n in ast.walk(tree))
    read = list(_read_names(tree, rest))
    above = [node for node in ast.walk(tree) if _goes_above(node, rest)]
    base = CallNames(())
    if above:
        base = _of_owners(owners[1:]) if len(owners) > 1 else CallNames((), any_name=True)
    return CallNames(
        tuple(dict.fromkeys((*names, *read, *base.names))),
        any_name=base.any_name or uses > len(read) + len(above),
    )


def _source(function: Callable[..., Any]) -> ast.AST | None:
    try:
        text = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        return _parsed(text)
    except (OSError, TypeError, SyntaxError):  # written in C, in a shell, or part of a longer line
        return None


def _parsed(text: str) -> ast.AST:
    """`ast.parse`, which Python 3.11 cannot do in two threads at once.

    Its recursion depth is counted globally for all threads, and a `SystemError` is raised if
    another thread has changed the count. The lock separates daam_nb's calls; other parsers rarely
    run again.
    """
    with _parsing:
        for _ in range(20):
            try:
                return ast.parse(text)
            except SystemError:
                continue
        return ast.parse(text)


_parsing = threading.Lock()


def _read_names(tree: ast.AST, rest: str) -> Iterator[str]:
    """Every name that is taken from ``**rest``, once for each occurrence."""
    for node in ast.walk(tree):
        key: ast.AST | None = None
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr=reader), args=[first, *_]
            ) if name == rest and reader in _READERS:
                key = first
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name == rest:
                key = index
            case ast.Compare(left=left, comparators=[ast.Name(id=name)]) if name == rest:
                key = left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def _goes_above(node: ast.AST, rest: str) -> bool:
    """Whether it is ``super().__call__(..., **rest)``."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__call__"),
            keywords=keywords,
        ):
            handed = [k.value for k in keywords if k.arg is None]
            return any(isinstance(value, ast.Name) and value.id == rest for value in handed)
    return False
