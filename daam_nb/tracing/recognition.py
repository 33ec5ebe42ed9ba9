"""Text embeddings -> the token id of each row, by their content.

A denoiser's embeddings are the text encoder's output, changed in ways that keep a row's token:
windows concatenated or cut into pieces, rows multiplied (weights), rows moved towards the empty
text's (Compel, ComfyUI) or towards an encoding under a mask (Compel's weights below 1). A row is
recognized if it equals an encoder's row, bit for bit, or lies in the span of that token's rows and
the empty text's. A mixture of two texts' rows is neither, and a row of zeros belongs to no token.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daam_nb.tracing.encodings import Window

_LEAST = 1e-5
_ROUNDINGS = 2
_NOTHING = 1e-10
_ASKED = 4
"""Encoded again, in another batch, a row differs by more roundings."""


@dataclass(frozen=True)
class Recognized:
    """The token ids of the rows of some embeddings.

    Attributes
    ----------
    ids
        One per row; None if unknown.
    exact
        Whether every row is an encoder's own, bit for bit.
    """

    ids: tuple[int | None, ...]
    exact: bool

    @property
    def whole(self) -> bool:
        """Whether every row is known."""
        return None not in self.ids

    @property
    def known(self) -> tuple[int, ...] | None:
        """The token ids if every one is known, else None."""
        numbers = tuple(number for number in self.ids if number is not None)
        return numbers if len(numbers) == len(self.ids) else None

    @property
    def unknown(self) -> tuple[int, ...]:
        """The unknown rows."""
        return tuple(i for i, number in enumerate(self.ids) if number is None)


def recognize(
    rows: Tensor, windows: Sequence[Window], template: Collection[int], *, exact: bool = False
) -> Recognized:
    """Find the token id of each row.

    Parameters
    ----------
    rows
        (column, channel): embeddings of one text.
    windows
        The encoder's outputs for texts, in one layer.
    template
        Token ids of start, end and padding: a window of nothing else is the empty text's.
    exact
        Whether to accept only rows that are an encoder's own, bit for bit.
    """
    width = rows.shape[-1]
    windows = [window for window in windows if window.states.shape[-1] == width]
    rows = rows.detach().cpu()
    known = _exact(rows, windows)
    own = tuple(next(iter(numbers)) if len(numbers) == 1 else None for numbers in known)
    if exact or None not in own:
        return Recognized(own, exact=None not in own)
    groups: dict[tuple[int, ...], list[Window]] = defaultdict(list)
    for window in windows:
        groups[window.ids].append(window)
    fits = _Fits(rows, groups, frozenset(template), known)
    ids: list[int | None] = []
    if not any(known) and not fits.longest(0):
        return Recognized(own, exact=False)  # another layer, or nothing of this encoder's
    while len(ids) < len(rows):
        ids += fits.longest(len(ids)) or [None]
    return Recognized(tuple(ids), exact=False)


def _exact(rows: Tensor, windows: Sequence[Window]) -> list[set[int]]:
    """The token ids of rows that are equal bit for bit; None for zeros."""
    by_content: dict[bytes, set[int]] = defaultdict(set)
    for window in windows:
        for number, content in zip(
            window.ids, _contents(window.states.to(rows.dtype)), strict=True
        ):
            by_content[content].add(number)
    empty = (rows == 0).all(dim=1).tolist()
    return [
        set() if nothing else by_content.get(content, set())
        for content, nothing in zip(_contents(rows), empty, strict=True)
    ]


def _contents(rows: Tensor) -> list[bytes]:
    # As numbers of one byte: numpy has no bfloat16.
    return [row.tobytes() for row in rows.contiguous().view(torch.uint8).numpy()]


class _Fits:
    """Which rows lie in the span of a window's rows, computed on demand."""

    def __init__(
        self,
        rows: Tensor,
        groups: dict[tuple[int, ...], list[Window]],
        template: frozenset[int],
        known: list[set[int]],
    ) -> None:
        self.rows, self.groups, self.known = rows, groups, known
        self.template = template
        self.empties = [w for ids, ws in groups.items() if set(ids) <= template for w in ws]
        self.ends = [
            window.states[position].double()
            for windows in groups.values()
            for window in windows[:1]
            if (position := self._end(window.ids)) is not None
        ]
        self._spans: dict[tuple[tuple[int, ...], int], tuple[Tensor | None, Tensor | None]] = {}

    def longest(self, first: int) -> list[int | None]:
        """The token ids of the longest run of rows from `first` on; empty if none fits."""
        best: list[list[int]] = []
        for ids in self.groups:
            starts = {0, 1} & set(range(len(ids)))
            starts |= {p for p, number in enumerate(ids) if number in self.known[first]}
            for start in sorted(starts):
                run = self._run(ids, start, first)
                if run and (not best or len(run) > len(best[0])):
                    best = [run]
                elif run and len(run) == len(best[0]):
                    best.append(run)
        if not best:
            return [next(iter(self.known[first]))] if len(self.known[first]) == 1 else []
        # Two readings that fit alike name only what they agree on.
        alike = [set(numbers) for numbers in zip(*best, strict=True)]
        return [numbers.pop() if len(numbers) == 1 else None for numbers in alike]

    def _run(self, ids: tuple[int, ...], start: int, first: int) -> list[int]:
        run: list[int] = []
        for offset in range(min(len(ids) - start, len(self.rows) - first)):
            if not self._explained(ids, start + offset, first + offset):
                break
            run.append(ids[start + offset])
        return run

    def _explained(self, ids: tuple[int, ...], position: int, column: int) -> bool:
        if self.known[column]:
            return self.known[column] == {ids[position]}
        if (ids, position) not in self._spans:
            self._spans[ids, position] = self._spans_of(ids, position)
        whole, without = self._spans[ids, position]
        row, tolerance = self.rows[column].double(), self._tolerance(self.groups[ids][0])
        # What is explained without the token is not the token's.
        return _inside(row, whole, tolerance) and not _inside(row, without, tolerance)

    def _spans_of(self, ids: tuple[int, ...], position: int) -> tuple[Tensor | None, Tensor | None]:
        """Spans of a token's rows and those it may be moved towards, and of only the latter."""
        windows = self.groups[ids]
        own = [window.states[position].double() for window in windows]
        empties = [window for window in self.empties if len(window.ids) == len(ids)]
        others = [window.states[position].double() for window in empties]
        if position < len(ids) - 1:
            others.append(windows[0].states[-1].double())
        if position == self._end(ids):
            own += self.ends  # Compel copies and averages them over the windows
        foreign = [window for window in empties if window.ids[position] != ids[position]]
        return _span_of(own + others), _span_of(others) if foreign else None

    def _tolerance(self, window: Window) -> float:
        coarser = max((torch.finfo(t.dtype).eps for t in (self.rows, window.states)), default=0.0)
        return max(_LEAST, _ROUNDINGS * coarser) * (_ASKED if window.asked else 1)

    def _end(self, ids: tuple[int, ...]) -> int | None:
        """The end of the text: the first template id after its last other one."""
        body = [position for position, number in enumerate(ids) if number not in self.template]
        position = body[-1] + 1 if body else 1
        return position if position < len(ids) else None


def _span_of(vectors: Sequence[Tensor]) -> Tensor | None:
    """An orthonormal basis (channel, direction); None if the vectors could span everything."""
    distinct: list[Tensor] = []
    for vector in vectors:
        if not any(torch.equal(vector, other) for other in distinct):
            distinct.append(vector)
    if not distinct or len(distinct) > len(distinct[0]) // 4:
        return None
    directions, sizes, _ = torch.linalg.svd(torch.stack(distinct, dim=1), full_matrices=False)
    span: Tensor = directions[:, sizes > sizes[0] * _NOTHING]
    return span


def _inside(row: Tensor, span: Tensor | None, tolerance: float) -> bool:
    """Whether a row that is not zero is a combination of the vectors of a span."""
    size = float(row.norm())
    if span is None or not size:
        return False
    return float((row - span @ (span.T @ row)).norm()) <= tolerance * size
