"""Supervised segmenters of transformers as methods to compare word maps with.

They wrap models that the user has loaded; nothing is downloaded here. As an example::

    from transformers import pipeline
    mask2former = PipelineSegmenter(
        pipeline("image-segmentation", "facebook/mask2former-swin-large-coco-panoptic")
    )
    object_ious(runs, truth=truth, segmenters=[mask2former])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.masks import read_mask
from daam_nb.studies.oracles.nouns import nouns_of, plain_name, singulars, spellings
from daam_nb.studies.oracles.protocols import Mask

if TYPE_CHECKING:
    from PIL.Image import Image

_SUFFIXES = ("-merged", "-other", "-stuff")  # of COCO's panoptic classes


@dataclass(frozen=True)
class PipelineSegmenter:
    """Segmenter from an ``image-segmentation`` pipeline of transformers: Mask2Former, DETR, ...

    Attributes
    ----------
    pipe
        ``transformers.pipeline("image-segmentation", ...)``.
    name
        Name in tables; by default the model's name.
    synonyms
        Noun -> the model's labels for it, if they have other names.
    options
        Options of the pipeline's call: ``subtask``, ``threshold``, ...
    """

    pipe: Any
    name: str = ""
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or _name_of(self.pipe.model))

    def masks(self, image: Image, nouns: Sequence[str]) -> dict[str, Mask | None]:
        """See `Segmenter`: the segments of one label are one mask."""
        known = {plain_label(label) for label in self.pipe.model.config.id2label.values()}
        size = (image.height, image.width)
        seen: dict[str, Mask] = {}
        for segment in self.pipe(image.convert("RGB"), **self.options):
            label = plain_label(segment["label"])
            mask = read_mask(segment["mask"], what=f"The segment {label!r}").numpy()
            seen[label] = seen.get(label, np.zeros(size, dtype=bool)) | mask
        return {noun: _found(noun, self.synonyms, known, seen, size) for noun in nouns}


@dataclass(frozen=True)
class SemanticSegmenter:
    """Segmenter from a model and processor with ``post_process_semantic_segmentation``.

    Attributes
    ----------
    model, processor
        ``Mask2FormerForUniversalSegmentation`` and its image processor, for example.
    name, synonyms
        As of `PipelineSegmenter`.
    """

    model: Any
    processor: Any
    name: str = ""
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or _name_of(self.model))

    def masks(self, image: Image, nouns: Sequence[str]) -> dict[str, Mask | None]:
        """See `Segmenter`: every pixel belongs to the likeliest label."""
        import torch

        size = (image.height, image.width)
        inputs = self.processor(images=image.convert("RGB"), return_tensors="pt")
        with torch.no_grad():
            outputs = self.model(**inputs.to(self.model.device))
        labels = self.processor.post_process_semantic_segmentation(outputs, target_sizes=[size])[0]
        numbers = labels.cpu().numpy()
        names = {int(n): plain_label(label) for n, label in self.model.config.id2label.items()}
        seen = {name: numbers == n for n, name in names.items()}
        return {noun: _found(noun, self.synonyms, set(seen), seen, size) for noun in nouns}


@dataclass(frozen=True)
class ClipSegSegmenter:
    """Segmenter from CLIPSeg: a mask for any text.

    Attributes
    ----------
    model, processor
        ``CLIPSegForImageSegmentation`` and ``CLIPSegProcessor``.
    threshold
        Minimum probability of a marked pixel.
    template
        Template of the text for a noun.

    References
    ----------
    Lüddecke & Ecker 2022, "Image segmentation using text and image prompts",
    https://arxiv.org/abs/2112.10003
    """

    model: Any
    processor: Any
    threshold: float = 0.5
    template: str = "{}"
    name: str = "CLIPSeg"

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise StudyError(
                f"A threshold must be a probability from 0 to 1, not {self.threshold}."
            )

    def masks(self, image: Image, nouns: Sequence[str]) -> dict[str, Mask | None]:
        """See `Segmenter`; no noun is unknown."""
        import torch
        from torch.nn import functional

        if not nouns:
            return {}
        inputs = self.processor(
            text=[self.template.format(noun) for noun in nouns],
            images=[image.convert("RGB")] * len(nouns),
            padding=True,
            return_tensors="pt",
        )
        with torch.no_grad():
            logits = self.model(**inputs.to(self.model.device)).logits.float()
        logits = logits.reshape(len(nouns), 1, *logits.shape[-2:])  # one noun: no first axis
        size = (image.height, image.width)
        likely = functional.interpolate(logits, size=size, mode="bilinear").sigmoid()[:, 0]
        marked = (likely >= self.threshold).cpu().numpy()
        return dict(zip(nouns, marked, strict=True))


def plain_label(label: str) -> str:
    """A class's name as a person writes it: "tree-merged" is "tree", "Hot_dog" is "hot dog"."""
    text = str(label).strip().lower().replace("_", " ")
    for suffix in _SUFFIXES:
        text = text.removesuffix(suffix)
    return plain_name(text)


def _found(
    noun: str,
    synonyms: Mapping[str, Sequence[str]],
    known: set[str],
    seen: Mapping[str, Mask],
    size: tuple[int, int],
) -> Mask | None:
    """The union of the labels that mean the noun; None if the model has no such label."""
    own = plain_name(noun)
    others = map(plain_label, nouns_of(synonyms.get(noun, ())))
    labels_asked = [*spellings(own), *singulars(own), *others]
    labels = [label for label in dict.fromkeys(labels_asked) if label in known]
    if not labels:
        return None
    mask = np.zeros(size, dtype=bool)
    for label in labels:
        if label in seen:
            mask |= seen[label]
    return mask


def _name_of(model: Any) -> str:
    return str(getattr(model.config, "_name_or_path", "") or type(model).__name__)
