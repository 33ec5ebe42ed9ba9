"""Which rows of a denoiser's batch belong to which picture, and to which half of its guidance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError
from daam_nb.tracing.families.family import Encoded, Half, Rows
from daam_nb.tracing.families.known import is_vouched, known_name

# Blocks of a guided batch, first to last, by number of blocks: how diffusers' own pipelines stack
# them ("n": negative or empty prompt, "p": prompt, "s": a safety text). Content decides first; this
# decides where both prompts are the same or a callback exchanged the embeddings.
_LAYOUTS = {1: "p", 2: "np"}
_PERTURBED_LAYOUTS = {1: "p", 2: "pp", 3: "npp"}
_LAYOUTS_BY_PIPELINE = {
    "StableDiffusionInstructPix2PixPipeline": {1: "p", 3: "pnn"},
    "StableDiffusionXLInstructPix2PixPipeline": {1: "p", 3: "pnn"},
    "StableDiffusionPipelineSafe": {1: "p", 2: "np", 3: "nps"},
}
_OTHER_TEXTS = {"s": "the text of safety guidance"}


def text_rows(pipe: Any, text: Tensor, encoded: Encoded, *, alone: str = "p") -> Rows:
    """Tell which rows of a denoiser's text input belong to which picture.

    Parameters
    ----------
    pipe
        The pipeline: its class decides the order where content cannot.
    text
        (batch, key, channel): ``encoder_hidden_states`` as the denoiser got it.
    encoded
        What ``encode_prompt`` returned for this call.
    alone
        What a pass of one block is where content cannot say: ``"p"`` or ``"n"``.

    Raises
    ------
    ShapeError
        Where the batch is not whole blocks of one row per picture, or a block stands there again
        and no guidance is known to repeat it.
    """
    pictures = encoded.positive.shape[0]
    blocks, rest = divmod(text.shape[0], pictures)
    if rest or not blocks:
        raise ShapeError(
            f"The denoiser was given {text.shape[0]} rows of text for {pictures} pictures of "
            f"{type(pipe).__name__}; whole blocks of one row per picture were expected."
        )
    labels = [_label(text[i * pictures : (i + 1) * pictures], encoded) for i in range(blocks)]
    by_content = "both" not in labels and "?" not in labels
    if not by_content:
        labels = [alone] if alone == "n" and blocks == 1 else _labels_by_order(pipe, labels)
    _check_repeats(pipe, labels)
    found = {
        kind: tuple(range(labels.index(kind) * pictures, (labels.index(kind) + 1) * pictures))
        if kind in labels
        else ()
        for kind in ("p", "n")
    }
    again: list[tuple[Half, tuple[int, ...]]] = [
        ("positive" if label == "p" else "negative", tuple(range(i * pictures, (i + 1) * pictures)))
        for i, label in enumerate(labels)
        if label in labels[:i]
    ]
    others = tuple(
        f"rows {i * pictures}-{(i + 1) * pictures - 1} of the batch, {_OTHER_TEXTS[label]}"
        for i, label in enumerate(labels)
        if label in _OTHER_TEXTS
    )
    repeated = tuple(
        f"rows {rows[0]}-{rows[-1]} of the batch, a second pass of the "
        f"{'prompt' if half == 'positive' else 'negative prompt'} (perturbed or image guidance)"
        for half, rows in again
    )
    return Rows(found["p"], found["n"], repeated, by_content, tuple(again), others)


def _check_repeats(pipe: Any, labels: list[str]) -> None:
    """A block that repeats another is known: of perturbed guidance, or of guidance by a picture.

    Where nobody knows it, the blocks may be views or parts of one picture.
    """
    if len(set(labels)) == len(labels) or "".join(labels) in _layouts(pipe).values():
        return
    raise ShapeError(
        f"{type(pipe).__name__} gives its denoiser {len(labels)} blocks of text rows in one pass, "
        f"some of them the same text again ({', '.join(labels)}; p: the prompt, n: the negative "
        "prompt). Nothing is known here that repeats them, so they may be views of one picture, "
        "whose attention is not the picture's."
    )


def _label(block: Tensor, encoded: Encoded) -> str:
    positive = _same(block, encoded.positive)
    negative = encoded.negative is not None and _same(block, encoded.negative)
    if positive and negative:
        return "both"
    return "p" if positive else "n" if negative else "?"


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b.to(device=a.device, dtype=a.dtype))


def _labels_by_order(pipe: Any, labels: list[str]) -> list[str]:
    """The family's order, where it does not contradict what content did say."""
    if "?" in labels and is_vouched(type(pipe)):
        raise ShapeError(
            f"Of the {len(labels)} blocks of text rows of {type(pipe).__name__} not all are what "
            f"its encode_prompt returned ({', '.join(labels)}), and in what order a class stacks "
            "its rows is known of those of diffusers alone."
        )
    blocks = len(labels)
    order = _layouts(pipe).get(blocks)
    if order is None or any(
        said in "pn" and said != ordered for said, ordered in zip(labels, order, strict=True)
    ):
        raise ShapeError(
            f"The {blocks} blocks of text rows of {type(pipe).__name__} cannot be told apart "
            f"(found {', '.join(labels)}; expected the order {order})."
        )
    return list(order)


def _layouts(pipe: Any) -> dict[int, str]:
    """How a pipeline stacks the blocks of its batch, by their number."""
    own = _LAYOUTS_BY_PIPELINE.get(known_name(type(pipe)))
    if own is not None:
        return own
    if not getattr(pipe, "do_perturbed_attention_guidance", False):
        return _LAYOUTS
    return _PERTURBED_LAYOUTS
