"""FLUX.1: joint attention, in which the keys are [text, image, images to refer to].

Double blocks have separate weights for text and image, single blocks share them; queries and keys
have the same order in both. The text is only T5's: CLIP gives one pooled vector. Latents are
packed, four cells to a position; the grid is read from ``img_ids``. With ``true_cfg_scale`` the
denoiser runs twice in a step, first on the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.tracing.models.adapter import LayerModule, network, other_texts
from daam_nb.tracing.models.answers import DenoiserInputs, Omission, TextStream
from daam_nb.tracing.models.blocks import DoubleBlock, SingleBlock, TextBlock
from daam_nb.tracing.models.joint import JointAdapter

_PACKED = 2  # a position of the sequence is 2 x 2 cells of the latents


class Flux(JointAdapter):
    """`FluxTransformer2DModel`."""

    title = "FLUX.1"
    networks = ("FluxTransformer2DModel",)
    pipelines = (
        "FluxPipeline", "FluxControlPipeline", "FluxControlImg2ImgPipeline",
        "FluxControlInpaintPipeline", "FluxControlNetPipeline", "FluxControlNetImg2ImgPipeline",
        "FluxControlNetInpaintPipeline", "FluxFillPipeline", "FluxImg2ImgPipeline",
        "FluxInpaintPipeline", "FluxKontextPipeline", "FluxKontextInpaintPipeline",
    )  # fmt: skip
    looks_with = ("FluxPipeline",)
    noising = "flow"
    # (embeddings, pooled, ids); called a second time for the negative prompt.
    embeddings_at = (0, None)
    # `guidance_scale` is what a distilled model is told; there is no second pass behind it.
    guidance_argument = "true_cfg_scale"
    separate_passes = "pn"

    def check(self) -> None:
        super().check()
        for name, module in self.modules():
            added = getattr(module, "added_kv_proj_dim", None) is not None
            if added == (self.stage_of(name) == "single"):
                raise UnsupportedPipelineError(
                    f"{name} of {self.pipe_name} does not join text and image as FLUX.1 does."
                )

    def modules(self) -> Iterator[LayerModule]:
        yield from super().modules()
        for i, block in enumerate(self.blocks("single_transformer_blocks")):
            yield f"single_transformer_blocks.{i}.attn", cast(nn.Module, block.attn)

    def stage_of(self, name: str) -> str:
        return "single" if name.startswith("single_") else "double"

    def text_block(self, name: str) -> TextBlock:
        block = self.net.get_submodule(name.rpartition(".")[0])
        return SingleBlock(block) if self.stage_of(name) == "single" else DoubleBlock(block)

    def grid(self, latent_size: tuple[int, int]) -> tuple[int, int]:
        return (latent_size[0] // _PACKED, latent_size[1] // _PACKED)

    def entrance(self) -> nn.Module | None:
        return getattr(self.net, "x_embedder", None)

    def inputs(self, arguments: Mapping[str, Any]) -> DenoiserInputs | None:
        names = ("hidden_states", "encoder_hidden_states", "img_ids")
        sample, text, ids = (arguments.get(name) for name in names)
        if not all(isinstance(tensor, Tensor) for tensor in (sample, text, ids)):
            return None
        assert isinstance(sample, Tensor) and isinstance(text, Tensor) and isinstance(ids, Tensor)
        ids = (ids[0] if ids.ndim == 3 else ids).detach().cpu()  # one transfer for all questions
        height, width = _grid(ids, int(sample.shape[1]))
        return DenoiserInputs(
            sample=sample,
            text=text,
            latent_size=(height * _PACKED, width * _PACKED),
            other_positions=len(ids) - height * width,
        )

    def text_streams(self) -> Sequence[TextStream]:
        return (
            TextStream(
                "t5",
                tokenizer=getattr(self.pipe, "tokenizer_2", None),
                encoder=network(self.pipe, "text_encoder_2"),
                description="all of its text columns, which are those of the T5 encoder",
                component="tokenizer_2",
                prompt=("prompt_2", "prompt"),
                negative=("negative_prompt_2", "negative_prompt"),
            ),
        )

    def latents(self, frames: Tensor, latent_size: tuple[int, int]) -> Tensor:
        steps, (height, width) = len(frames), (length // _PACKED for length in latent_size)
        cells = frames.reshape(steps, height, width, -1, _PACKED, _PACKED)
        return cells.permute(0, 3, 1, 4, 2, 5).reshape(steps, -1, *latent_size)

    def packed(self, latents: Tensor) -> Tensor:
        images, channels, height, width = latents.shape
        size = (height // _PACKED, _PACKED, width // _PACKED, _PACKED)
        cells = latents.reshape(images, channels, *size).permute(0, 2, 4, 1, 3, 5)
        return cells.reshape(images, size[0] * size[2], -1)

    @property
    def latent_channels(self) -> int:
        return super().latent_channels // _PACKED**2

    def omissions(
        self, stream: TextStream, arguments: Mapping[str, Any], *, negative: bool = False
    ) -> Sequence[Omission]:
        omissions = [
            *super().omissions(stream, arguments),
            ("the prompt as the CLIP encoder reads it", "it gives one vector and no key columns"),
        ]
        for first, second, _ in other_texts(arguments, "_2", negative=negative):
            omissions.append(
                (
                    f"the words of {first}, {arguments.get(first)!r}",
                    f"only the CLIP encoder reads them; columns are named by {second}",
                )
            )
        return omissions


def _grid(ids: Tensor, positions: int) -> tuple[int, int]:
    """(height, width) of the image's own positions, whose first id is 0.

    Raises
    ------
    ShapeError
        If they are not rows of one grid, in order and before all others.
    """
    own = int((ids[:, 0] == 0).sum())
    if own:
        # Counted, not read from the largest id: bfloat16 holds whole numbers only to 256.
        width = max(1, int((ids[:own, 1] == 0).sum()))
        height = own // width
        rows, columns = (torch.arange(length).to(ids.dtype) for length in (height, width))
        grid = torch.cartesian_prod(rows, columns)
        whole = len(ids) == positions and bool((ids[:own, 0] == 0).all())
        if whole and torch.equal(ids[:own, 1:], grid):
            return height, width
    raise ShapeError(
        f"The {len(ids)} img_ids for {positions} positions are not a grid, row by row, followed by "
        "other images, so the image's cells cannot be identified."
    )
