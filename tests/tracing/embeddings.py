"""Embeddings made by hand or by compel, and images drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from compel import Compel
from torch import Tensor

from daam_nb.recording import Recording
from daam_nb.tracing import trace

CALL: dict[str, Any] = {"num_inference_steps": 2, "height": 16, "width": 24, "output_type": "np"}


def compel(pipe: Any, **options: Any) -> Compel:
    return Compel(tokenizer=pipe.tokenizer, text_encoder=pipe.text_encoder, **options)


def draw(pipe: Any, positive: Tensor, negative: Tensor | None = None, **changes: Any) -> Any:
    """Draw from embeddings, the negative ones zeros where none are given."""
    negative = torch.zeros_like(positive) if negative is None else negative
    return pipe(
        prompt_embeds=positive,
        negative_prompt_embeds=negative,
        generator=torch.Generator().manual_seed(0),
        **CALL | changes,
    ).images


def recorded(
    pipe: Any, embeddings: Callable[[], Tensor], *, call: Any = None, **options: Any
) -> Recording:
    """Encode and draw inside the block."""
    with trace(pipe, **options) as tracer:
        draw(pipe, embeddings(), **call or {})
    return tracer.recording


def ids(pipe: Any, text: str, length: int = 77) -> Tensor:
    return pipe.tokenizer(
        text, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids


def encode(pipe: Any, text: str, **options: Any) -> Tensor:
    with torch.no_grad():
        return pipe.text_encoder(ids(pipe, text), **options)[0]
