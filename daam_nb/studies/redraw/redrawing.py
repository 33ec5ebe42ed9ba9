"""A recorded image drawn again with its attention changed, and where the two images differ."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.recording import Recording
from daam_nb.tracing import redraw, reproduce

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from PIL.Image import Image

Field = NDArray[np.float64]
"""(y, x), one number per pixel."""


def drawn_again(
    pipe: Any, run: Recording, change: AbstractContextManager[object] | None = None
) -> Image:
    """The image of a recording again, from its own noise and arguments, under an intervention.

    As `drawn_from`, of its own seed.
    """
    return drawn_from(pipe, run, [seed_of(run)], change)[0]


def drawn_from(
    pipe: Any,
    run: Recording,
    seeds: Sequence[int],
    change: AbstractContextManager[object] | None = None,
) -> list[Image]:
    """Images of a recording's prompt in one call, with its arguments, under an intervention.

    Parameters
    ----------
    pipe
        The pipeline that made the recording.
    run
        The recording.
    seeds
        One for each image.
    change
        Such as ``ablate(pipe, words="dog")``; None: as it was.

    Raises
    ------
    StudyError
        If there is no pipeline.
    ReproductionError
        If the recording lacks what is needed.
    """
    if pipe is None:
        raise StudyError(
            f"The image of {run.prompt.text!r} must be drawn again, but pipe is None. Give the "
            f"pipeline that made it: {run.facts.model}."
        )
    with contextlib.nullcontext() if change is None else change:
        return redraw(run, pipe, seeds)


def seed_of(run: Recording) -> int:
    """The seed of a recording's noise; raises a `StudyError` where it has none."""
    if run.facts.seed is None:
        raise StudyError(
            f"The image of {run.prompt.text!r} was made without a seed, so it cannot be "
            "reproduced. Record with generate(pipe, prompt, seed=...)."
        )
    return run.facts.seed


def check_same(pipe: Any, run: Recording) -> None:
    """Raise a `StudyError` unless the pipeline draws the recording's image again.

    Differences of one gray level are let pass: another machine may round otherwise.
    """
    again = reproduce(run, pipe)
    if again.max_difference > 1:
        raise StudyError(
            f"This pipeline does not reproduce the recorded image of {run.prompt.text!r}: pixels "
            f"differ by up to {again.max_difference} of 255 "
            f"({'; '.join(again.why) or 'for an unknown reason'}). A change of the attention can "
            "only be measured with the pipeline that made the recording."
        )


def difference(one: Image, other: Image) -> Field:
    """Where two images of one size differ: (y, x), mean over the channels, 0 to 1."""
    first, second = (np.asarray(i.convert("RGB"), dtype=np.float64) for i in (one, other))
    if first.shape != second.shape:
        raise StudyError(
            f"Images of {first.shape[:2]} and {second.shape[:2]} pixels (height, width) cannot "
            "be compared."
        )
    difference: Field = np.abs(first - second).mean(axis=2) / 255.0
    return difference
