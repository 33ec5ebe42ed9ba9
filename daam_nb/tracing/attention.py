"""Query, key and mask -> the attention probabilities of chosen key columns.

The same numbers as the model's own attention, in float32: softmax over *all* keys, then the chosen
columns only. Computed in the layout in which they are kept, (head, token, y*x), in chunks of
queries, so that memory is bounded for images of any size.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_BYTES = 32 * 2**20


def probabilities(
    query: Tensor,
    key: Tensor,
    columns: Tensor | None,
    *,
    mask: Tensor | None = None,
    scale: float,
) -> Tensor:
    """Compute the attention probabilities of one batch row.

    Parameters
    ----------
    query
        (head, n, dim), n = y*x image positions.
    key
        (head, keys, dim), or with fewer heads that divide `query`'s (grouped queries).
    columns
        The key positions to return, int64, on `query`'s device; None: all, in their order.
    mask
        Added to the scores (float) or True where attention is allowed (bool); broadcastable to
        (head, n, keys).
    scale
        Factor of the scores, usually ``dim ** -0.5``.

    Returns
    -------
    Tensor
        (head, column, n), float32, in [0, 1]; over all keys they sum to 1.
    """
    heads, n, _ = query.shape
    if key.shape[0] != heads:
        key = key.repeat_interleave(heads // key.shape[0], dim=0)
    count = key.shape[1] if columns is None else len(columns)
    out: Tensor | None = None
    rows = max(1, CHUNK_BYTES // (4 * heads * key.shape[1]))
    with torch.autocast(query.device.type, enabled=False):  # the user's must not reach our product
        scaled = key.float() * scale  # (head, keys, dim): the small side carries the scale
        for low in range(0, n, rows):
            high = min(low + rows, n)
            scores = scaled @ query[:, low:high].float().transpose(1, 2)  # (head, keys, chunk)
            if mask is not None:
                scores = _masked(scores, mask[..., low:high, :] if mask.shape[-2] != 1 else mask)
            scores.sub_(scores.amax(dim=1, keepdim=True)).exp_()
            total = scores.sum(dim=1, keepdim=True)
            chosen = scores if columns is None else scores.index_select(1, columns)
            if rows >= n:
                return chosen.div_(total)
            if out is None:
                out = scores.new_empty((heads, count, n))
            torch.div(chosen, total, out=out[:, :, low:high])
    return query.new_empty((heads, count, n), dtype=torch.float32) if out is None else out


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    mask = mask.transpose(-1, -2)  # (head or 1, keys, chunk or 1)
    if mask.dtype == torch.bool:
        return scores.masked_fill(~mask, float("-inf"))
    return scores + mask.float()
