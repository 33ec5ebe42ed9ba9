"""What a denoiser and its attention kernels are given in an untraced run, noted by hooks."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn


@dataclass
class KernelInputs:
    """What the first kernel call of one attention module was given in one pass."""

    query: Tensor  # (row, head, n, dim)
    key: Tensor
    mask: Tensor | None
    scale: float | None

    @cached_property
    def attention(self) -> Tensor:
        """(row, head, query, key), float64."""
        query, key = self.query.double(), self.key.double()
        if key.shape[1] != query.shape[1]:
            key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        scores = query @ key.mT * scale
        if self.mask is not None and self.mask.dtype == torch.bool:
            scores = scores.masked_fill(~self.mask, -torch.inf)
        elif self.mask is not None:
            scores = scores + self.mask.double()
        return scores.softmax(dim=-1)


@dataclass
class Watch:
    """An untraced run: its image, the denoiser's arguments and the kernels' inputs by pass."""

    images: np.ndarray
    arguments: list[dict[str, Any]]
    kernels: list[dict[str, KernelInputs]]


class Spy(ExitStack):
    """Notes, without the package, what a denoiser and its attention modules are given."""

    def __init__(self, net: nn.Module, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.net, self.modules = net, modules
        self.arguments: list[dict[str, Any]] = []
        self.kernels: list[dict[str, KernelInputs]] = []
        self._inside: list[str] = []

    def __enter__(self) -> Spy:
        super().__enter__()
        self._hook(self.net.register_forward_pre_hook(self._pass, with_kwargs=True))
        for name, module in self.modules.items():
            begin = functools.partial(self._begin, name)
            self._hook(module.register_forward_pre_hook(begin))
            self._hook(module.register_forward_hook(lambda *_: self._inside.clear()))
        original = torch.nn.functional.scaled_dot_product_attention
        patch = self.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", self._kernel(original))
        return self

    def _begin(self, name: str, *_: Any) -> None:
        self._inside.append(name)

    def _hook(self, handle: Any) -> None:
        self.callback(handle.remove)

    def _pass(self, net: nn.Module, args: Any, kwargs: Any) -> None:
        bound = inspect.signature(type(net).forward).bind(net, *args, **kwargs).arguments
        self.arguments.append({name: bound[name] for name in bound if name != "self"})
        self.kernels.append({})

    def _kernel(self, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def attend(query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if self._inside and self._inside[-1] not in self.kernels[-1]:
                mask = args[0] if args else kwargs.get("attn_mask")
                seen = (query, key, mask, kwargs.get("scale"))
                self.kernels[-1][self._inside[-1]] = KernelInputs(*copy.deepcopy(seen))
            return original(query, key, value, *args, **kwargs)

        return attend
