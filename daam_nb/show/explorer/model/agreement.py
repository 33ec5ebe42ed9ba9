"""How far the preview, shown while the hand moves, is from the exact map, shown when it rests.

    python -m daam_nb.show.explorer.model.agreement [FOLDER OF A RECORDING]

prints it for a recording, by default for the sample that ships.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from daam_nb.errors import SelectionError
from daam_nb.maps.measure import iou
from daam_nb.maps.threshold import mask_of
from daam_nb.printable import printable
from daam_nb.recording import Recording, load, sample
from daam_nb.show.explorer.model.entries import Entry
from daam_nb.show.explorer.model.selection import Selected, word_map
from daam_nb.show.explorer.model.stacks import preview, stack_of
from daam_nb.show.explorer.model.subject import subject_of

THRESHOLD = 0.4  # the paper's best for segmentation


@dataclass(frozen=True)
class Distance:
    """How far previews and exact maps are apart, over words and ranges of steps.

    Attributes
    ----------
    maps
        Pairs of maps compared.
    largest, largest_median
        The largest difference at any cell, as a share of the exact map's peak: of all pairs, and
        of the median pair.
    mean
        Mean difference over all cells, as a share of the exact map's peak.
    overlap, overlap_least
        IoU of the two masks at 0.4 of each map's own peak (eq. 7): mean, and the smallest.
    """

    maps: int
    largest: float
    largest_median: float
    mean: float
    overlap: float
    overlap_least: float

    def as_dict(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.maps} maps; the largest difference at any cell is {self.largest:.1%} of the "
            f"peak ({self.largest_median:.1%} in the median map), {self.mean:.2%} on average; "
            f"IoU of the masks at {THRESHOLD:g}: {self.overlap:.3f} on average, "
            f"{self.overlap_least:.3f} at least"
        )


def preview_distance(
    run: Recording,
    *,
    words: Sequence[int] | None = None,
    ranges: int = 30,
    choice: str = "paper",
    seed: int = 0,
    kind: str = "attention",
) -> Distance:
    """Compare preview and exact map on random ranges of steps.

    Parameters
    ----------
    run
        A recording that keeps its steps, whose latent grid is at most 64 x 64.
    words
        Numbers of words; by default all that were recorded.
    ranges
        Random ranges of steps for each word, beside the whole.
    choice
        The choice of layers, all heads; of joint attention, which has no "paper", all layers.
    seed
        Of the ranges.
    kind
        What the maps show, as in `heat_maps`.

    Raises
    ------
    SelectionError
        Where previews of this recording have another size than its maps.
    """
    subject, choice = subject_of(run, layers=choice, kind=kind)
    if subject.served != subject.grid:
        raise SelectionError(
            f"Previews of this recording are {subject.served}, its maps {subject.grid} cells."
        )
    chance = random.Random(seed)
    numbers = words if words is not None else _words(subject.entries)
    differences, masks = [], []
    for word in numbers:
        whole = Selected(word, choice, -1, -1, (0, subject.step_count))
        stack = stack_of(subject, whole)
        for steps in [whole.steps, *(_range(chance, subject.step_count) for _ in range(ranges))]:
            exact = word_map(subject, replace(whole, steps=steps)).values.numpy()
            shown = preview(stack, *steps)
            differences.append(np.abs(shown - exact) / exact.max())
            both = (torch.from_numpy(values) for values in (shown, exact))
            masks.append(iou(*(mask_of(values, THRESHOLD) for values in both)))
    largest = [float(one.max()) for one in differences]
    return Distance(
        maps=len(differences),
        largest=max(largest),
        largest_median=float(np.median(largest)),
        mean=float(np.mean([one.mean() for one in differences])),
        overlap=float(np.mean(masks)),
        overlap_least=min(masks),
    )


def _words(entries: Sequence[Entry]) -> list[int]:
    return [n for n, one in enumerate(entries) if one.kept and not one.special]


def _range(chance: random.Random, count: int) -> tuple[int, int]:
    first, last = sorted(chance.sample(range(count + 1), 2))
    return first, last


def main() -> None:
    """Print it for one recording."""
    run = load(sys.argv[1]) if len(sys.argv) > 1 else sample()
    print(printable(f"{run.facts.model}, “{run.prompt.text}”, {len(run.steps)} steps"))
    print(f"preview and exact map: {preview_distance(run)}")


if __name__ == "__main__":
    main()
