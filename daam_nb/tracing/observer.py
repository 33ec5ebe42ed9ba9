"""Between a layer's two hooks: the text attention of one layer in one pass, whole or in slices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.recording import Layer
from daam_nb.tracing import taps
from daam_nb.tracing.attention import probabilities
from daam_nb.tracing.calls import Target, WatchedCall
from daam_nb.tracing.edits import NOTHING, Changed


class LayerObserver:
    """Takes the text attention of one layer in one pass, whole or in slices."""

    def __init__(self, call: WatchedCall, layer: Layer, module: nn.Module) -> None:
        assert call.passing is not None
        self.call, self.layer, self.module, self.passing = call, layer, module, call.passing
        self.seats = call.family.seats(layer, self.passing.keys, self.passing.extra)
        self.seen = 0
        self.total = self.passing.rows * layer.heads

    @torch.no_grad()
    def see(
        self,
        query: Tensor,
        key: Tensor,
        mask: Tensor | None,
        scale: float,
        *,
        flat: bool,
        changed: Changed = NOTHING,
    ) -> None:
        """Keep what is wanted of one attention call. Later calls are an IP-Adapter's pictures.

        Of a row that interventions `changed`, the attention that was used is kept.
        """
        if self.seen >= self.total or self.call.failure is not None:
            return
        try:
            self._check(query, key, flat=flat)
            query, mask = self._of_image(query, mask)
            if flat:
                self._slice(query, key, mask, scale, changed)
            else:
                self._whole(query, key, mask, scale, changed)
        except Exception as error:  # the picture goes on; raised when the trace closes
            self.call.fail(error)

    def done(self) -> None:
        """The module returned: everything must have been seen."""
        self.call.missing.discard(self.layer.name)
        if self.seen < self.total and self.call.failure is None:
            self.call.fail(
                ShapeError(
                    f"{self.layer.name} ran, but {self.total - self.seen} of its {self.total} "
                    f"attention rows were not seen: {self._why_unseen()}."
                )
            )

    def _why_unseen(self) -> str:
        """What may have kept the attention of this layer from being computed, and the way out."""
        part = self.call.family.part
        if getattr(getattr(self.call.pipe, part), "is_cache_enabled", False):
            return (
                "a cache gives what an earlier step computed. Turn it off: "
                f"pipe.{part}.disable_cache()"
            )
        processor = type(self.module.get_processor()).__name__  # type: ignore[operator]
        return (
            f"its processor {processor} computes attention by a function that is not watched. Use "
            f"a processor of diffusers: {self.call.family.way_out}"
        )

    def _check(self, query: Tensor, key: Tensor, *, flat: bool) -> None:
        height, width = self.layer.size
        heads = self.layer.heads
        expected = (self.passing.rows, heads, self.seats.queries, self.seats.keys)
        shown = (
            (self.passing.rows if flat else query.shape[0]),
            (heads if flat else query.shape[1]),
            query.shape[-2],
            key.shape[-2],
        )
        if shown != expected:
            raise ShapeError(
                f"{self.layer.name}: attention of {shown} (batch, head, queries, keys) was seen "
                f"where the batch, a grid of {height}x{width} and the text make {expected}."
            )

    def _of_image(self, query: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The image's own queries, and the mask of these."""
        image = self.seats.image
        if mask is not None and mask.ndim > 1 and mask.shape[-2] != 1:
            mask = mask[..., image, :]
        return query[..., image, :], mask

    def _columns(self, target: Target, query: Tensor) -> Tensor:
        # A denoiser may lie on several devices: on the one where this layer computes.
        columns = target.columns.to(query.device)
        return columns + self.seats.text if self.seats.text else columns

    def _whole(
        self, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, changed: Changed
    ) -> None:
        if mask is not None:
            mask = mask[(None,) * (4 - mask.ndim)]  # (batch or 1, head or 1, n or 1, keys)
        for target in self.passing.targets:
            row = target.row
            if row in changed:
                self._keep(target, 0, changed[row].after.index_select(1, target.columns))
                continue
            of_row = None if mask is None else mask[row if len(mask) > 1 else 0]
            columns = self._columns(target, query)
            values = probabilities(query[row], key[row], columns, mask=of_row, scale=scale)
            self._keep(target, 0, values)
        self.seen = self.total

    def _slice(
        self, query: Tensor, key: Tensor, mask: Tensor | None, scale: float, changed: Changed
    ) -> None:
        low, heads = self.seen, self.layer.heads
        high = low + query.shape[0]
        for target in self.passing.targets:
            first, last = max(low, target.row * heads), min(high, (target.row + 1) * heads)
            if first < last and target.row in changed:
                values = changed[target.row].after.index_select(1, target.columns)
                self._keep(target, first - target.row * heads, values)
            elif first < last:
                part = slice(first - low, last - low)
                masked = mask if mask is None or len(mask) == 1 else mask[part]
                columns = self._columns(target, query)
                values = probabilities(query[part], key[part], columns, mask=masked, scale=scale)
                self._keep(target, first - target.row * heads, values)
        self.seen = high

    def _keep(self, target: Target, head: int, values: Tensor) -> None:
        target.buffers.write(self.layer.name, target.step_index, head, values)


def observe(call: WatchedCall, layer: Layer, module: nn.Module) -> None:
    """From now until `unobserve`, the attention computed in this thread is that layer's."""
    taps.running.observers.append(LayerObserver(call, layer, module))


def unobserve(call: WatchedCall, layer: Layer | None = None) -> None:
    """Stop showing attention to a call (to one layer of it); check that the layer was seen."""
    for observer in tuple(taps.running.observers):
        if not isinstance(observer, LayerObserver) or observer.call is not call:
            continue
        if layer is None or observer.layer == layer:
            taps.running.observers.remove(observer)
            if layer is not None:
                observer.done()
