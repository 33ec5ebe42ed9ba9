"""Common code of joint-attention families: text and image are keys of one softmax."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Attention, Layer
from daam_nb.tracing.models.adapter import Adapter, LayerModule
from daam_nb.tracing.models.answers import DenoiserInputs, Layout, Omission, TextStream
from daam_nb.tracing.models.blocks import TextBlock

OTHER_KEYS: Omission = (
    "attention to image keys, and all attention of the text's own queries",
    "what the image pays to the text is kept, as shares of all keys: over the text they do not "
    "sum to 1, the rest went to the image",
)


class JointAdapter(Adapter):
    """A transformer of diffusers in whose blocks text and image attend to each other.

    The default: double blocks whose sequence is [text, image, other positions].
    """

    attention: ClassVar[Attention] = "joint"
    stage: ClassVar[str] = "double"
    supports: ClassVar[frozenset[str]] = frozenset({"trace"})
    why_not: ClassVar[str] = (
        "in its joint attention text and image share one softmax, and how a change of the text's "
        "part affects the image's is not implemented"
    )

    def check(self) -> None:
        super().check()
        if "prompt" not in inspect.signature(type(self.pipe).__call__).parameters:
            raise UnsupportedPipelineError(
                f"{self.pipe_name} is called without a `prompt`, so its text columns cannot be "
                "identified."
            )

    def modules(self) -> Iterator[LayerModule]:
        for i, block in enumerate(self.blocks("transformer_blocks")):
            yield f"transformer_blocks.{i}.attn", cast(nn.Module, block.attn)

    def blocks(self, name: str) -> Iterator[nn.Module]:
        """The denoiser's blocks of a name; empty if it has none."""
        yield from cast(Any, getattr(self.net, name, ()))

    def text_block(self, name: str) -> TextBlock | None:
        """Return the block of a layer, asked for what it makes of a text of its own.

        None, the default, where that is not known; there are no concept maps then.
        """
        return None

    def first_text(self, embeddings: Tensor) -> Tensor:
        """Bring text embeddings (row, token, channel) to what the first block is given."""
        embedded: Tensor = cast(Any, self.net).context_embedder(embeddings)
        return embedded

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        cells = layer.size[0] * layer.size[1]
        return Layout.text_first(cells, inputs.columns(row), inputs.other_positions)

    def omissions(
        self, stream: TextStream, arguments: Mapping[str, Any], *, negative: bool = False
    ) -> Sequence[Omission]:
        return [OTHER_KEYS]
