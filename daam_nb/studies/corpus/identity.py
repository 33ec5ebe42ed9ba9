"""Identity of a pipeline's model: everything that affects its images, by content."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_modules

from daam_nb.errors import WrongKindError
from daam_nb.studies.corpus.fingerprints import Reader, digest, fingerprint, is_installed
from daam_nb.studies.corpus.networks import network_content, options_of, under_ours
from daam_nb.tracing.attached import open_changes

# Constants of a scheduler that can be exchanged behind its options.
_NOISE_LEVELS = (
    *("betas", "alphas", "alphas_cumprod", "final_alpha_cumprod"),
    *("sigma_min", "sigma_max", "shift", "_shift"),
)


_PLAIN = (bool, int, float, str, list, tuple, dict, torch.dtype)
_FUNCTIONS = (types.FunctionType, types.MethodType)


def model_name(pipe: Any) -> str:
    """The model's display name: its id or folder, else its class; not part of its identity."""
    name = getattr(getattr(pipe, "config", None), "_name_or_path", None)
    return str(name) if name else type(pipe).__name__


def identity(pipe: Any) -> dict[str, Any]:
    """Describe everything in a pipeline that its images depend on, except the call's arguments.

    Returns
    -------
    dict
        Plain JSON data: ``pipeline``, its class; ``pipeline options``; ``parts``, each by its name
        (networks with all their weights, adapters and processors; tokenizers; schedulers with
        their options); ``interventions`` that are open on it. Where there are any: ``helpers``,
        such as an image processor that differs from its class's default; ``exchanged in classes``,
        methods that were replaced in a class of the pipeline or its parts; ``hooks of all modules``
        (torch's global ones).

    Raises
    ------
    WrongKindError
        For anything but a diffusers pipeline.
    StudyError
        If a part cannot be recognized by its content.
    """
    check_pipeline(pipe)
    parts = _parts(pipe)
    seldom = {
        "helpers": _helpers(pipe, parts),
        "exchanged in classes": _exchanged_in_classes(pipe, parts),
        "hooks of all modules": _global_hooks(),
    }
    return {
        "pipeline": _class_of(pipe),
        "pipeline options": _own_options(pipe, parts),
        "parts": {name: _part(name, part) for name, part in sorted(parts.items())},
        "interventions": [_intervention(change) for change in open_changes(pipe)],
        **{name: content for name, content in seldom.items() if content},
    }


def check_pipeline(pipe: Any) -> None:
    """Raise a `WrongKindError` for anything but a diffusers pipeline."""
    if isinstance(pipe, nn.Module | type) or not hasattr(pipe, "_internal_dict"):
        raise WrongKindError(
            f"A {type(pipe).__name__} is not a diffusers pipeline. Give the pipeline itself, not "
            f"one of its parts."
        )


def _parts(pipe: Any) -> dict[str, Any]:
    """Its components, and any other network attached to it."""
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
    """Plain options of the pipeline itself, and methods that were replaced on it."""
    config = getattr(pipe, "_internal_dict", {})
    described = {
        name: value
        for name, value in {**dict(config), **vars(pipe)}.items()
        if name not in parts and name[:1] != "_"
    }
    read = Reader("an option of the pipeline")
    options = {k: read.read(v) for k, v in sorted(described.items()) if isinstance(v, _PLAIN)}
    return {**options, **_exchanged(pipe)}


def _exchanged(owner: Any) -> dict[str, Any]:
    """Functions that replace those of an object's class, by name."""
    reader = Reader("an exchanged method")
    exchanged: dict[str, Any] = {}
    for name, value in sorted(vars(owner).items()):
        if isinstance(value, types.FunctionType | types.MethodType):
            below = under_ours(value)
            if below is not None:
                exchanged[name] = reader.read(below)
    return exchanged


def _helpers(pipe: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Other attributes of a pipeline that differ from their defaults, such as image processors."""
    helpers: dict[str, Any] = {}
    for name, value in sorted(vars(pipe).items()):
        if name in parts or name[:1] == "_" or isinstance(value, (*_PLAIN, *_FUNCTIONS)):
            continue
        if value is None or isinstance(value, set | torch.device | nn.Module):
            continue
        if not is_installed(type(value).__module__):
            helpers[name] = fingerprint(value, name)
        elif changed := {**_chosen_options(value), **_exchanged(value)}:
            helpers[name] = {"class": type(value).__name__, **changed}
    return helpers


def _chosen_options(helper: Any) -> dict[str, Any]:
    """Options of an image processor that differ from its class's, except the pipeline's scale."""
    helper_options = options_of(helper)
    parameters = inspect.signature(type(helper).__init__).parameters
    own = {name: parameters[name].default for name in helper_options if name in parameters}
    return {
        name: value
        for name, value in helper_options.items()
        if not name.startswith("vae_") and (name not in own or value != own[name])
    }


def _exchanged_in_classes(pipe: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Foreign functions in an installed class, by the class's and their own names."""
    owners = [pipe, *parts.values(), *(v for v in vars(pipe).values() if v is not None)]
    for part in list(owners):
        owners += part.modules() if isinstance(part, nn.Module) else ()
    bases = {base for owner in owners for base in type(owner).__mro__}
    reader = Reader("a method exchanged in a class")
    return {
        f"{base.__module__}.{base.__qualname__}.{name}": reader.read(function)
        for base in sorted(bases, key=lambda base: (base.__module__, base.__qualname__))
        if is_installed(base.__module__)
        for name, value in sorted(vars(base).items())
        if (function := _of_others(value)) is not None
    }


def _of_others(value: Any) -> Any:
    """The function of a class's entry, unless it belongs to an installed package."""
    inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if not isinstance(inner, types.FunctionType):
        return None
    below = under_ours(inner)
    space = getattr(below, "__globals__", None)
    return below if space is not None and not is_installed(space.get("__name__")) else None


def _global_hooks() -> list[Any]:
    """Hooks that torch calls for every module."""
    reader = Reader("a hook of all modules")
    tables = (torch_modules._global_forward_pre_hooks, torch_modules._global_forward_hooks)
    return [reader.read(hook) for table in tables for hook in table.values()]


def _class_of(value: Any) -> Any:
    kind = type(value)
    return kind.__name__ if is_installed(kind.__module__) else Reader("a class").read(kind)


def _intervention(change: Any) -> dict[str, Any]:
    parts = {k: getattr(change, k, None) for k in ("_where", "_rule", "_prompt", "_hiding")}
    return {"change": str(change.change), "content": digest(fingerprint(parts, str(change.change)))}
