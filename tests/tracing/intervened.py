"""What an intervened image should be, computed without the package.

`image` runs a pipeline with processors of the tests' own, in which the softmax is written out
and a plain function changes the probabilities before they meet the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.tracing.cases import Case

Rewrite = Callable[[Tensor, str, int], Tensor]
"""(row, head, position, key), layer, step -> the same, changed."""


@dataclass
class Clock:
    """Which pass of the denoiser runs: one per step in the pipelines used here."""

    step: int = -1


@dataclass
class Written:
    """A processor that writes attention out and lets `rewrite` change it."""

    layer: str
    clock: Clock
    rewrite: Rewrite
    seen: dict[str, list[Tensor]] = field(default_factory=dict)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """softmax(q k / sqrt d) v, changed in between."""
        assert encoder_hidden_states is not None
        query, key, value = (
            linear(given).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for linear, given in (
                (attn.to_q, hidden_states),
                (attn.to_k, encoder_hidden_states),
                (attn.to_v, encoder_hidden_states),
            )
        )
        scores = query @ key.mT * query.shape[-1] ** -0.5
        if attention_mask is not None:
            scores = scores + attention_mask[:, None]
        after = self.rewrite(scores.softmax(-1), self.layer, self.clock.step)
        self.seen.setdefault(self.layer, []).append(after)
        out: Tensor = attn.to_out[0]((after @ value).transpose(1, 2).flatten(2))
        return out


def image(case: Case, pipe: Any, rewrite: Rewrite) -> tuple[np.ndarray, dict[str, list[Tensor]]]:
    """The case's image with changed attention, and that attention by layer and step."""
    clock = Clock()
    written: dict[str, Written] = {}

    def tick(*_: Any) -> None:
        clock.step += 1

    modules = {n: m for n, m in pipe.unet.named_modules() if n.endswith(".attn2")}
    kept = {name: module.processor for name, module in modules.items()}
    handle = pipe.unet.register_forward_pre_hook(tick)
    try:
        for name, module in modules.items():
            written[name] = Written(name, clock, rewrite)
            module.processor = written[name]
        with torch.no_grad():
            images = case.run(pipe)
    finally:
        handle.remove()
        for name, module in modules.items():
            module.processor = kept[name]
    return np.asarray(images), {name: one.seen[name] for name, one in written.items()}
