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
        "who parses the prompts: a spaCy pipeline, or caption_parser for the one that ships "
        "(default: the best installed)",
        in_python="a `Parser`",
        typed=str, metavar="NAME", load=_parser,
    )  # fmt: skip
    threshold: Any = option(
        0.4,
        "what makes a mask of a map: a share of its maximum, or in Python 'reference' or "
        "'reference mean' (`word_pairs.masks_of`)",
    )
    recommended: Any = option(
        None, "layers that a model's card recommends: one more table, of their maps"
    )
    resamples: int | None = option(
        None, "of the permutation tests (default: 5000, and 100000 of small p)", low=1,
        of_rows=False,
    )  # fmt: skip
