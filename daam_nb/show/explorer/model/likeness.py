"""An order of heads in which those with like maps stand together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

SIDE = 16  # cells on a side at which maps are compared


def likeness_order(maps: Sequence[NDArray[np.float32]]) -> list[int]:
    """Order maps by hierarchical clustering, so that neighbors are alike.

    The maps are brought to 16 x 16 cells by means over areas and compared by their correlation
    over the cells; one that is the same everywhere correlates with none. Clusters are joined by
    average linkage (UPGMA; Sokal and Michener, 1958), each join turned so that the ends that meet
    are the most alike of the four ways. No chance is in it; of equals the first counts, and the
    whole is turned so that the lower number comes first.

    Parameters
    ----------
    maps
        Per layer (head, y, x).

    Returns
    -------
    list of int
        Numbers of all heads, counted through the layers.
    """
    if not maps:
        return []
    likeness = _correlations(maps)
    count = len(likeness)
    orders: dict[int, list[int]] = {i: [i] for i in range(count)}
    for first, second in _joins(likeness):
        orders[first] = _turned(orders[first], orders.pop(second), likeness)
    (order,) = orders.values()
    return order if order[0] <= order[-1] else order[::-1]


def _correlations(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    flat = [
        functional.adaptive_avg_pool2d(torch.from_numpy(layer), (SIDE, SIDE)).flatten(1).double()
        for layer in maps
    ]
    values = np.asarray(torch.cat(flat).numpy())
    values = values - values.mean(1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.divide(values, length, out=np.zeros_like(values), where=length > 1e-12)
    product: NDArray[np.float64] = unit @ unit.T
    return product


def _joins(likeness: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairs of clusters that are joined, those that are most alike first.

    By chains of nearest neighbors (Benzecri, 1982): of average linkage they give the same tree.
    A cluster is called by its lowest number.
    """
    count = len(likeness)
    likeness = likeness.copy()
    np.fill_diagonal(likeness, -np.inf)
    sizes = np.ones(count)
    joins: list[tuple[float, int, int]] = []
    alive = np.ones(count, dtype=bool)
    chain: list[int] = []
    while len(joins) < count - 1:
        if not chain:
            chain = [int(alive.argmax())]
        row = likeness[chain[-1]]
        nearest = int(row.argmax())
        if len(chain) > 1 and row[chain[-2]] >= row[nearest]:
            nearest = chain[-2]
            first, second = sorted((chain.pop(), chain.pop()))
            joins.append((float(row[nearest]), first, second))
            mean = sizes[first] * likeness[first] + sizes[second] * likeness[second]
            mean /= sizes[first] + sizes[second]
            sizes[first] += sizes[second]
            alive[second] = False
            mean[~alive] = mean[first] = -np.inf
            likeness[first] = likeness[:, first] = mean
            likeness[second] = likeness[:, second] = -np.inf
        else:
            chain.append(nearest)
    return [(first, second) for _, first, second in sorted(joins, key=lambda join: -join[0])]


def _turned(first: list[int], second: list[int], likeness: NDArray[np.float64]) -> list[int]:
    """Two orders one after the other, so that the ends that meet are the most alike."""
    ways = (
        (first, second),
        (first, second[::-1]),
        (first[::-1], second),
        (first[::-1], second[::-1]),
    )
    before, after = max(ways, key=lambda way: likeness[way[0][-1], way[1][0]])
    return before + after
