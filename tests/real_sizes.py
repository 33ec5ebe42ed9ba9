"""Recordings in the shapes of the models people have, filled with soft spots of made-up attention.

    run = real_size("sdxl", steps=20)

SD 1.5 at 512 pixels, SDXL, SD3 medium and FLUX at 1024: layers, heads and grids are those of the
models; every head has spots of its own, which drift from step to step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from daam_nb.recording import Facts, Layer, Recording, format_1
from tests.tiny_recordings import tiny_prompt

Size = Literal["sd15", "sdxl", "sd3", "flux"]
SIZES: tuple[Size, ...] = ("sd15", "sdxl", "sd3", "flux")
STEPS: dict[Size, int] = {"sd15": 50, "sdxl": 20, "sd3": 28, "flux": 28}
PIXELS: dict[Size, int] = {"sd15": 512, "sdxl": 1024, "sd3": 1024, "flux": 1024}
# UNets: block, stage, cells on a side, transformers, blocks of each, heads.
_UNETS = {
    "sd15": (
        ("down_blocks.0", "down", 64, 2, 1, 8), ("down_blocks.1", "down", 32, 2, 1, 8),
        ("down_blocks.2", "down", 16, 2, 1, 8), ("mid_block", "mid", 8, 1, 1, 8),
        ("up_blocks.1", "up", 16, 3, 1, 8), ("up_blocks.2", "up", 32, 3, 1, 8),
        ("up_blocks.3", "up", 64, 3, 1, 8),
    ),
    "sdxl": (
        ("down_blocks.1", "down", 64, 2, 2, 10), ("down_blocks.2", "down", 32, 2, 10, 20),
        ("mid_block", "mid", 32, 1, 10, 20), ("up_blocks.0", "up", 32, 3, 10, 20),
        ("up_blocks.1", "up", 64, 3, 2, 10),
    ),
}  # fmt: skip
TWELVE = "a red fox and two small owls sleep near the old barn"


def layers(size: Size) -> tuple[Layer, ...]:
    """The layers of one of the models."""
    return tuple(_layers(size))


def real_size(
    size: Size, *, steps: int | None = None, text: str = TWELVE, seed: int = 0
) -> Recording:
    """A recording of made-up attention: float16, all steps, one token per word of the text.

    SD 1.5 takes 0.27 GB of memory with all its steps, SDXL 0.8, SD3 1.6 and FLUX 4.4: choose fewer
    `steps` where their number does not matter.
    """
    count = STEPS[size] if steps is None else steps
    prompt = tiny_prompt(text, length=len(text.split()) + 2)
    generator = torch.Generator().manual_seed(seed)
    attention = {
        layer.name: _spots(layer, count, len(prompt.tokens), generator) for layer in layers(size)
    }
    pixels = PIXELS[size]
    # A transformer's cells are patches of two latents; that is the grid its maps are drawn on.
    side = pixels // 16 if size in ("sd3", "flux") else pixels // 8
    return Recording(
        prompt=prompt,
        layers=layers(size),
        attention=attention,
        columns=tuple(range(len(prompt.tokens))),
        steps=tuple(range(count)),
        timesteps=tuple(float(1000 - 1000 * i // count) for i in range(count)),
        facts=Facts(f"made up, as {size}", "none", "none", (pixels, pixels), (side, side), count),
        image=picture(pixels, pixels, seed=seed),
    )


def picture(height: int, width: int, *, seed: int = 0) -> Image.Image:
    """An image with light, color and edges, so that lines and colors over it can be judged."""
    chance = np.random.default_rng(seed)
    coarse = Image.fromarray(chance.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    image = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    y, x = np.mgrid[:height, :width] / max(height, width)
    disk = (y - 0.45) ** 2 + (x - 0.4) ** 2 < 0.05
    image[disk] = 0.3 * image[disk] + [170, 40, 20]
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def _layers(size: Size) -> Iterator[Layer]:
    if size in _UNETS:
        for block, stage, side, transformers, blocks, heads in _UNETS[size]:
            for first in range(transformers):
                for second in range(blocks):
                    name = f"{block}.attentions.{first}.transformer_blocks.{second}.attn2"
                    yield format_1.layer(name, stage, (side, side), heads)
        return
    double, single = {"sd3": (24, 0), "flux": (19, 38)}[size]
    for i in range(double):
        yield format_1.layer(f"transformer_blocks.{i}.attn", "double", (64, 64), 24)
    for i in range(single):
        yield format_1.layer(f"single_transformer_blocks.{i}.attn", "single", (64, 64), 24)


def _spots(layer: Layer, steps: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """(step, head, column, height, width), float16: shares of the layer's keys."""
    first, last = (
        torch.rand(layer.heads, columns, 4, 4, generator=generator).pow_(4) for _ in range(2)
    )
    height, width = layer.size
    share = 1.0 if layer.attention == "cross" else 0.1
    attention = torch.empty(steps, layer.heads, columns, height, width, dtype=torch.float16)
    for step in range(steps):
        between = torch.lerp(first, last, step / max(1, steps - 1))
        larger = functional.interpolate(between, layer.size, mode="bicubic").clamp_(min=0)
        larger[:, 0] += 1  # the start of the text draws most of the attention
        attention[step] = larger.div_(larger.sum(1, keepdim=True)).mul_(share).half()
    return attention
