"""What should have been recorded of joint attention, computed without the package.

As `tests.tracing.expected` for UNets: plain pre-hooks note the inputs of every joint module, and
queries and keys are worked out from them and the module's own weights (projections, fused or not,
root-mean-square norms, rotary embeddings), then softmax over image and text keys in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tests.tracing.expected import Expected, bare, project


def rms(norm: Any, x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last axis; x itself without norm."""
    if norm is None:
        return x
    scaled = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + norm.eps)
    if isinstance(norm, torch.nn.RMSNorm):  # rounds once, diffusers' own norm before the weight
        return (scaled * norm.weight.float()).to(x.dtype)
    return scaled.to(x.dtype) * norm.weight


def _parts(module: Any, x: Tensor, added: bool) -> list[Tensor]:
    """Query, key and value: (row, head, position, dim) each."""
    if module.fused_projections:
        made = list(project(module.to_added_qkv if added else module.to_qkv, x).chunk(3, dim=-1))
    else:
        names = ("add_q_proj", "add_k_proj", "add_v_proj") if added else ("to_q", "to_k", "to_v")
        made = [project(getattr(module, name), x) for name in names]
    return [part.unflatten(-1, (module.heads, -1)).transpose(1, 2) for part in made]


def turn(x: Tensor, ids: Tensor, axes: Sequence[int], theta: float = 10000.0) -> Tensor:
    """Rotary embedding: neighboring channels are a complex number, turned by place * frequency."""
    angles = []
    for axis, dim in enumerate(axes):
        frequency = theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angles.append(ids[:, axis].double()[:, None] * frequency)
    angle = torch.cat(angles, dim=-1)  # (position, dim / 2)
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    turned = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def softmax(query: Tensor, key: Tensor) -> Tensor:
    """(row, head, query, key), float32."""
    return (query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(dim=-1)


@dataclass
class Pass:
    """What one run of the transformer was given; `ids` of text and image, where it has them."""

    grid: tuple[int, int]
    columns: int
    ids: Tensor | None = None
    axes: Sequence[int] = ()
    aside: bool = False

    @property
    def cells(self) -> int:
        """Positions of the image."""
        return self.grid[0] * self.grid[1]


def of_sd3(module: Any, at: Pass, image: Tensor, text: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention of image cells to text columns, and the module's output for these cells.

    Returns
    -------
    attention
        (row, head, cell, text column), float32, of a softmax over [image, text].
    output
        (row, cell, channel).
    """
    query, key, value = _parts(module, image, added=False)
    _, text_key, text_value = _parts(module, text, added=True)
    if not module.fused_projections:  # diffusers' fused processor of SD3 leaves the norms out
        query, key = rms(module.norm_q, query), rms(module.norm_k, key)
        text_key = rms(module.norm_added_k, text_key)
    key, value = torch.cat([key, text_key], dim=2), torch.cat([value, text_value], dim=2)
    attention = softmax(query, key)
    mixed = (attention.to(value.dtype) @ value).transpose(1, 2).flatten(2)
    return attention[..., at.cells :], project(module.to_out[0], mixed)


def of_flux(module: Any, at: Pass, image: Tensor, text: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same for FLUX, over [text, image, other images]; without `text`, all is in `image`."""
    query, key, value = _parts(module, image, added=False)
    query, key = rms(module.norm_q, query), rms(module.norm_k, key)
    if text is not None:
        text_query, text_key, text_value = _parts(module, text, added=True)
        query = torch.cat([rms(module.norm_added_q, text_query), query], dim=2)
        key = torch.cat([rms(module.norm_added_k, text_key), key], dim=2)
        value = torch.cat([text_value, value], dim=2)
    assert at.ids is not None
    query, key = turn(query, at.ids, at.axes), turn(key, at.ids, at.axes)
    attention = softmax(query, key)[:, :, at.columns : at.columns + at.cells]
    mixed = (attention.to(value.dtype) @ value).transpose(1, 2).flatten(2)
    out = mixed if text is None else project(module.to_out[0], mixed)
    return attention[..., : at.columns], out


def pass_of(net: Any, given: dict[str, Any]) -> Pass:
    """Read the arguments of one run of the transformer."""
    columns = given["encoder_hidden_states"].shape[1]
    if "img_ids" not in given:
        height, width = given["hidden_states"].shape[-2:]
        patch = net.config.patch_size
        aside = given.get("skip_layers") is not None
        return Pass((height // patch, width // patch), columns, aside=aside)
    ids = given["img_ids"]
    own = ids[ids[:, 0] == 0]
    grid = (len(own[:, 1].unique()), len(own[:, 2].unique()))
    return Pass(grid, columns, torch.cat([given["txt_ids"], ids]), net.config.axes_dims_rope)


def observe_joint(pipe: Any, run: Callable[[Any], Any]) -> Expected:
    """Run ``run(pipe)`` untraced; attention is that of image cells to all text columns.

    Lists are one item per run of the transformer, but for those of skip-layer guidance.
    """
    net = bare(pipe.transformer)
    flux = hasattr(net, "single_transformer_blocks")
    modules = {f"transformer_blocks.{i}.attn": b.attn for i, b in enumerate(net.transformer_blocks)}
    if flux:
        single = enumerate(net.single_transformer_blocks)
        modules |= {f"single_transformer_blocks.{i}.attn": b.attn for i, b in single}
    attention: dict[str, list[Tensor]] = {name: [] for name in modules}
    outputs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in modules}
    now: list[Pass] = []
    timesteps: list[float] = []
    rows: list[int] = []

    def note_pass(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        now[:] = [pass_of(net, kwargs)]
        if not now[0].aside:
            timesteps.append(float(kwargs["timestep"][0]))
            rows.append(kwargs["hidden_states"].shape[0])

    def compute(name: str) -> Callable[..., None]:
        def hook(module: Any, _args: Any, kwargs: dict[str, Any], result: Any) -> None:
            at = now[0]
            if at.aside:
                return
            text = kwargs.get("encoder_hidden_states")
            maps, out = (of_flux if flux else of_sd3)(module, at, kwargs["hidden_states"], text)
            attention[name].append(maps.transpose(-1, -2).unflatten(-1, at.grid))
            real = result[:, at.columns :] if text is None else result[0]
            outputs[name].append((real[:, : at.cells].clone(), out))

        return hook

    with ExitStack() as hooks:
        handle = net.register_forward_pre_hook(note_pass, with_kwargs=True)
        hooks.callback(handle.remove)
        for name, module in modules.items():
            handle = module.register_forward_hook(compute(name), with_kwargs=True)
            hooks.callback(handle.remove)
        images = run(pipe)
    sizes = dict.fromkeys(modules, now[0].grid)
    heads = {name: module.heads for name, module in modules.items()}
    return Expected(images, attention, sizes, heads, timesteps, rows, outputs)
