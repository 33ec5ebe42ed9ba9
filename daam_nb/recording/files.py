"""A recording -> the facts, arrays and images that `daam_nb.storage` keeps in a folder."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.errors import RecordingFormatError
from daam_nb.kinds import check_flag, check_path
from daam_nb.recording.extras import ROUNDING, extras_of
from daam_nb.recording.extras import largest as extra_limit
from daam_nb.recording.facts import Facts
from daam_nb.recording.genuine import facts_to_save
from daam_nb.storage import check_values, write_folder

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.recording.recording import Recording

ATTENTION, NEGATIVE, LATENTS, IMAGE = "attention/", "negative_attention/", "latents", "image"


def save(
    run: Recording, path: str | os.PathLike[str], *, overwrite: bool, derived: str | None = None
) -> Path:
    """See `Recording.save`."""
    facts = facts_to_save(run, derived)
    if facts is not run.facts:
        run = dataclasses.replace(run, facts=facts)
    arrays: dict[str, Tensor] = {}
    for prefix, attention in ((ATTENTION, run.attention), (NEGATIVE, run.negative_attention)):
        for name, tensor in attention.items():
            _check_probabilities(run, prefix + name, tensor)
            arrays[prefix + name] = tensor
    for field, extra in extras_of(run):
        bounds = extra.bounds(extra_limit(field, run.kept, len(run.steps)))
        for part, of_layers in extra.arrays.items():
            for name, tensor in of_layers.items():
                _check_range(f"{field}/{part}/{name}", tensor, *bounds[part])
                arrays[f"{field}/{part}/{name}"] = tensor
    if run.latents is not None:
        arrays[LATENTS] = run.latents
    images = {} if run.image is None else {IMAGE: run.image}
    check_flag(overwrite, "overwrite")
    return write_folder(
        check_path(path, "The place of a recording"),
        facts=_facts(run),
        arrays=arrays,
        images=images,
        overwrite=overwrite,
    )


def _facts(run: Recording) -> dict[str, Any]:
    negative = run.negative_prompt
    return {field: extra.facts() for field, extra in extras_of(run)} | {
        "kept": run.kept,
        "prompt": run.prompt.to_dict(),
        "columns": run.columns,
        "steps": run.steps,
        "timesteps": run.timesteps,
        "layers": [dataclasses.asdict(layer) for layer in run.layers],
        "source": {f.name: getattr(run.facts, f.name) for f in dataclasses.fields(Facts)},
        "manifest": dataclasses.asdict(run.manifest),
        "negative_prompt": None if negative is None else negative.to_dict(),
        "negative_columns": run.negative_columns,
    }


def largest(kept: str, steps: int, facts: Facts) -> float:
    """Largest valid value: 1 for a probability, their number for a sum of them.

    An intervention may exceed it (a word's attention times 5).
    """
    if facts.batch.get("interventions"):
        return math.inf
    return (steps if kept == "sum" else 1) * (1 + ROUNDING)


def _check_range(name: str, tensor: Tensor, low: float, high: float) -> None:
    try:
        check_values(tensor, name, low=low, high=high)
    except RecordingFormatError as error:
        raise RecordingFormatError(
            f"Nothing was saved: {error}. Was the model run in a precision that overflows? Try "
            "torch.float32 or torch.bfloat16."
        ) from None


def _check_probabilities(run: Recording, name: str, tensor: Tensor) -> None:
    try:
        check_values(tensor, name, low=0, high=largest(run.kept, len(run.steps), run.facts))
    except RecordingFormatError as error:
        raise RecordingFormatError(
            f"Nothing was saved: {error}; attention is a probability. Was the model run in a "
            f"precision that overflows? Try torch.float32 or torch.bfloat16."
        ) from None
