"""The selection of an explorer as a PNG: the figure, the map over the image, a mask."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from PIL import Image

from daam_nb.errors import RecordingExistsError, SelectionError
from daam_nb.kinds import check_choice, check_flag, check_path
from daam_nb.show.explorer.export.figure import figure_of
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.figures.saving import png_bytes
from daam_nb.show.pixels import overlay_image
from daam_nb.storage import write_file

if TYPE_CHECKING:
    from daam_nb.maps.wordmap import WordHeatMap

Drawn = Literal["figure", "overlay", "mask", "mask_b"]


def png_of(look: Look, what: Drawn) -> bytes:
    """Draw the selection as a PNG; see `Explorer.to_png`."""
    check_choice(what, "what", get_args(Drawn))
    if what == "figure":
        return png_bytes(figure_of(look), scale=2.0)
    if what == "mask_b":
        if look["word_b"] < 0:
            raise SelectionError("No second word is chosen, so there is no mask of it.")
        selected = replace(look.selected, word=look["word_b"])
    else:
        selected = look.selected
    word_map = look.engine.exact(selected)
    if what != "overlay":
        return mask_png(word_map, look["threshold"])
    image = look.subject.run.image
    if image is None:
        raise SelectionError(
            "This recording holds no image to lay the map over. Use what='mask' or 'figure'."
        )
    drawn = overlay_image(
        image,
        word_map,
        opacity=look["opacity"],
        threshold=look["threshold"] if look["contour"] else None,
        colormap=look["colormap"],
    )
    written = io.BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def write_png(look: Look, path: str | Path, *, what: Drawn, overwrite: bool) -> Path:
    """Write what `png_of` draws."""
    file = free_path(path, ".png", overwrite=overwrite)
    write_file(file, png_of(look, what))
    return file


def free_path(path: str | Path, suffix: str, *, overwrite: bool) -> Path:
    """Check a path that is to be written.

    Raises
    ------
    WrongKindError
        Where it is no path, or `overwrite` neither True nor False.
    SelectionError
        Where it has another suffix.
    RecordingExistsError
        Where something is there and `overwrite` is false.
    """
    check_flag(overwrite, "overwrite")
    file = check_path(path, "The place of a file")
    if file.suffix.lower() != suffix:
        raise SelectionError(f"The file is to end in {suffix!r}; {file.name!r} does not.")
    if file.exists() and not overwrite:
        raise RecordingExistsError(
            f"{file} exists. Choose another path, or overwrite=True to replace it."
        )
    return file


def mask_name(word: str) -> str:
    """Name the file of a word's mask, by letters and digits alone."""
    name = re.sub(r"\W+", "-", word).strip("-")
    return f"{name[:60] or 'word'}-mask.png"


def mask_png(word_map: WordHeatMap, threshold: float) -> bytes:
    """Eq. 7 as a PNG, white on black, in the image's pixels."""
    size = word_map.image_size or word_map.size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mask = word_map.mask(threshold, size=size)
    written = io.BytesIO()
    Image.fromarray((mask.numpy() * 255).astype("uint8"), "L").save(written, "PNG")
    return written.getvalue()
