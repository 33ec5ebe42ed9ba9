"""Checks of a recording at construction, so that nothing built on it has to check again.

Shapes, dtypes and positions, without reading an array. Values are checked when they are read from a
file (`daam_nb.recording.loading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, get_args

import torch

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.recording import extras
from daam_nb.recording.extra import described
from daam_nb.recording.facts import Kept
from daam_nb.recording.later import Later, not_fetched
from daam_nb.recording.layers import Layer
from daam_nb.recording.limits import (
    MAX_LAYERS,
    MAX_NUMBER,
    MAX_SHRINK,
    MAX_STRETCH,
    check_count,
    check_number,
)
from daam_nb.storage import LazyArrays

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.prompt import Prompt
    from daam_nb.recording.recording import Recording

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check(run: Recording) -> None:
    """Raise `ShapeError` or `SelectionError` unless the parts of a recording fit together."""
    if run.kept not in get_args(Kept):
        choices = ", ".join(map(repr, get_args(Kept)))
        raise SelectionError(f"kept is {run.kept!r}; it must be one of {choices}.")
    _check_layers(run.layers)
    _check_places("steps", run.steps, run.facts.num_steps, "num_steps")
    if list(run.steps) != sorted(run.steps):
        raise SelectionError(f"steps are {_few(run.steps)}; they must be in ascending order.")
    if len(run.timesteps) != run.facts.num_steps:
        raise ShapeError(
            f"There are {len(run.timesteps)} timesteps for the {run.facts.num_steps} steps of the "
            "loop; every step needs one, whether it was kept or not."
        )
    for timestep in run.timesteps:
        check_number(timestep, "A timestep", low=-MAX_NUMBER, high=MAX_NUMBER)
    _check_columns("columns", run.columns, run.prompt)
    _check_attention(run, run.attention, run.columns, "attention")
    _check_negative(run)
    extras.check(run)
    _check_image(run)
    _check_latents(run)
    _check_grid(run)


def _check_layers(layers: tuple[Layer, ...]) -> None:
    names = [layer.name for layer in layers]
    if not names:
        raise ShapeError("A recording needs at least one layer; this one has none.")
    check_count(names, "layers", MAX_LAYERS)
    if own := [layer.name for layer in layers if layer.attention == "self"]:
        raise ShapeError(f"The layer {own[0]!r} is a self-attention layer, which reads no text.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ShapeError(f"The layer {twice!r} is listed more than once. List it once.")


def _check_grid(run: Recording) -> None:
    """The grid of the maps must be one that the layers kept, so the arrays, bear out."""
    grid = run.facts.latent_size
    largest = max(run.layers, key=lambda layer: layer.size)
    for axis, name in enumerate(("high", "wide")):
        cells = max(layer.size[axis] for layer in run.layers)
        if not cells <= grid[axis] <= MAX_SHRINK * cells:
            raise ShapeError(
                f"latent_size is {_by(grid)} (height x width) and the largest layer kept, "
                f"{largest.name!r}, {_by(largest.size)}; a latent must be as {name} as that, or up "
                f"to {MAX_SHRINK} times as {name}."
            )
    (height, width), (rows, columns) = run.facts.image_size, grid
    if not 1 / MAX_STRETCH <= (height * columns) / (width * rows) <= MAX_STRETCH:
        raise ShapeError(
            f"latent_size is {_by(grid)} and image_size {_by(run.facts.image_size)} (height x "
            "width); their aspect ratios must agree, so that maps fit the image."
        )


def _check_places(what: str, places: tuple[int, ...], count: int, of: str) -> None:
    if not places:
        raise SelectionError(f"{what} are empty; a recording must keep at least one.")
    if outside := [index for index in places if not 0 <= index < count]:
        raise SelectionError(
            f"{what} hold {outside[0]}; with {of} = {count} the last is {count - 1}."
        )
    if len(set(places)) < len(places):
        raise SelectionError(f"{what} are {_few(places)}; each may occur only once.")


def _check_columns(what: str, columns: tuple[int, ...], prompt: Prompt) -> None:
    _check_places(what, columns, len(prompt.tokens), "the prompt's tokens")


def _check_attention(
    run: Recording, attention: Mapping[str, Tensor], columns: tuple[int, ...], what: str
) -> None:
    names = {layer.name for layer in run.layers}
    if odd := sorted(names ^ set(attention)):
        has = "lacks the layer" if odd[0] in names else "holds what is no layer of the recording:"
        raise ShapeError(f"{what} {has} {odd[0]!r}.")
    steps = 1 if run.kept == "sum" else len(run.steps)
    held = described(attention)
    for layer in run.layers:
        dtype, shape = held[layer.name]
        needed = (steps, layer.heads, len(columns), *layer.size)
        if shape != needed:
            raise ShapeError(
                f"{what} of {layer.name!r} has the shape {shape}; with {steps} step(s), "
                f"{layer.heads} heads, {len(columns)} tokens and the size {layer.size} it must be "
                f"(step, head, token, y, x) = {needed}."
            )
        if dtype not in DTYPES:
            raise ShapeError(
                f"{what} of {layer.name!r} is {dtype}; it must be a floating-point type."
            )
    _check_on_cpu(what, attention)


def _check_on_cpu(what: str, arrays: Mapping[str, Tensor]) -> None:
    if isinstance(arrays, LazyArrays):
        return
    for name, tensor in arrays.items():
        if tensor.device.type != "cpu":
            raise ShapeError(
                f"{what} of {name!r} is on {tensor.device}; it must be on the CPU: .cpu()."
            )


def _check_negative(run: Recording) -> None:
    if not run.negative_attention and not run.negative_columns:
        return
    if run.negative_prompt is None:
        raise ShapeError(
            "negative_attention is given without the negative_prompt that it belongs to."
        )
    _check_columns("negative_columns", run.negative_columns, run.negative_prompt)
    _check_attention(run, run.negative_attention, run.negative_columns, "negative_attention")


def _check_image(run: Recording) -> None:
    image = not_fetched(run, "image")
    if image is None:
        return
    size = image.shape if isinstance(image, Later) else (image.height, image.width)
    if size != run.facts.image_size:
        raise ShapeError(
            f"The image is {_by(size)} and facts.image_size {_by(run.facts.image_size)} "
            f"(height x width); they must be equal."
        )


def _check_latents(run: Recording) -> None:
    latents = not_fetched(run, "latents")
    if latents is None:
        return
    shape = tuple(latents.shape)
    needed = (run.facts.num_steps + 1, *run.facts.latent_size)
    if len(shape) != 4 or (shape[0], *shape[2:]) != needed or not shape[1]:
        raise ShapeError(
            f"latents have the shape {shape}; with {run.facts.num_steps} steps it must be "
            f"(step, channel, y, x) = ({needed[0]}, channels, {needed[1]}, {needed[2]})."
        )


def _by(size: Iterable[int]) -> str:
    return " x ".join(str(length) for length in size)


def _few(places: tuple[int, ...]) -> str:
    listed = ", ".join(map(str, places[:10]))
    return f"[{listed}]" if len(places) <= 10 else f"[{listed}, ...]"
