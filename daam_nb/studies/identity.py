"""Which model a pipeline is: everything that shapes its pictures, recognised by content."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from daam_nb.errors import WrongKindError
from daam_nb.studies.fingerprints import Reader, digest, fingerprint, is_installed
from daam_nb.studies.networks import network_content, options_of, under_ours
from daam_nb.tracing.attached import open_changes

# Constants of a scheduler that can be exchanged behind its options.
_NOISE_LEVELS = (
    *("betas", "alphas", "alphas_cumprod", "final_alpha_cumprod"),
    *("sigma_min", "sigma_max", "shift", "_shift"),
)


def model_name(pipe: Any) -> str:
    """What people call the model: its id or folder, else its class. It is no part of what it is."""
    name = getattr(getattr(pipe, "config", None), "_name_or_path", None)
    return str(name) if name else type(pipe).__name__


def identity(pipe: Any) -> dict[str, Any]:
    """Everything of a pipeline that its pictures depend on, beside the arguments of the call.

    Returns
    -------
    dict
        Plain JSON data: ``pipeline``, its class; ``pipeline options``; ``parts``, each by its name
        (networks with all their weights, adapters and processors; tokenizers; schedulers with
        their options); ``interventions`` that are open on it.

    Raises
    ------
    WrongKindError
        For what is no pipeline of diffusers.
    StudyError
        Where a part cannot be recognised by its content.
    """
    if isinstance(pipe, nn.Module) or not hasattr(pipe, "_internal_dict"):
        raise WrongKindError(
            f"A {type(pipe).__name__} is no pipeline of diffusers. Give the pipeline itself, not "
            f"one of its parts."
        )
    parts = _parts(pipe)
    return {
        "pipeline": _class_of(pipe),
        "pipeline options": _own_options(pipe, parts),
        "parts": {name: _part(name, part) for name, part in sorted(parts.items())},
        "interventions": [_intervention(change) for change in open_changes(pipe)],
    }


def _parts(pipe: Any) -> dict[str, Any]:
    """Its components, and any network that hangs on it beside them."""
    held = {k: v for k, v in vars(pipe).items() if isinstance(v, nn.Module)}
    config = getattr(pipe, "_internal_dict", {})  # a part: (library, class), else an option
    names = [k for k, v in config.items() if k[:1] != "_" and isinstance(v, tuple | list)]
    return {**{name: getattr(pipe, name, None) for name in names}, **held}


def _part(name: str, part: Any) -> Any:
    if isinstance(part, nn.Module):
        return network_content(part)
    if isinstance(part, list | tuple):
        return [_part(name, member) for member in part]
    if hasattr(part, "set_timesteps"):
        return _scheduler(part)
    return fingerprint(part, name)


def _scheduler(scheduler: Any) -> dict[str, Any]:
    reader = Reader("scheduler")
    levels = {n: getattr(scheduler, n) for n in _NOISE_LEVELS if hasattr(scheduler, n)}
    return {
        "class": _class_of(scheduler),
        "options": options_of(scheduler),
        "noise levels": digest({name: reader.read(value) for name, value in levels.items()}),
        "exchanged": _exchanged(scheduler),
    }


def _own_options(pipe: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Plain options of the pipeline itself, and methods that were exchanged on it."""
    config = getattr(pipe, "_internal_dict", {})
    said = {
        name: value
        for name, value in {**dict(config), **vars(pipe)}.items()
        if name not in parts and name[:1] != "_"
    }
    plain = (bool, int, float, str, list, tuple, dict, torch.dtype)
    read = Reader("an option of the pipeline")
    options = {k: read.read(v) for k, v in sorted(said.items()) if isinstance(v, plain)}
    return {**options, **_exchanged(pipe)}


def _exchanged(owner: Any) -> dict[str, Any]:
    """Functions that somebody set on an object in place of its class's, by name."""
    reader = Reader("an exchanged method")
    exchanged: dict[str, Any] = {}
    for name, value in sorted(vars(owner).items()):
        if isinstance(value, types.FunctionType | types.MethodType):
            below = under_ours(value)
            if below is not None:
                exchanged[name] = reader.read(below)
    return exchanged


def _class_of(value: Any) -> Any:
    kind = type(value)
    return kind.__name__ if is_installed(kind.__module__) else Reader("a class").read(kind)


def _intervention(change: Any) -> dict[str, Any]:
    parts = {k: getattr(change, k, None) for k in ("_where", "_rule", "_prompt", "_hiding")}
    return {"change": str(change.change), "content": digest(fingerprint(parts, str(change.change)))}
