"""Proof that the attention that is recorded is the attention that was used.

The recorded attention is computed from the queries and keys that a kernel was given. What a
processor does afterwards (editing the probabilities, as prompt-to-prompt does, or the result) would
not be included. So for a few queries of every watched row, in every layer of every pass, the
probabilities times the values must equal the input of the layer's output projection. Attention to
an IP-Adapter's images may be added: other kernel calls of the layer, each scaled by any number for
each query.

Everything is computed separately, on the layer's device, without waiting for the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.tracing.attention import probabilities
from daam_nb.tracing.models import Adapter, Layout

QUERIES = 8
"""Queries of each row that are looked at in a pass; others in the next one."""


@dataclass(frozen=True)
class _Tolerance:
    """Tolerances for rounding: of a result, as a share of the summed sizes; of a probability."""

    result: float
    share: float
    least: float


_TOLERANCES = {
    torch.bfloat16: _Tolerance(result=0.06, share=0.5, least=2e-2),
    torch.float16: _Tolerance(result=0.01, share=0.15, least=2e-3),
}
_FLOAT32 = _Tolerance(result=2e-4, share=2e-3, least=1e-6)


@dataclass(eq=False)
class Proof:
    """A few queries of one layer in one pass.

    Parameters
    ----------
    layouts
        Batch row -> position of the image among the layer's queries.
    cells
        Queries of the image.
    batch, heads
        Rows of the pass, and heads of the layer.
    step
        Step of the loop, which determines the queries that are checked.
    """

    layouts: Mapping[int, Layout]
    cells: int
    batch: int
    heads: int
    step: int
    worst: Tensor | None = None  # largest difference, as a share of what rounding may do
    proved: bool = False
    lost: Tensor | None = None  # whether the layer returned something else than its result
    _value: Tensor | None = None  # (row, key, channel): of a function that returns probabilities
    _used: dict[int, list[Tensor]] = field(default_factory=dict)  # row -> (head, query, key)
    _expected: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    _others: list[dict[int, Tensor]] = field(default_factory=list)  # row -> (head, query, dim)
    _dtypes: set[torch.dtype] = field(default_factory=set)
    _blind: bool = False
    _bare: Tensor | None = None  # (row, query, channel): of the output projection

    def __post_init__(self) -> None:
        count = min(QUERIES, self.cells)
        places = torch.arange(count) * self.cells // count
        self.places = (places + 5 * self.step) % self.cells

    # What the layer shows --------------------------------------------------------------------

    def see_result(
        self, row: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None,
        *, scale: float, after: Tensor | None,
    ) -> None:  # fmt: skip
        """A kernel computed one row's attention and multiplied it by the values.

        Parameters
        ----------
        row
            Of the batch.
        query, key, value
            (head, image query or key, dim).
        mask, scale
            As for `probabilities`.
        after
            (head, key, image query): the attention used instead, if an intervention changed it.
        """
        used = self._recorded(query, key, mask, scale, after)
        self._dtypes |= {query.dtype, key.dtype, value.dtype}
        expected, size = self._times(used, value.float())
        if after is not None:
            # The change was added to what the kernel made, and rounds as that does: where hardly
            # any attention is left, that is much more than what is left.
            before = self._recorded(query, key, mask, scale, None)
            size = torch.maximum(size, self._times(before, value.float())[1])
        self._expected[row] = expected, size

    def see_probabilities(
        self, row: int, query: Tensor, key: Tensor, used: Tensor, mask: Tensor | None,
        *, scale: float, after: Tensor | None,
    ) -> None:  # fmt: skip
        """A function returned probabilities (head, image query, key) of some heads of a row."""
        self._dtypes |= {query.dtype, key.dtype, used.dtype}
        recorded = self._recorded(query, key, mask, scale, after)
        few = used[:, self.places.to(used.device)].float()
        tolerance = self._tolerance()
        allowed = tolerance.share * torch.maximum(recorded, few) + tolerance.least
        self._note(((recorded - few).abs() / allowed).amax())
        self._used.setdefault(row, []).append(few)

    def see_other(self, result: Tensor | None, *, flat: bool) -> None:
        """A later kernel call of the layer: an IP-Adapter's images.

        Without a result (of a function that returns probabilities) the added part is unknown.
        """
        if result is None:
            self._blind = True
            return
        if flat:
            result = result.reshape(self.batch, -1, *result.shape[1:])
        positions = result.shape[-2]
        if result.shape[0] != self.batch or any(
            positions not in (self.cells, layout.queries) for layout in self.layouts.values()
        ):
            return
        few = {}
        for row, layout in self.layouts.items():
            offset = layout.image.start if positions == layout.queries else 0
            few[row] = result[row][..., self.places.to(result.device) + offset, :].float()
        self._others.append(few)

    def see_value(self, value: Tensor) -> None:
        """The layer's projection to values, (row, key, channel); the first one is the text's."""
        if self._value is None:
            self._value = value

    def see_projected(self, projected: Tensor) -> None:
        """Input of the output projection: (row, query, channel)."""
        if self.proved or self._blind or projected.ndim != 3 or projected.shape[0] != self.batch:
            return
        rows = self._rows()
        offsets = {
            row: offset
            for row in rows
            if (offset := self._offset(row, projected.shape[1])) is not None
        }
        if not rows or len(offsets) < len(rows):
            return
        self._dtypes.add(projected.dtype)
        for row, (expected, size) in rows.items():
            places = self.places.to(projected.device) + offsets[row]
            if projected.shape[-1] != expected.shape[0] * expected.shape[-1]:
                return
            got = projected[row, places].float()
            got = got.reshape(len(places), expected.shape[0], -1)
            difference = self._without_others(row, got.transpose(0, 1) - expected)
            if difference is None:
                return
            largest = size.amax(dim=-1) + got.transpose(0, 1).abs().amax(dim=-1)
            allowed = self._tolerance().result * largest + 1e-12
            self._note((difference.abs().amax(dim=-1) / allowed).amax())
        self.proved = True

    def see_bare(self, output: Tensor) -> None:
        """Output of the output projection, (row, query, channel); only the first one is used."""
        if self._bare is None:
            self._bare = output

    def see_returned(self, returned: Tensor, rows: Sequence[int]) -> None:
        """Output of the layer, (row, query, channel), which must be the projected result."""
        bare = self._bare
        if bare is None or bare.ndim != 3 or returned.shape != bare.shape or not rows:
            return
        if returned is bare:
            return
        self._dtypes |= {returned.dtype, bare.dtype}
        places = self.places.to(bare.device)
        chosen = torch.tensor(rows, device=bare.device)[:, None]
        few = bare[chosen, places].float()
        got = returned[chosen.to(returned.device), places.to(returned.device)].to(few)
        allowed = self._tolerance().result * few.abs().amax(dim=-1, keepdim=True)
        self.lost = ((got - few).abs() > allowed).any()

    def _offset(self, row: int, positions: int) -> int | None:
        """First position of the image in a row, given its number of positions."""
        layout = self.layouts[row]
        text = layout.keys - self.cells
        begins = {
            self.cells: 0,
            layout.queries - text: 0,
            layout.queries: layout.image.start,
        }
        return begins.get(positions)

    # Arithmetic ------------------------------------------------------------------------------

    def _recorded(
        self, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, after: Tensor | None
    ) -> Tensor:
        """(head, query, key), float32: the recorded attention of the few queries."""
        places = self.places.to(query.device)
        if after is not None:
            return after[..., places].transpose(1, 2)
        if mask is not None and mask.shape[-2] != 1:
            mask = mask[..., places, :]
        columns = torch.arange(key.shape[-2], device=query.device)
        few = probabilities(query[:, places], key, columns, mask=mask, scale=scale)
        return few.transpose(1, 2)

    def _times(self, used: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """(head, query, dim): attention times values, and times their absolute values."""
        if len(value) != len(used):
            value = value.repeat_interleave(len(used) // len(value), dim=0)
        with torch.autocast(used.device.type, enabled=False):
            return used @ value, used @ value.abs()

    def _rows(self) -> Mapping[int, tuple[Tensor, Tensor]]:
        if self._expected or self._value is None:
            return self._expected
        batch, keys, _ = self._value.shape
        value = self._value.reshape(batch, keys, self.heads, -1).transpose(1, 2).float()
        rows = {}
        for row, parts in self._used.items():
            used = torch.cat(parts)
            if len(used) == self.heads and used.shape[-1] == value.shape[-2]:
                rows[row] = self._times(used, value[row])
        return rows if len(rows) == len(self._used) else {}

    def _without_others(self, row: int, difference: Tensor) -> Tensor | None:
        """The residual after removing any multiple of the other calls' results, query by query."""
        if not self._others:
            return difference
        heads, queries, dim = difference.shape
        if 4 * len(self._others) > heads * dim:
            return None
        others = [other[row].transpose(0, 1).reshape(queries, -1) for other in self._others]
        flat = difference.transpose(0, 1).reshape(queries, -1, 1)
        with torch.autocast(flat.device.type, enabled=False):
            # (query, channel, call)
            basis: Tensor = torch.linalg.qr(torch.stack(others, dim=-1)).Q
            flat = flat - basis @ (basis.mT @ flat)
        return flat.reshape(queries, heads, dim).transpose(0, 1)

    def _tolerance(self) -> _Tolerance:
        coarse = [_TOLERANCES[dtype] for dtype in _TOLERANCES if dtype in self._dtypes]
        return coarse[0] if coarse else _FLOAT32

    def _note(self, ratio: Tensor) -> None:
        ratio = torch.nan_to_num(ratio, nan=0.0)  # what is not a number was none in the layer, too
        self.worst = ratio if self.worst is None else torch.maximum(self.worst, ratio)


class Proofs:
    """Results of a call's proofs, read after it, without waiting for the GPU."""

    def __init__(self) -> None:
        self._now: dict[str, Tensor] = {}
        self._passes: list[tuple[int, tuple[str, ...], Tensor]] = []

    def add(self, layer: str, worst: Tensor) -> None:
        """The largest difference in a layer of this pass."""
        self._now[layer] = worst

    def end_pass(self, step: int) -> None:
        """The denoiser is done."""
        every = list(self._now.values())
        if every:
            worst = torch.stack([difference.to(every[0].device) for difference in every])
            self._passes.append((step, tuple(self._now), worst))
        self._now = {}

    def check(self, adapter: Adapter) -> None:
        """Raise if the recorded attention is not the attention that was used.

        Raises
        ------
        ShapeError
            With the first step, the layer that differs most in it, and its processor.
        """
        for step, layers, worst in self._passes:
            ratios = worst.cpu()
            if bool((ratios <= 1).all()):
                continue
            name = layers[int(ratios.argmax())]
            module: Any = adapter.net.get_submodule(name)
            raise ShapeError(
                f"{name} did not use the attention that was computed there, at step {step}: its "
                "probabilities times its values do not give its output. Something changes them in "
                f"between (its processor is {type(module.get_processor()).__name__}), so a map "
                "would not show how the image was made. Change attention with daam_nb.ablate, "
                "reweight or replay, which record what was used, or use a processor of diffusers: "
                f"{adapter.way_out}"
            )


def value_of(module: nn.Module, linear: nn.Module, output: Tensor) -> Tensor | None:
    """The values, if `linear` is an attention module's projection to them."""
    if linear is getattr(module, "to_v", None):
        return output
    if linear is getattr(module, "to_kv", None):
        return output.chunk(2, dim=-1)[1]
    return None


def projections(module: nn.Module) -> list[nn.Module]:
    """The present projections of an attention module that the proof uses."""
    every: list[Any] = [getattr(module, name, None) for name in ("to_v", "to_kv")]
    every.append(output_projection(module))
    return [linear for linear in every if isinstance(linear, nn.Module)]


def hands_result_on(module: nn.Module) -> bool:
    """Whether an attention module returns exactly the result of its output projection."""
    out = getattr(module, "to_out", None)
    dropout = out[1] if isinstance(out, nn.ModuleList | nn.Sequential) and len(out) > 1 else None
    drops = isinstance(dropout, nn.Dropout) and dropout.training and dropout.p > 0
    residual = bool(getattr(module, "residual_connection", False))
    return not drops and not residual and getattr(module, "rescale_output_factor", 1) == 1


def output_projection(module: nn.Module) -> nn.Module | None:
    """The projection of the attention's result; None in blocks that project several together."""
    out = getattr(module, "to_out", None)
    return out[0] if isinstance(out, nn.ModuleList | nn.Sequential) and len(out) else None
