"""The arithmetic of the change of one layer's output when words are hidden.

The attention is held fixed and only the values change, so the change of the output is linear in
them: ``d = sum over heads h and keys j of p[h, j] (v[h, j] - v'[h, j]) W_O[h]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError

AT_ONCE = 2**22  # numbers of one array of a chunk of locations, 16 MiB: it stays in the cache


@dataclass(frozen=True, eq=False)
class TextChange:
    """Change of the text embeddings when each word is hidden.

    Attributes
    ----------
    first
        The first key position that any of the words changes.
    rows
        (word, key - first, text channel), float32: E - E'.
    """

    first: int
    rows: Tensor

    @classmethod
    def of(cls, changes: Sequence[Tensor]) -> TextChange:
        """Make it from E - E' of each word, (key, text channel)."""
        stacked = torch.stack([change.detach().float() for change in changes])
        touched = stacked.abs().amax(dim=(0, 2)).nonzero()
        first = int(touched[0]) if len(touched) else stacked.shape[1] - 1
        return cls(first, stacked[:, first:].contiguous())

    def to(self, device: torch.device) -> TextChange:
        """Move it to a device."""
        return TextChange(self.first, self.rows.to(device))


@dataclass(frozen=True, eq=False)
class LayerChange:
    """Change of one layer's output when each word is hidden.

    Attributes
    ----------
    first
        The first key position that any of the words changes.
    into_output
        (word, head * key, channel): contribution of each key to the output through each head at
        full attention, ``(v - v') W_O``; rotated, so that there are no more channels than rows.
    """

    first: int
    into_output: Tensor

    @classmethod
    def of(cls, module: nn.Module, heads: int, text: TextChange) -> LayerChange:
        """Project the change with a layer's projections, including any adapters on them."""
        with torch.no_grad(), torch.autocast(text.rows.device.type, enabled=False):
            dtype = _dtype_of(module)
            values = linear_part(value_projection(module), text.rows, dtype)
            words, keys, inner = values.shape
            of_head = values.view(words, keys, heads, inner // heads).transpose(1, 2)
            apart = values.new_zeros(words, heads, keys, heads, inner // heads)
            for head in range(heads):
                apart[:, head, :, head] = of_head[:, head]
            every = apart.view(words, heads * keys, inner)
            into = linear_part(output_projection(module), every, dtype)
            if into.shape[1] < into.shape[2]:  # norms and angles are those of the triangle
                into = torch.linalg.qr(into.transpose(1, 2)).R.transpose(1, 2)
            return cls(text.first, into.contiguous())

    def of_attention(self, attention: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the change at every location, and the contributions of heads and tokens.

        Parameters
        ----------
        attention
            (head, key, n), float32: all keys of one image's row, n = y*x locations.

        Returns
        -------
        norm
            (word, n): norm over channels of the change of the output.
        by_head
            (head, word, n): the projection of each head's change on the whole; their sum is `norm`.
        by_token
            (word, key): the same of each key position, added up over heads and locations.
        """
        heads, keys, locations = attention.shape
        words, rows, channels = self.into_output.shape
        norm = attention.new_empty(words, locations)
        by_head = attention.new_empty(heads, words, locations)
        by_token = attention.new_zeros(words, keys)
        paid = attention[:, self.first :].reshape(rows, locations)
        from_rows = self.into_output.transpose(1, 2).reshape(words * channels, rows)
        chunk = max(1, AT_ONCE // (words * max(rows, channels)))
        with torch.autocast(attention.device.type, enabled=False):
            for low in range(0, locations, chunk):
                part = slice(low, min(low + chunk, locations))
                here = paid[:, part]
                change = (from_rows @ here).view(words, channels, -1)
                size = torch.linalg.vector_norm(change, dim=1)
                change /= size[:, None].clamp_min(torch.finfo(size.dtype).tiny)
                along = (self.into_output @ change).mul_(here)  # (word, head * key, n)
                along = along.view(words, heads, rows // heads, -1)
                norm[:, part] = size
                by_head[:, :, part] = along.sum(dim=2).transpose(0, 1)
                by_token[:, self.first :] += along.sum(dim=(1, 3))
        return norm, by_head, by_token


def linear_part(projection: Callable[[Tensor], Tensor], rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Apply a projection without its bias: its output for the rows less its output for zeros.

    Parameters
    ----------
    projection
        A linear module, including any adapters on it, or a function.
    rows
        (..., channel), float32.
    dtype
        Its dtype, unless its weights can be read.
    """
    weight = getattr(projection, "weight", None) if type(projection) is nn.Linear else None
    if isinstance(weight, Tensor) and weight.device.type != "meta" and weight.is_floating_point():
        return rows @ weight.detach().to(rows).T
    inputs = rows.to(dtype)
    outputs: Tensor = projection(inputs) - projection(torch.zeros_like(inputs[:, :1]))
    return outputs.to(rows)


def affine(projection: Callable[[Tensor], Tensor], rows: Tensor, module: nn.Module) -> Tensor:
    """Apply a layer's projection including its bias, in float32."""
    dtype = _dtype_of(module)
    bias: Tensor = projection(torch.zeros_like(rows[:1]).to(dtype))
    return linear_part(projection, rows, dtype) + bias.to(rows)


def value_projection(module: nn.Module) -> Any:
    """The projection of the text to a layer's values."""
    fused = getattr(module, "to_kv", None)
    if getattr(module, "fused_projections", False) and isinstance(fused, nn.Module):
        return lambda rows: fused(rows).chunk(2, dim=-1)[1]
    return module.to_v


def output_projection(module: nn.Module) -> Any:
    """The projection of the attended values to a layer's output."""
    return module.to_out[0]  # type: ignore[index]


def check_layer(name: str, module: nn.Module) -> None:
    """Raise an `UnsupportedPipelineError` if a layer's output is not linear in the text."""
    out = getattr(module, "to_out", None)
    linear = isinstance(out, nn.ModuleList | nn.Sequential) and len(out) > 0
    if not linear or getattr(module, "norm_cross", None) is not None:
        raise UnsupportedPipelineError(
            f"{name} has no effect maps: its output is not its attention times linear values of "
            "the text. Leave it out by layers=, or leave out effects=."
        )


def _dtype_of(module: nn.Module) -> torch.dtype:
    kinds = [p.dtype for p in module.parameters() if p.is_floating_point()]
    return kinds[0] if kinds else torch.float32
