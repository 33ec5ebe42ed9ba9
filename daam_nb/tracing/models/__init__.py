"""What differs between model families, one file each.

    answers.py   the plain data that an adapter answers with
    adapter.py   the contract, and what most families answer
    joint.py     what families of joint attention share
    blocks.py    what a block of joint attention makes of a text of its own
    unet.py      cross-attention over text: Stable Diffusion 1.x, 2.x, XL and what is built on them
    sd3.py       joint attention, image before text: Stable Diffusion 3 and 3.5
    flux.py      joint attention, text before image: FLUX.1
    rows.py      which rows of a batch belong to which image
    registry.py  a pipeline -> its adapter, or a refusal by name; how to register, and to vouch

Nothing is inferred from shapes alone; a pipeline that is not known to be read exactly is refused
by name. A new model family is one file, here or in the user's own code: docs/add-a-model-family.md.
"""

from __future__ import annotations

from daam_nb.tracing.models.adapter import Adapter
from daam_nb.tracing.models.answers import (
    BatchRows,
    Branch,
    ChatTemplate,
    DenoiserInputs,
    Embeddings,
    Layout,
    Omission,
    TextStream,
)
from daam_nb.tracing.models.blocks import DoubleBlock, SingleBlock, TextBlock
from daam_nb.tracing.models.joint import JointAdapter
from daam_nb.tracing.models.registry import (
    adapter_class_of,
    adapter_of,
    register_adapter,
    vouch_for,
)
from daam_nb.tracing.models.rows import batch_rows

__all__ = [
    "Adapter",
    "BatchRows",
    "Branch",
    "ChatTemplate",
    "DenoiserInputs",
    "DoubleBlock",
    "Embeddings",
    "JointAdapter",
    "Layout",
    "Omission",
    "SingleBlock",
    "TextBlock",
    "TextStream",
    "adapter_class_of",
    "adapter_of",
    "batch_rows",
    "register_adapter",
    "vouch_for",
]
