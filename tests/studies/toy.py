"""A world of two rectangles: a judge that needs no weights, for tests of the studies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}
"""Options of the tiny pipelines, whose images the judge knows."""


class ToyJudge:
    """Sees a cat at the left of every image, and a dog in those that are bright enough."""

    names = ("background", "cat", "dog")
    name = "toy judge"

    def __init__(self, least: float = 118.0) -> None:
        self.least = least

    def labels(self, image: Any) -> NDArray[np.int64]:
        labels = np.zeros((image.height, image.width), dtype=np.int64)
        labels[8:40, 10:50] = 1
        if np.asarray(image).mean() > self.least:
            labels[30:60, 50:90] = 2
        return labels

    def mask(self, image: Any, noun: str) -> NDArray[np.bool_]:
        return self.labels(image) == self.names.index(noun)

    def present(self, image: Any) -> dict[str, int]:
        counts = np.bincount(self.labels(image).ravel(), minlength=3)
        return {self.names[i]: int(counts[i]) for i in (1, 2) if counts[i]}
