"""What should have been recorded, computed without the package.

`observe` runs a pipeline under plain forward pre-hooks that note the *inputs* of every attn2
module, and works the attention probabilities out from them and the module's own weights:
projections (with LoRA's low-rank part and fused projections written out), norms, split into
heads, scale, mask, softmax in float32. Grids come from what the surrounding Transformer2DModel
was given, steps from the UNet's calls, batch rows from `row_of`, which states by hand how each
kind of pipeline stacks its batch. Nothing of `daam_nb.tracing` is used here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import (
    AttnProcessor,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_blocks import KAttentionBlock
from torch import Tensor

FLOAT32 = 1e-6
"""Largest difference of probabilities where everything is float32."""

HALF = 1e-3
"""Largest difference where the model runs in float16 or bfloat16."""

STORED_HALF = 5e-4
"""Largest difference of a probability in [0, 1] through float16: half a step of 2**-11 at 1."""


@dataclass
class Seen:
    """The inputs of one attention module in one pass."""

    hidden_states: Tensor
    text: Tensor
    mask: Tensor | None
    temb: Tensor | None


@dataclass
class Expected:
    """One untraced call.

    Attributes
    ----------
    images
        What the pipeline returned as `images`.
    attention
        Layer -> (step, row, head, key, y, x), float32, rows as in the denoiser's batch. Layers in
        the order in which they ran.
    sizes, heads
        Layer -> (height, width) and number of heads.
    timesteps
        What the UNet was told, one per pass.
    rows
        Rows of the denoiser's batch, one number per step.
    outputs
        Layer -> what the module returned and what it should have, by these probabilities.
    """

    images: Any
    attention: dict[str, list[Tensor]]
    sizes: dict[str, tuple[int, int]]
    heads: dict[str, int]
    timesteps: list[float]
    rows: list[int]
    outputs: dict[str, list[tuple[Tensor, Tensor]]]

    def of_row(self, layer: str, rows: Sequence[int]) -> Tensor:
        """(step, head, key, y, x) of the batch row that `rows` names for each step."""
        return torch.stack([at[row] for at, row in zip(self.attention[layer], rows, strict=True)])


# --- the computation --------------------------------------------------------------------------


def project(linear: Any, x: Tensor) -> Tensor:
    """x W^T + b, in the module's own dtype; with peft's LoRA: + scaling (x A^T) B^T."""
    if not hasattr(linear, "lora_A"):
        return torch.nn.functional.linear(x, linear.weight, linear.bias)
    base = linear.base_layer
    out = torch.nn.functional.linear(x, base.weight, base.bias)
    if not linear.disable_adapters and not linear.merged:
        for name in linear.active_adapters:
            if name in linear.lora_A:
                down, up = linear.lora_A[name].weight, linear.lora_B[name].weight
                out = out + linear.scaling[name] * (x @ down.T @ up.T)
    return out


def queries_keys_values(module: Any, seen: Seen) -> tuple[Tensor, Tensor, Tensor]:
    """The module's heads apart: (row, head, position, dim) of queries, keys and values."""
    x = seen.hidden_states
    if module.spatial_norm is not None:
        x = module.spatial_norm(x, seen.temb)
    if x.ndim == 4:
        x = x.flatten(2).transpose(1, 2)  # (row, y*x, channel)
    if module.group_norm is not None:
        x = module.group_norm(x.transpose(1, 2)).transpose(1, 2)
    text = seen.text
    if isinstance(module.norm_cross, torch.nn.GroupNorm):
        text = module.norm_cross(text.transpose(1, 2)).transpose(1, 2)
    elif module.norm_cross is not None:
        text = module.norm_cross(text)
    query = project(module.to_q, x)
    if module.fused_projections:
        key, value = project(module.to_kv, text).chunk(2, dim=-1)
    else:
        key, value = project(module.to_k, text), project(module.to_v, text)

    def split(t: Tensor) -> Tensor:
        return t.unflatten(-1, (module.heads, -1)).transpose(1, 2)

    query, key, value = split(query), split(key), split(value)
    if module.norm_q is not None:
        query = module.norm_q(query)
    if module.norm_k is not None:
        key = module.norm_k(key)
    return query, key, value


def probabilities(module: Any, seen: Seen) -> Tensor:
    """Attention probabilities of one pass: (row, head, position, key), float32."""
    query, key, _ = queries_keys_values(module, seen)
    written_out = (AttnProcessor, SlicedAttnProcessor, XFormersAttnProcessor)
    # SDPA has its own scale; the other processors read the module's.
    scale = module.scale if isinstance(module.processor, written_out) else query.shape[-1] ** -0.5
    with torch.autocast(query.device.type, enabled=False):  # float32 means float32
        scores = query.float() @ key.float().transpose(-1, -2) * scale
    if seen.mask is not None:
        scores = scores + seen.mask.float()[:, None]  # (row, 1, 1, key)
    return scores.softmax(dim=-1)


def output(module: Any, seen: Seen) -> Tensor:
    """What the module should return, from these probabilities: proves that they are right."""
    _, _, value = queries_keys_values(module, seen)
    mixed = probabilities(module, seen).to(value.dtype) @ value
    out = project(module.to_out[0], mixed.transpose(1, 2).flatten(2))
    if seen.hidden_states.ndim == 4:
        out = out.transpose(1, 2).reshape(seen.hidden_states.shape)
    if module.residual_connection:
        out = out + seen.hidden_states
    return out / module.rescale_output_factor


# --- the run ----------------------------------------------------------------------------------


def attention_modules(unet: Any) -> dict[str, Any]:
    """The text attention of a UNet by name: diffusers calls it attn2."""
    return {name: part for name, part in unet.named_modules() if name.endswith(".attn2")}


def bare(unet: Any) -> Any:
    """The module behind `torch.compile`'s wrapper."""
    return getattr(unet, "_orig_mod", unet)


def observe(pipe: Any, run: Callable[[Any], Any]) -> Expected:
    """Run ``run(pipe)`` untraced and work out what every attention module computed.

    Parameters
    ----------
    pipe
        Its UNet runs eagerly, with its weights in memory.
    run
        Calls the pipeline and returns its `images`.
    """
    unet = bare(pipe.unet)
    modules = attention_modules(unet)
    inputs: dict[str, Seen] = {}
    attention: dict[str, list[Tensor]] = {layer: [] for layer in modules}
    outputs: dict[str, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in modules}
    order: list[str] = []
    sizes: dict[str, tuple[int, int]] = {}
    timesteps: list[float] = []
    rows: list[int] = []

    def note_pass(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        sample, timestep = (*args, kwargs.get("sample"), kwargs.get("timestep"))[:2]
        timesteps.append(float(timestep))
        rows.append(sample.shape[0])

    def note_grid(name: str) -> Callable[..., None]:
        def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            size = tuple((args[0] if args else kwargs["hidden_states"]).shape[-2:])
            for layer in modules:
                if layer.startswith(name + "."):
                    assert sizes.setdefault(layer, size) == size

        return hook

    def note_inputs(layer: str) -> Callable[..., None]:
        def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            names = ("hidden_states", "encoder_hidden_states", "attention_mask")
            given = dict(zip(names, args, strict=False)) | kwargs
            text = given["encoder_hidden_states"]
            text = text[0] if isinstance(text, tuple) else text  # IP-Adapter: (text, images)
            mask = given.get("attention_mask")
            inputs[layer] = Seen(given["hidden_states"].clone(), text, mask, given.get("temb"))
            if layer not in order:
                order.append(layer)

        return hook

    def compute(layer: str) -> Callable[..., None]:
        # While the module's weights are what they were: a LoRA's scale may hold for one call.
        def hook(module: Any, _args: Any, result: Tensor) -> None:
            seen = inputs.pop(layer)
            maps = probabilities(module, seen).transpose(-1, -2)  # (row, head, key, y*x)
            attention[layer].append(maps.unflatten(-1, sizes[layer]))
            outputs[layer].append((result.clone(), output(module, seen)))

        return hook

    with ExitStack() as hooks:

        def add(handle: Any) -> None:
            hooks.callback(handle.remove)

        add(unet.register_forward_pre_hook(note_pass, with_kwargs=True))
        for name, part in unet.named_modules():
            if isinstance(part, (Transformer2DModel, KAttentionBlock)):
                add(part.register_forward_pre_hook(note_grid(name), with_kwargs=True))
        for name, part in modules.items():
            add(part.register_forward_pre_hook(note_inputs(name), with_kwargs=True))
            add(part.register_forward_hook(compute(name)))
        images = run(pipe)

    heads = {layer: modules[layer].heads for layer in order}
    attention = {layer: attention[layer] for layer in order}
    return Expected(images, attention, sizes, heads, timesteps, rows, outputs)


# --- which row is whose -----------------------------------------------------------------------

LAYOUTS: Mapping[str, tuple[int, int, int | None]] = {
    # blocks of the batch, block of the prompt, block of the negative prompt
    "p": (1, 0, None),  # no guidance, or guidance embedded (LCM)
    "np": (2, 1, 0),  # classifier-free guidance
    "pp": (2, 0, None),  # perturbed attention guidance alone: plain, perturbed
    "npp": (3, 1, 0),  # both: the perturbed pass is last
    "pnn": (3, 0, 1),  # InstructPix2Pix: text and image, image only, neither
}


def row_of(layout: str, image: int, images: int) -> tuple[int, int | None]:
    """Batch rows of an image's conditional and unconditional pass.

    Inside a block stand the images in order: prompt 1's, prompt 2's, ...
    """
    _, positive, negative = LAYOUTS[layout]
    return (
        positive * images + image,
        None if negative is None else negative * images + image,
    )


# --- the comparison ---------------------------------------------------------------------------


def assert_attention(
    attention: Mapping[str, Tensor],
    expected: Expected,
    rows: Sequence[int],
    *,
    columns: Sequence[int],
    atol: float,
    layers: Iterable[str] | None = None,
    steps: Sequence[int] | None = None,
) -> None:
    """Compare recorded maps, layer by layer, with the expected ones.

    Parameters
    ----------
    attention
        Layer -> (step, head, token, y, x).
    rows
        The batch row, for every step of the loop.
    columns
        The key positions that should have been kept.
    layers, steps
        What should have been kept; None: everything.
    """
    names = list(expected.attention) if layers is None else list(layers)
    assert list(attention) == names
    kept = range(len(expected.timesteps)) if steps is None else steps
    for name in names:
        full = expected.of_row(name, rows)  # (step, head, key, y, x)
        wanted = full[list(kept)][:, :, list(columns)]
        got = attention[name]
        assert tuple(got.shape) == tuple(wanted.shape), name
        assert got.isfinite().all(), name
        difference = (got.float() - wanted).abs().max().item()
        assert difference <= atol, f"{name}: {difference:.2e} > {atol:.0e}"


def assert_recorded(
    recording: Any,
    expected: Expected,
    rows: Sequence[int],
    *,
    columns: Sequence[int],
    atol: float,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Compare a recording that kept every layer and step with the expected values."""
    steps = len(expected.timesteps)
    assert [layer.name for layer in recording.layers] == list(expected.attention)
    for layer in recording.layers:
        assert layer.size == expected.sizes[layer.name]
        assert layer.heads == expected.heads[layer.name]
        assert layer.stage == layer.name.split("_")[0]
    assert recording.columns == tuple(columns)
    assert recording.steps == tuple(range(steps))
    assert len(recording.timesteps) == steps
    assert all(maps.dtype == dtype for maps in recording.attention.values())
    assert all(maps.device.type == "cpu" for maps in recording.attention.values())
    assert_attention(recording.attention, expected, rows, columns=columns, atol=atol)


def as_arrays(images: Any) -> np.ndarray:
    """Images as one array, whatever the pipeline returned."""
    if isinstance(images, np.ndarray):
        return images
    return np.stack([np.asarray(image) for image in images])
