"""What differs between model families: where the text is, which row is which, the grid.

Today one family, the UNets with cross attention over text (Stable Diffusion 1.x, 2.x, XL and what
is built on them). Nothing is inferred from shapes alone; a pipeline that is not known to be read
exactly is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.recording import Layer, Stage

Half = Literal["positive", "negative"]

_STAGES: dict[str, Stage] = {"down_blocks": "down", "mid_block": "mid", "up_blocks": "up"}

# Blocks of a guided batch, first to last, by number of blocks: how diffusers' own pipelines stack
# them ("n": negative or empty prompt, "p": prompt). Content decides first; this decides where
# both prompts are the same or a callback exchanged the embeddings.
_LAYOUTS = {1: "p", 2: "np", 3: "npp"}
_LAYOUTS_BY_PIPELINE = {
    "StableDiffusionInstructPix2PixPipeline": {1: "p", 3: "pnn"},
    "StableDiffusionXLInstructPix2PixPipeline": {1: "p", 3: "pnn"},
}

_TEXT_PROJECTIONS = (None, "text_proj", "ip_image_proj")


@dataclass(frozen=True)
class Encoded:
    """The text embeddings a call works with, a row per picture: (picture, key, channel)."""

    positive: Tensor
    negative: Tensor | None


@dataclass(frozen=True)
class Rows:
    """Batch rows of one denoiser pass.

    Attributes
    ----------
    positive, negative
        Row of each picture's conditional and unconditional half; empty where the pass has none.
    skipped
        Blocks of the batch that are neither (PAG's perturbed pass, for example).
    by_content
        Whether the embeddings themselves said so, or the order that this family uses.
    again
        The rows of those blocks: (half, rows) with ``"positive"`` or ``"negative"``.
    """

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    skipped: tuple[str, ...] = ()
    by_content: bool = True
    again: tuple[tuple[Half, tuple[int, ...]], ...] = ()


def denoiser(pipe: Any) -> nn.Module:
    """The UNet of a pipeline, without the compiler's wrapper.

    Raises
    ------
    UnsupportedPipelineError
        Where there is none, or its text attention cannot be told from other attention.
    """
    name = type(pipe).__name__
    unet = getattr(pipe, "unet", None)
    known = (
        "Known: pipelines with a UNet that attends to text: Stable Diffusion 1.x, 2.x, XL and "
        "their img2img, inpaint, ControlNet, PAG and LCM variants."
    )
    if unet is None:
        raise UnsupportedPipelineError(
            f"{name} has no `unet`, so there is nothing that this version can watch. {known}"
        )
    unet = getattr(unet, "_orig_mod", unet)
    if not isinstance(unet, nn.Module) or not list(attention_modules(unet)):
        raise UnsupportedPipelineError(
            f"The `unet` of {name}, a {type(unet).__name__}, has no cross-attention. {known}"
        )
    projection = getattr(getattr(unet, "config", None), "encoder_hid_dim_type", None)
    if projection not in _TEXT_PROJECTIONS:
        raise UnsupportedPipelineError(
            f"The `unet` of {name} mixes pictures into its text keys "
            f"(encoder_hid_dim_type={projection!r}). {known}"
        )
    for layer, module in attention_modules(unet):
        if getattr(module, "added_kv_proj_dim", None) is not None:
            raise UnsupportedPipelineError(
                f"{layer} of {name} joins text and image keys in one attention. {known}"
            )
    if not hasattr(pipe, "encode_prompt") and not hasattr(pipe, "_encode_prompt"):
        raise UnsupportedPipelineError(f"{name} has no `encode_prompt`. {known}")
    return unet


def attention_modules(unet: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every cross-attention module with its dotted name, in the order of the forward pass."""
    found = [
        (name, module)
        for name, module in unet.named_modules()
        if hasattr(module, "get_processor")
        and getattr(module, "is_cross_attention", False)
        and name.split(".", 1)[0] in _STAGES
    ]
    order = list(_STAGES)
    # diffusers registers the up blocks before the mid block; `sorted` is stable.
    yield from sorted(found, key=lambda pair: order.index(pair[0].split(".", 1)[0]))


def layers(unet: nn.Module, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
    """The cross-attention layers of a UNet for latents of (height, width), before it has run."""
    sizes = _block_sizes(unet, latent_size)
    return tuple(
        Layer(
            name=name,
            stage=_STAGES[name.split(".", 1)[0]],
            size=sizes[_block(name)],
            heads=int(cast(Any, module).heads),
        )
        for name, module in attention_modules(unet)
    )


def _block(name: str) -> str:
    """``"down_blocks.1"`` of ``"down_blocks.1.attentions.0.transformer_blocks.0.attn2"``."""
    parts = name.split(".")
    return parts[0] if parts[0] == "mid_block" else ".".join(parts[:2])


def _block_sizes(unet: nn.Module, latent_size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Grid inside each block: a downsampler halves, up blocks mirror the down blocks."""
    blocks = cast(Any, unet)
    size, sizes, path = latent_size, {}, [latent_size]
    for i, block in enumerate(blocks.down_blocks):
        sizes[f"down_blocks.{i}"] = size
        if getattr(block, "downsamplers", None) is not None:
            # A stride-2 convolution rounds up with padding 1 (every published model), else down.
            up = int(getattr(block.downsamplers[0], "padding", 1) != 0)
            size = ((size[0] + up) // 2, (size[1] + up) // 2)
            path.append(size)
    sizes["mid_block"] = size
    for i, block in enumerate(blocks.up_blocks):
        sizes[f"up_blocks.{i}"] = path[-1]
        if getattr(block, "upsamplers", None) is not None:
            path.pop()
    return sizes


def text_rows(pipe: Any, text: Tensor, encoded: Encoded) -> Rows:
    """Tell which rows of a denoiser's text input belong to which picture.

    Parameters
    ----------
    pipe
        The pipeline: its class decides the order where content cannot.
    text
        (batch, key, channel): ``encoder_hidden_states`` as the denoiser got it.
    encoded
        What ``encode_prompt`` returned for this call.

    Raises
    ------
    ShapeError
        Where the batch is not whole blocks of one row per picture.
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
        labels = _labels_by_order(pipe, blocks, labels)
    found = {
        kind: tuple(range(labels.index(kind) * pictures, (labels.index(kind) + 1) * pictures))
        if kind in labels
        else ()
        for kind in ("p", "n")
    }
    repeated = tuple(
        f"rows {i * pictures}-{(i + 1) * pictures - 1} of the batch, a second pass of the "
        f"{'prompt' if label == 'p' else 'negative prompt'} (perturbed or image guidance)"
        for i, label in enumerate(labels)
        if label in labels[:i]
    )
    again: list[tuple[Half, tuple[int, ...]]] = [
        ("positive" if label == "p" else "negative", tuple(range(i * pictures, (i + 1) * pictures)))
        for i, label in enumerate(labels)
        if label in labels[:i]
    ]
    return Rows(found["p"], found["n"], repeated, by_content, tuple(again))


def _label(block: Tensor, encoded: Encoded) -> str:
    positive = _same(block, encoded.positive)
    negative = encoded.negative is not None and _same(block, encoded.negative)
    if positive and negative:
        return "both"
    return "p" if positive else "n" if negative else "?"


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b.to(device=a.device, dtype=a.dtype))


def _labels_by_order(pipe: Any, blocks: int, labels: list[str]) -> list[str]:
    """The family's order, where it does not contradict what content did say."""
    known = _LAYOUTS_BY_PIPELINE.get(type(pipe).__name__, _LAYOUTS)
    order = known.get(blocks)
    if order == "np" and (labels == ["both", "both"] or "?" in labels) and not _guided(pipe):
        order = "pp"  # perturbed attention without classifier-free guidance
    if order is None or any(
        said in "pn" and said != ordered for said, ordered in zip(labels, order, strict=True)
    ):
        raise ShapeError(
            f"The {blocks} blocks of text rows of {type(pipe).__name__} cannot be told apart "
            f"(found {', '.join(labels)}; expected the order {order})."
        )
    return list(order)


def _guided(pipe: Any) -> bool:
    return bool(getattr(pipe, "do_classifier_free_guidance", True))


def tokenizer(pipe: Any) -> Any:
    """The tokenizer whose tokens are the key columns: the first text encoder's."""
    for name in ("tokenizer", "tokenizer_2"):
        found = getattr(pipe, name, None)
        if found is not None:
            return found
    raise UnsupportedPipelineError(
        f"{type(pipe).__name__} has no tokenizer, so key columns cannot be named. "
        "Load the pipeline with its tokenizer; it is needed even where prompt_embeds are given."
    )
