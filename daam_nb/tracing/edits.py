"""The change that interventions make to one call of a function that computes attention.

The function itself runs first, unchanged. Its result is then shifted by the difference that the
changed probabilities make, ``(after - before) @ value``, computed in float32: rows that are not
changed keep their bits, and so does a change without effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from daam_nb.tracing.attention import probabilities


@dataclass(frozen=True, eq=False)
class KernelCall:
    """The arguments of one call.

    Attributes
    ----------
    query, key
        (batch, head, n, dim), or where `flat` (batch*head, n, dim).
    mask
        Added to the scores, or True where attention is allowed.
    scale
        Factor of the scores.
    value
        What the attention is multiplied by; None if the function returns the attention.
    """

    query: Tensor
    key: Tensor
    mask: Tensor | None
    scale: float
    flat: bool
    value: Tensor | None = None


@dataclass(eq=False)
class Part:
    """Attention of some heads of one batch row.

    Attributes
    ----------
    place
        Its position in the call: the batch row, or for flat calls a slice of the rows.
    before, after
        (head, key, n), float32: the model's attention, and the changed one.
    """

    place: int | slice
    before: Tensor
    after: Tensor


Changed = Mapping[int, Part]
"""Batch row to what is changed of it, in one call."""

NOTHING: Mapping[int, Part] = MappingProxyType({})


def part_of(call: KernelCall, place: int | slice) -> Part:
    """Compute the unchanged attention of a batch row (or a slice of a flat call)."""
    mask = call.mask
    if mask is not None and not call.flat:
        mask = mask[(None,) * (4 - mask.ndim)]  # (batch or 1, head or 1, n or 1, keys)
    if mask is not None:
        single = len(mask) == 1
        mask = (mask if call.flat else mask[0]) if single else mask[place]
    columns = torch.arange(call.key.shape[-2], device=call.key.device)
    with torch.no_grad():
        before = probabilities(
            call.query[place], call.key[place], columns, mask=mask, scale=call.scale
        )
    return Part(place, before, before)


def with_values(result: Tensor, value: Tensor, changed: Mapping[int, Part]) -> Tensor:
    """Recompute the kernel's result, attention times values, with the changed attention.

    Parameters
    ----------
    result, value
        (batch, head, n or keys, dim), or flat (batch*head, ...); values may have fewer heads that
        divide the result's (grouped queries).
    changed
        What is changed.
    """
    result = result.clone()
    with torch.autocast(result.device.type, enabled=False):
        for part in changed.values():
            values = value[part.place].float()
            heads = part.after.shape[0]
            if len(values) != heads:
                values = values.repeat_interleave(heads // len(values), dim=0)
            moved = (part.after - part.before).transpose(1, 2) @ values  # (head, n, dim)
            result[part.place] = (result[part.place].float() + moved).to(result.dtype)
    return result


def with_probabilities(result: Tensor, changed: Mapping[int, Part]) -> Tensor:
    """As `with_values`, for a function that returns flat probabilities: (batch*head, n, keys)."""
    result = result.clone()
    for part in changed.values():
        moved = (part.after - part.before).transpose(1, 2)
        result[part.place] = (result[part.place].float() + moved).to(result.dtype)
    return result
