"""Options of the study of faithfulness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daam_nb.studies.options import CaptionOptions, LayerOptions, option


@dataclass(frozen=True, kw_only=True)
class FaithfulnessOptions(LayerOptions, CaptionOptions):
    """Options of the study of faithfulness.

    If a caption has another content word besides its object, the two are compared within the image.
    """

    judge: Any = option(
        None, "a `Judge` that finds the objects of an image; its nouns are the objects"
    )
    nouns: Any = option(None, "without a judge: the objects' nouns, or a mapping class -> nouns")
    skip_unseen: bool = option(
        True, "with a judge, leave out images in which it does not see the object"
    )
    head_images: int = option(4, "every head is ablated in N of the images", low=0)
    curve_images: int = option(8, "deletion and insertion in N of the images", low=0)
