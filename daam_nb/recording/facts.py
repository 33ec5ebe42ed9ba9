"""The facts and the manifest that travel with a recording: where it comes from, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from daam_nb.errors import ShapeError

Kept = Literal["steps", "sum", "replay"]


@dataclass(frozen=True)
class Skipped:
    """One thing that was there and was not captured, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Manifest:
    """What a recording holds and what it does not.

    Attributes
    ----------
    captured
        One sentence per kind of array that was kept.
    skipped
        What was seen and not kept, each with the reason.
    """

    captured: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Where a recording comes from. Every field is plain JSON data.

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
        Classifier-free guidance scale, or None where the pass was not guided.
    seed
        Seed of this picture's generator, or None where no generator was given.
    dtype, device
        Of the denoiser while it ran.
    batch
        The call this picture came from: every prompt, its own index, images per prompt.
    call
        The JSON-able arguments of the call, by name.
    omitted
        Arguments of the call that are not plain data (pictures, callbacks, tensors), by name.
    versions
        Of daam_nb, torch, diffusers, transformers and python.
    duration
        Seconds that the pipeline's call took, watching included.
    created
        ISO 8601, UTC.
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

    def __post_init__(self) -> None:
        for name in ("image_size", "latent_size"):
            size = getattr(self, name)
            if len(size) != 2 or min(size) < 1:
                raise ShapeError(f"{name} is {size}; it must be (height, width), each at least 1.")
            object.__setattr__(self, name, (int(size[0]), int(size[1])))
        if self.num_steps < 1:
            raise ShapeError(f"num_steps is {self.num_steps}; a picture takes at least one step.")
