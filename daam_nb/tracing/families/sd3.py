"""Stable Diffusion 3 and 3.5: joint attention, in which the keys are [image, text].

The text is [CLIP, T5]: the columns of the first two (CLIP) text encoders, which share them as they
do in Stable Diffusion XL, and behind them those of the third (T5), or as many zeros where the
pipeline has no third. A word has other tokens in both, so a recording names the columns of one.
What is kept is the image's attention to those columns: softmax over all keys, image and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.families.family import (
    Family,
    Given,
    Reading,
    Remark,
    Seats,
    named,
    other_texts,
    second_encoder,
)
from daam_nb.tracing.families.joint import OTHER_KEYS, check_prompt, double_blocks, joint_layer


class StableDiffusion3(Family):
    """`SD3Transformer2DModel`."""

    part = "transformer"
    joint = True
    way_out = "pipe.transformer.set_attn_processor(JointAttnProcessor2_0()) of diffusers"

    def check(self, pipe: Any, net: nn.Module) -> None:
        if hasattr(pipe, "set_pag_applied_layers"):
            raise UnsupportedPipelineError(
                f"{type(pipe).__name__} computes the attention of its perturbed pass apart from "
                "the others, which cannot be told exactly. Use the pipeline without PAG."
            )
        check_prompt(pipe)
        if not isinstance(getattr(pipe, "tokenizer_max_length", None), int):
            raise UnsupportedPipelineError(
                f"{type(pipe).__name__} does not say how many columns its CLIP encoders make "
                "(tokenizer_max_length)."
            )
        for name, module in self.attention_modules(net):
            if getattr(module, "added_kv_proj_dim", None) is None:
                raise UnsupportedPipelineError(
                    f"{name} of {type(pipe).__name__} has no keys of its text."
                )

    def attention_modules(self, net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        yield from double_blocks(net)

    def entrance(self, net: nn.Module) -> nn.Module | None:
        return getattr(net, "pos_embed", None)

    def layers(self, net: nn.Module, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        patch = int(cast(Any, net).config.patch_size)
        size = (latent_size[0] // patch, latent_size[1] // patch)
        return tuple(
            joint_layer(name, "double", size, module)
            for name, module in self.attention_modules(net)
        )

    def given(self, arguments: Mapping[str, Any]) -> Given | None:
        sample, text = (arguments.get(name) for name in ("hidden_states", "encoder_hidden_states"))
        if not isinstance(sample, Tensor) or not isinstance(text, Tensor):
            return None
        aside = None
        if arguments.get("skip_layers") is not None:
            aside = (
                "the extra pass of skip-layer guidance",
                "it runs on the prompt once more, without some layers; the whole pass is kept",
            )
        return Given(sample, text, (int(sample.shape[-2]), int(sample.shape[-1])), aside=aside)

    def seats(self, layer: Layer, columns: int, extra: int) -> Seats:
        cells = layer.size[0] * layer.size[1]
        return Seats(cells + columns, cells + columns, image=slice(0, cells), text=cells)

    def readings(self, pipe: Any) -> dict[str, str]:
        found = {"clip": "the columns that the two CLIP encoders share"}
        # Tokens name columns: with embeddings from elsewhere the encoder is not needed.
        if named(pipe, "tokenizer_3") is not None:
            found["t5"] = "the columns of the T5 encoder"
        return found

    def reading(self, pipe: Any, name: str, columns: int) -> Reading:
        window = int(pipe.tokenizer_max_length)
        if 0 < columns < window:
            raise ShapeError(
                f"The text embeddings have {columns} columns, fewer than the {window} of the CLIP "
                f"encoders of this {type(pipe).__name__}, so they cannot be named."
            )
        if name == "clip":
            return Reading(
                name=name,
                tokenizer=named(pipe, "tokenizer"),
                encoder=named(pipe, "text_encoder"),
                first=0,
                columns=window,
                windows=False,
                beside=second_encoder(pipe, "text_encoder_2", "tokenizer_2"),
            )
        return Reading(
            name=name,
            tokenizer=named(pipe, "tokenizer_3"),
            part="tokenizer_3",
            encoder=named(pipe, "text_encoder_3"),
            first=window,
            columns=columns - window,
            prompt=("prompt_3", "prompt"),
            negative=("negative_prompt_3", "negative_prompt"),
            windows=False,
        )

    def why_empty(self, reading: Reading, arguments: Mapping[str, Any]) -> str:
        if reading.name == "t5" and reading.encoder is None and _encoded_here(arguments):
            return (
                'encoder="t5" names columns that this pipeline fills with zeros: it has no T5 '
                "encoder. Load it with its text_encoder_3, or give prompt_embeds made with one."
            )
        return ""

    def remarks(
        self,
        pipe: Any,
        net: nn.Module,
        reading: Reading,
        arguments: Mapping[str, Any],
        *,
        negative: bool = False,
    ) -> Sequence[Remark]:
        found: list[Remark] = [OTHER_KEYS, *self._other_text(pipe, reading, arguments)]
        dual = sum(getattr(block, "attn2", None) is not None for block in _blocks(net))
        if dual:
            found.append(
                (
                    f"attn2 of the dual layers ({dual})",
                    "it is self-attention of the image, without text",
                )
            )
        if reading.name == "clip":
            found += super().remarks(pipe, net, reading, arguments, negative=negative)
            found += [
                (
                    f"the words of {third}, {text!r}",
                    'only the T5 encoder reads them; encoder="t5" records its columns',
                )
                for _, third, text in other_texts(arguments, "_3", negative=negative)
            ]
        return found

    def _other_text(
        self, pipe: Any, reading: Reading, arguments: Mapping[str, Any]
    ) -> Iterator[Remark]:
        if reading.name == "t5":
            yield (
                f"the {reading.first} text columns of the CLIP encoders",
                'a word has other tokens there; encoder="clip" records them',
            )
        elif named(pipe, "text_encoder_3") is None and _encoded_here(arguments):
            yield (
                "the text columns behind those of CLIP",
                "this pipeline has no T5 encoder; these keys come from zeros and from no word",
            )
        elif named(pipe, "tokenizer_3") is None:
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


def _blocks(net: nn.Module) -> Iterator[nn.Module]:
    yield from cast(Any, net).transformer_blocks
