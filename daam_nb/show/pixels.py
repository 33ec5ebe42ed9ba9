"""Images and maps resized for drawing, and blended."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from daam_nb.errors import ShapeError, WrongKindError
from daam_nb.kinds import check_flag, check_share, kind_of
from daam_nb.maps.threshold import mask_level, mask_of
from daam_nb.maps.wordmap import WordHeatMap, read_size
from daam_nb.show.colors import DEFAULT, color

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]

MIN_SIDE = 256  # smaller images are enlarged by a whole factor to at least so many pixels
OPACITY = 0.65


def drawn_size(size: tuple[int, int], *, most: int) -> tuple[int, int]:
    """Size at which an image is drawn.

    Parameters
    ----------
    size
        (height, width) of the image.
    most
        Length of the longer side at most, in pixels.

    Returns
    -------
    tuple of int
        (height, width): a whole multiple where the image is small, smaller where it is larger
        than `most`, else as it is.
    """
    height, width = size
    longer = max(size)
    if longer > most:
        return max(1, round(height * most / longer)), max(1, round(width * most / longer))
    factor = max(1, min(-(-MIN_SIDE // longer), most // longer))
    return height * factor, width * factor


def rgb(image: Image.Image, size: tuple[int, int] | None = None, *, gray: bool = False) -> Pixels:
    """Pixels of an image of any mode, what is transparent on white.

    Parameters
    ----------
    size
        (height, width); None: as it is. Resized by Lanczos' filter.
    gray
        Keep only the brightness (ITU-R 601-2 luma, as Pillow's mode ``"L"``).

    Returns
    -------
    array
        (y, x, rgb), uint8.

    Raises
    ------
    WrongKindError
        For an image of numbers (16 bits, whole numbers, floats), which would be cut at 255.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        raise WrongKindError(
            f"An image of mode {image.mode!r} holds numbers whose black and white nothing says; "
            f"drawn as they are, they would be cut at 255. Scale them to 0 to 255 first: "
            f"Image.fromarray(numpy.uint8(255 * values / values.max()))."
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    opaque = (image.convert("L") if gray else image).convert("RGB")
    if size is not None and size != (image.height, image.width):
        pil_size = (size[1], size[0])
        opaque = opaque.resize(pil_size, Image.Resampling.LANCZOS)
    return np.asarray(opaque, dtype=np.uint8)


def resized(word_map: WordHeatMap, size: tuple[int, int]) -> Values:
    """Numbers of a map at (height, width), by `WordHeatMap.resize`; (y, x), float32."""
    return np.asarray(word_map.resize(size).numpy(), dtype=np.float32)


def peak_of(word_map: WordHeatMap) -> float:
    """Largest value of a map on its own grid, where its colors end.

    Bicubic interpolation overshoots by a little; what is above gets the last color, and the same
    map has the same colors and the same number below it at every size.
    """
    return float(word_map.values.max())


def same_shape(image: Image.Image, word_map: WordHeatMap) -> None:
    """Refuse an image whose proportions are not those of the map's own image."""
    own = word_map.image_size or word_map.size
    here = (image.height, image.width)
    ratio = (here[0] * own[1]) / (here[1] * own[0])
    if not 0.95 < ratio < 1.05:
        raise ShapeError(
            f"The image is {here[0]} x {here[1]} (height x width), but the map of "
            f"{word_map.label!r} belongs to one of {own[0]} x {own[1]}. Give the image of the "
            f"same run; it may be scaled, but not cropped."
        )


def checked_opacity(opacity: float) -> float:
    """Refuse what is not in [0, 1]."""
    return check_share(opacity, "opacity", more="0 is only the image, 1 only the map.")


def checked_threshold(threshold: float | None) -> float | None:
    """Refuse what is neither None nor in [0, 1]."""
    if threshold is None:
        return None
    return check_share(
        threshold,
        "threshold",
        more="It is relative to the largest value of the map (eq. 7); the paper uses 0.3, 0.4 and "
        "0.5.",
    )


def contour_level(values: Values, threshold: float | None) -> float | None:
    """Where the line of eq. 7's mask runs: `threshold` times the largest value.

    None if there is no threshold, or if the map is zero everywhere and its mask empty.
    """
    threshold = checked_threshold(threshold)
    if threshold is None:
        return None
    return float(mask_level(torch.from_numpy(values), threshold)) if values.any() else None


def overlay_image(
    image: Image.Image,
    word_map: WordHeatMap,
    *,
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    gray: bool = True,
    size: tuple[int, int] | None = None,
) -> Image.Image:
    """Blend the map of a word over the image: pixels only, without text and axes.

    Parameters
    ----------
    image
        The image of the map's run, in any size of the same aspect ratio.
    word_map
        The map; its colors range from 0 to its largest value.
    opacity
        Weight of the map's color in every pixel, in [0, 1].
    threshold
        Share of the peak, in [0, 1], for a white line inside the edge of the mask (Tang et al.
        2023, eq. 7); None: no line.
    colormap
        One of `daam_nb.show.colors.SEQUENTIAL`, or another name of matplotlib's.
    gray
        Whether to show the image in gray, so that all color comes from the map.
    size
        (height, width) of the result; None: the image's own.

    Returns
    -------
    PIL.Image.Image
        RGB: ``round((1 - opacity) * image + opacity * color)``.

    Raises
    ------
    ShapeError
        If the aspect ratios of image and map differ.
    SelectionError
        For an opacity or threshold outside [0, 1], or an unknown color map.
    """
    opacity = checked_opacity(opacity)
    if not isinstance(image, Image.Image):
        raise WrongKindError(
            f"overlay_image() takes a PIL image, not {kind_of(image)}. Of a recording: run.image; "
            "of an array: PIL.Image.fromarray(array)."
        )
    if not isinstance(word_map, WordHeatMap):
        raise WrongKindError(
            f"overlay_image() takes the map of a word, not {kind_of(word_map)}: "
            "heat_maps(run).word('dog')."
        )
    check_flag(gray, "gray")
    same_shape(image, word_map)
    size = (image.height, image.width) if size is None else read_size(size)
    values = resized(word_map, size)
    over = color(values, name=colormap, vmin=0.0, vmax=peak_of(word_map)) * 255
    blended = (1 - opacity) * rgb(image, size, gray=gray) + opacity * over
    threshold = checked_threshold(threshold)
    if threshold is not None:
        blended[_edge(mask_of(torch.from_numpy(values), threshold).numpy())] = 255
    return Image.fromarray(np.rint(blended).astype(np.uint8), "RGB")


def _edge(mask: np.ndarray) -> np.ndarray:
    """Pixels of the mask that have a neighbor outside of it; the image's border has none."""
    framed = np.pad(mask, 1, mode="edge")
    inside = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return np.asarray(mask & ~inside)
