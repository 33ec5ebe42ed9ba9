"""Encode a text again, if the text encoder was not observed when it encoded a call's text.

The encoder runs once more, on the token ids alone and without gradients; random states and the rest
of the pipeline's computation are not affected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.tracing.encodings import EncoderMemory

asking: ContextVar[bool] = ContextVar("daam_nb_asking", default=False)
"""Whether the encoder runs on our account: nothing is hidden from it, and no call reads it."""

listening: ContextVar[EncoderMemory | None] = ContextVar("daam_nb_listening", default=None)
"""What remembers the texts that encoders read on our account, and nobody else does."""


def ask(
    encoder: nn.Module,
    texts: Iterable[Sequence[int]],
    memory: EncoderMemory,
    *,
    padding: int | None = None,
) -> str:
    """Encode texts and remember the results.

    Parameters
    ----------
    encoder
        A text encoder.
    texts
        The token ids of each text, one per column.
    memory
        Stores the result.
    padding
        Token id of the padding, if the pipeline masks it.

    Returns
    -------
    str
        The reason why the encoder could not be run; empty if it was.
    """
    # On a lazily offloaded encoder the first parameter is "meta"; its hooks move the input.
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    devices = [device] if device.type == "cuda" else []
    token = asking.set(True)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            for numbers in texts:
                ids = torch.tensor([list(numbers)])
                output = _run(encoder, ids if device.type == "meta" else ids.to(device), padding)
                memory.add(encoder, ids, output, asked=True)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return f"{type(encoder).__name__} could not be asked ({type(error).__name__}: {error})"
    finally:
        asking.reset(token)
    return ""


def _run(encoder: nn.Module, ids: Tensor, padding: int | None) -> Any:
    options: dict[str, Any] = {"output_hidden_states": True}
    masked = getattr(getattr(encoder, "config", None), "use_attention_mask", False)
    if masked or padding is not None:
        pad = getattr(encoder.config, "pad_token_id", None) if padding is None else padding
        mask = torch.tensor([[int(number != pad) for number in row] for row in ids.tolist()])
        options["attention_mask"] = mask.to(ids.device)
    return encoder(ids, **options)
