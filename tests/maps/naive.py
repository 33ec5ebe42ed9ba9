"""The definition of a heat map written out in plain numpy, with nothing of the package's own code.

Float64, one pixel at a time; slow, short, and compared with everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from daam_nb.recording import Layer, Recording

Array = np.ndarray


def keys(distance: float, a: float = -0.75) -> float:
    """Keys' cubic convolution kernel (1981); torch and PIL's predecessors use a = -0.75."""
    t = abs(distance)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    if t < 2:
        return a * (t**3 - 5 * t**2 + 8 * t - 4)
    return 0.0


def bicubic_line(source: int, target: int) -> Array:
    """(target, source): pixel centers at halves, the border repeated."""
    weights = np.zeros((target, source))
    for i in range(target):
        at = (i + 0.5) * source / target - 0.5
        base = int(np.floor(at))
        for j in range(base - 1, base + 3):
            weights[i, min(max(j, 0), source - 1)] += keys(at - j)
    return weights


def bicubic(image: Array, size: tuple[int, int]) -> Array:
    """(y, x) -> size."""
    return bicubic_line(image.shape[0], size[0]) @ image @ bicubic_line(image.shape[1], size[1]).T


def naive_map(
    run: Recording,
    column: int,
    *,
    layers: Sequence[Layer],
    steps: Sequence[int],
    heads: Sequence[int] | None = None,
    reduction: str = "mean",
) -> Array:
    """(y, x) of one key position."""
    token = run.columns.index(column)
    raised = []
    for layer in layers:
        attention = run.attention[layer.name].double().numpy()
        for head in range(layer.heads) if heads is None else heads:
            if head >= layer.heads:
                continue
            places = [0] if run.kept == "sum" else [run.steps.index(step) for step in steps]
            added = sum(attention[place, head, token] for place in places)
            reduced = added / len(steps) if reduction == "mean" else added
            raised.append(np.maximum(bicubic(reduced, run.facts.latent_size), 0))
    return np.mean(raised, axis=0)
