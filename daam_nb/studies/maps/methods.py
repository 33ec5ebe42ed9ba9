"""A method: a function from a recording to the maps of its words, with a name in the tables.

The study scores any such function. One of your own takes a few lines:

    @register_method("squared", label="attention, squared")
    def squared(recording, words, choice):
        maps = heat_maps(recording, layers=choice.layers, heads=choice.heads)
        return {word: maps.word(word).numpy() ** 2 for word in words}

A method that needs more than attention states the options that `generate` must record with
(``record={"effects": True}``); the study records once what all of its methods need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.kinds import kind_of
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.studies.maps.choices import VARIES

Maps = Mapping[Word, Any]
"""Word -> (y, x), finite and >= 0; words that a method has no map for are left out."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class Method:
    """A method of making maps of words.

    Attributes
    ----------
    name
        Name on the command line, ``--methods NAME``: lower case, digits, hyphens.
    function
        (recording, words, choice) -> word -> (y, x); with `sees_masks`, also ``masks=``: word ->
        (y, x), bool; with `needs_pipe`, also ``pipe=``. It may leave words out.
    label
        Name in tables and figures.
    record
        Options of `daam_nb.generate` for what it needs recorded beside the attention.
    varies
        The parts of a `Choice` that it reads, among ``"layers"``, ``"heads"`` and ``"scaling"``.
        The others are not varied for it.
    baseline
        Whether it is a baseline, which knows nothing of the word.
    sees_masks
        Whether it is given the true masks, as an upper bound.
    needs_pipe
        Whether it needs the pipeline that made the recording.

    Raises
    ------
    StudyError
        For an invalid name, function or `varies`.
    """

    name: str
    function: Callable[..., Maps]
    label: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    varies: tuple[str, ...] = ("layers", "heads")
    baseline: bool = False
    sees_masks: bool = False
    needs_pipe: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise StudyError(
                f"The method's name {self.name!r} must consist of lower-case letters, digits and "
                "hyphens, such as 'squared'."
            )
        if not callable(self.function):
            raise StudyError(
                f"The method {self.name!r} takes a function (recording, words, choice) -> maps, "
                f"not {kind_of(self.function)}."
            )
        if unknown := [name for name in self.varies if name not in VARIES]:
            raise StudyError(
                f"The method {self.name!r} varies {unknown[0]!r}; it must be one of "
                f"{', '.join(VARIES)}."
            )
        object.__setattr__(self, "label", self.label or self.name)

    def maps(
        self,
        recording: Recording,
        words: Sequence[Word],
        choice: Any,
        masks: Mapping[Word, NDArray[np.bool_]],
        *,
        pipe: Any = None,
    ) -> dict[Word, NDArray[np.float64]]:
        """Make the maps, and check them.

        Raises
        ------
        StudyError
            If a map is invalid: another shape than (y, x), negative, NaN, or of a word not
            requested; if it needs the pipeline and there is none.
        """
        more: dict[str, Any] = {"masks": masks} if self.sees_masks else {}
        if self.needs_pipe:
            if pipe is None:
                raise StudyError(
                    f"The method {self.name!r} needs the pipeline that made the recordings, but "
                    "pipe is None. Give it, or leave the method out: methods=[...]."
                )
            more["pipe"] = pipe
        maps = self.function(recording, words, choice, **more)
        if not isinstance(maps, Mapping):
            raise StudyError(
                f"The method {self.name!r} returned {kind_of(maps)}; it must return a mapping word "
                "-> (y, x)."
            )
        if foreign := [word for word in maps if word not in words]:
            raise StudyError(
                f"The method {self.name!r} returned a map of {foreign[0]!r}, which is not one of "
                "the requested words."
            )
        return {word: self._checked(word, values) for word, values in maps.items()}

    def _checked(self, word: Word, values: Any) -> NDArray[np.float64]:
        array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
        if array.ndim != 2 or not array.size:
            raise StudyError(
                f"The method {self.name!r} returned a map of {word.text!r} of the shape "
                f"{array.shape}; it must have the shape (y, x)."
            )
        if not np.isfinite(array).all() or array.min() < 0:
            raise StudyError(
                f"The method {self.name!r} returned a map of {word.text!r} with values from "
                f"{array.min():g} to {array.max():g}; they must be finite and >= 0."
            )
        return array


def to_record(methods: Iterable[Method]) -> dict[str, Any]:
    """Combine the options of `generate` that all of them need.

    Raises
    ------
    StudyError
        If two need different values of one option.
    """
    options: dict[str, Any] = {}
    whose: dict[str, str] = {}
    for method in methods:
        for name, value in method.record.items():
            if name in options and options[name] != value:
                raise StudyError(
                    f"The method {whose[name]!r} records {name}={options[name]!r} and "
                    f"{method.name!r} {name}={value!r}. Study them separately: methods=[...]."
                )
            options[name], whose[name] = value, method.name
    return options
