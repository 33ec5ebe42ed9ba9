"""Between a layer's two hooks: the text attention of one layer in one pass, whole or in slices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.recording import Layer
from daam_nb.tracing import proof, taps
from daam_nb.tracing.attention import probabilities
from daam_nb.tracing.calls import WatchedCall
from daam_nb.tracing.edits import NOTHING, Changed, KernelCall
from daam_nb.tracing.effects.watching import EffectBuffers
from daam_nb.tracing.passes import Target


class LayerObserver:
    """Observes the text attention of one layer in one pass, whole or in slices."""

    def __init__(self, call: WatchedCall, layer: Layer, module: nn.Module) -> None:
        assert call.passing is not None
        self.call, self.layer, self.module, self.passing = call, layer, module, call.passing
        inputs = self.passing.inputs
        self.layouts = {
            target.row: call.adapter.layout(layer, inputs, target.row)
            for target in self.passing.targets
        }
        cells = layer.size[0] * layer.size[1]
        self.proof = proof.Proof(self.layouts, cells, inputs.rows, layer.heads, call.step)
        self.seen = 0
        self.total = inputs.rows * layer.heads
        self._attention: dict[int, list[Tensor]] = {}  # of rows whose effects are kept
        self._is_output_seen = False

    @torch.no_grad()
    def see(self, call: KernelCall, result: Tensor, changed: Changed = NOTHING) -> None:
        """Store the wanted part of one attention call. Later calls are an IP-Adapter's images.

        For a row that interventions `changed`, the attention that was used is stored.
        """
        if self.call.failure is not None:
            return
        try:
            if self.seen >= self.total:
                known = None if call.value is None else result
                self.proof.see_other(known, flat=call.flat)
                return
            self._check(call.query, call.key, flat=call.flat)
            if call.flat:
                self._slice(call, result, changed)
            else:
                self._whole(call, changed)
        except Exception as error:  # the image goes on; raised when the trace closes
            self.call.fail(error)

    @torch.no_grad()
    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """A projection was called: of the values, or of the layer's result."""
        if self.call.failure is not None:
            return
        try:
            if linear is proof.output_projection(self.module):
                self.proof.see_projected(projected)
                if isinstance(output, Tensor):
                    self.proof.see_bare(output)
                    self._see_output(output)
            elif isinstance(output, Tensor):
                value = proof.value_of(self.module, linear, output)
                if value is not None:
                    self.proof.see_value(value)
        except Exception as error:
            self.call.fail(error)

    def _see_output(self, output: Tensor) -> None:
        """The layer's own output, (row, query, channel), before anything is added to it."""
        if self._is_output_seen or output.ndim != 3 or output.shape[0] != self.proof.batch:
            return
        self._is_output_seen = True
        for target in self.passing.targets:
            if target.beside.effects is not None:
                target.beside.effects.see_output(self.layer, output[target.row])

    @torch.no_grad()
    def see_bare(self, linear: nn.Module, output: Any) -> None:
        """A projection returned this, before hooks on it changed it."""
        if linear is proof.output_projection(self.module) and isinstance(output, Tensor):
            self.proof.see_bare(output)

    @torch.no_grad()
    def done(self, output: Any = None) -> None:
        """The module returned: all its attention must have been observed, and used as observed."""
        self.call.missing.discard(self.layer.name)
        if self.seen < self.total and self.call.failure is None:
            self.call.fail(
                ShapeError(
                    f"{self.layer.name} ran, but {self.total - self.seen} of its {self.total} "
                    f"attention rows were not seen: {self._why_unseen()}."
                )
            )

        if self.call.failure is not None or not self.passing.targets:
            return
        if proof.output_projection(self.module) is None and isinstance(output, Tensor):
            self.proof.see_projected(output)  # a block that projects it together with others
        image = output[0] if isinstance(output, tuple) else output
        if isinstance(image, Tensor) and proof.hands_result_on(self.module):
            self.proof.see_returned(image, [target.row for target in self.passing.targets])
        processor = type(self.module.get_processor())  # type: ignore[operator]
        if not self.proof.proved and processor.__module__.split(".")[0] != "diffusers":
            self.call.fail(
                ShapeError(
                    f"{self.layer.name}: whether the attention seen there was used is unknown, "
                    f"because its processor {processor.__name__} does not hand it to the layer's "
                    f"own projections. Use a processor of diffusers: {self.call.adapter.way_out}"
                )
            )
        elif self.proof.worst is not None:
            self.call.proofs.add(self.layer.name, self.proof.worst)
            if self.proof.lost is not None:
                self.call.comparisons.note(self.proof.lost, self._why_lost())

    def _why_lost(self) -> str:
        processor = type(self.module.get_processor()).__name__  # type: ignore[operator]
        return (
            f"{self.layer.name} did not return its attention's result in step {self.call.step}: "
            f"its processor ({processor}) or a hook changes it, so a map would not show how the "
            "image was made. Change attention with daam_nb.ablate, reweight or replay, or use a "
            f"processor of diffusers: {self.call.adapter.way_out}"
        )

    def _why_unseen(self) -> str:
        """Explain why this layer's attention was not observed, with the way out."""
        part = self.call.adapter.component
        if getattr(getattr(self.call.pipe, part), "is_cache_enabled", False):
            return (
                "a cache returns the result of an earlier step. Turn it off: "
                f"pipe.{part}.disable_cache()"
            )
        processor = type(self.module.get_processor()).__name__  # type: ignore[operator]
        return (
            f"its processor {processor} called no function that is watched and computes this "
            f"attention. Use a processor of diffusers: {self.call.adapter.way_out}"
        )

    def _check(self, query: Tensor, key: Tensor, *, flat: bool) -> None:
        height, width = self.layer.size
        heads = self.layer.heads
        batch = self.passing.inputs.rows
        shown = (
            (batch if flat else query.shape[0]),
            (heads if flat else query.shape[1]),
            query.shape[-2],
            key.shape[-2],
        )
        for layout in self.layouts.values():
            expected = (batch, heads, layout.queries, layout.keys)
            if shown != expected:
                raise ShapeError(
                    f"{self.layer.name}: attention of {shown} (batch, head, queries, keys) was "
                    f"seen where the batch, a grid of {height}x{width} and the text make "
                    f"{expected}."
                )

    def _of_image(
        self, row: int, query: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The image's own queries of a row, and the mask of these."""
        image = self.layouts[row].image
        if mask is not None and mask.ndim > 1 and mask.shape[-2] != 1:
            mask = mask[..., image, :]
        return query[..., image, :], mask

    def _columns(self, target: Target, query: Tensor) -> Tensor:
        # A denoiser may lie on several devices: on the one where this layer computes.
        columns = target.columns.to(query.device)
        text = self.layouts[target.row].text
        return columns + text if text else columns

    def _whole(self, call: KernelCall, changed: Changed) -> None:
        query, key, mask = call.query, call.key, call.mask
        if mask is not None:
            mask = mask[(None,) * (4 - mask.ndim)]  # (batch or 1, head or 1, n or 1, keys)
        for target in self.passing.targets:
            row = target.row
            after = changed[row].after if row in changed else None
            of_row = None if mask is None else mask[row if len(mask) > 1 else 0]
            of_image, of_row = self._of_image(row, query[row], of_row)
            if call.value is not None:
                self.proof.see_result(
                    row, of_image, key[row], call.value[row], of_row,
                    scale=call.scale, after=after,
                )  # fmt: skip
            values = self._probabilities(
                target, of_image, key[row], of_row, scale=call.scale, after=after
            )
            self._keep(target, 0, values)
            self._see_concepts(target, 0, of_image, key[row], scale=call.scale)
            self._see_image(target, of_image, key[row], of_row, scale=call.scale)
        self.seen = self.total

    def _probabilities(
        self, target: Target, query: Tensor, key: Tensor, mask: Tensor | None,
        *, scale: float, after: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """(head, token, n) of a row's kept columns; its effects get all columns."""
        effects = target.beside.effects
        if effects is not None:
            if after is None:
                after = probabilities(query, key, None, mask=mask, scale=scale)
            self._see_effects(target, effects, after)
        if after is not None:
            return after.index_select(1, target.columns.to(after.device))
        columns = self._columns(target, query)
        return probabilities(query, key, columns, mask=mask, scale=scale)

    def _see_effects(self, target: Target, effects: EffectBuffers, attention: Tensor) -> None:
        """Pass a row's attention, (head, key, n), to its effects when all heads are complete."""
        parts = self._attention.setdefault(target.row, [])
        parts.append(attention)
        if sum(map(len, parts)) == self.layer.heads:
            every = parts[0] if len(parts) == 1 else torch.cat(parts)
            effects.see(self.layer, self.module, target.step_index, every)

    def _see_concepts(
        self, target: Target, head: int, query: Tensor, key: Tensor, *, scale: float
    ) -> None:
        """Store the attention of heads from `head` on to the concepts; `key` is the prompt's."""
        concepts = target.beside.concepts
        if concepts is None:
            return
        text = self.passing.inputs.text[target.row]
        differs = concepts.differs(self.layer, self.module, head, text, key)
        if differs is not None:
            self.call.comparisons.note(
                differs,
                f"{self.layer.name} does not compute the prompt's keys with its own projection of "
                "the text, so the concepts' keys are unknown. Use a processor of diffusers "
                f"({self.call.adapter.way_out}), or leave out concepts=.",
            )
        concepts.see(self.layer, self.module, target.step_index, head, query, scale=scale)

    def _see_image(
        self, target: Target, query: Tensor, key: Tensor, mask: Tensor | None, *, scale: float
    ) -> None:
        """Store the heads' attention to the image itself, if image and text share one softmax."""
        buffers = target.beside.self_attention
        if buffers is not None and self.layer.name in buffers.layers:
            own = self.layouts[target.row].image  # keys stand in the order of the queries
            buffers.see(self.layer, target.step_index, query, key, keys=own, mask=mask, scale=scale)

    def _slice(self, call: KernelCall, result: Tensor, changed: Changed) -> None:
        query, key, mask = call.query, call.key, call.mask
        low, heads = self.seen, self.layer.heads
        high = low + call.query.shape[0]
        for target in self.passing.targets:
            row = target.row
            first, last = max(low, row * heads), min(high, (row + 1) * heads)
            if first >= last:
                continue
            part = slice(first - low, last - low)
            after = changed[row].after if row in changed else None
            masked = mask if mask is None or len(mask) == 1 else mask[part]
            of_image, masked = self._of_image(row, query[part], masked)
            if call.value is None:
                used = result[part][:, self.layouts[row].image]
                self.proof.see_probabilities(
                    row, of_image, key[part], used, masked,
                    scale=call.scale, after=after,
                )  # fmt: skip
            elif last - first == heads:
                self.proof.see_result(
                    row, of_image, key[part], call.value[part], masked,
                    scale=call.scale, after=after,
                )  # fmt: skip
            values = self._probabilities(
                target, of_image, key[part], masked, scale=call.scale, after=after
            )
            self._keep(target, first - row * heads, values)
            self._see_concepts(target, first - row * heads, of_image, key[part], scale=call.scale)
            self._see_image(target, of_image, key[part], masked, scale=call.scale)
        self.seen = high

    def _keep(self, target: Target, head: int, values: Tensor) -> None:
        target.buffers.write(self.layer.name, target.step_index, head, values)


def observe(call: WatchedCall, layer: Layer, module: nn.Module) -> None:
    """From now until `unobserve`, the attention computed in this thread is that layer's."""
    taps.running.observers.append(LayerObserver(call, layer, module))


def unobserve(call: WatchedCall, layer: Layer | None = None, output: Any = None) -> None:
    """Stop showing attention to a call (to one layer of it, which returned its `output`)."""
    for observer in tuple(taps.running.observers):
        if not isinstance(observer, LayerObserver) or observer.call is not call:
            continue
        if layer is None or observer.layer == layer:
            taps.running.observers.remove(observer)
            if layer is not None:
                observer.done(output)
