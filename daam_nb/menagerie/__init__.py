"""The menagerie: small diffusion models that ship with the package, and the world they depict.

`load()` returns a model, `scene(seed)` a captioned image of its world with exact masks. Imports
only `daam_nb.errors` and `daam_nb.kinds` from the package; diffusers only inside `load`.
"""

from __future__ import annotations

from daam_nb.menagerie.captions import WORDS
from daam_nb.menagerie.model import Card, card, load
from daam_nb.menagerie.taxonomy import (
    BACKGROUNDS,
    CLASSES,
    COLORS,
    HELD_OUT_COLORS,
    HELD_OUT_PAIRS,
    NOUNS,
    RELATIONS,
    SIZES,
    Noun,
)
from daam_nb.menagerie.world import Scene, SceneObject, scene

__all__ = [
    "BACKGROUNDS",
    "CLASSES",
    "COLORS",
    "HELD_OUT_COLORS",
    "HELD_OUT_PAIRS",
    "NOUNS",
    "RELATIONS",
    "SIZES",
    "WORDS",
    "Card",
    "Noun",
    "Scene",
    "SceneObject",
    "card",
    "load",
    "scene",
]
