"""Choices of layers in a study's settings: in words for display, by name for the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daam_nb.errors import StudyError
from daam_nb.head_tables import relevant_heads
from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording, select_layers
from daam_nb.selection import RELEVANT, HeadChoice, Heads
from daam_nb.studies.corpus.fingerprints import fingerprint
from daam_nb.studies.corpus.generation import Corpus
from daam_nb.tracing.models import adapter_of

_ANY_SIZE = (64, 64)  # of the latents: which layers and heads there are does not depend on it


def in_words(
    runs: Corpus, choices: Mapping[str, LayerChoice], heads: HeadChoice = None
) -> dict[str, str]:
    """Describe each choice, and the heads, as resolved in the first recording."""
    first = runs[0].load()
    return {
        name: heat_maps(first, layers=choice, heads=heads).choice
        for name, choice in choices.items()
    }


def by_content(
    runs: Corpus, choices: Mapping[str, LayerChoice], heads: HeadChoice = None
) -> dict[str, Any]:
    """Identify rows by the layers' dotted names, the heads, and the choice itself.

    Descriptions are ambiguous: "2 of 7 layers" may be any two.
    """
    first = runs[0].load()
    return {
        name: {
            "choice": fingerprint(choice, f"layers of {name}"),
            "layers": [layer.name for layer in heat_maps(first, layers=choice, heads=heads).layers],
            **heads_by_content(heads, first),
        }
        for name, choice in choices.items()
    }


def check_selections(pipe: Any, selections: Iterable[tuple[LayerChoice, HeadChoice]]) -> None:
    """Refuse layers and heads that a pipeline does not have, before anything is drawn.

    Layers chosen by a function, and heads by ``"relevant"``, are known only with a recording.

    Raises
    ------
    SelectionError
        The message lists the existing ones.
    """
    every = adapter_of(pipe).layers(_ANY_SIZE)
    for choice, heads in selections:
        if not callable(choice):
            select_layers(every, choice)
        if not (isinstance(heads, str) and heads == RELEVANT):
            read = Heads.read(heads)
            read.of(every, missing="skip" if read.pairs is None else None)


def heads_by_content(heads: HeadChoice, run: Recording | None = None) -> dict[str, Any]:
    """Heads among the settings of rows: their numbers, or (layer, head); nothing if all are meant.

    So rows of all heads keep their identity. The meaning of ``"relevant"`` depends on a recording.

    Raises
    ------
    StudyError
        If it is ``"relevant"``, and there is no recording.
    """
    if isinstance(heads, str) and heads == RELEVANT:
        if run is None:
            raise StudyError(
                "heads='relevant' depends on a recording, and this study draws its own images. "
                "Name the heads: heads=daam_nb.head_table(run).relevant."
            )
        heads, _ = relevant_heads(run)
    read = Heads.read(heads)
    if read.all:
        return {}
    chosen: Any = read.numbers if read.pairs is None else sorted(read.pairs)
    return {"heads": fingerprint(list(chosen), "heads")}
