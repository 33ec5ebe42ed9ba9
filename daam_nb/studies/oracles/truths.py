"""True masks of objects: by a judge, from annotated folders, or from COCO's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daam_nb.errors import StudyError, unknown_names_message
from daam_nb.kinds import check_path
from daam_nb.recording.looks import file_of, size_before
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.fingerprints import file_digest
from daam_nb.studies.oracles.annotated_folders import (
    AnnotatedFolder,
    annotated_folder,
    annotated_folders,
)
from daam_nb.studies.oracles.coco_masks import decoded
from daam_nb.studies.oracles.nouns import mentions, nouns_of, plain_name, singulars
from daam_nb.studies.oracles.protocols import Judge, Mask, Target, check_proportions
from daam_nb.studies.oracles.same_image import is_same_image

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
    """Masks by a judge of the image; only as good as the judge.

    Attributes
    ----------
    judge
        A `Judge`.
    groups
        Word -> the judge's nouns it stands for, such as ``"bird": ("duck", "owl")``. Its mask is
        the union of theirs; such words belong to the open vocabulary only.
    name
        Name of the judge, in reports.
    """

    judge: Judge
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    name: str = "judge"

    def __post_init__(self) -> None:
        known = self.judge.names[1:]
        nouns = dict.fromkeys(noun for group in self.groups.values() for noun in nouns_of(group))
        if unknown := [noun for noun in nouns if noun not in known]:
            raise StudyError(
                unknown_names_message(unknown, known, where="A group of this judge", what="noun")
            )

    @cached_property
    def _nouns(self) -> dict[str, tuple[str, ...]]:
        own = {noun: (noun,) for noun in self.judge.names[1:]}
        return {**{word: nouns_of(nouns) for word, nouns in self.groups.items()}, **own}

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`."""
        named = mentions(run.prompt, list(self._nouns))
        if not named:
            return []
        image = _image(run)
        present = self.judge.present(image)
        labels = self.judge.labels(image)
        targets = []
        for noun, words in named.items():
            numbers = [self.judge.names.index(n) for n in self._nouns[noun] if n in present]
            mask = np.isin(labels, numbers) if numbers else None
            targets.append(Target(noun, words, mask, closed=noun in self.judge.names))
        return sorted(targets, key=lambda target: target.words[0].start)


@dataclass(frozen=True)
class FolderTruth:
    """Masks by human annotators, in the format of the paper's COCO-Gen and Unreal-Gen.

    Attributes
    ----------
    path
        Holds one folder for each image, with ``prompt.txt``, ``seed.txt`` and ``<word>.gt.png``,
        whose alpha channel is the mask of that word's object; case, spaces and underscores in the
        names of these files do not matter. If a folder holds ``output.png``, the annotated image, a
        recording of another image is refused.
    vocabulary
        The closed vocabulary; by default COCO's 80 classes.

    References
    ----------
    Tang et al. 2023, "What the DAAM", section 3.1, https://aclanthology.org/2023.acl-long.310
    """

    path: Path
    vocabulary: frozenset[str] = frozenset(COCO_80)
    name: str = "annotated folders"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", check_path(self.path, "path"))

    def captions(self) -> list[Caption]:
        """What the images were made from; ``generate(..., seeds=None)`` takes their own seeds."""
        return [
            Caption(prompt, {"seed": seed, "folder": folder.path.name})
            for (prompt, seed), folder in self._folders.items()
        ]

    def check_before_drawing(self) -> None:
        """Raise a `StudyError` where the folders cannot be read, before images are drawn."""
        for folder in self._folders.values():
            for word in folder.masks:
                folder.mask(word)

    @cached_property
    def _folders(self) -> dict[tuple[str, int], AnnotatedFolder]:
        return annotated_folders(self.path)

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`.

        Raises
        ------
        StudyError
            If no folder has this prompt and seed, the folder's image differs, a word of a mask is
            not in the prompt, or a mask cannot be read.
        """
        folder = self._of(facts, run)
        folder.check_image(run.image)
        closed = {plain_name(noun): noun for noun in self.vocabulary}
        nouns = {word: self._noun(word, closed) for word in folder.masks}
        if twice := [noun for noun in nouns.values() if list(nouns.values()).count(noun) > 1]:
            files = ", ".join(folder.masks[w].name for w, noun in nouns.items() if noun == twice[0])
            raise StudyError(
                f"{folder.path} masks {twice[0]!r} more than once: {files}. Put them into one file."
            )
        named = mentions(run.prompt, list(nouns.values()))
        targets = []
        for word, noun in nouns.items():
            file = folder.masks[word]
            if noun not in named:
                inside = " but as a part of something else" if run.prompt.occurrences(word) else ""
                raise StudyError(
                    f"{file} masks {word!r}, which is not in the prompt {run.prompt.text!r}"
                    f"{inside}."
                )
            mask = folder.mask(word)
            fitted = None if mask is None else _fitted(mask, run)
            targets.append(Target(noun, named[noun], fitted, noun in self.vocabulary))
        return sorted(targets, key=lambda target: target.words[0].start)

    def _of(self, facts: Mapping[str, Any], run: Recording) -> AnnotatedFolder:
        prompt = " ".join(run.prompt.text.split())
        seed = facts.get("seed", run.facts.seed)
        folder = None if seed is None else self._folders.get((prompt, int(seed)))
        if folder is None:
            raise StudyError(
                f"{self.path} has no folder of the prompt {prompt!r} and the seed {seed}. "
                f"Record what is annotated: corpus.generate(pipe, truth.captions(), seeds=None, "
                f"into=...)."
            )
        return annotated_folder(folder.path)  # masks may have been corrected meanwhile

    @staticmethod
    def _noun(word: str, closed: Mapping[str, str]) -> str:
        """The vocabulary's name of a word, or the word itself."""
        plain = plain_name(word)
        names = [closed[name] for name in (plain, *singulars(plain)) if name in closed]
        return names[0] if names else word


@dataclass(frozen=True)
class CocoTruth:
    """Masks from COCO's instance annotations: polygons, and run lengths, plain and compressed.

    COCO's masks belong to photographs. An image that a model generated from a photograph's caption
    has its objects elsewhere, so `photographs` or `of_these_images` must establish that the masks
    belong to the recordings' own images.

    Attributes
    ----------
    path
        JSON with ``images``, ``annotations`` and ``categories``.
    key
        The fact of a recording that holds the image's id. A look at a file (`daam_nb.look`) needs
        none: it is identified by the file's name.
    words
        Category -> other words for it, such as ``"person": ("man", "woman")``.
    photographs
        Folder of the annotated images (``file_name`` in the JSON). Each recording's image is
        compared with its photograph, and refused if it differs: for looks at the photographs
        themselves, ``daam_nb.look(pipe, photograph, caption)``.
    of_these_images
        Whether the caller asserts that the file's masks were made from the recordings' own images.

    Raises
    ------
    StudyError
        If neither or both are given.

    Notes
    -----
    A word of the prompt is matched with the categories by its text; the instances of a category
    form one mask. The categories of the file are the closed vocabulary.
    """

    path: Path
    key: str = "image_id"
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    name: str = "COCO annotations"
    photographs: Path | None = None
    of_these_images: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", check_path(self.path, "path"))
        if self.photographs is not None:
            object.__setattr__(self, "photographs", check_path(self.photographs, "photographs"))
        if self.photographs is not None and self.of_these_images:
            raise StudyError(
                "photographs= compares images with the annotated photographs, and "
                "of_these_images=True states that this is unnecessary. Give only one of them."
            )
        if self.photographs is None and not self.of_these_images:
            raise StudyError(
                f"The masks in {self.path} are of photographs, and an image that a model drew from "
                "a photograph's caption has its objects elsewhere: the comparison would be "
                "meaningless. For drawn images use JudgeTruth(judge), which segments them, or "
                "FolderTruth(path) with masks that people drew on them. If the file's masks were "
                "made from the recordings' own images, state so: CocoTruth(path, "
                "of_these_images=True). If the recordings are looks at the photographs themselves, "
                "daam_nb.look(pipe, photograph, caption), name their folder: CocoTruth(path, "
                "photographs=...)."
            )

    def fingerprint(self) -> dict[str, Any]:
        """What its masks depend on, by content; the photographs only let them pass or not."""
        self._file  # noqa: B018  # says what is missing
        return {
            "masks": file_digest(self.path),
            "key": self.key,
            "words": {name: nouns_of(words) for name, words in sorted(self.words.items())},
        }

    def check_before_drawing(self) -> None:
        """Raise a `StudyError` where drawn images cannot be those of the masks."""
        self._file  # noqa: B018  # says what is missing
        if self.photographs is not None:
            raise StudyError(
                f"photographs={str(self.photographs)!r} states that the recordings are of the "
                "photographs, but the given pipeline would draw other images. Look at the "
                "photographs, runs = [daam_nb.look(pipe, photograph, caption), ...], and measure "
                "those: object_ious(runs, truth=truth). For drawn images use JudgeTruth(judge), or "
                "FolderTruth(path) with masks that people drew on them."
            )

    @cached_property
    def _file(self) -> _CocoFile:
        path = self.path
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            sizes = {i["id"]: (int(i["height"]), int(i["width"])) for i in document["images"]}
            files = {i["id"]: str(i.get("file_name", "")) for i in document["images"]}
            categories = {c["id"]: str(c["name"]) for c in document["categories"]}
            instances: dict[Any, list[Any]] = {}
            for entry in document["annotations"]:
                instances.setdefault(entry["image_id"], []).append(
                    (entry["category_id"], entry["segmentation"])
                )
        except FileNotFoundError:
            raise StudyError(
                f"There is no file {path}. COCO's instances come in annotations_trainval2017.zip "
                "(241 MB) from https://cocodataset.org/#download; daam_nb does not download it."
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"{path} is not an instances file of COCO ({type(error).__name__}: {error})."
            ) from None
        if unknown := [name for name in self.words if name not in categories.values()]:
            known = list(categories.values())
            raise StudyError(
                unknown_names_message(unknown, known, where=str(path), what="category")
            )
        return _CocoFile(sizes, files, instances, categories)

    def targets(self, facts: Mapping[str, Any], run: Recording) -> list[Target]:
        """See `Truth`.

        Raises
        ------
        StudyError
            If the recording lacks the fact, the file lacks the image, or the recording's image
            differs from the annotated photograph.
        """
        file = self._file
        image_id = facts.get(self.key, file.ids.get(file_of(run.facts)))
        if image_id not in file.sizes:
            raise StudyError(
                f"The recording's {self.key!r} is {image_id!r}, but {self.path} has no image with "
                "that id. Give captions this fact, name another with key=..., or look at the "
                "photographs' files: daam_nb.look(pipe, path, caption)."
            )
        if self.photographs is not None:
            self._check_photograph(self.photographs / file.names[image_id], run)
        size = file.sizes[image_id]
        names = {
            category: (category, *nouns_of(self.words.get(category, ())))
            for category in file.categories.values()
        }
        numbers = {category: number for number, category in file.categories.items()}
        targets = []
        for category, words in mentions(run.prompt, names).items():
            instances = file.instances.get(image_id, [])
            parts = [decoded(s, size) for c, s in instances if c == numbers[category]]
            mask = np.logical_or.reduce(parts) if parts else None
            targets.append(Target(category, words, None if mask is None else _fitted(mask, run)))
        return sorted(targets, key=lambda target: target.words[0].start)

    def _check_photograph(self, photograph: Path, run: Recording) -> None:
        from PIL import Image

        try:
            image = _image(run)
            with Image.open(photograph) as opened:
                resized = size_before(run.facts) == (opened.height, opened.width)
                same = is_same_image(image, opened.resize(image.size) if resized else opened)
        except OSError as error:
            raise StudyError(
                f"There is no photograph {photograph} to compare the recording's image with "
                f"({error}). Name the folder that holds the images of {self.path}: photographs=..."
            ) from None
        if not same:
            raise StudyError(
                f"The image of {run.prompt.text!r} is not the photograph {photograph.name}, whose "
                f"masks {self.path} holds: a drawn image has its objects elsewhere. Use "
                "JudgeTruth(judge), which segments the image, or FolderTruth(path) with masks that "
                "people drew on it."
            )


@dataclass(frozen=True)
class _CocoFile:
    """An instances file: by image's id its size, name and (category, mask); categories by id."""

    sizes: dict[Any, tuple[int, int]]
    names: dict[Any, str]
    instances: dict[Any, list[Any]]
    categories: dict[Any, str]

    @cached_property
    def ids(self) -> dict[str, Any]:
        """Name of a file -> id of its image."""
        return {Path(name).name: image_id for image_id, name in self.names.items() if name}


def _image(run: Recording) -> Any:
    if run.image is None:
        raise StudyError(
            f"The recording of {run.prompt.text!r} holds no image, so there is nothing to judge."
        )
    return run.image


def _fitted(mask: Mask, run: Recording) -> Mask:
    """In the image's pixels, each taken from the nearest of the mask's."""
    height, width = run.facts.image_size
    if mask.shape == (height, width):
        return mask
    if size_before(run.facts) != mask.shape:  # a look may have been resized to other proportions
        check_proportions(mask.shape, (height, width), "of a truth")
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    fitted: Mask = mask[np.ix_(rows, columns)]
    return fitted
