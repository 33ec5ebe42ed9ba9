"""Bicubic interpolation as two small matrix products, equal to torch's own.

Bicubic interpolation is linear and separable. Many small maps are brought to one grid several
times faster by a product along each axis than by `interpolate`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional


@lru_cache(maxsize=256)
def bicubic_matrix(source: int, target: int) -> Tensor:
    """Compute the weights of `interpolate(mode="bicubic")` along one axis.

    Returns
    -------
    Tensor
        (target, source), float32: the interpolation of each unit vector, so that the product equals
        the interpolation except for the order of the additions.
    """
    unit_vectors = torch.eye(source, dtype=torch.float32, device="cpu")[None, None]  # (1, 1, y, x)
    size = (target, source)  # x keeps its size, where the interpolation is the identity
    return functional.interpolate(
        unit_vectors, size=size, mode="bicubic", align_corners=False, antialias=False
    )[0, 0].contiguous()


def upsample(maps: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Bring many maps to the grid; not clamped.

    Parameters
    ----------
    maps
        (map, y*x), float32.
    size, grid
        (height, width) of `maps` and of the result.

    Returns
    -------
    Tensor
        (map, grid y * grid x); `maps` itself where it already has the grid's size.
    """
    if size == grid:
        return maps
    (height, width), n = size, len(maps)
    across = bicubic_matrix(width, grid[1])  # (grid x, x)
    down = bicubic_matrix(height, grid[0])  # (grid y, y)
    wide = torch.mm(maps.reshape(n * height, width), across.t()).view(n, height, grid[1])
    return torch.bmm(down.expand(n, *down.shape), wide).view(n, -1)
