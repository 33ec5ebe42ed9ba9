"""Changes of a model after it was loaded, as far as they can be detected: adapters, FreeU, hooks.

An image's caption names the model; with an active adapter, the name alone would be wrong. Weights
that were overwritten are detected by a few values of each (`daam_nb.tracing.weights`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from daam_nb.tracing.weights import Sample, samples, weight_changes

_FREEU = ("s1", "s2", "b1", "b2")
_MOST = 20  # changes that are named
_WATCHING = {"daam_nb", "accelerate", "transformers"}  # whose hooks watch, or move weights about


def model_changes(pipe: Any, weights: Mapping[str, Sample] | None = None) -> tuple[str, ...]:
    """Name the changes of a pipeline's parts, a phrase each; empty if none is known.

    Parameters
    ----------
    pipe
        The pipeline.
    weights
        Samples of its weights, if already taken.

    Returns
    -------
    tuple of str
        Such as ``"unet: LoRA adapter 'style' (scale 0.8)"``: adapters of peft that are active or
        fused, FreeU, IP-Adapters, attention processors that are not diffusers', torch's hooks on
        modules (`changing_hooks`), overwritten weights (as far as a few values of each show), by
        part of the pipeline.
    """
    weights = samples(pipe) if weights is None else weights
    changes = [
        f"{name}: {change}"
        for name, part in getattr(pipe, "components", {}).items()
        if isinstance(part, nn.Module)
        for change in _of_part(part, weights.get(name))
    ]
    rest = [f"and {len(changes) - _MOST} other changes"] if len(changes) > _MOST else []
    return (*changes[:_MOST], *rest)


def _of_part(part: nn.Module, sample: Sample | None) -> Iterator[str]:
    adapters = list(_adapters(part))
    yield from adapters
    if not any("fused" in adapter for adapter in adapters):  # which is what changed them
        yield from weight_changes(part, sample)
    yield from _freeu(part)
    yield from _processors(part)
    hooked = sum(bool(changing_hooks(module)) for module in part.modules())
    if hooked:
        yield f"hooks on {hooked} module{'s' if hooked > 1 else ''}"


def changing_hooks(module: nn.Module) -> tuple[Any, ...]:
    """The hooks on a module, except those that are known only to observe or to move weights.

    transformers itself puts hooks on a text encoder when hidden states are requested, as Stable
    Diffusion XL and 3 do in every call.
    """
    hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    return tuple(hook for hook in hooks if _package_of(hook) not in _WATCHING)


def _package_of(hook: Any) -> str:
    function = getattr(hook, "__func__", hook)
    owner = getattr(function, "__globals__", {}).get("__name__") or function.__module__
    return str(owner or "").partition(".")[0]


def _adapters(part: nn.Module) -> Iterator[str]:
    """Find peft's adapters; layers are recognized by their attributes, as peft may be missing."""
    scales: dict[str, set[float]] = {}
    fused: dict[str, None] = {}
    layers: list[Any] = list(part.modules())
    for module in layers:
        known = getattr(module, "scaling", None)
        if not isinstance(known, dict) or not hasattr(module, "active_adapters"):
            continue
        merged = list(getattr(module, "merged_adapters", ()))
        fused |= dict.fromkeys(merged)
        if not getattr(module, "disable_adapters", False):
            for name in module.active_adapters:
                if name in known and name not in merged:
                    scales.setdefault(name, set()).add(round(float(known[name]), 6))
    for name, several in scales.items():
        listed = ", ".join(f"{scale:g}" for scale in sorted(several)[:4])
        yield f"LoRA adapter {name!r} (scale{'s' if len(several) > 1 else ''} {listed})"
    yield from (f"LoRA adapter {name!r}, fused into its weights" for name in fused)


def _freeu(part: nn.Module) -> Iterator[str]:
    found: dict[str, None] = {}
    blocks = getattr(part, "up_blocks", None)
    for block in list(blocks) if isinstance(blocks, nn.ModuleList) else []:
        values = {name: getattr(block, name, None) for name in _FREEU}
        if all(value is not None for value in values.values()):
            found["FreeU (" + ", ".join(f"{k}={v:g}" for k, v in values.items()) + ")"] = None
    yield from found


def _processors(part: nn.Module) -> Iterator[str]:
    found: dict[str, None] = {}
    for processor in (getattr(part, "attn_processors", None) or {}).values():
        kind = type(processor)
        if "IPAdapter" in kind.__name__:
            scale = getattr(processor, "scale", None)
            found[f"IP-Adapter (scale {scale})"] = None
        elif kind.__module__.split(".")[0] != "diffusers":
            found[f"attention processor {kind.__name__}"] = None
    yield from found
