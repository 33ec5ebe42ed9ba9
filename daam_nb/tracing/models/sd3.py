"""Stable Diffusion 3 and 3.5: joint attention, in which the keys are [image, text].

The text is [CLIP, T5]: the columns of the first two (CLIP) text encoders, which share them as in
Stable Diffusion XL, then those of the third (T5), or as many zeros if the pipeline has no third. A
word has different tokens in both, so a recording names the columns of one. It holds the image's
attention to those columns: softmax over all keys, image and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.models.adapter import network, other_texts, second_encoder, shared_columns
from daam_nb.tracing.models.answers import DenoiserInputs, Layout, Omission, TextStream
from daam_nb.tracing.models.blocks import DoubleBlock, TextBlock
from daam_nb.tracing.models.joint import JointAdapter


class StableDiffusion3(JointAdapter):
    """`SD3Transformer2DModel`."""

    title = "Stable Diffusion 3 and 3.5"
    networks = ("SD3Transformer2DModel",)
    pipelines = (
        "StableDiffusion3Pipeline", "StableDiffusion3ControlNetPipeline",
        "StableDiffusion3ControlNetInpaintingPipeline", "StableDiffusion3Img2ImgPipeline",
        "StableDiffusion3InpaintPipeline",
    )  # fmt: skip
    looks_with = ("StableDiffusion3Pipeline",)
    noising = "flow"
    way_out = "pipe.transformer.set_attn_processor(JointAttnProcessor2_0()) of diffusers"

    def check(self) -> None:
        if hasattr(self.pipe, "set_pag_applied_layers"):
            raise UnsupportedPipelineError(
                f"{self.pipe_name} computes the attention of its perturbed pass separately, which "
                "cannot be identified exactly. Use the pipeline without PAG."
            )
        super().check()
        if not isinstance(getattr(self.pipe, "tokenizer_max_length", None), int):
            raise UnsupportedPipelineError(
                f"{self.pipe_name} does not state how many columns its CLIP encoders make "
                "(tokenizer_max_length)."
            )
        for name, module in self.modules():
            if getattr(module, "added_kv_proj_dim", None) is None:
                raise UnsupportedPipelineError(
                    f"{name} of {self.pipe_name} has no keys for its text."
                )

    def text_block(self, name: str) -> TextBlock:
        return DoubleBlock(self.net.get_submodule(name.rpartition(".")[0]))

    def entrance(self) -> nn.Module | None:
        return getattr(self.net, "pos_embed", None)

    def inputs(self, arguments: Mapping[str, Any]) -> DenoiserInputs | None:
        inputs = super().inputs(arguments)
        if inputs is None:
            return None
        columns, window = inputs.columns(0), self._window
        if columns < window:
            raise ShapeError(
                f"The text embeddings have {columns} columns, fewer than the {window} of the CLIP "
                f"encoders of this {self.pipe_name}, so they cannot be named."
            )
        if arguments.get("skip_layers") is None:
            return inputs
        omission = (
            "the extra pass of skip-layer guidance",
            "it runs on the prompt once more, without some layers; the whole pass is kept",
        )
        return replace(inputs, unrecorded=omission)

    def layout(self, layer: Layer, inputs: DenoiserInputs, row: int) -> Layout:
        return Layout.image_first(layer.size[0] * layer.size[1], inputs.columns(row))

    @property
    def _window(self) -> int:
        return int(self.pipe.tokenizer_max_length)

    def text_streams(self) -> Sequence[TextStream]:
        clip = TextStream(
            "clip",
            tokenizer=getattr(self.pipe, "tokenizer", None),
            encoder=network(self.pipe, "text_encoder"),
            description="the columns that the two CLIP encoders share",
            last=self._window,
            beside=second_encoder(self.pipe, "text_encoder_2", "tokenizer_2"),
        )
        # Tokens name columns: with embeddings from elsewhere the encoder is not needed.
        if getattr(self.pipe, "tokenizer_3", None) is None:
            return (clip,)
        t5 = TextStream(
            "t5",
            tokenizer=self.pipe.tokenizer_3,
            encoder=network(self.pipe, "text_encoder_3"),
            description="the columns of the T5 encoder",
            component="tokenizer_3",
            first=self._window,
            prompt=("prompt_3", "prompt"),
            negative=("negative_prompt_3", "negative_prompt"),
        )
        return (clip, t5)

    def why_empty(self, stream: TextStream, arguments: Mapping[str, Any]) -> str:
        if stream.name == "t5" and stream.encoder is None and _encoded_here(arguments):
            return (
                'encoder="t5" names columns that this pipeline fills with zeros: it has no T5 '
                "encoder. Load it with its text_encoder_3, or give prompt_embeds made with one."
            )
        return ""

    def omissions(
        self, stream: TextStream, arguments: Mapping[str, Any], *, negative: bool = False
    ) -> Sequence[Omission]:
        omissions = [*super().omissions(stream, arguments), *self._other_text(stream, arguments)]
        blocks = self.blocks("transformer_blocks")
        dual = sum(getattr(block, "attn2", None) is not None for block in blocks)
        if dual:
            omissions.append(
                (
                    f"attn2 of the dual layers ({dual})",
                    "it is self-attention of the image, without text",
                )
            )
        if stream.name == "clip":
            omissions += shared_columns(arguments, negative=negative)
            omissions += [
                (
                    f"the words of {third}, {text!r}",
                    'only the T5 encoder reads them; encoder="t5" records its columns',
                )
                for _, third, text in other_texts(arguments, "_3", negative=negative)
            ]
        return omissions

    def _other_text(self, stream: TextStream, arguments: Mapping[str, Any]) -> Iterator[Omission]:
        if stream.name == "t5":
            yield (
                f"the {stream.first} text columns of the CLIP encoders",
                'a word has other tokens there; encoder="clip" records them',
            )
        elif network(self.pipe, "text_encoder_3") is None and _encoded_here(arguments):
            yield (
                "the text columns behind those of CLIP",
                "this pipeline has no T5 encoder; these keys come from zeros and from no word",
            )
        elif getattr(self.pipe, "tokenizer_3", None) is None:
            yield (
                "the text columns behind those of CLIP",
                "this pipeline has no T5 tokenizer to name them",
            )
        else:
            yield (
                "the text columns of the T5 encoder",
                'a word has other tokens there; encoder="t5" records them',
            )


def _encoded_here(arguments: Mapping[str, Any]) -> bool:
    """Whether the pipeline itself encodes the prompt of a call."""
    return arguments.get("prompt_embeds") is None
