"""The register of methods: shipped ones, and those registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from daam_nb.errors import StudyError, nearest_name
from daam_nb.studies.maps.methods import Maps, Method
from daam_nb.studies.maps.shipped import SHIPPED

_registered: dict[str, Method] = {}


def register_method(
    name: str,
    function: Callable[..., Maps] | None = None,
    *,
    label: str = "",
    record: Mapping[str, Any] | None = None,
    varies: Sequence[str] = ("layers", "heads"),
    baseline: bool = False,
    needs_pipe: bool = False,
) -> Any:
    """Register a method of making maps by its name, for the study of maps; also a decorator.

    If a method is registered twice, as when a notebook cell is run again, the later function is
    used.

    Parameters
    ----------
    name, function, label, record, varies, baseline, needs_pipe
        As for `Method`.

    Returns
    -------
    function
        The function, unchanged; without `function`, a decorator.

    Raises
    ------
    StudyError
        For the name of a shipped method, and as for `Method`.
    """
    if function is None:

        def decorate(decorated: Callable[..., Maps]) -> Callable[..., Maps]:
            register_method(
                name, decorated, label=label, record=record, varies=varies, baseline=baseline,
                needs_pipe=needs_pipe,
            )  # fmt: skip
            return decorated

        return decorate
    method = Method(
        name, function, label, dict(record or {}), tuple(varies), baseline, needs_pipe=needs_pipe
    )
    if name in SHIPPED:
        raise StudyError(f"There is already a method {name!r} in daam_nb. Choose another name.")
    _registered[name] = method
    return function


def method_names() -> tuple[str, ...]:
    """List the known methods: those that ship, then those registered."""
    return tuple({**SHIPPED, **_registered})


def method_named(name: str) -> Method:
    """Return the method of a name.

    Raises
    ------
    StudyError
        For an unknown name, with the most similar known one.
    """
    known = {**SHIPPED, **_registered}
    if name not in known:
        near = nearest_name(str(name), known)
        raise StudyError(
            f"There is no method {name!r}{f', did you mean {near!r}?' if near else ''}; there are "
            f"{', '.join(known)}. One of your own: daam_nb.studies.register_method."
        )
    return known[name]


def methods_of(value: Iterable[str | Method] | None) -> dict[str, Method]:
    """Read several methods, as names or `Method` objects; None: all known methods.

    Raises
    ------
    StudyError
        For an unknown name, and for two methods with the same name.
    """
    several = method_names() if value is None else value
    methods: dict[str, Method] = {}
    for item in several:
        method = item if isinstance(item, Method) else method_named(item)
        if method.name in methods:
            raise StudyError(f"Two methods are called {method.name!r}. Give each its own name.")
        methods[method.name] = method
    return methods
