"""Two images, one drawn under a change: their difference, in numbers and in words."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daam_nb.recording import Recording
from daam_nb.show.colors import color
from daam_nb.show.pixels import rgb

if TYPE_CHECKING:
    from daam_nb.maps.wordmap import WordHeatMap

Values = NDArray[np.float32]
COLORS = "inferno"  # of a difference


@dataclass(frozen=True, eq=False)
class WhatIf:
    """An image drawn again under a change, beside the first; made by `Explorer.what_if`.

    Attributes
    ----------
    before, image
        The first image, and the one drawn now, from the same noise.
    change
        What was changed, in words.
    recording
        What was seen while the image was drawn now: open it by `explore(result.recording)`.
    word
        The word that was changed; empty for all of the text.
    mask
        (y, x), bool: where the first image's map of the word reaches the explorer's threshold; None
        without a word.
    cautions
        What else is otherwise than when the first image was drawn, in phrases.
    """

    before: Image.Image
    image: Image.Image
    change: str
    recording: Recording
    word: str = ""
    mask: NDArray[np.bool_] | None = None
    cautions: tuple[str, ...] = ()

    @cached_property
    def difference(self) -> Values:
        """(y, x), float32, 0 to 1: absolute change of each pixel, mean over its channels."""
        then, now = (rgb(image).astype(np.float32) for image in (self.before, self.image))
        changed: Values = np.abs(now - then).mean(axis=-1) / np.float32(255)
        return changed

    @property
    def everywhere(self) -> float:
        """Mean absolute change of all pixels, 0 to 1."""
        return float(self.difference.mean())

    @property
    def inside(self) -> float | None:
        """Mean absolute change inside the word's mask; None where it is empty or there is none."""
        return self._within(self.mask)

    @property
    def outside(self) -> float | None:
        """Mean absolute change outside the word's mask; None where that is nowhere."""
        return self._within(None if self.mask is None else ~self.mask)

    @property
    def same(self) -> bool:
        """Whether both images are equal, pixel for pixel."""
        return not self.difference.any()

    @property
    def summary(self) -> str:
        """What was changed and how much that changed, in words."""
        beginning = self.change[0].upper() + self.change[1:]
        said = f"{beginning}: {self._numbers()}"
        if self.cautions:
            said += f" Not only that is otherwise: {', '.join(self.cautions)}."
        return said

    def difference_image(self) -> Image.Image:
        """The difference in colors: black is no change, the brightest the largest change."""
        values = self.difference
        end = float(values.max()) or 1.0
        pixels = color(values, name=COLORS, vmin=0.0, vmax=end)
        return Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).convert("RGB")

    def __repr__(self) -> str:
        """One line."""
        return f"<WhatIf: {self.summary}>"

    def _repr_png_(self) -> bytes:
        """The first image, the one drawn now and their difference, side by side."""
        parts = [Image.fromarray(rgb(one)) for one in (self.before, self.image)]
        parts.append(self.difference_image())
        gap = max(2, self.before.width // 40)
        width = sum(part.width for part in parts) + gap * (len(parts) - 1)
        sheet = Image.new("RGB", (width, max(part.height for part in parts)), "white")
        left = 0
        for part in parts:
            sheet.paste(part, (left, 0))
            left += part.width + gap
        written = io.BytesIO()
        sheet.save(written, "PNG")
        return written.getvalue()

    def _within(self, mask: NDArray[np.bool_] | None) -> float | None:
        return float(self.difference[mask].mean()) if mask is not None and mask.any() else None

    def _numbers(self) -> str:
        if self.same:
            return "the image is the first one, pixel for pixel."
        said = f"pixels change by {_share(self.everywhere)} of the range on average"
        inside, outside = self.inside, self.outside
        if inside is None or outside is None or self.mask is None:
            return f"{said}."
        said += (
            f"; by {_share(inside)} inside the mask of “{self.word}” "
            f"({self.mask.mean():.0%} of the image), by {_share(outside)} outside"
        )
        if outside > 0:
            said += f": {inside / outside:.2g} times as much inside"
        return f"{said}."


def mask_within(word_map: WordHeatMap, threshold: float, image: Image.Image) -> NDArray[np.bool_]:
    """Eq. 7 in the image's pixels, (y, x)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is empty
        mask: NDArray[np.bool_] = word_map.mask(threshold, size=(image.height, image.width)).numpy()
    return mask


def _share(value: float) -> str:
    return f"{100 * value:.2g}%"
