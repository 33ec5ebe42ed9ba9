"""The adapter of a made-up family of joint attention: `tests.made_up_pipelines.scrolls`.

One sequence for each row, [text, image, padding]: the image begins where the row's text ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from daam_nb.recording import Layer
from daam_nb.tracing.models import (
    ChatTemplate,
    DenoiserInputs,
    Embeddings,
    JointAdapter,
    Layout,
    TextStream,
)
from tests.made_up_pipelines import ScrollPipeline


class Scrolls(JointAdapter):
    """Rows of different length, prompts within a chat template, two passes of guidance."""

    title = "Scrolls"
    networks = ("ScrollTransformer2DModel",)
    pipelines = (ScrollPipeline,)
    stage = "scroll"
    guidance_argument = "true_cfg_scale"
    separate_passes = "pn"

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        for i, layer in enumerate(self.blocks("layers")):
            yield f"layers.{i}.attn", layer["attn"]

    def entrance(self) -> nn.Module:
        return self.net.pos_embed

    def inputs(self, arguments: Mapping[str, Any]) -> DenoiserInputs | None:
        sample, text = arguments["x"], arguments["captions"]
        return DenoiserInputs(sample, text, tuple(sample.shape[-2:]))

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        cells, columns = layer.size[0] * layer.size[1], len(inputs.text[row])
        every = cells + max(len(text) for text in inputs.text)
        return Layout(every, every, image=slice(columns, columns + cells), text=0)

    def text_streams(self) -> Sequence[TextStream]:
        pipe = self.pipe
        template = ChatTemplate(pipe.before, pipe.after, dropped=pipe.dropped)
        return (TextStream("qwen", pipe.tokenizer, pipe.text_encoder, template=template),)

    def embeddings(self, result: Any, before: Embeddings | None) -> Embeddings:
        rows = tuple(result)
        return Embeddings(rows, None) if before is None else Embeddings(before.conditional, rows)
