"""What should have been recorded of joint attention, computed without the package.

As `tests.tracing.expected` for UNets: plain pre-hooks note the inputs of every joint module, and
queries and keys are worked out from them and the module's own weights (projections, fused or not,
root-mean-square norms), then softmax over image and text keys in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from tests.tracing.expected import Expected, bare, project


def rms(norm: Any, x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis; x itself without norm."""
    if norm is None:
        return x
    scaled = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + norm.eps)
    return scaled.to(x.dtype) * norm.weight


def _parts(module: Any, x: Tensor, added: bool) -> list[Tensor]:
    """Query, key and value: (row, head, position, dim) each."""
    if module.fused_projections:
        made = list(project(module.to_added_qkv if added else module.to_qkv, x).chunk(3, dim=-1))
    else:
        names = ("add_q_proj", "add_k_proj", "add_v_proj") if added else ("to_q", "to_k", "to_v")
        made = [project(getattr(module, name), x) for name in names]
    return [part.unflatten(-1, (module.heads, -1)).transpose(1, 2) for part in made]


def attend(module: Any, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Stable Diffusion 3: attention of image cells, and the module's output for them.

    Returns
    -------
    attention
        (row, head, cell, key), float32; keys are [image, text].
    output
        (row, cell, channel).
    """
    query, key, value = _parts(module, image, added=False)
    _, text_key, text_value = _parts(module, text, added=True)
    if not module.fused_projections:  # diffusers' fused processor of SD3 leaves the norms out
        query, key = rms(module.norm_q, query), rms(module.norm_k, key)
        text_key = rms(module.norm_added_k, text_key)
    key, value = torch.cat([key, text_key], dim=2), torch.cat([value, text_value], dim=2)
    scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    attention = scores.softmax(dim=-1)
    mixed = (attention.to(value.dtype) @ value).transpose(1, 2).flatten(2)
    return attention, project(module.to_out[0], mixed)


def observe_sd3(pipe: Any, run: Callable[[Any], Any]) -> Expected:
    """Run ``run(pipe)`` untraced; attention is that of image cells to all text columns."""
    net = bare(pipe.transformer)
    modules = {f"transformer_blocks.{i}.attn": b.attn for i, b in enumerate(net.transformer_blocks)}
    attention: dict[str, list[Tensor]] = {name: [] for name in modules}
    outputs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in modules}
    grid: list[tuple[int, int]] = []
    timesteps: list[float] = []
    rows: list[int] = []
    aside: list[bool] = []

    def note_pass(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        aside[:] = [kwargs.get("skip_layers") is not None]
        if aside[0]:
            return
        height, width = kwargs["hidden_states"].shape[-2:]
        grid[:] = [(height // net.config.patch_size, width // net.config.patch_size)]
        timesteps.append(float(kwargs["timestep"][0]))
        rows.append(kwargs["hidden_states"].shape[0])

    def compute(name: str) -> Callable[..., None]:
        def hook(module: Any, _args: Any, kwargs: dict[str, Any], result: Any) -> None:
            if aside[0]:
                return
            image, text = kwargs["hidden_states"], kwargs["encoder_hidden_states"]
            maps, out = attend(module, image, text)
            of_text = maps[..., image.shape[1] :].transpose(-1, -2)  # (row, head, key, y*x)
            attention[name].append(of_text.unflatten(-1, grid[0]))
            outputs[name].append((result[0].clone(), out))

        return hook

    with ExitStack() as hooks:
        handle = net.register_forward_pre_hook(note_pass, with_kwargs=True)
        hooks.callback(handle.remove)
        for name, module in modules.items():
            handle = module.register_forward_hook(compute(name), with_kwargs=True)
            hooks.callback(handle.remove)
        images = run(pipe)
    sizes = dict.fromkeys(modules, grid[0])
    heads = {name: module.heads for name, module in modules.items()}
    return Expected(images, attention, sizes, heads, timesteps, rows, outputs)
