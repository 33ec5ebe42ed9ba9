"""UNets with cross-attention over text: Stable Diffusion 1.x, 2.x, XL and what is built on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.families.family import (
    Family,
    Given,
    Reading,
    Seats,
    named,
    second_encoder,
)

_STAGES: dict[str, str] = {"down_blocks": "down", "mid_block": "mid", "up_blocks": "up"}

_ENCODERS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))

_TEXT_PROJECTIONS = (None, "text_proj", "ip_image_proj")


class UNets(Family):
    """Queries are cells of the image, keys are the text and nothing else."""

    part = "unet"
    way_out = "pipe.unet.set_default_attn_processor()"

    def check(self, pipe: Any, net: nn.Module) -> None:
        name = type(pipe).__name__
        if not list(self.attention_modules(net)):
            raise UnsupportedPipelineError(
                f"The `unet` of {name}, a {type(net).__name__}, has no cross-attention."
            )
        projection = getattr(getattr(net, "config", None), "encoder_hid_dim_type", None)
        if projection not in _TEXT_PROJECTIONS:
            raise UnsupportedPipelineError(
                f"The `unet` of {name} mixes pictures into its text keys "
                f"(encoder_hid_dim_type={projection!r})."
            )
        for layer, module in self.attention_modules(net):
            if getattr(module, "added_kv_proj_dim", None) is not None:
                raise UnsupportedPipelineError(
                    f"{layer} of {name} joins text and image keys in one attention."
                )

    def attention_modules(self, net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        found = [
            (name, module)
            for name, module in net.named_modules()
            if hasattr(module, "get_processor")
            and getattr(module, "is_cross_attention", False)
            and name.split(".", 1)[0] in _STAGES
        ]
        order = list(_STAGES)
        # diffusers registers the up blocks before the mid block; `sorted` is stable.
        yield from sorted(found, key=lambda pair: order.index(pair[0].split(".", 1)[0]))

    def layers(self, net: nn.Module, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        sizes = _block_sizes(net, latent_size)
        return tuple(
            Layer(
                name=name,
                stage=_STAGES[name.split(".", 1)[0]],
                size=sizes[_block(name)],
                heads=int(cast(Any, module).heads),
                block=_block(name),
                label=_label(name),
            )
            for name, module in self.attention_modules(net)
        )

    def given(self, arguments: Mapping[str, Any]) -> Given | None:
        sample, text = (arguments.get(name) for name in ("sample", "encoder_hidden_states"))
        if not isinstance(sample, Tensor) or not isinstance(text, Tensor):
            return None
        return Given(sample, text, (int(sample.shape[-2]), int(sample.shape[-1])))

    def entrance(self, net: nn.Module) -> nn.Module | None:
        centers = getattr(getattr(net, "config", None), "center_input_sample", False)
        return None if centers else getattr(net, "conv_in", None)

    def hands_text_on(self, net: nn.Module) -> bool:
        projection = getattr(getattr(net, "config", None), "encoder_hid_dim_type", None)
        return projection != "text_proj"

    def seats(self, layer: Layer, columns: int, extra: int) -> Seats:
        cells = layer.size[0] * layer.size[1]
        return Seats(queries=cells, keys=columns, image=slice(0, cells), text=0)

    def readings(self, pipe: Any) -> dict[str, str]:
        return {"clip": "all of its text columns"}

    def text_encoders(self, pipe: Any) -> list[nn.Module]:
        # The first reads what the first tokenizer writes.
        found = []
        for tokenizer, encoder in _ENCODERS:
            module = named(pipe, encoder)
            if named(pipe, tokenizer) is not None and isinstance(module, nn.Module):
                found.append(module)
        return found

    def reading(self, pipe: Any, name: str, columns: int) -> Reading:
        # SDXL's refiner has the second alone; where the first was set free, nobody can be asked.
        first = named(pipe, "tokenizer") is not None
        tokenizer, encoder = _ENCODERS[0 if first else 1]
        module = named(pipe, encoder)
        return Reading(
            name=name,
            tokenizer=named(pipe, tokenizer),
            encoder=module if isinstance(module, nn.Module) else None,
            first=0,
            columns=columns,
            beside=second_encoder(pipe, "text_encoder_2", "tokenizer_2") if first else None,
        )


def _block(name: str) -> str:
    """``"down_blocks.1"`` of ``"down_blocks.1.attentions.0.transformer_blocks.0.attn2"``."""
    parts = name.split(".")
    return parts[0] if parts[0] == "mid_block" else ".".join(parts[:2])


def _label(name: str) -> str:
    """``"down 1 · 0.0"`` of ``"down_blocks.1.attentions.0.transformer_blocks.0.attn2"``."""
    stage, *inner = _block(name).split(".")
    numbers = [part for part in name.removeprefix(_block(name)).split(".") if part.isdecimal()]
    return f"{' '.join([_STAGES[stage], *inner])} · {'.'.join(numbers)}"


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
