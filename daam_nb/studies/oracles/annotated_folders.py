"""Folders with a prompt, a seed and masks that people drew: COCO-Gen's and Unreal-Gen's format."""

from __future__ import annotations

import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.masks import read_mask
from daam_nb.studies.oracles.protocols import Mask
from daam_nb.studies.oracles.same_image import is_same_image

if TYPE_CHECKING:
    from PIL.Image import Image

MASK = ".gt.png"
IMAGE = "output.png"
_OTHERS = ("prompt.txt", "seed.txt", "generation.pt", "config.json")
_PREDICTIONS = (".pred.png", ".heat_map.png")  # of the reference, in the same folders
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".npy", ".npz")


@dataclass(frozen=True)
class AnnotatedFolder:
    """The masks of one image.

    Attributes
    ----------
    path
        The folder.
    masks
        Word, in lower case with single spaces -> its file.
    image
        File of the image that was annotated; None if the folder holds none.
    """

    path: Path
    masks: dict[str, Path]
    image: Path | None

    def check_image(self, image: Image | None) -> None:
        """Raise a `StudyError` where a recording's image is not the annotated one."""
        if self.image is None:
            return
        from PIL import Image

        if image is None:
            raise StudyError(
                f"The recording holds no image, so it cannot be compared with {self.image}."
            )
        try:
            with Image.open(self.image) as annotated:
                same = is_same_image(image, annotated)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise StudyError(f"{self.image} cannot be read as an image: {error}") from None
        if not same:
            raise StudyError(
                f"The recording's image is not {self.image}, whose masks the folder holds, "
                "although prompt and seed agree: another model or other settings drew it. Record "
                "with those of the annotated images, or use JudgeTruth(judge), which examines the "
                "recording's own image."
            )

    def mask(self, word: str) -> Mask | None:
        """Read a word's mask: (y, x), bool; None if nothing is marked.

        Raises
        ------
        StudyError
            If the file is not a mask: without an alpha channel (unless it is black and white), or
            with one that marks every pixel of an image of several colors.
        """
        from PIL import Image

        file = self.masks[word]
        try:
            with Image.open(file) as image:
                image.load()
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise StudyError(f"{file} cannot be read as an image: {error}") from None
        if "A" in image.getbands() or "transparency" in image.info:
            mask = _alpha(file, image)
        elif image.mode in ("1", "L"):
            mask = read_mask(image, what=f"{file}, which has no alpha channel,").numpy()
        else:
            raise StudyError(
                f"{file} has no alpha channel to hold the mask (its mode is {image.mode}). Save an "
                "image whose other pixels are transparent, or a black-and-white one of mode 'L'."
            )
        return mask if mask.any() else None


def annotated_folders(root: Path) -> dict[tuple[str, int], AnnotatedFolder]:
    """Find the folders of annotated images.

    Returns
    -------
    dict
        (prompt with single spaces, seed) -> folder. `annotated_folder` reads one of them again.

    Raises
    ------
    StudyError
        If there is none, one cannot be read, two have the same prompt and seed, or a file is
        there that looks like a mask and would be passed over.

    Warns
    -----
    UserWarning
        For other files that nothing is known of.
    """
    folders: dict[tuple[str, int], AnnotatedFolder] = {}
    unknown: list[str] = []
    for path in sorted(entry for entry in root.glob("*") if entry.is_dir()):
        files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
        names = {_plain(file.name): file for file in files}
        if "prompt.txt" not in names:
            if any(name.endswith(MASK) for name in names):
                raise StudyError(f"{path} holds masks, but no prompt.txt.")
            continue
        key = _key(path, names)
        if key in folders:
            raise StudyError(
                f"{folders[key].path} and {path} have the same prompt and seed, so it is unclear "
                "which masks to use. Remove one of them."
            )
        folders[key] = annotated_folder(path)
        unknown += [str(file) for file in files if not _is_known(_plain(file.name))]
    if not folders:
        raise StudyError(
            f"{root} holds no folder with prompt.txt, seed.txt and <word>.gt.png, as COCO-Gen "
            f"has them."
        )
    if lost := [name for name in unknown if name.lower().endswith(_IMAGES)]:
        raise StudyError(
            f"{_listed(lost)} would be ignored: a mask must be named <word>{MASK}. Rename it, or "
            "remove it from the folder."
        )
    if unknown:
        warnings.warn(f"{_listed(unknown)}: it is not a known file.", stacklevel=3)
    return folders


def annotated_folder(path: Path) -> AnnotatedFolder:
    """List the masks of one folder as they are now.

    Raises
    ------
    StudyError
        If two files mask the same word, or one names none.
    """
    files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    images = [file for file in files if _plain(file.name) == IMAGE]
    return AnnotatedFolder(path, _masks(path, files), images[0] if images else None)


def _key(path: Path, names: dict[str, Path]) -> tuple[str, int]:
    try:
        prompt = " ".join(names["prompt.txt"].read_text(encoding="utf-8-sig").split())
        seed = int(names["seed.txt"].read_text(encoding="utf-8-sig"))
    except (OSError, KeyError, ValueError) as error:
        raise StudyError(f"{path} has no readable seed.txt: {error}") from None
    return prompt, seed


def _masks(path: Path, files: list[Path]) -> dict[str, Path]:
    masks: dict[str, Path] = {}
    for file in files:
        name = _plain(file.name)
        if not name.endswith(MASK):
            continue
        word = " ".join(name.removesuffix(MASK).replace("_", " ").split())
        if not word:
            raise StudyError(f"{file} names no word: a mask must be named <word>{MASK}.")
        if word in masks:
            raise StudyError(
                f"{path} masks {word!r} more than once: {masks[word].name}, {file.name}. Merge "
                "them into one file."
            )
        masks[word] = file
    return masks


def _plain(name: str) -> str:
    """A file's name as it is compared: composed characters, lower case, no blanks around dots."""
    text = unicodedata.normalize("NFC", name).casefold()
    return ".".join(part.strip() for part in text.split("."))


def _is_known(name: str) -> bool:
    if name in (*_OTHERS, IMAGE) or name.endswith((MASK, *_PREDICTIONS)):
        return True
    return name in ("thumbs.db", "desktop.ini")


def _alpha(file: Path, image: Image) -> Mask:
    """Where the alpha channel is more than 0, as in the reference."""
    pixels = np.asarray(image.convert("RGBA"))
    mask = pixels[..., 3] > 0
    colors = pixels[..., :3].reshape(-1, 3)
    if mask.all() and (colors != colors[0]).any():
        raise StudyError(
            f"{file} is opaque everywhere, so its mask would be the whole image, but its several "
            "colors may be meant as the mask. Make the other pixels transparent; for an object "
            "that fills the image, save a single color."
        )
    return np.asarray(mask)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
