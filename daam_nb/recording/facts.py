"""Facts and manifest of a recording: where it comes from, what it holds and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.kinds import whole_numbers
from daam_nb.recording.later import LaterField
from daam_nb.recording.limits import (
    MAX_CELLS,
    MAX_LAYERS,
    MAX_LINE,
    MAX_LINES,
    MAX_MODEL,
    MAX_NAME,
    MAX_NUMBER,
    MAX_STEPS,
    check_batch,
    check_count,
    check_number,
    check_text,
)
from daam_nb.storage.images import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.prompt import Prompt

Kept = Literal["steps", "sum", "replay"]


@dataclass(frozen=True)
class Skipped:
    """Something that was present but not captured, and why."""

    what: str
    why: str


NEGATIVE_MAPS = "the negative prompt's maps"
"""What a manifest calls the attention of the unconditional pass."""


@dataclass(frozen=True)
class Manifest:
    """What a recording holds, and what it lacks.

    Attributes
    ----------
    captured
        One sentence per kind of array that was kept.
    skipped
        What was observed and not kept, with the reasons.
    """

    captured: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        check_count((*self.captured, *self.skipped), "lines of the manifest", MAX_LINES)
        for line in self.captured:
            check_text(line, "A line of the manifest", MAX_LINE)
        for item in self.skipped:
            check_text(item.what, "A line of the manifest", MAX_LINE)
            check_text(item.why, "A reason in the manifest", MAX_LINE)

    def why_not(self, what: str) -> str:
        """The reason why something was not kept; empty if no reason is given."""
        return next((item.why for item in self.skipped if item.what == what), "")


@dataclass(frozen=True)
class Facts:
    """Facts of where a recording comes from; every field is plain JSON data.

    Attributes
    ----------
    model
        Hub id or path of the model, as the pipeline names it.
    pipeline, scheduler
        Class names.
    image_size, latent_size
        (height, width), in pixels and in latent cells.
    num_steps
        Steps of the sampling loop (calls of ``scheduler.step``).
    guidance
        Classifier-free guidance scale, or None if no row of any pass was a negative prompt's.
    seed
        Seed of this image's generator, or None if no generator was given.
    dtype, device
        Those of the denoiser while it ran.
    batch
        The call that made this image: every prompt, the image's index, images per prompt;
        ``weights``, a digest of a few values of every tensor of each part of the model; anything
        unusual.
    call
        The JSON-able arguments of the call, by name.
    omitted
        Arguments of the call that are not plain data (images, callbacks, tensors), by name.
    versions
        Of daam_nb, torch, diffusers, transformers and python.
    duration
        Seconds that the pipeline's call took, including the recording.
    created
        ISO 8601, UTC.
    digests
        SHA-256 of each array, of the image and of the labels of their axes, as the pipeline made
        them; empty for a recording assembled by hand or by an earlier version.
    derived
        What was changed after the pipeline made it; empty if nothing was.
    """

    model: str
    pipeline: str
    scheduler: str
    image_size: tuple[int, int]
    latent_size: tuple[int, int]
    num_steps: int
    guidance: float | None = None
    seed: int | None = None
    dtype: str = "float32"
    device: str = "cpu"
    batch: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    duration: float = 0.0
    created: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    derived: str = ""

    def __post_init__(self) -> None:
        for name in ("image_size", "latent_size"):
            size = getattr(self, name)
            try:
                sides = whole_numbers(size, "side")
            except SelectionError:
                sides = ()
            if len(sides) != 2 or min(sides) < 1:
                raise ShapeError(
                    f"{name} is {size}; it must be (height, width), whole numbers, each at least 1."
                )
            object.__setattr__(self, name, sides)
        self._check_sizes()
        if self.num_steps < 1:
            raise ShapeError(f"num_steps is {self.num_steps}; it must be at least 1.")
        check_number(self.num_steps, "num_steps", low=1, high=MAX_STEPS)
        if self.guidance is not None:
            check_number(self.guidance, "guidance", low=-MAX_NUMBER, high=MAX_NUMBER)
        if self.seed is not None:
            check_number(self.seed, "seed", low=-(2**63), high=2**64)
        check_number(self.duration, "duration", low=0, high=MAX_NUMBER)
        check_text(self.model, "model", MAX_MODEL)
        for name in ("pipeline", "scheduler", "dtype", "device", "created"):
            check_text(getattr(self, name), name)
        check_count(self.omitted, "arguments in omitted", MAX_NAME)
        check_count(self.versions, "versions", MAX_NAME)
        for text in (*self.omitted, *self.versions, *self.versions.values()):
            check_text(text, "A name in omitted or versions")
        check_batch(self.batch)
        check_count(self.digests, "digests", 2 * MAX_LAYERS + 3)
        for text in (*self.digests, *self.digests.values()):
            check_text(text, "A name or value in digests", 2 * MAX_NAME)
        check_text(self.derived, "derived", MAX_LINE)

    def _check_sizes(self) -> None:
        (height, width), (rows, columns) = self.image_size, self.latent_size
        if height * width > MAX_PIXELS:
            raise ShapeError(
                f"image_size is {height} x {width}; a recording may have at most {MAX_PIXELS} "
                "pixels."
            )
        if rows * columns > MAX_CELLS:
            raise ShapeError(
                f"latent_size is {rows} x {columns}; a recording may have at most {MAX_CELLS} "
                "cells."
            )
        if rows > height or columns > width:
            raise ShapeError(
                f"latent_size is {rows} x {columns} and image_size {height} x {width} (height x "
                "width); a latent must not be larger than its image."
            )


@dataclass(frozen=True, eq=False, repr=False)
class Provenance:
    """A recording without its arrays: enough to name and to identify it.

    Attributes
    ----------
    prompt, negative_prompt, facts, image
        Those of the `Recording`; the image of a loaded one is read on first use.
    attention_altered
        Whether its attention was replaced or written into after the pipeline made it.
    """

    prompt: Prompt
    facts: Facts
    negative_prompt: Prompt | None = None
    attention_altered: bool = False
    # A descriptor, meant to be shared: values are stored in each instance.
    image: LaterField[Image] = LaterField()  # noqa: RUF009

    def __repr__(self) -> str:
        seed = "" if self.facts.seed is None else f", seed {self.facts.seed}"
        return f"<Provenance: {self.prompt.text!r}, {self.facts.model}{seed}>"
