"""Options of the study of adjectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daam_nb.studies.options import HeadOptions, LayerOptions, option, typed_count


@dataclass(frozen=True, kw_only=True)
class AdjectivesOptions(LayerOptions, HeadOptions):
    """Options of the study of adjectives."""

    seeds: Any = option(
        (0,),
        "image pairs of each prompt (default: 1)",
        in_python="seeds of the first caption; every further caption's are shifted by this range",
        typed=typed_count, metavar="N", of_rows=False,
    )  # fmt: skip
    nouns: Any = option(
        None, "nouns, or a mapping class -> nouns (default: the paper's prompts)", of_rows=False
    )
    adjectives: Any = option(
        None, "adjectives, each replaced with the next one of the list", of_rows=False
    )
    judge: Any = option(None, "a `Judge` that locates the noun (default: the noun's map)")
    threshold: float = option(0.4, "of the maps, as a share of their maximum", low=0, high=1)
