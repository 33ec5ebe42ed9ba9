"""Steps, heads and layers -> one grid (Tang et al. 2023, eq. 6).

For each chosen (layer, head) the maps of the chosen steps are added, brought to the latent grid by
bicubic interpolation and clamped at 0; then all (layer, head) are averaged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import torch
from torch import Tensor

from daam_nb.errors import RecordingFormatError
from daam_nb.maps.bicubic import upsample
from daam_nb.maps.stepsums import Source, Spans, add_steps, sums_fit
from daam_nb.selection import Pair

AT_ONCE = 2**26  # numbers on the grid, 256 MiB; 1000 heads at 256 x 256, of an image of 2048, fit


def aggregate(
    source: Source,
    columns: Iterable[int],
    *,
    pairs: tuple[Pair, ...],
    spans: Spans,
    scale: float,
) -> Tensor:
    """Make one map per key position: the mean over all (layer, head).

    Parameters
    ----------
    source
        The attention.
    columns
        Key positions; each must be kept.
    pairs
        The (layer, head) to average, in the order of the network.
    spans
        The steps to add, as half-open ranges of positions among the steps kept.
    scale
        Factor > 0 for the sum over steps: 1, or 1 / number of steps for their mean.

    Returns
    -------
    Tensor
        (token, grid y, grid x), float32, >= 0.

    Raises
    ------
    RecordingFormatError
        If the attention holds NaN or infinity.
    """
    columns = tuple(columns)
    grid = source.run.facts.latent_size
    maps_of_tokens = torch.zeros(len(columns), grid[0] * grid[1], dtype=torch.float32, device="cpu")
    rows, keep_sums = source.rows(pairs), sums_fit(source, len(columns))
    for i, column in enumerate(columns):
        parts, unit = add_steps(source, column, rows=rows, spans=spans, keep_sums=keep_sums)
        for group, maps in parts:
            for part in _pieces(maps, grid):
                maps_of_tokens[i] += _ones(len(part)) @ clamped(part, group.size, grid)
        # Clamping commutes with a factor > 0, so that one scaling at the end is enough.
        maps_of_tokens[i] *= scale * unit / len(pairs)
    return checked(maps_of_tokens, source).view(len(columns), *grid)


def aggregate_each(
    source: Source,
    columns: Iterable[int],
    *,
    pairs: tuple[Pair, ...],
    spans: Spans,
    scale: float,
) -> Tensor:
    """Make one map per (layer, head): the mean over the key positions; (pair, grid y, grid x).

    The arguments are those of `aggregate`, and the mean over the pairs is the mean of its maps
    over the tokens.
    """
    columns = tuple(columns)
    grid = source.run.facts.latent_size
    maps_of_pairs = torch.zeros(len(pairs), grid[0] * grid[1], dtype=torch.float32, device="cpu")
    rows, keep_sums = source.rows(pairs), sums_fit(source, len(columns))
    for column in columns:
        parts, unit = add_steps(source, column, rows=rows, spans=spans, keep_sums=keep_sums)
        for group, maps in parts:
            of_group = [i for i, (layer, _) in enumerate(pairs) if layer.size == group.size]
            places = torch.tensor(of_group, device="cpu")
            for of_part, part in zip(_pieces(places, grid), _pieces(maps, grid), strict=True):
                maps_of_pairs[of_part] += clamped(part, group.size, grid) * (
                    scale * unit / len(columns)
                )
    return checked(maps_of_pairs, source).view(len(pairs), *grid)


def _pieces(rows: Tensor, grid: tuple[int, int]) -> tuple[Tensor, ...]:
    """Cut rows so that what each piece becomes on the grid is bounded; most are one piece."""
    return torch.split(rows, max(1, AT_ONCE // (grid[0] * grid[1])))


@lru_cache(maxsize=256)
def _ones(n: int) -> Tensor:
    return torch.ones(n, dtype=torch.float32, device="cpu")


def clamped(maps: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Bring maps to the grid: (map, grid y * grid x), >= 0; `maps` are not changed."""
    if size == grid:
        return maps.clamp(min=0)
    return upsample(maps, size, grid).clamp_(min=0).view(len(maps), -1)


def checked(maps: Tensor, source: Source) -> Tensor:
    """The maps, unless they hold NaN or infinity."""
    if not bool(torch.isfinite(maps).all()):
        raise RecordingFormatError(_why_no_map(source))
    return maps


def _why_no_map(source: Source) -> str:
    """What can have made maps NaN or infinite, by what the recording says of itself."""
    changes = ", then ".join(source.run.facts.batch.get("interventions") or ())
    finite = all(bool(torch.isfinite(array).all()) for array in source.attention.values())
    if finite:
        return (
            "The recorded attention is finite, but its sum exceeds the largest float32, so there "
            f"is no map. It was changed while it was recorded ({changes}): record again with a "
            "smaller factor."
            if changes
            else "The recorded attention is finite, but its sum exceeds the largest float32, so "
            "there is no map. No probability is so large: the recording was altered. Generate "
            "it again."
        )
    dtype = str(next(iter(source.attention.values())).dtype).removeprefix("torch.")
    if changes:
        return (
            "The recorded attention holds NaN or infinity, so there is no map. It was changed "
            f"while it was recorded ({changes}): the result may exceed {dtype}, in which it was "
            "kept, or the model overflowed. Record again with a smaller factor, or with "
            "dtype=torch.float32."
        )
    return (
        "The recorded attention holds NaN or infinity, so there is no map. The model overflowed "
        "(the image is usually black then), or the recording was altered; generate again, in "
        "float32 or bfloat16."
    )
