"""Rendering of a layout to an image and its exact masks.

Everything is numpy and PIL at 64 x 64; no torch. A scene is composited back to front; the mask
of an object is where it contributes more to the pixel than any other object or the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daam_nb.menagerie.taxonomy import COLORS

SIZE = 64
"""Height and width of every image, in pixels."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_PLAIN = {"white": (246, 246, 246), "gray": (150, 150, 152), **COLORS}

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """One object in a layout.

    Attributes
    ----------
    noun, color
        Which sprite, and its tint or None for its own colors.
    center
        (y, x) in pixels, fractional.
    extent
        Length of the sprite's longer side in pixels.
    """

    noun: str
    color: str | None
    center: tuple[float, float]
    extent: float


@cache
def sprite(noun: str, color: str | None = None) -> Array:
    """Return the sprite of a noun, tinted or not.

    Parameters
    ----------
    noun
        Name of a noun of the taxonomy.
    color
        Color word, or None for the sprite's own colors.

    Returns
    -------
    ndarray
        (height, width, 4), float32 in 0..1, color not premultiplied by alpha. The longer side
        has 96 pixels. Shared and read-only.

    Notes
    -----
    A tint keeps the order of lightness: luminance, scaled so that the 65th percentile meets the
    color's own, runs along black - color - white.
    """
    path = resources.files("daam_nb.menagerie") / "sprites" / f"{noun}.png"
    with path.open("rb") as file:
        rgba = np.asarray(Image.open(file).convert("RGBA"), np.float32) / np.float32(255)
    if color is not None:
        rgba = np.concatenate([_tint(rgba, color), rgba[..., 3:]], axis=-1)
    rgba.setflags(write=False)
    return rgba


def _tint(rgba: Array, color: str) -> Array:
    target = np.array(COLORS[color], dtype=np.float32) / 255
    own = float(target @ _LUMA)
    luma = rgba[..., :3] @ _LUMA
    usual = float(np.percentile(luma[rgba[..., 3] > 0.5], 65))
    luma = np.clip(luma / usual * own, 0, own + 0.6 * (1 - own))[..., None]
    dark = target * luma / own
    light = target + (1 - target) * (luma - own) / (1 - own)
    tinted: Array = np.where(luma < own, dark, light).astype(np.float32)
    return tinted


def _resized(noun: str, color: str | None, extent: float) -> Array:
    """Premultiplied sprite at a new size: (height, width, 4), float32 in 0..1."""
    source = sprite(noun, color)
    height, width = source.shape[:2]
    scale = extent / max(height, width)
    pil_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.stack(
        [
            np.asarray(
                Image.fromarray(plane).resize(pil_size, Image.Resampling.BOX), dtype=np.float32
            )
            for plane in _premultiplied(noun, color)
        ],
        axis=-1,
    )


@cache
def _premultiplied(noun: str, color: str | None) -> tuple[Array, ...]:
    rgba = sprite(noun, color)
    alpha = rgba[..., 3]
    return (*(np.ascontiguousarray(rgba[..., c] * alpha) for c in range(3)), alpha.copy())


def footprint(noun: str, extent: float) -> tuple[int, int]:
    """Return the height and width of a noun's sprite at this extent, in pixels."""
    height, width = sprite(noun).shape[:2]
    scale = extent / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def layer(placed: Placed) -> Array:
    """Render one object on an empty canvas.

    Returns
    -------
    ndarray
        (64, 64, 4), float32 in 0..1, premultiplied by alpha.
    """
    small = _resized(placed.noun, placed.color, placed.extent)
    height, width = small.shape[:2]
    top = round(placed.center[0] - height / 2)
    left = round(placed.center[1] - width / 2)
    canvas = np.zeros((SIZE, SIZE, 4), dtype=np.float32)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + height, SIZE), min(left + width, SIZE)
    canvas[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
    return canvas


def composite(
    backdrop: Array, objects: list[Placed]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Composite objects, back to front, into an image and its masks.

    Parameters
    ----------
    backdrop
        (64, 64, 3), float32 in 0..1.
    objects
        In painting order: the last is in front.

    Returns
    -------
    image
        (64, 64, 3), uint8.
    masks
        (1 + len(objects), 64, 64), bool: the background, then each object. Every pixel is in
        exactly one mask: that of the layer with the largest share of its color.
    """
    image = backdrop
    shares = [np.ones((SIZE, SIZE), dtype=np.float32)]
    for placed in objects:
        paint = layer(placed)
        alpha = paint[..., 3]
        image = image * (1 - alpha[..., None]) + paint[..., :3]
        shares = [share * (1 - alpha) for share in shares] + [alpha]
    label = np.argmax(np.stack(shares), axis=0)
    masks = label[None] == np.arange(len(shares))[:, None, None]
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8), masks


@cache
def legible(noun: str, color: str | None, background: str) -> bool:
    """Whether an object's outline can be seen on a background.

    True if at least 75 % of the pixels along the sprite's rim differ from the background's mean
    color by more than 80 of 255 (Euclidean distance in RGB).
    """
    rgba = sprite(noun, color)
    solid = Image.fromarray((rgba[..., 3] > 0.5).astype(np.uint8) * 255)
    padded = Image.new("L", (solid.width + 12, solid.height + 12))
    padded.paste(solid, (6, 6))
    inner = _eroded(np.asarray(padded) > 0, 4)[6:-6, 6:-6]
    rim = (rgba[..., 3] > 0.5) & ~inner
    backdrop = paint_background(background, np.random.default_rng(0))
    distance = np.linalg.norm(rgba[rim][:, :3] - backdrop.mean(axis=(0, 1)), axis=-1)
    return bool((distance > 80 / 255).mean() >= 0.75)


def _eroded(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    for _ in range(steps):
        smaller = mask.copy()
        for axis in (0, 1):
            for shift in (-1, 1):
                smaller &= np.roll(mask, shift, axis=axis)
        mask = smaller
    return mask


def paint_background(name: str, rng: np.random.Generator) -> Array:
    """Render a background alone.

    Parameters
    ----------
    name
        A key of `taxonomy.BACKGROUNDS`.
    rng
        Random generator of clouds, waves, blades and bricks.

    Returns
    -------
    ndarray
        (64, 64, 3), float32 in 0..1.
    """
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    word = name.removesuffix(" background")
    painters = {
        "sky": _sky,
        "grass": _grass,
        "sand": _sand,
        "snow": _snow,
        "water": _water,
        "night": _night,
        "brick wall": _bricks,
    }
    if name in painters:
        image = painters[name](y, x, rng)
    else:
        shade = 1 + 0.06 * (rng.random() - 0.5) - 0.05 * y
        image = np.array(_PLAIN[word], dtype=np.float32) * shade[..., None]
    return np.clip(image / 255, 0, 1).astype(np.float32)


def _mix(low: tuple[int, int, int], high: tuple[int, int, int], amount: Array) -> Array:
    a, b = np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)
    return a + (b - a) * np.clip(amount, 0, 1)[..., None]


def _blobs(y: Array, x: Array, rng: np.random.Generator, count: int, wide: float) -> Array:
    total = np.zeros_like(y)
    for _ in range(count):
        cy, cx = rng.random(2)
        r = 0.05 + 0.05 * rng.random()
        total = np.maximum(total, np.exp(-(((y - cy) / r) ** 2) - ((x - cx) / (r * wide)) ** 2))
    return total


def _sky(y: Array, x: Array, rng: np.random.Generator) -> Array:
    base = _mix((95, 170, 240), (175, 215, 250), y + 0.2 * (rng.random() - 0.5))
    cloud = _blobs(y, x, rng, int(rng.integers(2, 5)), 2.2)[..., None]
    return base + (np.float32(250) - base) * cloud * 0.8


def _grass(y: Array, x: Array, rng: np.random.Generator) -> Array:
    noise = rng.random((SIZE // 4, SIZE // 2)).astype(np.float32)
    blades = np.asarray(
        Image.fromarray(noise).resize((SIZE, SIZE), Image.Resampling.BILINEAR), dtype=np.float32
    )
    return _mix((70, 140, 40), (130, 195, 75), 0.15 + 0.7 * blades)


def _sand(y: Array, x: Array, rng: np.random.Generator) -> Array:
    phase, bend = 6.28 * rng.random(), 0.08 * rng.random() + 0.03
    ripple = np.sin(6.28 * 5 * (y + bend * np.sin(6.28 * (x + phase))) + phase)
    return _mix((212, 180, 125), (238, 212, 160), 0.5 + 0.35 * ripple)


def _snow(y: Array, x: Array, rng: np.random.Generator) -> Array:
    drift = _blobs(y, x, rng, 4, 3.0)
    return _mix((250, 252, 255), (208, 224, 243), 0.1 + 0.8 * drift)


def _water(y: Array, x: Array, rng: np.random.Generator) -> Array:
    p, q = 6.28 * rng.random(2)
    wave = np.sin(6.28 * 7 * y + 1.5 * np.sin(6.28 * 2 * x + p) + q)
    return _mix((20, 95, 150), (60, 160, 200), 0.5 + 0.4 * wave)


def _night(y: Array, x: Array, rng: np.random.Generator) -> Array:
    image = _mix((12, 14, 45), (38, 40, 90), y)
    for _ in range(int(rng.integers(8, 15))):
        sy, sx = rng.integers(0, SIZE, 2)
        image[sy, sx] = (235, 235, 200)
    return image


def _bricks(y: Array, x: Array, rng: np.random.Generator) -> Array:
    dy, dx = rng.integers(0, 8), rng.integers(0, 16)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    rows = rows + dy
    row = rows // 8
    columns = columns + dx + 8 * (row % 2)
    shade = rng.random((SIZE // 8 + 2, SIZE // 16 + 3))[row, columns // 16].astype(np.float32)
    wall = _mix((150, 70, 52), (182, 92, 70), shade)
    wall[(rows % 8 == 0) | (columns % 16 == 0)] = (200, 190, 178)
    return wall
