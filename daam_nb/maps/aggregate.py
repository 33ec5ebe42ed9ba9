"""Steps, heads and layers -> one grid (Tang et al. 2023, eq. 6), fast and exact.

For each chosen (layer, head) the maps of the chosen steps are added, brought to the latent grid
by bicubic interpolation and clamped at 0; then all (layer, head) are averaged.

Two ideas make any choice of steps cheap. Running sums over the steps turn a range of steps into
one subtraction; float16 probabilities are whole multiples of 2**-24, so that the sums are kept as
int32, exactly, in 4 bytes. And bicubic interpolation is linear and separable: two small matrix
products.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from daam_nb.errors import RecordingFormatError
from daam_nb.maps.cache import CACHE
from daam_nb.recording import Layer, Recording

Side = Literal["positive", "negative"]
Spans = tuple[tuple[int, int], ...]
Rows = slice | Tensor
Pair = tuple[Layer, int]

UNIT = 2.0**-24  # the smallest float16 above 0; every float16 in [0, 1] is a multiple of it
MOST_FIXED_STEPS = 127  # sums of more probabilities than this can exceed 2**31 units


@dataclass(frozen=True)
class Group:
    """All layers of one native size; their (layer, head) maps are the rows of one array."""

    size: tuple[int, int]
    layers: tuple[Layer, ...]

    @property
    def rows(self) -> int:
        """Number of (layer, head) in the group."""
        return sum(layer.heads for layer in self.layers)

    @property
    def cells(self) -> int:
        """Number of native pixels of one map."""
        return self.size[0] * self.size[1]


@lru_cache(maxsize=64)
def group_by_size(layers: tuple[Layer, ...]) -> tuple[Group, ...]:
    """Put layers of one size together, keeping the network's order within."""
    sizes = dict.fromkeys(layer.size for layer in layers)
    return tuple(
        Group(size, tuple(layer for layer in layers if layer.size == size)) for size in sizes
    )


@lru_cache(maxsize=256)
def choose_rows(
    layers: tuple[Layer, ...], pairs: tuple[Pair, ...]
) -> tuple[tuple[Group, Rows], ...]:
    """Find the chosen (layer, head) in the groups that hold any, as rows of their arrays."""
    chosen = set(pairs)
    found: list[tuple[Group, Rows]] = []
    for group in group_by_size(layers):
        all_rows = ((layer, head) for layer in group.layers for head in range(layer.heads))
        rows = [i for i, pair in enumerate(all_rows) if pair in chosen]
        if not rows:
            continue
        in_one_piece = rows[-1] - rows[0] + 1 == len(rows)
        where: Rows = slice(rows[0], rows[-1] + 1) if in_one_piece else torch.tensor(rows)
        found.append((group, where))
    return tuple(found)


@lru_cache(maxsize=256)
def bicubic_matrix(source: int, target: int) -> Tensor:
    """Weights of `interpolate(mode="bicubic")` along one axis.

    Returns
    -------
    Tensor
        (target, source), float32: what the interpolation makes of each unit vector, so that the
        product equals the interpolation but for the order of the additions.
    """
    unit_vectors = torch.eye(source)[None, None]  # (1, 1, y, x)
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
        (map, grid y, grid x).
    """
    (height, width), n = size, maps.shape[0]
    if size == grid:
        return maps.reshape(n, height, width)
    across = bicubic_matrix(width, grid[1])  # (grid x, x)
    down = bicubic_matrix(height, grid[0])  # (grid y, y)
    wide = torch.mm(maps.reshape(n * height, width), across.t()).view(n, height, grid[1])
    return torch.bmm(down.expand(n, *down.shape), wide)


@dataclass(frozen=True)
class Source:
    """The attention of one pass of a recording, by key column."""

    run: Recording
    side: Side

    @property
    def attention(self) -> Mapping[str, Tensor]:
        """Layer name -> (step, head, token, y, x)."""
        return self.run.attention if self.side == "positive" else self.run.negative_attention

    @property
    def columns(self) -> tuple[int, ...]:
        """Key positions, in the order of the attention's token axis."""
        return self.run.columns if self.side == "positive" else self.run.negative_columns

    def token_maps(self, layer: Layer, column: int) -> Tensor:
        """(step, head, y*x) of one key position, as stored."""
        token = self.columns.index(column)
        return self.attention[layer.name][:, :, token].flatten(2)


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
        Where the attention is.
    columns
        Key positions; each must be kept.
    pairs
        The (layer, head) to average, in the order of the network.
    spans
        The steps to add, as half-open ranges of places among the steps kept.
    scale
        Factor > 0 for the sum over steps: 1, or 1 / number of steps for their mean.

    Returns
    -------
    Tensor
        (token, grid y, grid x), float32, >= 0.

    Raises
    ------
    RecordingFormatError
        Where the attention holds NaN or infinity.
    """
    columns = tuple(columns)
    grid = source.run.facts.latent_size
    made = torch.zeros(len(columns), grid[0] * grid[1])
    adder = _StepAdder(source, choose_rows(source.run.layers, pairs), spans, len(columns))
    for i, column in enumerate(columns):
        parts, unit = adder.add(column)
        for group, maps in parts:
            made[i] += _ones(len(maps)) @ _clamped(maps, group.size, grid)
        # Clamping commutes with a factor > 0, so that one scaling at the end is enough.
        made[i] *= scale * unit / len(pairs)
    return _checked(made).view(len(columns), *grid)


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
    made = torch.zeros(len(pairs), grid[0] * grid[1])
    adder = _StepAdder(source, choose_rows(source.run.layers, pairs), spans, len(columns))
    for column in columns:
        parts, unit = adder.add(column)
        for group, maps in parts:
            of_group = [i for i, (layer, _) in enumerate(pairs) if layer.size == group.size]
            made[of_group] += _clamped(maps, group.size, grid) * (scale * unit / len(columns))
    return _checked(made).view(len(pairs), *grid)


@lru_cache(maxsize=256)
def _ones(n: int) -> Tensor:
    return torch.ones(n)


def _clamped(maps: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """(map, grid y * grid x), >= 0."""
    return upsample(maps, size, grid).clamp_(min=0).view(len(maps), -1)


def _checked(made: Tensor) -> Tensor:
    if not torch.isfinite(made).all():
        raise RecordingFormatError(
            "The recorded attention holds NaN or infinity, so there is no map of it. The model "
            "overflowed while it ran (the picture is usually black then), or the recording was "
            "altered; generate again, in float32 or bfloat16."
        )
    return made


class _StepAdder:
    """Adds the chosen steps of one token after another, by the cheapest way that is exact."""

    def __init__(
        self,
        source: Source,
        chosen: tuple[tuple[Group, Rows], ...],
        spans: Spans,
        number_of_tokens: int,
    ) -> None:
        self.source, self.chosen, self.spans = source, chosen, spans
        run = source.run
        stored = len(run.steps)
        # A sum over everything needs no running sums, and takes 1/50 of their memory.
        self.everything = run.kept == "sum" or spans == ((0, stored),)
        cells = sum(group.rows * group.cells for group in group_by_size(run.layers))
        # Where running sums of all tokens asked for cannot stay, each would push out the last.
        self.sums_can_stay = 4 * (stored + 1) * cells * number_of_tokens <= CACHE.limit

    def add(self, column: int) -> tuple[list[tuple[Group, Tensor]], float]:
        """Per group (map, y*x), float32 and not shared, and the unit these are in."""
        source, spans = self.source, self.spans
        run, groups = source.run, group_by_size(source.run.layers)
        if self.everything:
            key = ("total", source.side, column)
            totals = CACHE.get_or_make(run, key, lambda: _totals(source, column))
            by_group = dict(zip(groups, totals, strict=True))
            return [(group, +by_group[group][rows]) for group, rows in self.chosen], 1.0
        key = ("sums", source.side, column)
        sums = CACHE.get(run, key)
        if sums is None and self.sums_can_stay:
            sums = CACHE.get_or_make(run, key, lambda: _running_sums(source, column))
        if sums is None:
            return [(g, _direct(source, column, g, rows, spans)) for g, rows in self.chosen], 1.0
        by_group = dict(zip(groups, sums, strict=True))
        added = [(group, _difference(by_group[group], rows, spans)) for group, rows in self.chosen]
        return added, UNIT if sums[0].dtype == torch.int32 else 1.0


def _difference(sums: Tensor, rows: Rows, spans: Spans) -> Tensor:
    """Subtract the running sums at the ends of each span; (map, y*x), float32."""
    added: Tensor | None = None
    for start, stop in spans:
        high, low = sums[stop], sums[start]
        part = high[rows] if start == 0 else high[rows] - low[rows]
        added = part if added is None else added + part
    return cast(Tensor, added).float()


def _totals(source: Source, column: int) -> tuple[Tensor, ...]:
    """Add all stored steps; per group (map, y*x), float32."""
    return tuple(
        torch.cat(
            [source.token_maps(layer, column).sum(0, dtype=torch.float32) for layer in group.layers]
        )
        for group in group_by_size(source.run.layers)
    )


def _direct(source: Source, column: int, group: Group, rows: Rows, spans: Spans) -> Tensor:
    """Add the chosen steps of one group without keeping anything; (map, y*x), float32."""
    parts = []
    for layer in group.layers:
        maps = source.token_maps(layer, column)
        parts.append(
            sum(
                (maps[start:stop].sum(0, dtype=torch.float32) for start, stop in spans),
                torch.zeros(layer.heads, group.cells),
            )
        )
    return torch.cat(parts)[rows]


def _running_sums(source: Source, column: int) -> tuple[Tensor, ...]:
    """Per group (step + 1, map, y*x): int32 in units of 2**-24 where that is exact, or float64.

    Float32 would not do: after 49 steps of a token that takes all attention, its rounding is
    larger than the whole of a weak step.
    """
    maps = [source.token_maps(layer, column) for layer in source.run.layers]
    fixed = len(source.run.steps) <= MOST_FIXED_STEPS and all(_is_fixed(m) for m in maps)
    return tuple(
        _group_sums(source, column, group, fixed) for group in group_by_size(source.run.layers)
    )


def _is_fixed(maps: Tensor) -> bool:
    if maps.dtype != torch.float16:
        return False
    low, high = (end.item() for end in torch.aminmax(maps))
    return low >= 0 and high <= 1  # False for NaN, too


def _group_sums(source: Source, column: int, group: Group, fixed: bool) -> Tensor:
    stored = len(source.run.steps)
    dtype = torch.int32 if fixed else torch.float64
    sums = torch.zeros(stored + 1, group.rows, group.cells, dtype=dtype)
    row = 0
    for layer in group.layers:
        maps = source.token_maps(layer, column).to(torch.float32 if fixed else dtype)
        sums[1:, row : row + layer.heads] = maps.mul_(1 / UNIT) if fixed else maps
        row += layer.heads
    for step in range(stored):
        sums[step + 1] += sums[step]
    return sums
