"""Assignment of a denoiser's batch rows to images and guidance branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError
from daam_nb.tracing.models.adapter import Adapter
from daam_nb.tracing.models.answers import PROMPT_OF, BatchRows, Branch, Embeddings, Texts


def batch_rows(
    adapter: Adapter, text: Texts, embeddings: Embeddings, *, lone: str = "p"
) -> BatchRows:
    """Assign the rows of a denoiser's text input to images and branches.

    Parameters
    ----------
    adapter
        The pipeline's adapter, with the order of blocks if the content is ambiguous.
    text
        The text of each row, as given to the denoiser.
    embeddings
        What ``encode_prompt`` returned for this call.
    lone
        The branch of a pass of one block if the content is ambiguous: ``"p"`` or ``"n"``.

    Raises
    ------
    ShapeError
        If the batch is not whole blocks of one row per image, or a block is repeated and no
        guidance is known to repeat it.
    """
    images = len(embeddings.conditional)
    blocks, beyond = divmod(len(text), images)
    if beyond or not blocks:
        raise ShapeError(
            f"The denoiser was given {len(text)} rows of text for {images} images of "
            f"{adapter.pipe_name}; whole blocks of one row per image were expected."
        )
    ranges = [tuple(range(i * images, (i + 1) * images)) for i in range(blocks)]
    labels = [_label([text[row] for row in rows], embeddings) for rows in ranges]
    by_content = "both" not in labels and "?" not in labels
    if not by_content:
        labels = [lone] if lone == "n" and blocks == 1 else _labels_by_order(adapter, labels)
    _check_repeats(adapter, labels)
    first = {label: ranges[labels.index(label)] for label in labels}
    again: list[tuple[Branch, tuple[int, ...]]] = [
        ("conditional" if label == "p" else "unconditional", ranges[i])
        for i, label in enumerate(labels)
        if label in labels[:i]
    ]
    others = tuple(
        f"rows {rows[0]}-{rows[-1]} of the batch, {adapter.text_of(label)}"
        for label, rows in zip(labels, ranges, strict=True)
        if label not in "pn"
    )
    repeated = tuple(
        f"rows {rows[0]}-{rows[-1]} of the batch, a second pass of the {PROMPT_OF[branch]} "
        "(perturbed or image guidance)"
        for branch, rows in again
    )
    return BatchRows(
        first.get("p", ()), first.get("n", ()), repeated, by_content, tuple(again), others
    )


def _check_repeats(adapter: Adapter, labels: list[str]) -> None:
    """Check that a repeated block comes from perturbed or image guidance.

    Otherwise the blocks may be views or parts of one image.
    """
    if len(set(labels)) == len(labels) or "".join(labels) in adapter.batch_orders.values():
        return
    raise ShapeError(
        f"{adapter.pipe_name} gives its denoiser {len(labels)} blocks of text rows in one pass, "
        f"some of them the same text again ({', '.join(labels)}; p: the prompt, n: the negative "
        "prompt). No known guidance repeats them, so they may be views of one image, whose "
        "attention is not the image's."
    )


def _label(block: Sequence[Tensor], embeddings: Embeddings) -> str:
    conditional = _same(block, embeddings.conditional)
    unconditional = embeddings.unconditional is not None and _same(block, embeddings.unconditional)
    if conditional and unconditional:
        return "both"
    return "p" if conditional else "n" if unconditional else "?"


def _same(block: Sequence[Tensor], texts: Sequence[Tensor]) -> bool:
    return len(block) == len(texts) and all(
        a.shape == b.shape and torch.equal(a, b.to(device=a.device, dtype=a.dtype))
        for a, b in zip(block, texts, strict=True)
    )


def _labels_by_order(adapter: Adapter, labels: list[str]) -> list[str]:
    """The family's order, if it does not contradict the content."""
    if "?" in labels and adapter.is_vouched:
        raise ShapeError(
            f"Not all {len(labels)} blocks of text rows of {adapter.pipe_name} are what its "
            f"encode_prompt returned ({', '.join(labels)}), and the order in which a class stacks "
            "its rows is known only for those of diffusers."
        )
    blocks = len(labels)
    order = adapter.batch_orders.get(blocks)
    if order is None or any(
        said in "pn" and said != ordered for said, ordered in zip(labels, order, strict=True)
    ):
        raise ShapeError(
            f"The {blocks} blocks of text rows of {adapter.pipe_name} cannot be told apart "
            f"(found {', '.join(labels)}; expected the order {order})."
        )
    return list(order)


def of_row(value: Any, row: int, *, rows: int, count: int = 1) -> Any:
    """Cut an argument of the denoiser to one row of its batch.

    Tensors whose first axis is the batch are cut, also within dicts, lists and tuples; everything
    else belongs to the whole batch and is kept.

    Parameters
    ----------
    value
        The argument.
    row, rows
        The row, and the number of rows.
    count
        How often the row is repeated in the result.
    """
    if isinstance(value, Tensor):
        if not value.ndim or len(value) != rows:
            return value.detach().clone()
        return value[row : row + 1].detach().repeat_interleave(count, 0)
    if isinstance(value, Mapping):
        return {name: of_row(each, row, rows=rows, count=count) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(of_row(each, row, rows=rows, count=count) for each in value)
    return value
