"""An image in any accepted form -> RGB pixels, 8 bits each, of a size that the latents allow."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from daam_nb.errors import FileAccessError, SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import check_path, kind_of, number_between
from daam_nb.storage.images import MAX_PIXELS

ResizeChoice = bool | tuple[int, int]

_EIGHT_BITS = "(array / array.max() * 255).round().astype('uint8'), or by the range that it has"
_WITHOUT_ALPHA = (
    "Compose it with a background first: background = Image.new('RGBA', image.size, 'white'); "
    "Image.alpha_composite(background, image.convert('RGBA')).convert('RGB')."
)


def read_image(image: Any) -> Image.Image:
    """Read an image as RGB, 8 bits per channel; nothing is rounded, clipped or hidden.

    Parameters
    ----------
    image
        A PIL image, the path of a file (rotated as its EXIF orientation states), or an array (y,
        x), (y, x, 1), (y, x, 3) or (y, x, 4) of uint8. An alpha channel must be opaque everywhere.

    Raises
    ------
    WrongKindError, ShapeError
        For anything else, with the way to convert it.
    FileAccessError
        For a file that is missing or holds no image.
    """
    if isinstance(image, Image.Image):
        return _rgb(image, "The image")
    if isinstance(image, str | os.PathLike):
        return _of_file(check_path(image, "image"))
    if hasattr(image, "__array__") and hasattr(image, "shape"):
        return _of_array(np.asarray(image))
    raise WrongKindError(
        "look() takes a PIL image, the path of a file, or an array (y, x, 3) of uint8, not "
        f"{kind_of(image)}."
    )


def _of_file(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            opened.load()
            return _rgb(ImageOps.exif_transpose(opened), str(path))
    except UnidentifiedImageError:
        raise FileAccessError(
            f"{path} holds no image that Pillow can read. Convert it to PNG or JPEG."
        ) from None
    except Image.DecompressionBombError as error:
        raise FileAccessError(f"The image {path} was not opened: {error}") from None
    except OSError as error:
        raise FileAccessError(
            f"The image {path} cannot be read ({error.strerror or error})."
        ) from None


def _of_array(array: np.ndarray[Any, Any]) -> Image.Image:
    if array.dtype != np.uint8:
        raise WrongKindError(
            f"An image array must be uint8, 0 to 255, not {array.dtype}. Scale it yourself: "
            f"Image.fromarray({_EIGHT_BITS}."
        )
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))) or 0 in shape:
        first = array.ndim == 3 and shape[0] in (1, 3, 4)
        raise ShapeError(
            f"An image array must have the shape (y, x), (y, x, 3) or (y, x, 4), not {shape}."
            + (" Its channels come first: move them, np.moveaxis(array, 0, -1)." if first else "")
        )
    return _rgb(Image.fromarray(np.ascontiguousarray(array)), "The array")


def _rgb(image: Image.Image, what: str) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha_min, _ = rgba.getchannel("A").getextrema()
        if alpha_min != 255:
            raise WrongKindError(
                f"{what} is transparent in places (alpha down to {alpha_min}), and which color "
                f"shows there is unknown. {_WITHOUT_ALPHA}"
            )
        return rgba.convert("RGB")
    if image.mode not in ("1", "L", "P", "RGB"):
        deep = image.mode.startswith(("I", "F"))
        way_out = (
            f"Convert it to 8 bits: array = np.asarray(image), then Image.fromarray({_EIGHT_BITS}."
            if deep
            else "Convert it as you see fit: image.convert('RGB')."
        )
        raise WrongKindError(
            f"{what} is of the mode {image.mode!r}, {'more than 8 bits' if deep else 'no RGB'}, "
            f"and is not converted automatically. {way_out}"
        )
    return image.convert("RGB")  # a copy: the caller's image stays as it is


def fitted(
    image: Image.Image, resize: Any, *, multiple: int, own_size: tuple[int, int] | None
) -> Image.Image:
    """Resize an image to a size that the model's latents allow.

    Parameters
    ----------
    image
        As `read_image` returns it.
    resize
        False: no resizing. True: to the number of pixels that the model was trained for, in the
        image's aspect ratio as far as the grid allows. (height, width): to that size.
    multiple
        Pixels that height and width must be multiples of.
    own_size
        (height, width) that the model was trained for, if stated.

    Raises
    ------
    ShapeError
        For a size that does not fit the grid.
    SelectionError, WrongKindError
        For a `resize` that is something else.
    """
    size = (image.height, image.width)
    target_size = _target_size(resize, size, multiple=multiple, own_size=own_size)
    if any(side % multiple for side in target_size):
        nearest = tuple(_nearest(side, multiple) for side in target_size)
        raise ShapeError(
            f"The image is {_by(target_size)} pixels (height x width), but both must be multiples "
            f"of {multiple} for this model. Resize it: resize={nearest}, the nearest size, or "
            "resize=True, about as many pixels as the model was trained on; or crop it yourself."
        )
    if target_size[0] * target_size[1] > MAX_PIXELS:
        raise ShapeError(
            f"The image is {_by(target_size)} pixels; a recording may have at most {MAX_PIXELS}. "
            "Resize it: resize=True."
        )
    if target_size == size:
        return image
    return image.resize(target_size[::-1], Image.Resampling.LANCZOS)


_SIZES = "it must be (height, width) in pixels, True (the model's own size) or False."


def _target_size(
    resize: Any, size: tuple[int, int], *, multiple: int, own_size: tuple[int, int] | None
) -> tuple[int, int]:
    if isinstance(resize, list | tuple):
        if len(resize) != 2:
            raise SelectionError(f"resize={resize!r}: {_SIZES}")
        height, width = (number_between(side, "resize", low=1) for side in resize)
        return height, width
    if not isinstance(resize, bool):
        raise SelectionError(f"resize={resize!r}: {_SIZES}")
    if not resize:
        return size
    if own_size is None:
        raise SelectionError(
            "resize=True resizes to the size that the model was trained on, which this model does "
            "not state. Give it: resize=(height, width)."
        )
    zoom = math.sqrt(own_size[0] * own_size[1] / (size[0] * size[1]))
    height, width = (_nearest(side * zoom, multiple) for side in size)
    return height, width


def _nearest(side: float, multiple: int) -> int:
    return max(1, round(side / multiple)) * multiple


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
