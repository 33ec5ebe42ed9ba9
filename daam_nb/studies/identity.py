"""Which model a pipeline is, as far as its pictures depend on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

from daam_nb.errors import StudyError
from daam_nb.studies.tables import plain


def identity(pipe: Any) -> dict[str, Any]:
    """Name, weights, pipeline, scheduler with its options, dtype; plain JSON data."""
    scheduler = getattr(pipe, "scheduler", None)
    config = {k: v for k, v in getattr(scheduler, "config", {}).items() if k[0] != "_"}
    parts = {name: getattr(pipe, name, None) for name in ("unet", "transformer", "text_encoder")}
    there = {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}
    name = getattr(getattr(pipe, "config", None), "_name_or_path", None)
    return {
        "model": str(name) if name else type(pipe).__name__,
        "weights": _fingerprint(there),
        "pipeline": type(pipe).__name__,
        "scheduler": type(scheduler).__name__,
        "scheduler options": {k: as_text(v) for k, v in sorted(config.items())},
        "dtype": ", ".join(
            sorted({str(p.dtype) for part in there.values() for p in part.parameters()})
        ),
    }


@torch.no_grad()
def _fingerprint(parts: Mapping[str, torch.nn.Module]) -> str:
    """Tell models apart by 64 values of every tensor: cheap on any device, exact enough."""
    digest = hashlib.sha256()
    for part, module in parts.items():
        for name, tensor in sorted(module.state_dict().items()):
            flat = tensor.detach().flatten()
            some = flat[:: max(1, len(flat) // 64)][:64].float().cpu()
            digest.update(f"{part}.{name} {tuple(tensor.shape)}".encode())
            digest.update(some.numpy().tobytes())
    return digest.hexdigest()[:16]


def as_text(value: Any) -> Any:
    """Settings as JSON data; what is none (a callable, a tensor, a dtype) as its text."""
    try:
        return plain(value, "a setting")
    except StudyError:
        return getattr(value, "__qualname__", None) or str(value)
