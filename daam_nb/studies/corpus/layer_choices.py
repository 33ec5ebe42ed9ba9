"""Choices of layers as a study's settings hold them: in words for people, by name for the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice
from daam_nb.studies.corpus.fingerprints import fingerprint
from daam_nb.studies.corpus.generation import Corpus


def in_words(runs: Corpus, choices: Mapping[str, LayerChoice]) -> dict[str, str]:
    """What each choice came to in the first recording, as a caption says it."""
    first = runs[0].load()
    return {name: heat_maps(first, layers=choice).choice for name, choice in choices.items()}


def by_content(runs: Corpus, choices: Mapping[str, LayerChoice]) -> dict[str, Any]:
    """What rows are recognized by: the layers' dotted names, and the choice itself.

    Words do not tell choices apart: "2 of 7 layers" are these two or those.
    """
    first = runs[0].load()
    return {
        name: {
            "choice": fingerprint(choice, f"layers of {name}"),
            "layers": [layer.name for layer in heat_maps(first, layers=choice).layers],
        }
        for name, choice in choices.items()
    }
