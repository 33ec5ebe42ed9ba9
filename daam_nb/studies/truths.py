"""Where the objects of a picture really are: by a judge, by annotated folders, by COCO's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.studies.coco_masks import decoded
from daam_nb.studies.protocols import Judge, Mask, Target
from daam_nb.studies.readers import Caption

if TYPE_CHECKING:
    from daam_nb.recording import Recording

_COCO = """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
    fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant,
    bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
    sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle,
    wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
    hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
    vase, scissors, teddy bear, hair drier, toothbrush
"""
COCO_80: tuple[str, ...] = tuple(" ".join(name.split()) for name in _COCO.split(","))
"""COCO's object classes: the closed vocabulary of the paper's mIoU80."""


@dataclass(frozen=True)
class JudgeTruth:
    """Masks by a judge that looks at the picture; as good as the judge.

    Attributes
    ----------
    judge
        A `Judge`.
    groups
        Word -> the judge's nouns it stands for, such as ``"bird": ("duck", "owl")``. Their masks
        together are its own; they count to the open vocabulary only.
    name
        Of the judge, in reports.
    """

    judge: Judge
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    name: str = "judge"

    @cached_property
    def _nouns(self) -> dict[str, tuple[str, ...]]:
        own = {noun: (noun,) for noun in self.judge.names[1:]}
        return {**{word: tuple(nouns) for word, nouns in self.groups.items()}, **own}

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`."""
        named = {}
        for noun in self._nouns:
            words = tuple(w for form in forms(noun) for w in run.prompt.occurrences(form))
            if words:
                named[noun] = words
        if not named:
            return []
        image = _image(run)
        shown = self.judge.present(image)
        labels = self.judge.labels(image)
        found = []
        for noun, words in named.items():
            numbers = [self.judge.names.index(n) for n in self._nouns[noun] if n in shown]
            mask = np.isin(labels, numbers) if numbers else None
            found.append(Target(noun, words, mask, closed=noun in self.judge.names))
        return sorted(found, key=lambda target: target.words[0].start)


@dataclass(frozen=True)
class FolderTruth:
    """Masks drawn by people, in the format of the paper's COCO-Gen and Unreal-Gen.

    Attributes
    ----------
    path
        Holds one folder for each picture, with ``prompt.txt``, ``seed.txt`` and
        ``<word>.gt.png``, whose alpha channel is the mask of that word's object.
    vocabulary
        The closed vocabulary; by default COCO's 80 classes.

    References
    ----------
    Tang et al. 2023, "What the DAAM", section 3.1, https://aclanthology.org/2023.acl-long.310
    """

    path: Path
    vocabulary: frozenset[str] = frozenset(COCO_80)
    name: str = "annotated folders"

    def captions(self) -> list[Caption]:
        """What the pictures were made from; ``generate(..., seeds=None)`` takes their own seeds."""
        return [
            Caption(prompt, {"seed": seed, "folder": place.name})
            for (prompt, seed), place in self._places.items()
        ]

    @cached_property
    def _places(self) -> dict[tuple[str, int], Path]:
        root = Path(self.path).expanduser()
        found = {}
        for file in sorted(root.glob("*/prompt.txt")):
            try:
                prompt = " ".join(file.read_text(encoding="utf-8").split())
                seed = int((file.parent / "seed.txt").read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise StudyError(f"{file.parent} has no readable seed.txt: {error}") from None
            found[prompt, seed] = file.parent
        if not found:
            raise StudyError(
                f"{root} holds no folder with prompt.txt, seed.txt and <word>.gt.png, as COCO-Gen "
                f"has them."
            )
        return found

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`.

        Raises
        ------
        StudyError
            Where no folder is of this prompt and seed, or a word of a mask is not in the prompt.
        """
        prompt = " ".join(run.prompt.text.split())
        place = self._places.get((prompt, int(facts["seed"])))
        if place is None:
            raise StudyError(
                f"{self.path} has no folder of the prompt {prompt!r} and the seed {facts['seed']}. "
                f"Record what is annotated: corpus.generate(pipe, truth.captions(), seeds=None, "
                f"into=...)."
            )
        found = []
        for file in sorted(place.glob("*.gt.png")):
            word = file.name.removesuffix(".gt.png").replace("_", " ")
            words = tuple(w for form in forms(word) for w in run.prompt.occurrences(form))
            if not words:
                raise StudyError(f"{file} masks {word!r}, which is not in the prompt {prompt!r}.")
            closed = bool({word, *singulars(word)} & self.vocabulary)
            found.append(Target(word, words, _alpha(file, run), closed))
        return sorted(found, key=lambda target: target.words[0].start)


@dataclass(frozen=True)
class CocoTruth:
    """Masks of COCO's instance annotations: polygons, and run lengths, plain and compressed.

    Attributes
    ----------
    path
        JSON with ``images``, ``annotations`` and ``categories``.
    key
        The fact of a recording that is the image's id there.
    words
        Category -> other words for it, such as ``"person": ("man", "woman")``.

    Notes
    -----
    A prompt's word is matched with the categories by its text; the instances of one category are
    one mask. Categories of the file are the closed vocabulary.
    """

    path: Path
    key: str = "image_id"
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    name: str = "COCO annotations"

    @cached_property
    def _file(self) -> tuple[dict[Any, tuple[int, int]], dict[Any, list[Any]], dict[Any, str]]:
        path = Path(self.path).expanduser()
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            sizes = {i["id"]: (int(i["height"]), int(i["width"])) for i in document["images"]}
            categories = {c["id"]: str(c["name"]) for c in document["categories"]}
            instances: dict[Any, list[Any]] = {}
            for entry in document["annotations"]:
                instances.setdefault(entry["image_id"], []).append(
                    (entry["category_id"], entry["segmentation"])
                )
        except FileNotFoundError:
            raise StudyError(
                f"There is no file {path}. COCO's instances come in annotations_trainval2017.zip "
                f"(241 MB) from https://cocodataset.org/#download; daam_nb downloads nothing."
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"{path} is no instances file of COCO ({type(error).__name__}: {error})."
            ) from None
        return sizes, instances, categories

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`.

        Raises
        ------
        StudyError
            Where the recording has no such fact, or the file no such image.
        """
        sizes, instances, categories = self._file
        image_id = facts.get(self.key)
        if image_id not in sizes:
            raise StudyError(
                f"The recording's {self.key!r} is {image_id!r}, and {self.path} has no image of "
                f"that id. Give captions the fact, or name another: key=..."
            )
        size = sizes[image_id]
        found = []
        for number, category in categories.items():
            words = tuple(
                w
                for name in (category, *self.words.get(category, ()))
                for form in forms(name)
                for w in run.prompt.occurrences(form)
            )
            if not words:
                continue
            parts = [decoded(s, size) for c, s in instances.get(image_id, []) if c == number]
            mask = np.logical_or.reduce(parts) if parts else None
            found.append(Target(category, words, None if mask is None else _fitted(mask, run)))
        return sorted(found, key=lambda target: target.words[0].start)


def forms(noun: str) -> tuple[str, ...]:
    """A noun and its regular plural: "bus" and "buses", "strawberry" and "strawberries"."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun, noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return noun, noun[:-1] + "ies"
    if noun.endswith(("fe", "lf")):
        return noun, noun + "s", noun.removesuffix("e")[:-1] + "ves"
    return noun, noun + "s"


def singulars(word: str) -> Iterable[str]:
    """What a word is the plural of, if it is one."""
    for ending, instead in (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")):
        stem = word.removesuffix(ending) + instead
        if word.endswith(ending) and word in forms(stem):
            yield stem


def _image(run: Recording) -> Any:
    if run.image is None:
        raise StudyError(
            f"The recording of {run.prompt.text!r} holds no picture, so there is nothing to judge."
        )
    return run.image


def _alpha(file: Path, run: Recording) -> Mask | None:
    from PIL import Image

    with Image.open(file) as picture:
        if "A" not in picture.getbands() and "transparency" not in picture.info:
            raise StudyError(
                f"{file} has no alpha channel, where the mask should be ({picture.mode})."
            )
        mask = np.asarray(picture.convert("RGBA"))[..., 3] > 0
    return _fitted(mask, run) if mask.any() else None


def _fitted(mask: Mask, run: Recording) -> Mask:
    """In the picture's pixels, each taken from the nearest of the mask's."""
    height, width = run.facts.image_size
    if mask.shape == (height, width):
        return mask
    if abs(mask.shape[0] * width - mask.shape[1] * height) > max(height, width):
        raise StudyError(
            f"A mask of {mask.shape[0]} x {mask.shape[1]} (height x width) does not fit a picture "
            f"of {height} x {width}: their proportions differ."
        )
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    fitted: Mask = mask[np.ix_(rows, columns)]
    return fitted
