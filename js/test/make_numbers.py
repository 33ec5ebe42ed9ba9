"""Write numbers.json: enlargement by torch and contours by contourpy, for the tests beside it.

Run after a change: ``python js/test/make_numbers.py [FILE]``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import contourpy
import numpy as np
import torch


def enlargement() -> dict[str, object]:
    """A map of 3 x 5 brought to 24 x 40, negative overshoot cut off."""
    small = np.random.default_rng(1).random((3, 5), dtype=np.float32) ** 3
    large = torch.nn.functional.interpolate(
        torch.from_numpy(small)[None, None], scale_factor=8, mode="bicubic", align_corners=False
    )
    return {"map": small.ravel().tolist(), "enlarged": large[0, 0].clamp(0).ravel().tolist()}


def contours() -> dict[str, object]:
    """Areas and lengths of the closed curves of a hilly field whose outermost samples are 0."""
    hills = np.random.default_rng(2).random((5, 6), dtype=np.float32)
    field = torch.nn.functional.interpolate(
        torch.from_numpy(hills)[None, None], scale_factor=4, mode="bicubic", align_corners=False
    )[0, 0].clamp(0)
    field = np.pad(field.numpy()[1:-1, 1:-1], 1)
    padded = np.pad(field, 1)
    found = []
    for level in (0.3, 0.5, 0.9):
        lines = contourpy.contour_generator(z=padded).lines(level)
        area = sum(_area(line) for line in lines)
        length = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)
        found.append({"level": level, "area": abs(area), "length": float(length)})
    return {"shape": field.shape, "field": field.ravel().tolist(), "levels": found}


def _area(line: np.ndarray) -> float:
    x, y = line.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


if __name__ == "__main__":
    numbers = {"enlargement": enlargement(), "contours": contours()}
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("numbers.json")
    path.write_text(json.dumps(numbers, indent=1) + "\n")
