"""The judge: a small segmenter of the menagerie's world. Picture in, a label for every pixel out.

Trained on rendered scenes with their exact masks (`training/judge.py`). It errs; figures that
rest on it are only as good as its own accuracy on held-out scenes, which the card states.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import MissingModelError
from daam_nb.menagerie.model import WEIGHTS
from daam_nb.menagerie.taxonomy import NOUN, NOUNS

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

FILE = WEIGHTS.parent / "judge" / "judge.safetensors"

LABELS: tuple[str, ...] = ("background", *(noun.name for noun in NOUNS))
"""Label number to what it means."""

WIDTHS = (24, 48, 96, 128)


def build_judge() -> nn.Module:
    """The untrained network: (n, 3, 64, 64) pictures in -1..1 to (n, 28, 64, 64) logits."""
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
        """A U-Net whose first level works at half the picture's size."""

        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Conv2d(12, WIDTHS[0], 3, padding=1)
            self.down = nn.ModuleList(
                block(WIDTHS[max(i - 1, 0)], width) for i, width in enumerate(WIDTHS)
            )
            self.up = nn.ModuleList(block(WIDTHS[i] + WIDTHS[i + 1], WIDTHS[i]) for i in (2, 1, 0))
            self.out = nn.Conv2d(WIDTHS[0], 4 * len(LABELS), 1)

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            x = self.into(functional.pixel_unshuffle(picture, 2))
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


class Judge:
    """Labels the pixels of pictures of the menagerie's world.

    Parameters
    ----------
    file
        The trained weights; by default the shipped ones.

    Raises
    ------
    MissingModelError
        When the file is not there.
    """

    def __init__(self, file: Path = FILE) -> None:
        if not file.exists():
            raise MissingModelError(
                f"the judge's weights are not at {file}. Make them with "
                "`python -m training judge`, or install daam_nb from its wheel."
            )
        from safetensors.torch import load_file

        self._network = build_judge()
        self._network.load_state_dict({k: v.float() for k, v in load_file(file).items()})
        self._network.eval()

    def labels(self, image: Image) -> NDArray[np.int64]:
        """What every pixel shows.

        Parameters
        ----------
        image
            A 64 x 64 RGB picture.

        Returns
        -------
        ndarray
            (y, x), int64: numbers of `LABELS`, 0 for the background.
        """
        import torch

        pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1
        batch = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        with torch.no_grad():
            logits: Any = self._network(batch)
        found: NDArray[np.int64] = logits[0].argmax(dim=0).numpy()
        return found

    def mask(self, image: Image, noun: str) -> NDArray[np.bool_]:
        """Where a picture shows a noun: (y, x), bool.

        Raises
        ------
        KeyError
            For a word that is no noun of the world.
        """
        shown: NDArray[np.bool_] = self.labels(image) == LABELS.index(NOUN[noun].name)
        return shown

    def present(self, image: Image, *, least: int = 24) -> dict[str, int]:
        """Nouns that a picture shows, with their pixels.

        Parameters
        ----------
        least
            Fewer pixels than this do not count; the smallest object drawn covers about 40.
        """
        counts = np.bincount(self.labels(image).ravel(), minlength=len(LABELS))
        return {LABELS[i]: int(counts[i]) for i in range(1, len(LABELS)) if counts[i] >= least}
