"""The figures of `docs/menagerie.md`; `scripts/menagerie_page.py` calls them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

import daam_nb as dnb
from daam_nb.menagerie import NOUNS, card, scene
from daam_nb.show.figures.saving import small_png

COLUMNS, SIDE, WIDE, LINE = 7, 112, 122, 13
BLUE, ORANGE, INK = (0, 92, 175), (213, 94, 0), (30, 30, 30)
BITS = 5
"""Bits kept of each channel: a PNG is less than half as large, and no eye sees it at this size."""

LARGE, WIDEST = 180_000, 1600
"""Bytes from which a figure of maps is made smaller, and how many dots across it has then."""

PROMPT, SEED = "a banana and an apple on the grass", 2
"""What the maps are shown for."""

JOINT_PROMPT = "a cat left of a dog on the sand"


def _rounded(image: Image.Image) -> Image.Image:
    top = (1 << BITS) - 1
    return image.point([round(round(v / 255 * top) / top * 255) for v in range(256)] * 3)


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def write_sheet(
    path: Path,
    images: Sequence[Image.Image],
    prompts: Sequence[str],
    there: Sequence[bool] | None = None,
) -> None:
    """Images with their prompts below.

    Parameters
    ----------
    there
        Whether the judge finds all that is named: a full blue line below the image, else a
        broken orange one. None draws no line.
    """
    font = ImageFont.load_default(11)
    words = [_wrapped(prompt, font, SIDE + 4) for prompt in prompts]
    starts = range(0, len(images), COLUMNS)
    # A row is as tall as its longest prompt needs.
    talls = [SIDE + 20 + LINE * max(map(len, words[i : i + COLUMNS])) for i in starts]
    sheet = Image.new("RGB", (COLUMNS * WIDE, sum(talls)), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for i, image in enumerate(images):
        x, y = i % COLUMNS * WIDE + (WIDE - SIDE) // 2, sum(talls[: i // COLUMNS]) + 4
        sheet.paste(_rounded(image).resize((SIDE, SIDE), Image.Resampling.NEAREST), (x, y))
        if there is not None:
            _verdict(draw, x, y + SIDE + 4, found=there[i])
        for k, line in enumerate(words[i]):
            draw.text((x, y + SIDE + 8 + k * LINE), line, fill=INK, font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _verdict(draw: ImageDraw.ImageDraw, x: int, y: int, *, found: bool) -> None:
    if found:
        draw.line((x, y, x + SIDE, y), fill=BLUE, width=3)
        return
    for start in range(x, x + SIDE, 12):
        draw.line((start, y, min(start + 6, x + SIDE), y), fill=ORANGE, width=3)


def write_world(folder: Path) -> None:
    """Scenes of the world, and the same with every object's exact mask filled."""
    scenes = [scene(seed, "test") for seed in range(COLUMNS)]
    masked = []
    for one in scenes:
        pixels = np.asarray(one.image.convert("L").convert("RGB")) // 2 + 110
        for mask, color in zip(one.masks, (BLUE, ORANGE, (0, 158, 115)), strict=False):
            pixels[mask] = color
        masked.append(Image.fromarray(pixels))
    names = [", ".join(thing.noun for thing in one.objects) for one in scenes]
    write_sheet(
        folder / "menagerie-world.png",
        [*(one.image for one in scenes), *masked],
        [*(one.caption for one in scenes), *names],
    )


def write_maps(folder: Path) -> None:
    """One image's maps: by choice of layers, by layer and head, by step."""
    pipe = dnb.menagerie.load()
    pipe.set_progress_bar_config(disable=True)
    run = dnb.generate(pipe, PROMPT, seed=SEED, num_inference_steps=20)
    word = next(n.name for n in NOUNS if f" {n.name} " in f" {PROMPT} ")
    chosen = list(card().recommended or ()) or "paper"
    words = [n.name for n in NOUNS if f" {n.name} " in f" {PROMPT} "] + ["grass"]
    made = {
        "paper": dnb.words_row(dnb.heat_maps(run), words=words),
        "recommended": dnb.words_row(dnb.heat_maps(run, layers=chosen), words=words),
        "heads": dnb.head_sheet(run, word, scale="own"),
        "steps": dnb.step_strip(run, word, layers=chosen),
        "joint-words": _joint_words(),
    }
    for name, figure in made.items():
        path = folder / f"menagerie-{name}.png"
        path.write_bytes(small_png(figure))
        if path.stat().st_size > LARGE:
            drawn = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
            drawn.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
            drawn.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _joint_words() -> Figure:
    """Words of a prompt that states a direction, in the joint model."""
    pipe = dnb.menagerie.load(architecture="joint")
    pipe.set_progress_bar_config(disable=True)
    run = dnb.generate(pipe, JOINT_PROMPT, seed=0, num_inference_steps=20, max_sequence_length=32)
    return dnb.words_row(dnb.heat_maps(run), words=["cat", "left", "dog", "sand"])


def write_attribution(folder: Path, made: dict[str, Any]) -> None:
    """Mean IoU with the exact masks: by timestep, and of each layer alone."""
    scores = made["scores"]
    figure = Figure(figsize=(8.6, 3.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    for name, style in (("recommended", "-o"), ("paper", "--s")):
        by = scores[name]["miou_by_timestep"]
        left.plot([int(t) for t in by], list(by.values()), style, label=name, markersize=4)
    left.axhline(scores["paper"]["whole_image"], color="gray", linewidth=1, linestyle=":")
    left.text(100, scores["paper"]["whole_image"] + 0.01, "whole image", fontsize=8, color="gray")
    left.set(xlabel="timestep (1000: noise alone)", ylabel="mean IoU", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    layers = [name for name in scores if name.endswith("attn2")]
    short = [name.split(".transformer_blocks")[0].replace(".attentions", "") for name in layers]
    colors = ["C0" if name in made["recommended"] else "0.7" for name in layers]
    right.barh(short, [scores[name]["miou"] for name in layers], color=colors)
    right.axvline(scores["paper"]["whole_image"], color="gray", linewidth=1, linestyle=":")
    right.invert_yaxis()
    right.tick_params(axis="y", labelsize=8)
    right.set(xlabel="mean IoU of one layer alone (blue: recommended)")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure)
    figure.savefig(folder / "menagerie-attribution.png")
