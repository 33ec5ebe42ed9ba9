"""A small folder for tests, and a way to write a false one that is rightly signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from daam_nb.storage import write_folder
from daam_nb.storage.strict_json import encode


def small(path: Path, *, overwrite: bool = False, seed: int = 0) -> Path:
    """Write a folder with two arrays, an image and some facts."""
    generator = torch.Generator().manual_seed(seed)
    return write_folder(
        path,
        facts={"seed": seed, "text": "naïve 🦓"},
        arrays={
            "a": torch.rand(2, 3, generator=generator),
            "b": torch.rand(4, generator=generator).half(),
        },
        images={"image": Image.new("RGB", (3, 2), (seed, 20, 30))},
        overwrite=overwrite,
    )


def document(folder: Path) -> dict[str, Any]:
    """The JSON of a folder, without its signature."""
    found: dict[str, Any] = json.loads((folder / "recording.json").read_text("utf-8"))
    del found["sha256"]
    return found


def resign(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the JSON as an attacker would, who can compute a sha256 too."""
    changed = document(folder)
    change(changed)
    (folder / "recording.json").write_bytes(encode(changed))
    return folder


def arrays_file(folder: Path) -> Path:
    """The one safetensors file."""
    return next(folder.glob("*.safetensors"))


def image_file(folder: Path) -> Path:
    """The one PNG."""
    return next(folder.glob("*.png"))
