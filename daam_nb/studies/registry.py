"""The register of studies: those of daam_nb, those registered, and those installed.

Light: it knows a study's name, question and options without loading torch or pandas.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from daam_nb.errors import StudyError, nearest_name
from daam_nb.studies.options import Option, StudyOptions, options_of

if TYPE_CHECKING:
    from daam_nb.studies.study import Study

BUILT_IN: dict[str, str] = {
    "attribution": "does a word's map find its object?",
    "visuosyntax": "how does the map of a word relate to the map of the word it depends on?",
    "cohyponyms": "are things of the same kind harder to draw together?",
    "adjectives": "how far beyond its noun does an adjective reach?",
    "faithfulness": "does the image change where the map of an ablated word says?",
    "atlas": "what does every head attend to, write and do, and which heads find objects best?",
    "maps": "which method gives the best map of a word, measured against masks and against causes?",
}
"""Name of a study in a folder of its own -> its question."""

GROUP = "daam_nb.studies"
"""Entry points of installed packages: ``name = "package.module:Class"``."""

TAKEN = (
    *("help", "into", "results", "model", "num-inference-steps", "guidance", "batch", "device"),
    *("dtype", "quiet", "traceback"),
)
"""Flags that are the program's own; no option of a study is called so."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_registered: dict[str, type[Study[Any]]] = {}

Kind = TypeVar("Kind", bound="type[Study[Any]]")


def register_study(kind: Kind) -> Kind:
    """Register a study by its name, for `run_study` and ``daam-nb study``; a class decorator.

    If a study is registered twice, as when a notebook cell is run again, the later class is used.
    An installed package can register a study for every process with an entry point of the group
    ``daam_nb.studies``.

    Raises
    ------
    StudyError
        If it lacks a name, a question, columns, `measure` or options; if the name or a flag is in
        use.
    """
    check_study(kind)
    if kind.name in BUILT_IN:
        raise StudyError(f"There is already a study {kind.name!r} in daam_nb. Choose another name.")
    _registered[kind.name] = kind
    return kind


def check_study(kind: Any) -> None:
    """Raise `StudyError` unless a class is a study that can be run."""
    from daam_nb.studies.study import Study

    if not isinstance(kind, type) or not issubclass(kind, Study):
        raise StudyError(
            f"A study must be a class that inherits daam_nb.studies.Study, not {kind!r}."
        )
    who = kind.__name__
    if not isinstance(kind.name, str) or not _NAME.fullmatch(kind.name):
        raise StudyError(
            f"{who}.name is {kind.name!r}; it must consist of lower-case letters, digits and "
            "hyphens, such as 'compactness', since it is typed after `daam-nb study`."
        )
    if not isinstance(kind.question, str) or not kind.question.strip():
        raise StudyError(f"{who}.question is empty; it must be one line for the list of studies.")
    own_tables = kind.tables is not Study.tables
    if not own_tables and "run" not in kind.columns:
        raise StudyError(
            f"{who}.columns lacks 'run', the recording's key: columns = {{**RUN_COLUMNS, "
            f"'share': 'what it is'}}."
        )
    if not own_tables and kind.measure is Study.measure:
        raise StudyError(f"{who} has no method measure(self, run), which gives a recording's rows.")
    options = kind.options_type
    if not (isinstance(options, type) and issubclass(options, StudyOptions)):
        raise StudyError(
            f"{who}.options_type is {options!r}; it must be a dataclass that inherits StudyOptions "
            "or CaptionOptions."
        )
    if "__dataclass_params__" not in vars(options) and options.__annotations__:
        raise StudyError(f"Decorate {options.__name__} with @dataclass(frozen=True, kw_only=True).")
    for each in options_of(options):
        if each.flag is not None and each.flag.removeprefix("--") in TAKEN:
            raise StudyError(
                f"The option {each.name!r} of {who} would be typed {each.flag}, which the program "
                "itself uses. Rename the field."
            )


def study_names() -> tuple[str, ...]:
    """List the studies that `run_study` and ``daam-nb study`` know."""
    return tuple(dict.fromkeys([*BUILT_IN, *_installed(), *_registered]))


def study_named(name: str) -> type[Study[Any]]:
    """Return the class of a study.

    Raises
    ------
    StudyError
        For an unknown name, and for an installed study that cannot be run.
    """
    if name in BUILT_IN:
        kind: type[Study[Any]] = getattr(_folder(name), name.capitalize())
        return kind
    if name in _registered:
        return _registered[name]
    if (point := _installed().get(name)) is not None:
        kind = _loaded(point)
        if kind.name != name:
            raise StudyError(
                f"The package {_package(point)} names the study {name!r}, but the study's own name "
                f"is {kind.name!r}. Name the entry point like the study."
            )
        return kind
    near = nearest_name(str(name), study_names())
    raise StudyError(
        f"a study must be one of {', '.join(study_names())}, not "
        f"{name}{f' (did you mean {near}?)' if near else ''}."
    )


@dataclass(frozen=True)
class Entry:
    """A study's entry in lists and on the command line."""

    name: str
    question: str
    options_type: type[StudyOptions]

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options."""
        return options_of(self.options_type)


def entry_of(name: str) -> Entry:
    """What is said of a study; of those of daam_nb without loading them."""
    if name in BUILT_IN:
        options = importlib.import_module(f"daam_nb.studies.{name}.options")
        return Entry(name, BUILT_IN[name], getattr(options, f"{name.capitalize()}Options"))
    kind = study_named(name)
    return Entry(kind.name, kind.question, kind.options_type)


def _folder(name: str) -> Any:
    return importlib.import_module(f"daam_nb.studies.{name}")


def _installed() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def _loaded(point: metadata.EntryPoint) -> type[Study[Any]]:
    try:
        kind: Any = point.load()
        check_study(kind)
    except StudyError as error:
        raise StudyError(f"The study of the package {_package(point)}: {error}") from None
    except Exception as error:
        raise StudyError(
            f"The study {point.name!r} of the package {_package(point)} cannot be loaded "
            f"({point.value}): {type(error).__name__}: {error}"
        ) from error
    checked: type[Study[Any]] = kind
    return checked


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "?"
