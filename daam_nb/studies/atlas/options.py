"""Options of the head atlas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daam_nb.errors import StudyError
from daam_nb.kinds import kind_of
from daam_nb.studies.arguments import texts
from daam_nb.studies.options import CaptionOptions, option


def _concepts(value: Any, name: str) -> dict[str, tuple[str, ...]] | None:
    """Read concept -> words; at least two concepts."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise StudyError(
            f"{name}= must map concepts to words, as in {{'pet': ['cat', 'dog'], 'color': "
            f"['red']}}, not {kind_of(value)}."
        )
    concepts = {str(concept): texts(words, name) for concept, words in value.items()}
    if empty := [concept for concept, words in concepts.items() if not words]:
        raise StudyError(f"{name}=: the concept {empty[0]!r} has no words.")
    if len(concepts) < 2:
        raise StudyError(f"{name}= names {len(concepts)} concept; relevance compares at least two.")
    return concepts


@dataclass(frozen=True, kw_only=True)
class AtlasOptions(CaptionOptions):
    """Options of the head atlas."""

    judge: Any = option(None, "a `Judge` that locates the objects of an image")
    concepts: Any = option(
        None,
        "concept -> words that express it, for which each head's relevance is measured (default: "
        "the shipped world's nouns by class, colors, sizes, relations and backgrounds)",
        check=_concepts,
    )
    recommended: Any = option(
        None, "layers that a model's card recommends, as one more choice to compare",
        of_rows=False,
    )  # fmt: skip
    passes: int = option(
        2,
        "steps at which each head is ablated and its concept determined, evenly spread",
        low=1,
        high=100,
    )
    causes: bool = option(
        True, "draw images again, to ablate each head and to determine its concept",
        of_rows=False,
    )  # fmt: skip
