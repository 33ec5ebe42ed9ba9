"""The stream of concepts in one call of a joint model: which blocks, and where maps are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Concepts, Layer
from daam_nb.recording.concepts import concept_heads
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.streams import ConceptStream, StreamBuffers, StreamTarget
from daam_nb.tracing.concepts.text import ConceptText
from daam_nb.tracing.models import JointAdapter
from daam_nb.tracing.models.blocks import TextBlock
from daam_nb.tracing.options import Options

if TYPE_CHECKING:
    from daam_nb.tracing.passes import Pass


class CallStreams:
    """The concepts of a call, block by block.

    Attributes
    ----------
    followed
        Name of a layer -> the layer, and its block: every one up to the last that is kept.
    """

    def __init__(self, adapter: JointAdapter, options: Options) -> None:
        self.adapter, self.options = adapter, options
        self.followed: dict[str, tuple[Layer, TextBlock]] = {}
        self._layers: tuple[Layer, ...] = ()
        self._buffers: tuple[StreamBuffers, ...] = ()
        self._running: tuple[Pass, ConceptStream] | None = None
        self._proved: set[str] = set()

    def settle(
        self, concepts: ConceptText, layers: Sequence[Layer], text: Sequence[Tensor]
    ) -> None:
        """Find the blocks to be followed.

        Parameters
        ----------
        concepts
            The attribution prompt.
        layers
            The layers to be kept.
        text
            (key, channel) of each image's prompt.

        Raises
        ------
        UnsupportedPipelineError
            If the concepts stand at places that the prompt's text does not have.
        """
        last = self.adapter.stream(concepts.stream).first + concepts.columns[-1]
        if short := [len(row) for row in text if len(row) <= last]:
            raise UnsupportedPipelineError(
                f"The text of concepts= has tokens up to the key position {last}, and the prompt's "
                f"embeddings have {short[0]} columns, so it has no place among the positions of "
                f"{self.adapter.pipe_name}. Give fewer concepts, or leave out concepts=."
            )
        kept = {layer.name: layer for layer in layers}
        self._layers = tuple(replace(layer, heads=concept_heads(layer)) for layer in layers)
        self.followed = {}
        for name, module in self.adapter.modules():
            layer = kept.get(name) or self.adapter.layer(name, module, layers[0].size)
            block = self.adapter.text_block(name)
            assert block is not None  # `check_concepts` asked
            self.followed[name] = layer, block
            if name == layers[-1].name:
                break

    def nbytes(self, concepts: ConceptText, *, images: int, steps: int) -> int:
        """Bytes that are kept of all images."""
        cells = sum(layer.heads * layer.size[0] * layer.size[1] for layer in self._layers)
        is_sum = self.options.keep == "sum"
        of_value = (torch.float32 if is_sum else self.options.dtype).itemsize
        return images * cells * len(concepts.columns) * of_value * (1 if is_sum else steps)

    def allocate(self, concepts: ConceptText, *, images: int, steps: int) -> None:
        """Make room for what is kept."""
        keep, dtype = self.options.keep, self.options.dtype
        columns = concepts.columns
        self._buffers = tuple(
            StreamBuffers(
                concepts, Buffers(self._layers, columns, steps=steps, keep=keep, dtype=dtype)
            )
            for _ in range(images)
        )

    def buffers(self, images: int) -> tuple[StreamBuffers | None, ...]:
        """Where each image's maps are kept."""
        return self._buffers or (None,) * images

    def finished(self, image: int) -> Concepts | None:
        """One image's, as plain data."""
        return self._buffers[image].finished() if self._buffers else None

    def stream_of(
        self, passing: Pass, concepts: ConceptText, targets: Sequence[StreamTarget]
    ) -> ConceptStream:
        """The concepts in the pass that is running; anew before its first block."""
        if self._running is None or self._running[0] is not passing:
            stream = ConceptStream(self.adapter, passing.inputs, concepts, targets)
            self._running = passing, stream
        return self._running[1]

    def is_proved(self, layer: Layer) -> bool:
        """Whether a block was compared with its parts before; it counts as compared from now on."""
        before = layer.name in self._proved
        self._proved.add(layer.name)
        return before
