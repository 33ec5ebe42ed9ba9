"""Limits on a recording's numbers and texts; genuine ones stay far below.

A recording that is opened may come from a stranger. A false number costs memory and time before it
is noticed, so each has a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from daam_nb.errors import ShapeError, WrongKindError
from daam_nb.storage.images import MAX_PIXELS

MAX_CELLS = MAX_PIXELS // 8**2  # of the latent grid: the largest image's at a factor of 8
MAX_SHRINK = 64  # the latent grid's side by that of the largest layer kept
MAX_STRETCH = 2  # proportions of the image by those of the grid: pipelines may crop a little
MAX_STEPS = 10_000
MAX_LAYERS = 2_000
MAX_HEADS = 1_000  # of one layer
MAX_NAME = 300  # characters: of a layer, a class, a version, a device
MAX_MODEL = 5_000  # characters: it may be a path
MAX_LINE = 100_000  # characters: a line of the manifest may list layers, steps or names
MAX_LINES = 1_000  # of the manifest
MAX_NUMBER = 1e9  # timesteps, guidance, seconds


def check_text(text: object, what: str, limit: int = MAX_NAME) -> None:
    """Raise `WrongKindError` unless it is text, `ShapeError` if it is too long."""
    if not isinstance(text, str):
        raise WrongKindError(f"{what} is {text!r:.60} of type {type(text).__name__}, not text.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise WrongKindError(f"{what} holds half a character: {text!r:.60}.")
    if len(text) > limit:
        raise ShapeError(
            f"{what} is {len(text)} characters long, {text[:30]!r}...; at most {limit} are allowed."
        )


def check_number(number: object, what: str, *, low: float, high: float) -> None:
    """Raise `WrongKindError` unless it is a number, `ShapeError` outside [low, high]."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        kind = type(number).__name__
        raise WrongKindError(f"{what} is {number!r:.60} of type {kind}, not a number.")
    if not low <= number <= high:  # NaN neither
        raise ShapeError(f"{what} is {number:.15g}; it must be within [{low:g}, {high:g}].")


def check_count(items: Iterable[object], what: str, limit: int) -> None:
    """Raise `ShapeError` if there are too many."""
    count = len(tuple(items))
    if count > limit:
        raise ShapeError(f"There are {count} {what}; at most {limit} are allowed.")


def check_batch(batch: Mapping[str, Any]) -> None:
    """Raise unless each known entry of `Facts.batch` has its type; unknown entries are allowed."""
    for name in ("prompts", "negative_prompts", "interventions", "model_changes"):
        for text in _listed(batch, name):
            check_text(text, f"A text of batch[{name!r}]", MAX_LINE)
    for name in ("generator_device", "encoder", "look_file"):
        if batch.get(name) is not None:
            check_text(batch[name], f"batch[{name!r}]")
    _check_look(batch)
    for name, low in (("index", 0), ("pictures", 1), ("images_per_prompt", 1)):
        if batch.get(name) is not None:
            _check_whole(batch[name], f"batch[{name!r}]", low=low, high=2**31)
    weights = batch.get("weights", {})
    if not isinstance(weights, Mapping):
        raise WrongKindError(f"batch['weights'] is {weights!r:.60}, not digests by part.")
    check_count(weights, "parts in batch['weights']", MAX_NAME)
    for text in (*weights, *weights.values()):
        check_text(text, "A part or digest of batch['weights']")
    for scale in _listed(batch, "guidance_of_steps"):
        if scale is not None:
            check_number(scale, "A guidance of a step", low=-MAX_NUMBER, high=MAX_NUMBER)
    for seed in _listed(batch, "seeds"):
        _check_whole(seed, "A seed of batch['seeds']", low=-(2**63), high=2**64)


def _check_look(batch: Mapping[str, Any]) -> None:
    """What a look says of itself: `daam_nb.recording.looks`."""
    if batch.get("look") is not None:
        check_text(batch["look"], "batch['look']", MAX_LINE)
    sides = _listed(batch, "look_size")
    if len(sides) not in (0, 2):
        raise WrongKindError(f"batch['look_size'] is {sides!r:.60}, not [height, width].")
    for side in sides:
        _check_whole(side, "A side of batch['look_size']", low=1, high=2**31)


def _listed(batch: Mapping[str, Any], name: str) -> Sequence[object]:
    items = batch.get(name)
    if items is None:
        return ()
    if not isinstance(items, list | tuple):
        raise WrongKindError(f"batch[{name!r}] is {items!r:.60}, not a list.")
    return items


def _check_whole(number: object, what: str, *, low: int, high: int) -> None:
    check_number(number, what, low=low, high=high)
    if not isinstance(number, int):
        raise WrongKindError(f"{what} is {number!r}, not a whole number.")
