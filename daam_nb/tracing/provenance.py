"""Origin of an image: seeds, arguments, versions; everything needed to reproduce it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

import daam_nb

# Kept apart, per image or because they are what `Facts.batch` is made of.
_APART = ("self", "prompt", "negative_prompt", "generator", "num_images_per_prompt")
_PACKAGES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Seeds:
    """The generators a call was given.

    Attributes
    ----------
    values
        Seed of each generator; empty if none was given.
    fresh
        Whether every generator was just seeded, so that the seed alone reproduces it.
    shared
        Whether one generator served the whole batch.
    device
        The generators' device.
    """

    values: tuple[int, ...] = ()
    fresh: bool = True
    shared: bool = True
    device: str = "cpu"

    def of(self, image: int) -> int | None:
        """Seed behind one image, None if no generator was given."""
        if not self.values:
            return None
        return self.values[0 if self.shared else image]


def seeds(generator: Any) -> Seeds:
    """Read seeds off generators before the call draws from them."""
    if generator is None:
        return Seeds()
    many = list(generator) if isinstance(generator, list | tuple) else [generator]
    fresh = all(torch.equal(g.get_state(), _seeded(g).get_state()) for g in many)
    return Seeds(
        values=tuple(int(g.initial_seed()) for g in many),
        fresh=fresh,
        shared=not isinstance(generator, list | tuple) or len(many) == 1,
        device=str(many[0].device),
    )


def _seeded(generator: torch.Generator) -> torch.Generator:
    return torch.Generator(generator.device).manual_seed(generator.initial_seed())


def plain_arguments(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Split a call's arguments into JSON data and the names of those that are not."""
    plain: dict[str, Any] = {}
    omitted: list[str] = []
    for name, value in arguments.items():
        if name in _APART or value is None:
            continue
        try:
            plain[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            omitted.append(name)
    return plain, tuple(omitted)


def versions() -> dict[str, str]:
    """Versions of the software that computed the image."""
    found = {"python": platform.python_version(), "daam_nb": daam_nb.__version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def model_name(pipe: Any) -> str:
    """Hub id or path that a pipeline was loaded from, else its class."""
    name = getattr(getattr(pipe, "config", None), "_name_or_path", None)
    return str(name) if name else type(pipe).__name__
