"""Self-attention of one call: its layers, checked, and its results for each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from daam_nb.errors import SelectionError, UnsupportedPipelineError
from daam_nb.recording import Layer, SelfAttention
from daam_nb.recording.self_attention import MAX_SIDE, KeptSelf, cells, small
from daam_nb.tracing.models import Adapter, Branch
from daam_nb.tracing.options import Options
from daam_nb.tracing.self_attention.sums import SelfAttentionBuffers

PROCESSORS = frozenset(
    [
        *("AttnProcessor", "AttnProcessor2_0", "SlicedAttnProcessor", "FusedAttnProcessor2_0"),
        *("XFormersAttnProcessor", "AttnProcessorNPU", "XLAFlashAttnProcessor2_0"),
    ]
)
"""Those that compute one self-attention over all cells, and use what they computed."""


def self_modules(adapter: Adapter) -> Iterator[tuple[str, nn.Module]]:
    """The self-attention layers next to those that read text, which are not watched otherwise."""
    beside = {name.rpartition(".")[0] for name, _ in adapter.modules()}
    for name, module in adapter.net.named_modules() if adapter.attention == "cross" else ():
        is_cross = getattr(module, "is_cross_attention", True)
        if name.rpartition(".")[0] in beside and hasattr(module, "get_processor") and not is_cross:
            yield name, module


class CallSelfAttention:
    """The self-attention of a call's images; empty if not requested."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        self.adapter, self.options = adapter, options
        self.layers: dict[str, Layer] = {}
        self._larger: tuple[Layer, ...] = ()
        self._buffers: tuple[SelfAttentionBuffers, ...] = ()

    @property
    def kept(self) -> KeptSelf:
        """How it is kept."""
        return "steps" if self.options.self_attention == "steps" else "sum"

    def settle(self, layers: Sequence[Layer]) -> None:
        """Find the layers to be kept: those in the blocks of `layers` that are small enough.

        Raises
        ------
        SelectionError
            If all are too large.
        UnsupportedPipelineError
            If one computes something other than one attention over all cells.
        """
        if not self.options.self_attention:
            return
        every = self._every(layers)
        self.layers = {layer.name: layer for layer in every if small(layer)}
        self._larger = tuple(layer for layer in every if not small(layer))
        if not self.layers:
            why = "all of these layers are larger" if every else "these layers have none beside"
            raise SelectionError(
                f"Self-attention is recorded for layers of at most {MAX_SIDE} x {MAX_SIDE} cells, "
                f"and {why}. Choose others with layers=, make a smaller image, or leave out "
                "self_attention=."
            )
        for name, layer in self.layers.items():
            module: Any = self.adapter.net.get_submodule(name)
            processor = type(module.get_processor()).__name__
            if layer.attention == "self" and processor not in PROCESSORS:
                raise UnsupportedPipelineError(
                    f"{name} computes its self-attention with {processor}, which may not be one "
                    "attention over all cells of the image. Use a plain processor of diffusers "
                    f"({self.adapter.way_out}), or leave out self_attention=."
                )

    def _every(self, layers: Sequence[Layer]) -> list[Layer]:
        if self.adapter.attention == "joint":
            return list(layers)
        of_block = {layer.name.rpartition(".")[0]: layer for layer in layers}
        return [
            replace(
                of_block[block],
                name=name,
                heads=int(module.heads),  # type: ignore[arg-type]
                attention="self",
                label=f"{of_block[block].label} self",
            )
            for name, module in sorted_by_layers(self_modules(self.adapter), of_block)
            if (block := name.rpartition(".")[0]) in of_block
        ]

    def nbytes(self, *, images: int, steps: int) -> int:
        """Bytes that will be kept of all images."""
        rows, size = (1, 4) if self.kept == "sum" else (steps, self.options.dtype.itemsize)
        return images * rows * size * sum(cells(layer) ** 2 for layer in self.layers.values())

    def allocate(self, *, images: int, steps: int) -> None:
        """Allocate the buffers."""
        layers, dtype = tuple(self.layers.values()), self.options.dtype
        self._buffers = tuple(
            SelfAttentionBuffers(layers, steps=steps, kept=self.kept, dtype=dtype)
            for _ in range(images if layers else 0)
        )

    def buffers(self, branch: Branch, images: int) -> tuple[SelfAttentionBuffers | None, ...]:
        """The buffers of each image in a guidance pass; only the conditional one has them."""
        return self._buffers if branch == "conditional" and self._buffers else (None,) * images

    @torch.inference_mode(mode=False)
    def finished(self, image: int) -> SelfAttention | None:
        """The self-attention of one image, as plain data."""
        return self._buffers[image].finished() if self._buffers else None

    def captured(self) -> tuple[str, ...]:
        """The manifest's description of it."""
        if not self.layers:
            return ()
        of_joint = self.adapter.attention == "joint"
        what = "the image-to-image part of joint attention" if of_joint else "self-attention"
        larger = f"; {len(self._larger)} larger layers are left out" if self._larger else ""
        how = "summed over steps" if self.kept == "sum" else "each step"
        return (f"{what} of {len(self.layers)} layers, mean over heads, {how}{larger}",)


def sorted_by_layers(
    modules: Iterator[tuple[str, nn.Module]], of_block: dict[str, Layer]
) -> list[tuple[str, nn.Module]]:
    """The modules in the order of the text layers next to them."""
    order = {block: i for i, block in enumerate(of_block)}
    return sorted(modules, key=lambda pair: order.get(pair[0].rpartition(".")[0], 0))
