"""A text-like stream of the concepts through the blocks of joint attention.

As in ConceptAttention (Helbling et al. 2025, section 4, https://arxiv.org/abs/2502.04320): in each
block the concepts' tokens are read by the block's own text weights and modulation; their queries
attend to the keys of the image and of the concepts, not of the prompt; the block's output
projection and feed-forward make of the result what the next block reads. The image never reads
them. A map is in the space of attention outputs, before the output projection: at each cell of the
image the inner product of its output with each concept token's, over all heads together; softmax
over the tokens of the concepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError
from daam_nb.recording import Concepts, Layer
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.keys import differ
from daam_nb.tracing.concepts.text import ConceptText
from daam_nb.tracing.edits import KernelCall
from daam_nb.tracing.models import DenoiserInputs, JointAdapter, Layout
from daam_nb.tracing.models.blocks import Rotary, TextBlock, TextReading


@dataclass(frozen=True, eq=False)
class StreamBuffers:
    """Where the concept maps of one image of a joint model are kept."""

    text: ConceptText
    buffers: Buffers

    def finished(self) -> Concepts:
        """All of it as plain data."""
        text = self.text
        return Concepts(text.prompt, text.spans, text.columns, self.buffers.finished())


@dataclass(frozen=True)
class StreamTarget:
    """One image of a pass: its row in the batch, and where and as which step its maps are kept."""

    row: int
    buffers: StreamBuffers
    step_index: int


class ConceptStream:
    """The concepts of every image of one pass of the denoiser, block by block.

    Parameters
    ----------
    adapter, inputs
        The model, and what its denoiser is given in this pass.
    text
        The attribution prompt.
    targets
        The images of the pass.
    """

    def __init__(
        self,
        adapter: JointAdapter,
        inputs: DenoiserInputs,
        text: ConceptText,
        targets: Sequence[StreamTarget],
    ) -> None:
        self.adapter, self.inputs, self.text, self.targets = adapter, inputs, text, targets
        self.rows = [target.row for target in targets]
        self.state: Tensor | None = None  # (image, token, channel): before the first block: None

    def attend(
        self,
        layer: Layer,
        block: TextBlock,
        arguments: Mapping[str, Any],
        kernel: KernelCall,
        result: Tensor,
        *,
        is_kept: bool,
    ) -> None:
        """Lead the concepts through one block, whose own attention was just computed.

        Parameters
        ----------
        layer, block
            The block.
        arguments
            What it was called with, by name.
        kernel, result
            Its own attention over text and image: (row, head, position, dim).
        is_kept
            Whether its maps are.
        """
        rows = torch.tensor(self.rows, device=result.device)
        text = self._text().to(arguments["encoder_hidden_states"].device)
        temb = arguments["temb"].index_select(0, rows.to(arguments["temb"].device))
        reading = block.reading(text, temb, self._rotary(arguments))
        image = self.adapter.layout(layer, self.inputs, self.rows[0]).image
        assert kernel.value is not None  # checked by who saw it
        key, value = (
            torch.cat([own, of_pass[:, :, image].index_select(0, rows)], dim=2)
            for own, of_pass in ((reading.key, kernel.key), (reading.value, kernel.value))
        )
        attended = torch.nn.functional.scaled_dot_product_attention(
            reading.query, key, value, scale=kernel.scale
        )
        if is_kept:
            for own, target in zip(attended, self.targets, strict=True):
                shares = shares_of(own, result[target.row][:, image])
                target.buffers.buffers.write(layer.name, target.step_index, 0, shares[None])
        flat = attended.transpose(1, 2).flatten(2).to(reading.query.dtype)
        updated = block.updated(text, reading, flat)
        self.state = text if updated is None else updated

    def _text(self) -> Tensor:
        """(image, token, channel): the concepts as the next block is given them."""
        if self.state is None:  # within the denoiser, whose adapters' scales are in force
            rows = self.adapter.stream(self.text.stream).rows(self.text.embeddings)
            of_prompt = self.inputs.text[self.rows[0]]
            own = rows[list(self.text.columns)].to(of_prompt.device, of_prompt.dtype)
            self.state = self.adapter.first_text(own[None]).expand(len(self.rows), -1, -1)
        return self.state

    def _rotary(self, arguments: Mapping[str, Any]) -> Rotary | None:
        """The rotary positions that the prompt's tokens have at the concepts' places."""
        rotary = arguments.get("image_rotary_emb")
        if rotary is None:
            return None
        first = self.adapter.stream(self.text.stream).first
        places = torch.tensor(self.text.columns, device=rotary[0].device) + first
        return rotary[0].index_select(0, places), rotary[1].index_select(0, places)


def shares_of(concepts: Tensor, image: Tensor) -> Tensor:
    """Softmax over the concepts' tokens of the inner products of attention outputs.

    Parameters
    ----------
    concepts, image
        (head, token, dim) and (head, n, dim).

    Returns
    -------
    Tensor
        (token, n), float32; over tokens it sums to 1.
    """
    with torch.autocast(image.device.type, enabled=False):
        own, cells = (each.float().transpose(0, 1).flatten(1) for each in (concepts, image))
        return (own @ cells.T).softmax(0)


class TextProof:
    """Whether the prompt's own text comes out of a block as its parts make it, once a call.

    What the concepts are led through is the block's parts, called one by one. If these make of the
    prompt's text the very queries, keys, values and result that the block made of it, nothing was
    left out.
    """

    def __init__(self, block: TextBlock, arguments: Mapping[str, Any], row: int, layout: Layout):
        self.block, self.row, self.layout = block, row, layout
        self.text = arguments["encoder_hidden_states"][row : row + 1]
        self.temb = arguments["temb"][row : row + 1]
        self.rotary = arguments.get("image_rotary_emb")
        self.expected: Tensor | None = None
        self.differs: list[Tensor] = []

    def see(self, kernel: KernelCall, result: Tensor) -> None:
        """The block's own attention was computed."""
        tokens = self.text.shape[1]
        rotary = self.rotary and (self.rotary[0][:tokens], self.rotary[1][:tokens])
        reading: TextReading = self.block.reading(self.text, self.temb, rotary)
        own = slice(self.layout.text, self.layout.text + tokens)
        assert kernel.value is not None
        for again, used in (
            (reading.query, kernel.query), (reading.key, kernel.key), (reading.value, kernel.value),
        ):  # fmt: skip
            self.differs.append(differ(again[0], used[self.row][:, own]))
        attended = result[self.row : self.row + 1, :, own].transpose(1, 2).flatten(2)
        attended = attended.to(reading.query.dtype)
        self.expected = self.block.updated(self.text, reading, attended)

    def see_output(self, output: Any) -> None:
        """The block returned: its text, and the image."""
        text = output[0] if isinstance(output, tuple) else None
        if self.expected is None:
            return
        if not isinstance(text, Tensor) or text.ndim != 3:
            raise ShapeError(f"A {type(self.block.block).__name__} returned no text of its own.")
        self.differs.append(differ(self.expected[0], text[self.row]))
