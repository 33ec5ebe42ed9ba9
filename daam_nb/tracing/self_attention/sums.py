"""Queries and keys of the image's cells -> their attention, averaged over heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from daam_nb.recording import Layer, SelfAttention
from daam_nb.recording.self_attention import KeptSelf, cells
from daam_nb.tracing.attention import probabilities


class SelfAttentionBuffers:
    """The self-attention of one image, kept while it is made."""

    def __init__(
        self, layers: Sequence[Layer], *, steps: int, kept: KeptSelf, dtype: torch.dtype
    ) -> None:
        self.layers = {layer.name: layer for layer in layers}
        self.kept = kept
        rows, of_array = (1, torch.float32) if kept == "sum" else (steps, dtype)
        self._steps = 0
        self._pending: dict[str, tuple[int, Tensor]] = {}  # heads seen, and their sum
        with torch.inference_mode(mode=False):  # the arrays outlive the user's inference mode
            self._arrays = {
                layer.name: torch.zeros(rows, cells(layer), cells(layer), dtype=of_array)
                for layer in layers
            }

    def see(
        self,
        layer: Layer,
        step_index: int,
        query: Tensor,
        key: Tensor,
        *,
        keys: slice,
        mask: Tensor | None,
        scale: float,
    ) -> None:
        """Add some heads of one layer and step; the mean is stored with the last of them.

        Parameters
        ----------
        layer
            The layer.
        step_index
            Which of the kept steps.
        query
            (head, n, dim): the image's cells.
        key
            (head, keys, dim): everything that they attend to.
        keys
            Positions of the image's cells among the keys.
        mask
            Mask of the scores, as for `attention.probabilities`.
        scale
            Factor of the scores.
        """
        columns = torch.arange(keys.start, keys.stop, device=query.device)
        seen, total = self._pending.pop(layer.name, (0, None))
        for head in range(len(query)):  # one by one: all at once are too large
            own = slice(head, head + 1)
            of_head = mask if mask is None or len(mask) == 1 else mask[own]
            shared = len(query) // len(key)
            attention = probabilities(
                query[own], key[head // shared][None], columns, mask=of_head, scale=scale
            )[0]
            total = attention if total is None else total.add_(attention)
        assert total is not None
        seen += len(query)
        if seen < layer.heads:
            self._pending[layer.name] = seen, total
            return
        mean = total.T.div(seen)  # (query, key)
        array = self._arrays[layer.name]
        self._steps = max(self._steps, step_index + 1)
        if self.kept == "sum":
            array[0] += mean.to(array.device)
            return
        if step_index >= len(array):  # a scheduler that makes more steps than it announced
            array = torch.cat([array, torch.zeros_like(array[:1])])
            self._arrays[layer.name] = array
        array[step_index].copy_(mean)

    def finished(self) -> SelfAttention:
        """All of it as plain data, cut to the steps that were actually made."""
        arrays = self._arrays
        if self.kept == "steps":
            arrays = {name: array[: self._steps].clone() for name, array in arrays.items()}
        return SelfAttention(tuple(self.layers.values()), arrays, self.kept)
