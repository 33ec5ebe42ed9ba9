"""Common code of both models' training: texts, batches, noise, a start from exported weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTokenizer

from training.batches import Batches

Parts = dict[str, tuple[Any, str]]
"""Name of a trained part to its class and its folder in an exported pipeline."""


def text_config(config: dict[str, Any], tokenizer: CLIPTokenizer, *, length: int) -> CLIPTextConfig:
    """A text encoder of these sizes; a projection, if it has one, is as wide as the encoder.

    Parameters
    ----------
    config
        `width`, `layers` and `heads`.
    tokenizer
        Makes the ids that the encoder reads.
    length
        Tokens of a caption, including padding.
    """
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=config["width"],
        intermediate_size=4 * config["width"],
        num_hidden_layers=config["layers"],
        num_attention_heads=config["heads"],
        max_position_embeddings=length,
        projection_dim=config["width"],
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def stratified_shares(
    rng: np.random.Generator, count: int, *, center: float, spread: float
) -> np.ndarray[Any, Any]:
    """The share of noise of each image of a batch: spread out, but mostly near a center.

    A quarter is evenly spread, three quarters are logit-normal. Both parts are stratified over the
    batch.

    Parameters
    ----------
    center, spread
        Mean and deviation of the logits of the three quarters.

    Returns
    -------
    ndarray
        (count,), float64 in 0..1, in random order.

    References
    ----------
    Esser et al. 2024, "Scaling Rectified Flow Transformers", section 3.1,
    https://arxiv.org/abs/2403.03206
    """
    even = count // 4
    share = (np.arange(even) + rng.random(even)) / max(even, 1)
    rest = (np.arange(count - even) + rng.random(count - even)) / (count - even)
    normal = torch.special.ndtri(torch.from_numpy(rest)).numpy()
    middle = 1 / (1 + np.exp(-(center + spread * normal)))
    drawn: np.ndarray[Any, Any] = rng.permutation(np.concatenate([share, middle]))
    return drawn


class CaptionedJob:
    """A job on stored latents and captions; a subclass adds `loss`.

    Parameters
    ----------
    device
        The training device.
    config
        The whole configuration; that of the job is the table of its name.
    work
        Holds `tokenizer`, `scenes` and `latents`.
    start
        Folder of exported weights to start from; None starts untrained.
    build
        Makes the untrained `parts` from (the whole configuration, tokenizer).
    """

    name: str
    parts: Parts

    def __init__(
        self,
        device: str,
        *,
        config: dict[str, Any],
        work: Path,
        start: Path | None,
        build: Callable[[dict[str, Any], CLIPTokenizer], nn.ModuleDict],
    ) -> None:
        self._config, self._device = config[self.name], device
        self.tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
        self.module = build(config, self.tokenizer).to(device).train()
        if start is not None:
            for name, (kind, folder) in self.parts.items():
                # Files hold float16; `load_state_dict` copies into the module's float32.
                exported = kind.from_pretrained(start / folder)
                self.module[name].load_state_dict(exported.state_dict())
        self._batches = Batches(work, self._config, self.tokenizer, device)

    def refresh(self) -> None:
        """Add the scenes that were encoded since."""
        self._batches.refresh()

    def measure(self) -> dict[str, float]:
        """The present number of scenes."""
        return {"scenes": float(len(self._batches))}
