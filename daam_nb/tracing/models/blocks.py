"""What a block of joint attention does to a text of its own, beside the prompt's.

A block holds everything that it makes of its text: norms and modulation, projections to queries,
keys and values, output projection and feed-forward. Here these parts are called once more, for
another text: nothing of the block's own call is repeated or changed. As in the `forward` of
diffusers' ``JointTransformerBlock``, ``FluxTransformerBlock`` and ``FluxSingleTransformerBlock``.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines of rotary positions, each (position, dim)."""

_LARGEST_FLOAT16 = 65504


@dataclass(frozen=True)
class TextReading:
    """What a text looks with and is looked at by, in one block.

    Attributes
    ----------
    query, key, value
        (row, head, token, dim), as the attention reads them.
    modulation
        What `TextBlock.updated` needs besides.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    modulation: tuple[Tensor, ...]


class TextBlock:
    """One block of joint attention, asked for what it makes of a text.

    Attributes
    ----------
    BLOCKS
        Class names of the blocks whose `forward` is known.
    PROCESSORS
        Class names of the attention processors whose use of the projections is known.
    """

    BLOCKS: ClassVar[frozenset[str]] = frozenset()
    PROCESSORS: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, block: nn.Module) -> None:
        self.block: Any = block
        self.attn: Any = block.attn

    def why_unknown(self) -> str:
        """Why it cannot be told what the block makes of a text; empty if it can."""
        block, processor = type(self.block), type(self.attn.get_processor())
        if not _is_of_diffusers(block, self.BLOCKS):
            return f"the {block.__name__} that it stands in is not one whose parts are known"
        if (
            not {"encoder_hidden_states", "temb"}
            <= inspect.signature(block.forward).parameters.keys()
        ):
            return f"this version's {block.__name__} is not given its text by itself"
        if not _is_of_diffusers(processor, self.PROCESSORS):
            return (
                f"its {processor.__name__} is not one of those whose use of the projections is "
                f"known ({', '.join(sorted(self.PROCESSORS))})"
            )
        if getattr(self.attn, "fused_projections", False):
            return "its projections are fused (unfuse_qkv_projections() parts them)"
        return ""

    def reading(self, text: Tensor, temb: Tensor, rotary: Rotary | None) -> TextReading:
        """Project a text as the block projects the prompt's.

        Parameters
        ----------
        text
            (row, token, channel).
        temb
            (row, channel): the embedding of timestep and pooled prompt.
        rotary
            Of the text's tokens, where the model has rotary positions.
        """
        raise NotImplementedError

    def updated(self, text: Tensor, reading: TextReading, attended: Tensor) -> Tensor | None:
        """What the next block is given of the text; None where the block hands no text on.

        Parameters
        ----------
        text, reading
            The text, and its reading.
        attended
            (row, token, head * dim): output of the attention, before its projection.
        """
        raise NotImplementedError

    def _split(self, rows: Tensor) -> Tensor:
        """(row, token, head * dim) -> (row, head, token, dim)."""
        tokens = rows.shape[1]
        return rows.view(len(rows), tokens, int(self.attn.heads), -1).transpose(1, 2)


class DoubleBlock(TextBlock):
    """A block with weights of its own for the text."""

    BLOCKS = frozenset(["JointTransformerBlock", "FluxTransformerBlock"])
    PROCESSORS = frozenset(["JointAttnProcessor2_0", "FluxAttnProcessor"])

    def reading(self, text: Tensor, temb: Tensor, rotary: Rotary | None) -> TextReading:
        attn = self.attn
        if getattr(self.block, "context_pre_only", False):
            normed, modulation = self.block.norm1_context(text, temb), ()
        else:
            normed, *modulation = self.block.norm1_context(text, emb=temb)
        query, key, value = (
            self._split(linear(normed))
            for linear in (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        )
        query, key = _normed(query, attn.norm_added_q), _normed(key, attn.norm_added_k)
        return TextReading(_turned(query, rotary), _turned(key, rotary), value, tuple(modulation))

    def updated(self, text: Tensor, reading: TextReading, attended: Tensor) -> Tensor | None:
        block = self.block
        if getattr(block, "context_pre_only", False):
            return None
        gate, shift, scale, gate_of_ff = (part.unsqueeze(1) for part in reading.modulation)
        text = text + gate * self.attn.to_add_out(attended)
        normed = block.norm2_context(text) * (1 + scale) + shift
        return _clipped(text + gate_of_ff * block.ff_context(normed), block)


class SingleBlock(TextBlock):
    """A block of FLUX.1 in which text and image share all weights."""

    BLOCKS = frozenset(["FluxSingleTransformerBlock"])
    PROCESSORS = frozenset(["FluxAttnProcessor"])

    def reading(self, text: Tensor, temb: Tensor, rotary: Rotary | None) -> TextReading:
        attn = self.attn
        normed, gate = self.block.norm(text, emb=temb)
        query, key, value = (
            self._split(linear(normed)) for linear in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = _normed(query, attn.norm_q), _normed(key, attn.norm_k)
        parts = (gate, self.block.act_mlp(self.block.proj_mlp(normed)))
        return TextReading(_turned(query, rotary), _turned(key, rotary), value, parts)

    def updated(self, text: Tensor, reading: TextReading, attended: Tensor) -> Tensor | None:
        gate, beside = reading.modulation
        projected = self.block.proj_out(torch.cat([attended, beside], dim=2))
        return _clipped(text + gate.unsqueeze(1) * projected, self.block)


def _is_of_diffusers(kind: type, names: frozenset[str]) -> bool:
    return kind.__name__ in names and kind.__module__.split(".")[0] == "diffusers"


def _normed(heads: Tensor, norm: Any) -> Tensor:
    return heads if norm is None else norm(heads)


def _turned(heads: Tensor, rotary: Rotary | None) -> Tensor:
    if rotary is None:
        return heads
    from diffusers.models.embeddings import apply_rotary_emb

    turned: Any = apply_rotary_emb(heads, cast(Any, rotary), sequence_dim=2)
    result: Tensor = turned
    return result


def _clipped(text: Tensor, block: Any) -> Tensor:
    """FLUX.1 keeps half precision finite; Stable Diffusion 3 does not."""
    if text.dtype == torch.float16 and type(block).__name__.startswith("Flux"):
        return text.clip(-_LARGEST_FLOAT16, _LARGEST_FLOAT16)
    return text
