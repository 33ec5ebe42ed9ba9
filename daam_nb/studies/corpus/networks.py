"""Identity of a network by content: every weight, every option, every hook.

All bytes of all parameters and buffers are read: an edit of one row of one matrix makes another
network. Nothing is cached between calls, because a weight changed in place (``p.data *= 0.5``)
shows it only in its bytes; 860 million parameters in float32 take about three seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import StudyError
from daam_nb.studies.corpus.reader import Reader, digest, is_installed, tensor_digest
from daam_nb.tracing.model_changes import changing_hooks

_INTERNAL = frozenset(vars(nn.Module())) - {"training"}
# Set while running, or by who loaded it from where; nothing of it shapes an output.
_PASSING = {
    *("config", "generation_config", "name_or_path", "warnings_issued", "device"),
    *("gradient_checkpointing", "gradient_checkpointing_func", "max_seq_len_cached"),
    *("hf_device_map", "hf_quantizer", "is_parallelizable", "model_parallel"),
    *("_caches", "_cast_input_dtype_enabled", "_is_hf_initialized"),
}
_CONFIG_NOISE = {
    *("transformers_version", "diffusers_version", "torch_dtype", "dtype", "name_or_path"),
    *("architectures", "attn_implementation", "experts_implementation"),
}


class ModelReader(Reader):
    """A reader that also reads networks, tokenizers and everything that holds them."""

    def network(self, value: nn.Module) -> Any:
        """Its class, and a digest of everything that its outputs depend on."""
        return {"network": type(value).__name__, "content": digest(network_content(value, self))}

    def tokenizer(self, value: Any) -> Any:
        """Its class, and a digest of everything that its ids depend on; None for what is none."""
        if not is_tokenizer(value):
            return None
        return {"kind": type(value).__name__, "content": digest(tokenizer_content(value))}


def network_content(network: nn.Module, reader: Reader | None = None) -> dict[str, Any]:
    """Describe everything that a network's outputs depend on.

    Returns
    -------
    dict
        ``class``; ``dtype``; ``weights``, a digest of every parameter and buffer; ``options``, the
        configuration; ``processors``, the number of layers by class of attention processor;
        ``adapters``, their names and scales; ``state``, a digest of everything else: the modules'
        classes, their attributes, replaced forward methods, their hooks.

    Raises
    ------
    StudyError
        If weights are on the meta device and cannot be loaded.
    """
    network = bare(network)
    reader = ModelReader(type(network).__name__) if reader is None else reader
    modules = [(_plain_name(name), bare(module)) for name, module in network.named_modules()]
    with reader.inside_of(module for _, module in modules):
        state = digest([[name, *_state(module, reader)] for name, module in modules])
    weights = sorted(_tensors(modules), key=lambda item: item[0])
    dtypes = {str(t.dtype).removeprefix("torch.") for _, t in weights if t.is_floating_point()}
    return {
        "class": type(network).__name__,
        "dtype": ", ".join(sorted(dtypes)),
        "weights": digest([[name, tensor_digest(tensor)] for name, tensor in weights]),
        "options": options_of(network),
        "processors": _processors(modules),
        "adapters": _adapters(modules),
        "state": state,
    }


def bare(module: nn.Module) -> nn.Module:
    """The original of a compiled module."""
    original = getattr(module, "_orig_mod", None)
    return original if isinstance(original, nn.Module) else module


def options_of(part: Any) -> dict[str, Any]:
    """The configuration of a part of a pipeline, without its source and versions."""
    config = getattr(part, "config", None)
    if config is None:
        return {}
    as_dict = getattr(config, "to_dict", None)
    as_plain = as_dict() if callable(as_dict) else config
    return _told(as_plain) if isinstance(as_plain, Mapping) else {}


def is_tokenizer(value: Any) -> bool:
    """Whether it is a tokenizer of transformers."""
    return hasattr(value, "get_vocab") and hasattr(value, "special_tokens_map")


def tokenizer_content(tokenizer: Any) -> dict[str, Any]:
    """What a tokenizer's ids depend on: its vocabulary, its merges, the tokens added to it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules: Any = None
    if backend is not None:
        rules = json.loads(backend.to_str())
        for name in ("truncation", "padding"):  # of the last call
            rules.pop(name, None)
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return {
        "class": type(tokenizer).__name__,
        "rules": digest(rules),
        "vocabulary": digest(sorted(tokenizer.get_vocab().items())),
        "merges": digest([list(map(str, pair)) for pair in getattr(tokenizer, "bpe_ranks", ())]),
        "added": digest({str(number): repr(token) for number, token in added.items()}),
        "special": {k: str(v) for k, v in sorted(tokenizer.special_tokens_map.items())},
        "longest": int(tokenizer.model_max_length),
        "side": [tokenizer.padding_side, getattr(tokenizer, "truncation_side", "")],
        "embeddings of one token": {
            str(name): list(map(str, tokens))
            for name, tokens in sorted(getattr(tokenizer, "token_map", {}).items())
        },
    }


# --- weights --------------------------------------------------------------------------------------


def _tensors(modules: list[tuple[str, nn.Module]]) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer under each of its names, including those not saved."""
    for prefix, module in modules:
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                full = f"{prefix}.{name}" if prefix else name
                yield full, _at_hand(module, name, tensor, full)


def _at_hand(module: nn.Module, name: str, tensor: Tensor, full: str) -> Tensor:
    """The tensor, or its offloaded copy."""
    if not tensor.is_meta:
        return tensor
    hook = getattr(module, "_hf_hook", None)
    for each in (hook, *getattr(hook, "hooks", ())):
        kept = getattr(each, "weights_map", None)
        if kept is not None:
            kept_tensor: Tensor = kept[name]
            return kept_tensor
    raise StudyError(
        f"The weight {full} is on the meta device, so the model cannot be identified by its "
        "content. Load the weights before drawing."
    )


def _plain_name(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


# --- everything else ------------------------------------------------------------------------------


def _state(module: nn.Module, reader: Reader) -> list[Any]:
    return [
        reader.read(type(module)),
        {name: reader.read(value) for name, value in _attributes(module)},
        [reader.read(hook) for hook in _hooks(module)],
    ]


def _attributes(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Attributes that may affect the output, by name."""
    own = vars(module)
    inner = type(module).__module__.partition(".")[0]
    private = inner == "peft" or not is_installed(type(module).__module__)
    for name in sorted(own):
        if name in _INTERNAL or name in _PASSING:
            continue
        value = own[name]
        if name == "forward":
            if "_hf_hook" in own or "_diffusers_hook" in own:
                continue  # offloading's, or a hook's that is read as such
            value = under_ours(value)
            if value is None:
                continue
        elif name[0] == "_" and not private:
            continue
        if not isinstance(value, torch.device | nn.Module):
            yield name, value


def _hooks(module: nn.Module) -> Iterator[Any]:
    """Its hooks, except those that only observe or move weights."""
    yield from changing_hooks(module)
    registry = vars(module).get("_diffusers_hook")
    for name, hook in getattr(registry, "hooks", {}).items():
        if "Offload" not in type(hook).__name__ and "GroupOffload" not in name:
            yield [name, type(hook).__name__, _plain_attributes(hook)]


def _plain_attributes(value: Any) -> dict[str, Any]:
    """Options of a hook, without its state from the last run."""
    config = getattr(value, "config", value)
    plain = bool | int | float | str | torch.dtype
    return {k: v for k, v in sorted(vars(config).items()) if isinstance(v, plain)}


def under_ours(function: Any) -> Any:
    """The function below daam_nb's wrapper; None if that is the class's own method."""
    while (getattr(function, "__globals__", {}).get("__name__") or "").startswith("daam_nb."):
        function = getattr(function, "__wrapped__", None)
    own = getattr(function, "__self__", None)
    return None if own is not None and is_installed(type(own).__module__) else function


def _processors(modules: list[tuple[str, nn.Module]]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for _, module in modules:
        processor = getattr(module, "processor", None)
        if processor is not None and callable(processor):
            name = type(processor).__name__
            counted[name] = counted.get(name, 0) + 1
    return counted


def _adapters(modules: list[tuple[str, nn.Module]]) -> dict[str, list[float]]:
    """Name -> its different scales: LoRA's, and those of an IP-Adapter's processors."""
    scales: dict[str, set[float]] = {}
    for _, module in modules:
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):
            on = getattr(module, "active_adapters", list(scaling))
            off = bool(getattr(module, "disable_adapters", False))
            for name, scale in scaling.items():
                scales.setdefault(str(name), set()).add(
                    float(scale) if name in on and not off else 0.0
                )
        processor = getattr(module, "processor", None)
        if type(processor).__name__.startswith("IPAdapter"):
            said: Any = getattr(processor, "scale", [])
            for number, scale in enumerate(said if isinstance(said, list) else [said]):
                parts = scale if isinstance(scale, list) else [scale]
                scales.setdefault(f"IP-Adapter {number}", set()).update(map(float, parts))
    return {name: sorted(values) for name, values in sorted(scales.items())}


def _told(said: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without private keys and versions, at every depth."""
    reader = ModelReader("an option")
    facts: dict[str, Any] = {}
    for name, value in sorted(said.items()):
        if str(name)[:1] == "_" or name in _CONFIG_NOISE:
            continue
        facts[str(name)] = _told(value) if isinstance(value, Mapping) else reader.read(value)
    return facts
