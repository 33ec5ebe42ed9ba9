"""Images in the documents' and notebooks' tests are drawn in few steps where none are asked for.

The pipelines of diffusers draw in 50, or 28, where nobody names a number. The code that people copy
leaves it at that; what it is tested for does not depend on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline

FEW = 12


@contextmanager
def few_steps(number: int = FEW) -> Iterator[None]:
    """Let the pipelines of the shipped models draw in so many steps by default."""
    before = []
    for pipeline in (StableDiffusionPipeline, StableDiffusion3Pipeline):
        call = inspect.unwrap(pipeline.__call__)
        before.append((call, call.__defaults__))
        names = [
            parameter.name
            for parameter in inspect.signature(call).parameters.values()
            if parameter.default is not parameter.empty
        ]
        defaults = list(call.__defaults__ or ())
        defaults[names.index("num_inference_steps")] = number
        call.__defaults__ = tuple(defaults)
    try:
        yield
    finally:
        for call, defaults_before in before:
            call.__defaults__ = defaults_before
