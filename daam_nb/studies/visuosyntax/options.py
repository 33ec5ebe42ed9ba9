"""Options of the study of visuosyntax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daam_nb.studies.options import CaptionOptions, HeadOptions, option


def _parser(name: str) -> Any:
    from daam_nb.language import load_parser

    return load_parser(name)


@dataclass(frozen=True, kw_only=True)
class VisuosyntaxOptions(CaptionOptions, HeadOptions):
    """Options of the study of visuosyntax."""

    parser: Any = option(
        None,
        "parser of the prompts: a spaCy pipeline, or caption_parser for the shipped one (default: "
        "the best installed)",
        in_python="a `Parser`",
        typed=str, metavar="NAME", load=_parser,
    )  # fmt: skip
    threshold: Any = option(
        0.4,
        "how maps become masks: a share of the maximum, or in Python 'reference' or 'reference "
        "mean' (`word_pairs.masks_of`)",
    )
    recommended: Any = option(None, "layers that a model's card recommends, for one more table")
    resamples: int | None = option(
        None, "permutations of each test (default: 5000, and 100000 if p is small)", low=1,
        of_rows=False,
    )  # fmt: skip
