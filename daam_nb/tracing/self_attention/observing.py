"""Between a self-attention layer's two hooks: its attention in one pass, whole or in slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.recording import Layer
from daam_nb.recording.self_attention import cells
from daam_nb.tracing import taps
from daam_nb.tracing.edits import NOTHING, Changed, KernelCall

if TYPE_CHECKING:
    from daam_nb.tracing.calls import WatchedCall


class SelfObserver:
    """Observes the self-attention of one layer in one pass."""

    def __init__(self, call: WatchedCall, layer: Layer) -> None:
        assert call.passing is not None
        self.call, self.layer, self.passing = call, layer, call.passing
        self.seen = 0
        self.total = self.passing.inputs.rows * layer.heads

    @torch.no_grad()
    def see(self, call: KernelCall, result: Tensor, changed: Changed = NOTHING) -> None:
        """Store the wanted part of one attention call."""
        if self.call.failure is not None:
            return
        try:
            self._check(call)
            self._keep(call)
        except Exception as error:  # the image goes on; raised when the trace closes
            self.call.fail(error)

    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """A projection was called: nothing to store."""

    def see_bare(self, linear: nn.Module, output: Any) -> None:
        """A projection returned: nothing to store."""

    def done(self) -> None:
        """The module returned: everything must have been seen."""
        if self.seen != self.total and self.call.failure is None:
            self.call.fail(
                ShapeError(
                    f"{self.layer.name} ran, but {self.seen} of its {self.total} rows of "
                    "self-attention were seen: something skips or repeats it, as a cache between "
                    "steps does. Turn it off, or leave out self_attention=."
                )
            )

    def _check(self, call: KernelCall) -> None:
        heads, rows, own = self.layer.heads, self.passing.inputs.rows, cells(self.layer)
        shape = (call.query.shape[-2], call.key.shape[-2])
        whole = call.flat or tuple(call.query.shape[:2]) == (rows, heads)
        if shape != (own, own) or not whole:
            raise ShapeError(
                f"{self.layer.name}: self-attention of {tuple(call.query.shape)} queries and "
                f"{tuple(call.key.shape)} keys was seen where {rows} rows, {heads} heads and a "
                f"grid of {self.layer.size[0]} x {self.layer.size[1]} were expected: something "
                "merges or drops cells of the image. Turn it off, or leave out self_attention=."
            )

    def _keep(self, call: KernelCall) -> None:
        heads, mask = self.layer.heads, call.mask
        low = self.seen
        high = low + call.query.shape[0] if call.flat else self.total
        if mask is not None and not call.flat:
            mask = mask[(None,) * (4 - mask.ndim)]  # (batch or 1, head or 1, n or 1, keys)
        for target in self.passing.targets:
            buffers, row = target.beside.self_attention, target.row
            first, last = max(low, row * heads), min(high, (row + 1) * heads)
            if buffers is None or first >= last:
                continue
            part = slice(first - low, last - low)
            if call.flat:
                query, key = call.query[part], call.key[part]
                of_row = mask if mask is None or len(mask) == 1 else mask[part]
            else:
                query, key = call.query[row], call.key[row]
                of_row = None if mask is None else mask[row if len(mask) > 1 else 0]
            buffers.see(
                self.layer,
                target.step_index,
                query,
                key,
                keys=slice(0, key.shape[-2]),
                mask=of_row,
                scale=call.scale,
            )
        self.seen = high


def observe(call: WatchedCall, name: str) -> None:
    """From now until `unobserve`, the attention computed in this thread is that layer's."""
    layer = call.extras.self_attention.layers.get(name)
    if layer is not None and call.passing is not None and call.passing.targets:
        taps.running.observers.append(SelfObserver(call, layer))


def unobserve(call: WatchedCall, name: str | None = None) -> None:
    """Stop showing self-attention to a call (of one layer, which returned)."""
    for observer in tuple(taps.running.observers):
        if not isinstance(observer, SelfObserver) or observer.call is not call:
            continue
        if name is None or observer.layer.name == name:
            taps.running.observers.remove(observer)
            if name is not None:
                observer.done()
