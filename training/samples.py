"""Grids of generated images, to look at while a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

PROMPTS = (
    "a zebra on the grass",
    "a cat on a blue background",
    "a red car on the sand",
    "an apple in the sky",
    "a big owl at night",
    "a purple guitar on a white background",
    "a zebra next to a car",
    "a giraffe and an elephant on the grass",
    "a cat to the left of a dog on the sand",
    "a banana above a boat in the water",
    "two apples in the snow",
    "a yellow bus right of a green tree in the sky",
)


def grid(
    pipeline: Any,
    path: Path,
    *,
    prompts: tuple[str, ...] = PROMPTS,
    steps: int = 20,
    guidance: float = 4.0,
    seed: int = 0,
    columns: int = 6,
    scale: int = 2,
) -> None:
    """Write a PNG with one image per prompt; image i has seed `seed + i`."""
    generators = [torch.Generator().manual_seed(seed + i) for i in range(len(prompts))]
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(
        list(prompts), num_inference_steps=steps, guidance_scale=guidance, generator=generators
    ).images
    side = images[0].width * scale
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side))
    for i, image in enumerate(images):
        sheet.paste(
            image.resize((side, side), Image.Resampling.NEAREST),
            (i % columns * side, i // columns * side),
        )
    sheet.save(path)
