"""The adapter of a made-up family of cross-attention: `tests.made_up_pipelines.tiles`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from daam_nb.tracing.models import Adapter, TextStream
from tests.made_up_pipelines import TilePipeline


class Tiles(Adapter):
    """T5's text by cross-attention; prompts in lower case, cleaned."""

    title = "Tiles"
    networks = ("TileTransformer2DModel",)
    pipelines = (TilePipeline,)
    embeddings_at = (0, 2)  # (embeddings, mask, negative embeddings, negative mask)
    hands_text_on = True

    def entrance(self) -> nn.Module:
        return self.net.pos_embed

    def text_streams(self) -> Sequence[TextStream]:
        return (
            TextStream(
                "t5",
                tokenizer=self.pipe.tokenizer,
                encoder=self.pipe.text_encoder,
                rewrites=lambda prompt: [self.pipe.clean(prompt)],
                masked=True,
            ),
        )
