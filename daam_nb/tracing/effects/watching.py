"""Effects of one image's words, kept while it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.recording import Effects, Kept, Layer
from daam_nb.tracing import taps
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.effects.change import LayerChange, TextChange
from daam_nb.tracing.effects.hidden import HiddenWords


class EffectBuffers:
    """The effects of hiding words in every kept layer, for one image."""

    def __init__(
        self,
        hidden: HiddenWords,
        layers: Sequence[Layer],
        *,
        steps: int,
        keep: Kept,
        dtype: torch.dtype,
    ) -> None:
        self.hidden = hidden
        self.summed = keep == "sum"
        words = range(len(hidden.words))
        whole = [replace(layer, heads=1) for layer in layers]
        self._text = TextChange.of(hidden.changes)
        self._shares = Buffers(whole, words, steps=steps, keep=keep, dtype=dtype)
        self._by_head = Buffers(layers, words, steps=steps, keep=keep, dtype=dtype)
        self._by_token: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
        self._outputs: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
        self._changes: dict[str, LayerChange] = {}
        self._awaiting: dict[str, tuple[int, Tensor, Tensor, Tensor]] = {}

    def see(self, layer: Layer, module: nn.Module, step_index: int, attention: Tensor) -> None:
        """Compute the words' effects in one layer and step; `see_output` stores them.

        Parameters
        ----------
        layer, module
            The layer.
        step_index
            Which of the kept steps.
        attention
            (head, key, y*x), float32: all of the text's keys.
        """
        if layer.name not in self._changes:
            # Inside the layer, where the adapters' scales of this call are in force.
            with taps.unwatched():
                text = self._text.to(attention.device)
                self._changes[layer.name] = LayerChange.of(module, layer.heads, text)
        norm, by_head, by_token = self._changes[layer.name].of_attention(attention)
        self._awaiting[layer.name] = step_index, norm, by_head, by_token

    def see_output(self, layer: Layer, output: Tensor) -> None:
        """Store the last effects, as shares of the layer's own output, (query, channel)."""
        step_index, norm, by_head, by_token = self._awaiting.pop(layer.name)
        own = output.float().norm(dim=-1).mean()
        scale = torch.where(own > 0, 1 / own, 0.0)
        self._shares.write(layer.name, step_index, 0, norm[None].mul_(scale))
        self._by_head.write(layer.name, step_index, 0, by_head.mul_(scale))
        self._by_token[layer.name].append(by_token * scale)
        self._outputs[layer.name].append(own)

    def finished(self) -> Effects:
        """All of it as plain data.

        Raises
        ------
        ShapeError
            If an effect is not finite.
        """

        def stacked(parts: list[Tensor]) -> Tensor:
            every = torch.stack(parts).cpu()
            return every.sum(0, keepdim=True) if self.summed else every

        for buffers in (self._shares, self._by_head):
            for name, array in buffers.finished().items():
                if not bool(array.isfinite().all()):
                    raise ShapeError(
                        f"The effects of words on the output of {name} are not finite: the layer's "
                        "output is not, or too large to be summed. Run the model in float32 or "
                        "bfloat16, or leave out effects=."
                    )
        return Effects(
            words=self.hidden.words,
            shares={name: array[:, 0] for name, array in self._shares.finished().items()},
            by_head=self._by_head.finished(),
            by_token={name: stacked(parts) for name, parts in self._by_token.items()},
            outputs={name: stacked(parts) for name, parts in self._outputs.items()},
        )
