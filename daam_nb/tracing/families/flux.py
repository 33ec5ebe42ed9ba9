"""FLUX.1: joint attention, in which the keys are [text, image, pictures to refer to].

Double blocks have weights of their own for text and image, single blocks the same for both; queries
and keys stand in one order in both. The text is T5's alone: CLIP gives one pooled vector. Latents
are packed, four cells to a position; the grid is read from ``img_ids``. With ``true_cfg_scale``
the denoiser runs twice in a step, first on the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.families.family import (
    Encoded,
    Family,
    Given,
    Reading,
    Remark,
    Rows,
    Seats,
    named,
    other_texts,
)
from daam_nb.tracing.families.joint import OTHER_KEYS, check_prompt, double_blocks, joint_layer

_PACKED = 2  # a position of the sequence is 2 x 2 cells of the latents


class Flux(Family):
    """`FluxTransformer2DModel`."""

    part = "transformer"
    joint = True
    way_out = 'pipe.transformer.set_attention_backend("native")'

    def check(self, pipe: Any, net: nn.Module) -> None:
        check_prompt(pipe)
        for name, module in self.attention_modules(net):
            added = getattr(module, "added_kv_proj_dim", None) is not None
            if added == name.startswith("single_"):
                raise UnsupportedPipelineError(
                    f"{name} of {type(pipe).__name__} does not join text and image as FLUX.1 does."
                )

    def attention_modules(self, net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        yield from double_blocks(net)
        for i, block in enumerate(cast(Any, net).single_transformer_blocks):
            yield f"single_transformer_blocks.{i}.attn", block.attn

    def entrance(self, net: nn.Module) -> nn.Module | None:
        return getattr(net, "x_embedder", None)

    def layers(self, net: nn.Module, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        size = (latent_size[0] // _PACKED, latent_size[1] // _PACKED)

        return tuple(
            joint_layer(
                name,
                "single" if name.startswith("single_") else "double",
                size,
                module,
            )
            for name, module in self.attention_modules(net)
        )

    def given(self, arguments: Mapping[str, Any]) -> Given | None:
        names = ("hidden_states", "encoder_hidden_states", "img_ids")
        sample, text, ids = (arguments.get(name) for name in names)
        if not all(isinstance(tensor, Tensor) for tensor in (sample, text, ids)):
            return None
        assert isinstance(sample, Tensor) and isinstance(text, Tensor) and isinstance(ids, Tensor)
        ids = (ids[0] if ids.ndim == 3 else ids).detach().cpu()  # one transfer for all questions
        height, width = _grid(ids, int(sample.shape[1]))
        return Given(
            sample=sample,
            text=text,
            latent_size=(height * _PACKED, width * _PACKED),
            extra=len(ids) - height * width,
        )

    def seats(self, layer: Layer, columns: int, extra: int) -> Seats:
        cells = layer.size[0] * layer.size[1]
        every = columns + cells + extra
        return Seats(every, every, image=slice(columns, columns + cells), text=0)

    def readings(self, pipe: Any) -> dict[str, str]:
        return {"t5": "all of its text columns, which are those of the T5 encoder"}

    def reading(self, pipe: Any, name: str, columns: int) -> Reading:
        return Reading(
            name=name,
            tokenizer=named(pipe, "tokenizer_2"),
            part="tokenizer_2",
            encoder=named(pipe, "text_encoder_2"),
            first=0,
            columns=columns,
            prompt=("prompt_2", "prompt"),
            negative=("negative_prompt_2", "negative_prompt"),
            windows=False,
        )

    def encoded(self, result: Any, before: Encoded | None) -> Encoded | None:
        # (embeddings, pooled, ids); called a second time for the negative prompt.
        found = result[0] if isinstance(result, tuple) and result else None
        if not isinstance(found, Tensor):
            return before
        return Encoded(found, None) if before is None else Encoded(before.positive, found)

    def alone(self, ran: int) -> str:
        return "n" if ran == 1 else "p"

    def guided(self, encoded: Encoded, rows: Rows) -> bool:
        return encoded.negative is not None

    def guidance(self, pipe: Any, arguments: Mapping[str, Any]) -> float | None:
        # `guidance_scale` is what a distilled model is told; there is no second pass behind it.
        scale = arguments.get("true_cfg_scale")
        return None if scale is None else float(scale)

    def latents(self, frames: Tensor, latent_size: tuple[int, int]) -> Tensor:
        steps, (height, width) = len(frames), (length // _PACKED for length in latent_size)
        cells = frames.reshape(steps, height, width, -1, _PACKED, _PACKED)
        return cells.permute(0, 3, 1, 4, 2, 5).reshape(steps, -1, *latent_size)

    def remarks(
        self,
        pipe: Any,
        net: nn.Module,
        reading: Reading,
        arguments: Mapping[str, Any],
        *,
        negative: bool = False,
    ) -> Sequence[Remark]:
        found = [
            OTHER_KEYS,
            ("the prompt as the CLIP encoder reads it", "it gives one vector and no key columns"),
        ]
        for first, second, _ in other_texts(arguments, "_2", negative=negative):
            found.append(
                (
                    f"the words of {first}, {arguments.get(first)!r}",
                    f"only the CLIP encoder reads them; columns are named by {second}",
                )
            )
        return found


def _grid(ids: Tensor, positions: int) -> tuple[int, int]:
    """(height, width) of the image's own positions, of which the first id is 0.

    Raises
    ------
    ShapeError
        Where they are not rows of one grid, in order and before all others.
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
        f"The {len(ids)} img_ids for {positions} positions are not a grid, row by row, with other "
        "pictures behind it, so image cells cannot be told."
    )
