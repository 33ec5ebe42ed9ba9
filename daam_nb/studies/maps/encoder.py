"""Change of the other tokens' embeddings when a word is hidden: a magnitude without a location.

A map's information on *how much* a word does must be better than this baseline, which uses neither
the image nor the network that draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.studies.corpus.generation import quiet
from daam_nb.studies.maps.choices import Choice
from daam_nb.tracing import ablate
from daam_nb.tracing.models import adapter_of

OF_TEXTS = ("max_sequence_length",)
"""Arguments of the call that say how a text is read, also beside a rendered image."""


def encoder(
    recording: Recording, words: Sequence[Word], choice: Choice, *, pipe: Any
) -> dict[Word, NDArray[np.float64]]:
    """The change of the other tokens' embeddings without the word; the same everywhere.

    Empty for a pipeline in whose text encoder no word can be hidden.
    """
    columns = [recording.prompt.token_indices(word) for word in words]
    embeddings = _embeddings(pipe, recording, columns)
    if embeddings is None:
        return {}
    whole = float(embeddings[0].norm())
    maps = {}
    for row, (word, own) in enumerate(zip(words, columns, strict=True), start=1):
        others = [i for i in range(embeddings.shape[1]) if i not in own]
        change = float((embeddings[row, others] - embeddings[0, others]).norm())
        maps[word] = np.full(recording.facts.latent_size, change / whole)
    return maps


def _embeddings(
    pipe: Any, recording: Recording, columns: Sequence[tuple[int, ...]]
) -> Tensor | None:
    """(row, key, channel), float64: the prompt as it is, and with each word hidden."""
    adapter = adapter_of(pipe)
    read: list[Tensor] = []

    def remember(module: Any, arguments: Any, options: dict[str, Any]) -> None:
        read.append(options["encoder_hidden_states"].detach().double().cpu())

    texts = [recording.prompt.text] * (len(columns) + 1)
    call = {name: recording.facts.call[name] for name in OF_TEXTS if name in recording.facts.call}
    try:
        change = ablate(pipe, tokens=[(), *columns], text_encoder=True)
    except UnsupportedPipelineError:
        return None
    handle = adapter.net.register_forward_pre_hook(remember, with_kwargs=True)
    try:
        with change, quiet(pipe), torch.no_grad():
            # Without guidance, so that every row is the prompt's; one step, whose image is no use.
            pipe(prompt=texts, num_inference_steps=1, guidance_scale=1.0,
                 output_type="latent", generator=torch.Generator("cpu").manual_seed(0),
                 **call)  # fmt: skip
    finally:
        handle.remove()
    return read[0]
