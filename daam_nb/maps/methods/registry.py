"""The kinds of map there are, by name."""

from __future__ import annotations

from importlib import import_module

from daam_nb.errors import SelectionError, WrongKindError, nearest_name
from daam_nb.maps.methods.contract import MapKind

_SHIPPED = ("attention", "share", "effect", "gradient", "concept")
_FILES = {"share": "attention"}
_kinds: dict[str, MapKind] = {}


def map_kind(name: str) -> MapKind:
    """The kind of map of a name.

    Raises
    ------
    SelectionError
        Where there is none; it names the ones there are.
    """
    _load()
    if isinstance(name, str) and name in _kinds:
        return _kinds[name]
    near = nearest_name(name, _kinds) if isinstance(name, str) else None
    meant = f" Did you mean {near!r}?" if near is not None else ""
    raise SelectionError(
        f"kind={name!r} is not a kind of map.{meant} There are {', '.join(map(repr, _kinds))}; "
        "register_map_kind() adds one of your own."
    )


def map_kinds() -> tuple[MapKind, ...]:
    """Every kind of map, those that ship with daam_nb first."""
    _load()
    return tuple(_kinds.values())


def register_map_kind(kind: MapKind, *, overwrite: bool = False) -> None:
    """Make a kind of map known: ``heat_maps(run, kind=...)`` takes its name from then on.

    Parameters
    ----------
    kind
        An object of a subclass of `MapKind`, with a name, a unit and a `word_map`.
    overwrite
        Replace a kind of the same name that was registered; those of daam_nb stay.

    Raises
    ------
    WrongKindError
        For anything else, such as the class itself.
    SelectionError
        Where the name is taken, or is none.

    Examples
    --------
    >>> class Largest(MapKind):
    ...     name, unit = "largest", "attention probability, largest of all steps"
    ...
    ...     def word_map(self, choice, tokens):
    ...         ...
    >>> register_map_kind(Largest())  # doctest: +SKIP
    """
    _load()
    if not isinstance(kind, MapKind):
        raise WrongKindError(
            f"register_map_kind() takes an instance of a subclass of MapKind, not {kind!r:.100}"
            + (": call the class." if isinstance(kind, type) else ".")
        )
    if kind.of_tokens and type(kind).token_maps is MapKind.token_maps:
        raise WrongKindError(f"{type(kind).__name__} has of_tokens=True but no token_maps().")
    if type(kind).word_map is MapKind.word_map:
        raise WrongKindError(f"{type(kind).__name__} has no word_map(), so it makes no maps.")
    if not (isinstance(kind.name, str) and kind.name.isidentifier() and kind.unit):
        raise SelectionError(
            "A kind of map needs a name of letters, digits and underscores, and a unit; "
            f"{type(kind).__name__} has name={kind.name!r}, unit={kind.unit!r}."
        )
    if kind.name in _SHIPPED or (kind.name in _kinds and not overwrite):
        way_out = "" if kind.name in _SHIPPED else ", or replace it: overwrite=True"
        raise SelectionError(
            f"There is already a kind of map {kind.name!r}. Choose another name{way_out}."
        )
    _kinds[kind.name] = kind


def _load() -> None:
    for name in _SHIPPED if len(_kinds) < len(_SHIPPED) else ():
        module = import_module(f"daam_nb.maps.methods.{_FILES.get(name, name)}")
        _kinds[name] = getattr(module, name.upper())
