"""Options of the study of cohyponyms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daam_nb.studies.options import HeadOptions, LayerOptions, option, typed_count


@dataclass(frozen=True, kw_only=True)
class CohyponymsOptions(LayerOptions, HeadOptions):
    """Options of the study of cohyponyms: one of `judge` and `presence` must be given."""

    seeds: Any = option(
        (0,),
        "images of each pair (default: 1)",
        in_python="seeds of the first noun's first round; those of every further noun and round "
        "are shifted by this range",
        typed=typed_count, metavar="N", of_rows=False,
    )  # fmt: skip
    nouns: Any = option(
        None,
        "a `Taxonomy`, or a mapping class -> nouns (default: the paper's nouns of COCO)",
        of_rows=False,
    )
    judge: Any = option(None, "a `Judge` that looks for the objects")
    presence: Any = option(None, "what looks for the objects, such as `oracles.RatedPresence`")
    exclude: Any = option((), "pairs of nouns that are not drawn", of_rows=False)
    known: Any = option(
        (),
        "(image, first noun, second noun) of images that certainly show both, to test how well "
        "cohyponyms are found",
        of_rows=False,
    )
    threshold: float = option(0.4, "share of each map's maximum, for mIoU", low=0, high=1)
    resamples: int | None = option(
        None, "permutations of each test (default: 5000, and 100000 if p is small)", low=1,
        of_rows=False,
    )  # fmt: skip
