"""Sum of the chosen steps of one token: by running sums if they can be kept.

Running sums over the steps turn any range of steps into one subtraction. Float16 probabilities are
whole multiples of 2**-24, so that their sums are kept as int32, exactly, in 4 bytes. Float32 would
not do: after 49 steps of a token that takes all attention, its rounding error exceeds the whole of
a weak step.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.kinds import whole_numbers
from daam_nb.maps.cache import CACHE
from daam_nb.recording import Layer, Recording
from daam_nb.selection import Pair, in_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from daam_nb.prompt import Prompt
    from daam_nb.tokens import Token

Spans = tuple[tuple[int, int], ...]
Rows = slice | Tensor

UNIT = 2.0**-24  # the smallest float16 above 0; every float16 in [0, 1] is a multiple of it
STAMPED = 2**12  # numbers of one key position that are compared at most, to know it again
MAX_FIXED_STEPS = 127  # sums of more probabilities than this can exceed 2**31 units

_WHOLE = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes each


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


@dataclass(frozen=True)
class Source:
    """The attention of one pass of a recording, by key column and by groups of layers.

    Attributes
    ----------
    run
        The recording.
    negative
        The unconditional pass, and the negative prompt's columns.
    """

    run: Recording
    negative: bool

    @property
    def part(self) -> str:
        """Which arrays of the recording these are, for the cache."""
        return "attention"

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers kept, with the heads that the arrays have."""
        return self.run.layers

    @property
    def attention(self) -> Mapping[str, Tensor]:
        """Layer name -> (step, head, token, y, x)."""
        return self.run.negative_attention if self.negative else self.run.attention

    @property
    def columns(self) -> tuple[int, ...]:
        """Key positions, in the order of the attention's token axis."""
        return self.run.negative_columns if self.negative else self.run.columns

    def read_tokens(self, prompt: Prompt, index: object) -> tuple[Token, ...]:
        """Read one key position or several: the tokens there, all of them kept."""
        try:
            places = whole_numbers(index, "token")
        except SelectionError:
            places = (-1,)
        if not places or len(set(places)) < len(places):
            raise SelectionError(f"{index!r} must be distinct key positions of tokens.")
        if not all(0 <= position < len(prompt.tokens) for position in places):
            raise SelectionError(
                f"There is no token {index!r}: this prompt has the key positions 0 to "
                f"{len(prompt.tokens) - 1}."
            )
        tokens = tuple(prompt.tokens[position] for position in places)
        pieces = " ".join(token.piece for token in tokens)
        self.check_kept(places, f"the token{'s' if len(places) > 1 else ''} {pieces!r}")
        return tokens

    def check_kept(self, tokens: tuple[int, ...], what: str) -> None:
        """Raise `NotKeptError` unless every token is among the key positions kept."""
        lost = tuple(token for token in tokens if token not in self.columns)
        if lost:
            raise NotKeptError(
                f"The attention of {what} was not kept at the key positions {in_words(lost)}; this "
                f"recording holds {in_words(self.columns)}. Record again with them, or choose "
                f"among these."
            )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """All layers kept, those of one size together, in the network's order within."""
        layers = self.layers
        sizes = dict.fromkeys(layer.size for layer in layers)
        return tuple(Group(size, tuple(la for la in layers if la.size == size)) for size in sizes)

    def token_maps(self, layer: Layer, column: int) -> Tensor:
        """(step, head, y*x) of one key position, as stored."""
        token = self.columns.index(column)
        return self.attention[layer.name][:, :, token].flatten(2)

    def stamp(self, column: int | None = None, *, most: int = STAMPED) -> Hashable:
        """Compute a stamp that changes when the arrays are written into.

        Writing through torch is always noticed, by the tensors' version counters. Writing past
        torch (through a numpy view) is noticed by the values themselves, of which `most` are
        compared, spread evenly over every step and head: comparing all would take longer than the
        map itself, so that a few changed cells of a large recording can be missed.

        Parameters
        ----------
        column
            The key position whose values are compared; None: all of them.
        most
            How many values are compared, approximately.
        """
        token = None if column is None else self.columns.index(column)
        arrays = [self.attention[layer.name] for layer in self.layers]
        total = sum(array.numel() for array in arrays)
        stride = max(1, -(-total // (most * (1 if token is None else len(self.columns)))))
        checksum, writes = 0, []
        for array in arrays:
            writes.append((array.data_ptr(), 0 if array.is_inference() else array._version))
            numbers = _bits(array) if token is None else _bits(array)[:, :, token]
            sampled = numbers.reshape(*numbers.shape[:-2], -1)[..., ::stride]
            checksum = zlib.crc32(sampled.tobytes(), checksum)
        return tuple(writes), checksum

    def rows(self, pairs: tuple[Pair, ...]) -> dict[int, Rows]:
        """Find (layer, head) in the groups: number of the group -> its rows, if it has any.

        A group's rows keep the order of `pairs`, which is the network's.
        """
        first_rows = {}
        for number, group in enumerate(self.groups):
            row = 0
            for layer in group.layers:
                first_rows[layer.name] = number, row
                row += layer.heads
        rows: dict[int, list[int]] = {}
        for layer, head in pairs:
            number, first = first_rows[layer.name]
            rows.setdefault(number, []).append(first + head)
        return {number: _as_slice(of_group) for number, of_group in rows.items()}


def _bits(array: Tensor) -> npt.NDArray[Any]:
    """The numbers of an array as whole numbers; numpy does not know every type of torch's."""
    array = array.detach().cpu()
    return array.view(_WHOLE[array.element_size()]).numpy()


def _as_slice(rows: list[int]) -> Rows:
    """Rows without a gap are a slice, which copies nothing."""
    first, last = rows[0], rows[-1]
    gapless = last - first + 1 == len(rows)
    return slice(first, last + 1) if gapless else torch.tensor(rows, device="cpu")


def spans_of(run: Recording, steps: tuple[int, ...]) -> Spans:
    """Locate the steps among those kept, in as few half-open ranges of positions as possible."""
    if steps == run.steps:
        return ((0, len(steps)),)
    place_of = {step: i for i, step in enumerate(run.steps)}
    spans: list[tuple[int, int]] = []
    for i in sorted(place_of[step] for step in steps):
        if spans and spans[-1][1] == i:
            spans[-1] = (spans[-1][0], i + 1)
        else:
            spans.append((i, i + 1))
    return tuple(spans)


def sums_fit(source: Source, number_of_tokens: int) -> bool:
    """Whether running sums of that many tokens can stay; if not, each would push out the last."""
    run = source.run
    cells = sum(group.rows * group.cells for group in source.groups)
    fixed = _may_be_fixed(source.attention[source.layers[0].name], len(run.steps))
    bytes_each = (4 if fixed else 8) * cells * (len(run.steps) + 1)
    return bytes_each * number_of_tokens <= CACHE.limit


def add_steps(
    source: Source,
    column: int,
    *,
    rows: Mapping[int, Rows],
    spans: Spans,
    keep_sums: bool,
) -> tuple[list[tuple[Group, Tensor]], float]:
    """Add the chosen steps of one token by the cheapest way that is exact.

    Parameters
    ----------
    source, column
        The attention and the key position.
    rows
        The (layer, head), from `Source.rows`.
    spans
        The steps, as half-open ranges of positions among the steps kept.
    keep_sums
        Whether missing running sums are made and kept.

    Returns
    -------
    list of (Group, Tensor)
        Per group (map, y*x), float32; read-only.
    float
        The unit the maps are in: multiply by it.
    """
    run, groups = source.run, source.groups
    stamp = source.stamp(column) if CACHE.limit else None
    if spans == ((0, len(run.steps)),):  # the only choice where just a sum was kept
        # A sum over everything needs no running sums, and takes 1/50 of their memory.
        key = ("total", source.part, source.negative, column)
        totals = CACHE.get_or_make(run, key, lambda: _totals(source, column), stamp=stamp)
        return [(groups[i], totals[i][chosen]) for i, chosen in rows.items()], 1.0
    key = ("sums", source.part, source.negative, column)
    sums = CACHE.get(run, key, stamp=stamp)
    if sums is None and keep_sums:
        sums = CACHE.get_or_make(run, key, lambda: _running_sums(source, column), stamp=stamp)
    if sums is None:
        direct = [(groups[i], chosen) for i, chosen in rows.items()]
        return [(group, _direct(source, column, group, spans)[at]) for group, at in direct], 1.0
    unit = UNIT if sums[0].dtype == torch.int32 else 1.0
    return [(groups[i], _difference(sums[i], chosen, spans)) for i, chosen in rows.items()], unit


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
        for group in source.groups
    )


def _direct(source: Source, column: int, group: Group, spans: Spans) -> Tensor:
    """Add the chosen steps of one group without keeping anything; (map, y*x), float32."""
    added = []
    for layer in group.layers:
        maps = source.token_maps(layer, column)
        parts = [maps[start:stop].sum(0, dtype=torch.float32) for start, stop in spans]
        added.append(torch.stack(parts).sum(0))
    return torch.cat(added)


def _running_sums(source: Source, column: int) -> tuple[Tensor, ...]:
    """Per group (step + 1, map, y*x): int32 in units of 2**-24 where that is exact, or float64."""
    run = source.run
    layers, steps = source.layers, len(run.steps)
    fixed = all(_is_fixed(source.token_maps(layer, column), steps) for layer in layers)
    return tuple(_group_sums(source, column, group, fixed) for group in source.groups)


def _may_be_fixed(maps: Tensor, steps: int) -> bool:
    return maps.dtype == torch.float16 and steps <= MAX_FIXED_STEPS


def _is_fixed(maps: Tensor, steps: int) -> bool:
    if not _may_be_fixed(maps, steps):
        return False
    low, high = (end.item() for end in torch.aminmax(maps))
    return low >= 0 and high <= 1  # False for NaN, too


def _group_sums(source: Source, column: int, group: Group, fixed: bool) -> Tensor:
    stored = len(source.run.steps)
    shape = (stored + 1, group.rows, group.cells)
    sums = torch.zeros(shape, dtype=torch.int32 if fixed else torch.float64, device="cpu")
    row = 0
    for layer in group.layers:
        maps = source.token_maps(layer, column)
        sums[1:, row : row + layer.heads] = maps.float().mul_(1 / UNIT) if fixed else maps
        row += layer.heads
    for step in range(stored):
        sums[step + 1] += sums[step]
    return sums
