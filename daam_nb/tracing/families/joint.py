"""What the families of joint attention have in common: text and image are keys side by side."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, cast

from torch import nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.families.family import Remark

OTHER_KEYS: Remark = (
    "attention to image keys, and all attention of the text's own queries",
    "what the image pays to the text is kept, as shares of all keys: over the text they do not "
    "sum to 1, the rest went to the image",
)


def check_prompt(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` where a pipeline is not called with a prompt."""
    if "prompt" not in inspect.signature(type(pipe).__call__).parameters:
        raise UnsupportedPipelineError(
            f"{type(pipe).__name__} is called without a `prompt`, so what its text columns are "
            "cannot be told."
        )


def double_blocks(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The joint attention of the blocks that keep image and text apart."""
    for i, block in enumerate(cast(Any, net).transformer_blocks):
        yield f"transformer_blocks.{i}.attn", block.attn


def joint_layer(name: str, stage: str, size: tuple[int, int], module: nn.Module) -> Layer:
    """The layer of one block's joint attention; a block has one."""
    number = name.split(".")[1]
    return Layer(
        name,
        stage,
        size,
        int(cast(Any, module).heads),
        attention="joint",
        block=f"{stage}_blocks",
        label=f"{stage} {number}",
    )
