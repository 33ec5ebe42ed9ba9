"""The judge: a small segmenter of the menagerie's world, with a label for every pixel.

Trained on rendered scenes with their exact masks (`training/judge.py`). It makes errors: results
based on it are limited by its accuracy on held-out scenes, which the card states.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import MissingModelError
from daam_nb.menagerie.model import WEIGHTS
from daam_nb.menagerie.taxonomy import NOUN, NOUNS

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn

FILE = WEIGHTS.parent / "judge" / "judge.safetensors"

LABELS: tuple[str, ...] = ("background", *(noun.name for noun in NOUNS))
"""Label number to what it means."""

WIDTHS = (24, 48, 96, 104)


def build_judge() -> nn.Module:
    """Build the untrained network: (n, 3, 64, 64) images in [-1, 1] to (n, 28, 64, 64) logits."""
    import torch
    from torch import nn
    from torch.nn import functional

    def block(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1),
            nn.GroupNorm(8, after),
            nn.SiLU(),
            nn.Conv2d(after, after, 3, padding=1),
            nn.GroupNorm(8, after),
            nn.SiLU(),
        )

    class Judge(nn.Module):
        """A U-Net whose first level works at half the image's size."""

        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Conv2d(12, WIDTHS[0], 3, padding=1)
            self.down = nn.ModuleList(
                block(WIDTHS[max(i - 1, 0)], width) for i, width in enumerate(WIDTHS)
            )
            self.up = nn.ModuleList(block(WIDTHS[i] + WIDTHS[i + 1], WIDTHS[i]) for i in (2, 1, 0))
            self.out = nn.Conv2d(WIDTHS[0], 4 * len(LABELS), 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = self.into(functional.pixel_unshuffle(image, 2))
            kept = []
            for i, stage in enumerate(self.down):
                x = stage(functional.avg_pool2d(x, 2) if i else x)
                kept.append(x)
            kept.pop()
            for stage in self.up:
                x = functional.interpolate(x, scale_factor=2.0)
                x = stage(torch.cat([x, kept.pop()], dim=1))
            return functional.pixel_shuffle(self.out(x), 2)

    return Judge()


@dataclass(frozen=True)
class Doubt:
    """Thresholds below which the judge does not report a noun, tuned in training.

    Attributes
    ----------
    confidence
        A region is background where its mean probability of the noun is lower.
    share
        Where nouns touch, those with fewer pixels than this share of the largest are part of it.
    least
        Fewer pixels of a noun than this do not count as its presence.
    """

    confidence: float = 0.5
    share: float = 0.3
    least: int = 24


class Judge:
    """Segmenter of images of the menagerie's world.

    Parameters
    ----------
    file
        The trained weights; by default the shipped ones.
    doubt
        Thresholds for reporting a noun; by default those in the file.

    Attributes
    ----------
    names
        Name of each label number; 0 is the background.
    name
        Identifies judges with different weights in the tables of studies.

    Raises
    ------
    MissingModelError
        If the file does not exist.
    """

    names: tuple[str, ...] = LABELS

    def __init__(self, file: Path = FILE, *, doubt: Doubt | None = None) -> None:
        if not file.exists():
            raise MissingModelError(
                f"There are no judge's weights at {file}. Make them with `python -m training "
                "judge`, or install daam_nb from its wheel."
            )
        from safetensors import safe_open

        checksum = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        self.name = f"menagerie judge {checksum[:8]}"
        with safe_open(file, framework="pt") as held:
            notes = held.metadata() or {}
            state = {key: held.get_tensor(key).float() for key in held.keys()}  # noqa: SIM118
        self.doubt = doubt or Doubt(**json.loads(notes.get("doubt", "{}")))
        self._network = build_judge()
        self._network.load_state_dict(state)
        self._network.eval()
        self._last: tuple[object, NDArray[np.int64]] | None = None  # image and its labels

    def fingerprint(self) -> dict[str, object]:
        """Digest of everything its answers depend on."""
        weights = hashlib.sha256()
        for name, tensor in sorted(self._network.state_dict().items()):
            weights.update(name.encode() + tensor.numpy().tobytes())
        return {"weights": weights.hexdigest(), "doubt": dataclasses.asdict(self.doubt)}

    def labels(self, image: Image) -> NDArray[np.int64]:
        """Label every pixel.

        Parameters
        ----------
        image
            A 64 x 64 image.

        Returns
        -------
        ndarray
            (y, x), int64: numbers of `names`, 0 for the background and for doubtful regions.
        """
        # Who looks at an image asks more than once: what is there, and where is it?
        seen = (image.mode, image.size, image.tobytes(), repr(image.getpalette()), self.doubt)
        if self._last is None or self._last[0] != seen:
            self._last = seen, self.label_maps([image])[0]
        return self._last[1].copy()

    def label_maps(self, images: Sequence[Image]) -> NDArray[np.int64]:
        """Label several images at once: (image, y, x), int64."""
        import torch

        pixels = np.stack([np.asarray(image.convert("RGB"), dtype=np.float32) for image in images])
        batch = torch.from_numpy(pixels / 127.5 - 1).permute(0, 3, 1, 2)
        # Fifty at a time bound the memory: one image's probabilities are half a megabyte.
        parts = [settled(self._chances(part), self.doubt) for part in torch.split(batch, 50)]
        return np.concatenate(parts)

    def _chances(self, batch: torch.Tensor) -> torch.Tensor:
        """Probability of each label: (n, 3, y, x) images to (n, label, y, x).

        The network's first level works at half the image's size; the mean over the four places
        at which the halving can start sees thin things that one of them may miss.
        """
        import torch
        from torch.nn.functional import pad

        height, width = batch.shape[2:]
        total = torch.zeros(len(batch), len(LABELS), height, width)
        with torch.no_grad():
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
                moved = pad(batch, (0, 1, 0, 1), "replicate")[..., down:, right:]
                chances = self._network(moved[..., :height, :width]).softmax(dim=1)
                back = pad(chances, (right, 0, down, 0), "replicate")
                total += back[..., :height, :width] / 4
        return total

    def mask(self, image: Image, noun: str) -> NDArray[np.bool_]:
        """Mask the pixels that show a noun: (y, x), bool.

        Raises
        ------
        KeyError
            For a word that is not a noun of the world.
        """
        mask: NDArray[np.bool_] = self.labels(image) == LABELS.index(NOUN[noun].name)
        return mask

    def present(self, image: Image) -> dict[str, int]:
        """Count the pixels of each noun that an image shows; at least `doubt.least`."""
        return self.counted(self.labels(image))

    def counted(self, labels: NDArray[np.int64]) -> dict[str, int]:
        """Count the pixels of each noun in a label map, as `present` does."""
        counts = np.bincount(labels.ravel(), minlength=len(LABELS))
        return {
            LABELS[i]: int(counts[i])
            for i in range(1, len(LABELS))
            if counts[i] >= self.doubt.least
        }


def settled(chances: torch.Tensor, doubt: Doubt) -> NDArray[np.int64]:
    """Resolve doubtful labels: (n, label, y, x) probabilities to (n, y, x) int64."""
    labels: NDArray[np.int64] = chances.argmax(dim=1).numpy()
    places = _regions(chances.argmax(dim=1) > 0)
    for label, region, chance in zip(labels, places, chances.numpy(), strict=True):
        shape = (int(region.max()) + 1, len(LABELS))
        counts = _summed(region, label, np.ones(label.shape), shape)
        minor = counts < doubt.share * counts.max(axis=1, keepdims=True)
        label[:] = np.where(minor[region, label], counts.argmax(axis=1)[region], label)
        # How sure it is of a noun, on average over all that it would call so in one region.
        own = np.take_along_axis(chance, label[None], axis=0)[0]
        pixels = _summed(region, label, np.ones(label.shape), shape)
        sure = _summed(region, label, own, shape) / np.maximum(pixels, 1)
        label[sure[region, label] < doubt.confidence] = 0
    return labels


def _summed(
    place: NDArray[np.int64], label: NDArray[np.int64], values: Any, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Values added up by region and label: (region, label)."""
    flat = np.ravel_multi_index((place, label), shape).ravel()
    total: Any = np.bincount(flat, weights=values.ravel(), minlength=shape[0] * shape[1])
    summed: NDArray[np.float64] = total.reshape(shape)
    return summed


def _regions(shown: torch.Tensor) -> NDArray[np.int64]:
    """A number > 0 for each connected region (4 neighbors) of (n, y, x) bool, 0 elsewhere.

    Every pixel takes the largest number among its neighbors until nothing changes.
    """
    import torch
    from torch.nn.functional import max_pool2d

    height, width = shown.shape[1:]
    places = shown * (1.0 + torch.arange(height * width).view(height, width))
    while True:
        tall = max_pool2d(places[:, None], (3, 1), 1, (1, 0))
        wide = max_pool2d(places[:, None], (1, 3), 1, (0, 1))
        grown = torch.maximum(tall, wide)[:, 0] * shown
        if bool((grown == places).all()):
            numbers: NDArray[np.int64] = places.long().numpy()
            return numbers
        places = grown
