"""Options of the study of attribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daam_nb.studies.options import CaptionOptions, HeadOptions, option


def _truth(path: Path) -> Any:
    from daam_nb.studies.oracles.truths import CocoTruth, FolderTruth

    return CocoTruth(path) if path.suffix.lower() == ".json" else FolderTruth(path)


@dataclass(frozen=True, kw_only=True)
class AttributionOptions(CaptionOptions, HeadOptions):
    """Options of the study of attribution: one of `judge` and `truth` must be given."""

    judge: Any = option(None, "a `Judge` that locates the objects of an image")
    truth: Any = option(
        None,
        "annotated folders in COCO-Gen's format (default: the shipped model's judge); COCO's own "
        "masks are of photographs and are refused",
        in_python="an `oracles.JudgeTruth`, `FolderTruth` or `CocoTruth`",
        typed=Path, metavar="PATH", load=_truth,
    )  # fmt: skip
    layers: Any = option(
        None, "method -> the layers whose maps it uses (default: DAAM, the paper's)"
    )
    segmenters: Any = option((), "supervised segmenters to compare the maps with")
    groups: Any = option(None, "class -> nouns of the judge: the open vocabulary")
    recommended: Any = option(
        None, "layers that a model's card recommends, as a method in addition to the paper's"
    )

    @classmethod
    def problem(cls, typed: Mapping[str, Any]) -> str:
        """The folders of a truth determine the prompts and seeds."""
        if "truth" in typed and typed["truth"].is_dir():
            for name in ("captions", "seeds"):
                if name in typed:
                    return (
                        f"the folders of --truth hold their prompts and seeds: leave out --{name}."
                    )
        return ""

    @classmethod
    def from_typed(cls, typed: Mapping[str, Any]) -> dict[str, Any]:
        """As of `CaptionOptions`; the captions of annotated folders come with them."""
        arguments = super().from_typed(typed)
        if "truth" in typed and typed["truth"].is_dir():
            arguments |= {"captions": arguments["truth"].captions()}
        return arguments
