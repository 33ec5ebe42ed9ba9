"""The keys that a layer makes of the attribution prompt, and what the image attends to there."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Concepts, Layer
from daam_nb.tracing import taps
from daam_nb.tracing.attention import probabilities
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.text import ConceptText

ALIKE = {torch.float16: 2e-2, torch.bfloat16: 1e-1}
ALIKE_FLOAT32 = 1e-3
"""Largest difference of what is computed twice, as a share of its norm."""


class ConceptBuffers:
    """What one image attends to in the attribution prompt, kept while it is made."""

    def __init__(self, text: ConceptText, buffers: Buffers) -> None:
        self.text, self.buffers = text, buffers
        self._keys: tuple[str, int, Tensor] | None = None
        self._compared: dict[str, int] = {}  # heads of each layer whose keys were compared

    def see(
        self,
        layer: Layer,
        module: nn.Module,
        step_index: int,
        head: int,
        query: Tensor,
        *,
        scale: float,
    ) -> None:
        """Keep what some heads of one layer attend to in one step.

        Parameters
        ----------
        layer, module
            The layer.
        step_index
            Which of the kept steps.
        head
            The first of the heads.
        query
            (head, n, dim): the queries that paint the image.
        scale
            Factor of the scores.
        """
        keys = self._keys_of(layer, module, step_index, query)[head : head + len(query)]
        columns = torch.arange(keys.shape[1], device=query.device)
        attention = probabilities(query, keys, columns, scale=scale)
        self.buffers.write(layer.name, step_index, head, attention)

    def differs(
        self, layer: Layer, module: nn.Module, head: int, text: Tensor, key: Tensor
    ) -> Tensor | None:
        """Compare a layer's own keys of the prompt with those made here, once for each head.

        Returns
        -------
        Tensor or None
            One bool, on the device: whether the layer makes its keys otherwise. None where these
            heads were compared before.
        """
        if self._compared.get(layer.name, 0) > head:
            return None
        self._compared[layer.name] = head + len(key)
        again = keys_of(module, text.to(key.device))[head : head + len(key)]
        return differ(again, key)

    def finished(self) -> Concepts:
        """All of it as plain data."""
        text = self.text
        return Concepts(text.prompt, text.spans, text.columns, self.buffers.finished())

    def _keys_of(self, layer: Layer, module: nn.Module, step_index: int, query: Tensor) -> Tensor:
        """(head, column, dim), made anew in every step: adapters' scales may change on the way."""
        if self._keys is None or self._keys[:2] != (layer.name, step_index):
            text = self.text.embeddings.to(query.device)
            keys = keys_of(module, text, columns=self.text.columns)
            self._keys = layer.name, step_index, keys
        return self._keys[2]


def differ(again: Tensor, used: Tensor) -> Tensor:
    """Whether what was computed again is another than what was used: one bool, on the device."""
    if again.shape != used.shape:
        return torch.tensor(True)
    own = used.float()
    share = ALIKE.get(used.dtype, ALIKE_FLOAT32)
    differs: Tensor = ~((again.float() - own).norm() <= share * own.norm())
    return differs


def keys_of(module: Any, text: Tensor, *, columns: tuple[int, ...] | None = None) -> Tensor:
    """What a layer of cross-attention makes of a text, as diffusers' processors do.

    Parameters
    ----------
    module
        The layer.
    text
        (key, channel), on the layer's device.
    columns
        Key positions wanted; None: all.

    Returns
    -------
    Tensor
        (head, column, dim).
    """
    dropout = torch.random.fork_rng() if module.training else contextlib.nullcontext()
    with torch.no_grad(), taps.unwatched(), dropout:
        rows = text[None]
        if getattr(module, "norm_cross", None):
            rows = module.norm_encoder_hidden_states(rows)
        if columns is not None:
            rows = rows[:, list(columns)]
        fused = getattr(module, "to_kv", None)
        if getattr(module, "fused_projections", False) and isinstance(fused, nn.Module):
            keys = fused(rows).chunk(2, dim=-1)[0]
        else:
            keys = module.to_k(rows)
        keys = keys.view(1, rows.shape[1], module.heads, -1).transpose(1, 2)
        if getattr(module, "norm_k", None) is not None:
            keys = module.norm_k(keys)
    result: Tensor = keys[0]
    return result


def check_keys(name: str, module: Any) -> None:
    """Raise an `UnsupportedPipelineError` where a layer's keys are known to be made otherwise."""
    processor = type(module.get_processor()).__name__
    if processor.startswith("CustomDiffusion"):
        raise UnsupportedPipelineError(
            f"{name} has no concept maps: its {processor} makes keys by projections of its own. "
            "Leave out concepts=."
        )
