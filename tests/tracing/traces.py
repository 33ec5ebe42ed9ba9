"""Everything that watching could leave behind, as one flat table that can be compared.

`snapshot` is deep where watching could reach: the instance dictionaries of the pipeline and of
all its parts, every module's hooks, processors, parameters and `forward`, and the functions of
torch and diffusers that compute attention, by identity.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.modules.module as torch_module
from diffusers.models import attention, attention_dispatch, attention_processor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch._dynamo import eval_frame

from daam_nb.tracing import taps

Snapshot = dict[str, Any]

_HOOKS = (
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks",
    "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_load_state_dict_post_hooks",
    "_load_state_dict_pre_hooks",
    "_non_persistent_buffers_set",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
)
_GLOBAL_HOOKS = tuple(name for name in vars(torch_module) if name.startswith("_global_"))


class Same:
    """An object by identity; holding it keeps its address from being reused."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __repr__(self) -> str:
        return f"<{type(self.thing).__name__} at {id(self.thing):#x}>"


def _behavior(thing: Any) -> dict[str, Any]:
    """Names in an instance's dictionary; what can be called, or is a module, by identity."""
    found: dict[str, Any] = {}
    for name, value in vars(thing).items():
        if callable(value) or isinstance(value, torch.nn.Module):
            found[name] = Same(value)
        else:
            found[name] = type(value).__name__ if name in _HOOKS else "present"
    return found


def _module(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    yield "dict", _behavior(module)
    for name in _HOOKS:
        hooks = getattr(module, name)
        if isinstance(hooks, Mapping):
            yield name, {key: Same(hook) for key, hook in hooks.items()}
        else:
            yield name, set(hooks)
    yield "children", {name: Same(child) for name, child in module._modules.items()}
    yield "training", module.training
    for name, parameter in module._parameters.items():
        if parameter is not None:
            # accelerate's hooks make new parameters and placeholders in every run.
            offloaded = parameter.is_meta or hasattr(module, "_hf_hook")
            same = None if offloaded else Same(parameter)
            yield f"parameter {name}", (same, parameter._version, parameter.requires_grad)
    if hasattr(module, "processor"):
        yield "processor", Same(module.processor)


def _parts(pipe: Any) -> dict[str, Any]:
    return {name: part for name, part in pipe.components.items() if hasattr(part, "__dict__")}


def of_pipeline(pipe: Any) -> Snapshot:
    """What stands on a pipeline and its parts."""
    table: Snapshot = {"pipe": _behavior(pipe), "type": type(pipe)}
    for name, part in _parts(pipe).items():
        table[name] = Same(part)
        table[f"{name}.__class__"] = type(part)
        if isinstance(part, torch.nn.Module):
            table[f"{name} state dict"] = tuple(part.state_dict())
            for path, module in part.named_modules():
                for what, value in _module(module):
                    table[f"{name}.{path}: {what}"] = value
        else:
            table[f"{name}: dict"] = _behavior(part)
    for kind in {type(part) for part in _parts(pipe).values()} | {type(pipe)}:
        for owner in kind.__mro__[:-1]:
            table[f"class {owner.__module__}.{owner.__qualname__}"] = _class(owner)
    return table


def _class(owner: type) -> dict[str, Any]:
    return {name: Same(value) for name, value in vars(owner).items() if callable(value)}


def of_process() -> Snapshot:
    """What stands in torch, diffusers and the interpreter."""
    table: Snapshot = {
        "scaled_dot_product_attention": Same(torch.nn.functional.scaled_dot_product_attention),
        "torch.nn.functional": sorted(vars(torch.nn.functional)),
        "backends": {
            name: Same(function)
            for name, function in attention_dispatch._AttentionBackendRegistry._backends.items()
        },
        "stance": (eval_frame._stance.stance, eval_frame._stance),
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "gradients": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "random state": torch.random.get_rng_state().numpy().tobytes(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "our lock": taps._lock._is_owned(),  # type: ignore[attr-defined]
        "excepthook": (Same(sys.excepthook), Same(threading.excepthook)),
        # A variable of ours that says "nothing is open" may stay set to the empty tuple: a token
        # to reset it with is worth nothing where traces close in another order.
        "context": {
            variable.name: Same(value)
            for variable, value in contextvars.copy_context().items()
            if value != ()
        },
    }
    for name in _GLOBAL_HOOKS:
        value = getattr(torch_module, name)
        table[name] = dict(value) if isinstance(value, Mapping) else value
    classes = (
        attention_processor.Attention,
        attention.AttentionModuleMixin,
        attention_processor.AttnProcessor,
        attention_processor.AttnProcessor2_0,
        attention_processor.SlicedAttnProcessor,
        attention_processor.FusedAttnProcessor2_0,
        UNet2DConditionModel,
        torch.nn.Module,
    )
    for owner in classes:
        table[f"class {owner.__name__}"] = _class(owner)
    xformers = sys.modules.get("xformers.ops")
    if xformers is not None:
        table["xformers"] = Same(xformers.memory_efficient_attention)
    return table


def snapshot(*pipes: Any) -> Snapshot:
    """Everything that a trace of these pipelines could leave behind."""
    table = of_process()
    for place, pipe in enumerate(pipes):
        table |= {f"{place}: {name}": value for name, value in of_pipeline(pipe).items()}
    return table


def assert_nothing_left(before: Snapshot, after: Snapshot) -> None:
    """Compare two snapshots; name what differs."""
    changed = {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    assert not changed, "\n".join(
        f"{name}: {was} -> {now}" for name, (was, now) in sorted(changed.items())
    )
