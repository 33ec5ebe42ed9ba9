"""Head relevance vectors: the concept that each head attends to most.

Concepts are lists of words. Each word is encoded separately; at each step and layer one word of
every concept is drawn, the layer computes keys from their tokens, and the image's queries attend to
these. A head votes for the concept whose tokens get the most attention, mean over locations and
tokens.

References
----------
Park et al. 2024, "Cross-Attention Head Position Patterns Can Align with Human Visual Concepts in
Text-to-Image Generative Models", https://arxiv.org/abs/2412.02237; https://github.com/SNU-DRL/HRV
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from daam_nb.errors import StudyError
from daam_nb.studies.corpus.generation import quiet
from daam_nb.tracing import generate
from daam_nb.tracing.attention import probabilities
from daam_nb.tracing.concepts.keys import check_keys, keys_of
from daam_nb.tracing.concepts.text import check_text_keys
from daam_nb.tracing.models import adapter_of

_AT_ONCE = 8
"""Words that are encoded in one call."""

_OF_TEXTS = ("height", "width", "guidance_scale", "max_sequence_length")
"""Arguments of a study's call with which its words are encoded, too."""


@dataclass(frozen=True, eq=False)
class ConceptWords:
    """The words of every concept, as the layers read them.

    Attributes
    ----------
    words
        Concept -> for each of its words (token, channel): the embeddings of the word's own tokens,
        without start and end of text.
    """

    words: Mapping[str, tuple[Tensor, ...]]


def check_relevance(pipe: Any) -> None:
    """Raise an `UnsupportedPipelineError` if layers do not compute keys from a separate text."""
    adapter = adapter_of(pipe)
    check_text_keys(adapter)
    for name, module in adapter.modules():
        check_keys(name, module)


def encoded(
    pipe: Any, concepts: Mapping[str, tuple[str, ...]], call: Mapping[str, Any]
) -> ConceptWords:
    """Encode every word separately, as the pipeline encodes a prompt of that word.

    Parameters
    ----------
    pipe
        The pipeline.
    concepts
        Concept -> its words.
    call
        Arguments of the study's call; those that determine how texts are read are used.
    """
    check_relevance(pipe)
    adapter = adapter_of(pipe)
    words = list(dict.fromkeys(word for each in concepts.values() for word in each))
    options = {name: call[name] for name in _OF_TEXTS if name in call}
    read: dict[str, Tensor] = {}
    for first in range(0, len(words), _AT_ONCE):
        several = words[first : first + _AT_ONCE]
        texts: list[Tensor] = []
        signature = inspect.signature(adapter.net.forward)

        def keep(
            module: nn.Module, args: Any, kwargs: Any, signature: Any = signature,
            texts: list[Tensor] = texts,
        ) -> None:  # fmt: skip
            inputs = adapter.inputs(dict(signature.bind(*args, **kwargs).arguments))
            if inputs is not None and isinstance(inputs.text, Tensor):
                texts.append(inputs.text.detach())

        handle = adapter.net.register_forward_pre_hook(keep, with_kwargs=True)
        try:
            with quiet(pipe):
                runs = generate(pipe, several, seed=0, num_inference_steps=2, **options)
        finally:
            handle.remove()
        runs = runs if isinstance(runs, list) else [runs]
        order = adapter.batch_orders.get(len(texts[0]) // len(several), "") if texts else ""
        if "p" not in order:
            raise StudyError(
                f"Which rows hold the texts of {adapter.pipe_name} is unknown, so there is no "
                "relevance by concept. Leave it out: concepts=None."
            )
        block = order.index("p") * len(several)
        for place, (word, run) in enumerate(zip(several, runs, strict=True)):
            tokens = [t.index for t in run.prompt.tokens if t.role in ("text", "added")]
            read[word] = texts[0][block + place][tokens]
    return ConceptWords({name: tuple(read[w] for w in each) for name, each in concepts.items()})


class Queries:
    """The queries of a call, and the concept that each head attends to most.

    Attributes
    ----------
    chosen
        (layer, head) -> the concept of each step examined.
    """

    def __init__(self, modules: Mapping[str, nn.Module], concepts: ConceptWords, key: str) -> None:
        self._modules, self._concepts, self._key = modules, concepts, key
        self._queries: dict[str, Tensor] = {}
        self._listening = True
        self.chosen: dict[tuple[str, int], list[str]] = {}

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Keep each layer's last queries, while open."""
        handles = []

        def listen(name: str, module: nn.Module) -> None:
            def keep(_: nn.Module, __: Any, output: Tensor) -> None:
                if self._listening:
                    self._queries[name] = output

            handles.append(module.to_q.register_forward_hook(keep))  # type: ignore[union-attr]

        try:
            for name, module in self._modules.items():
                listen(name, module)
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Ignore what runs inside."""
        self._listening = False
        try:
            yield
        finally:
            self._listening = True

    def ask(self, row: int, step: int) -> None:
        """Determine for each head the concept that the last pass attends to most.

        Raises
        ------
        StudyError
            If a layer did not compute its queries with its own projection.
        """
        for name, module in self._modules.items():
            if name not in self._queries:
                raise StudyError(
                    f"{name} does not compute its queries with its to_q, so there is no relevance "
                    "by concept. Leave it out: concepts=None."
                )
            query = queries_of(module, self._queries[name][row])
            drawn = drawn_words(self._concepts, f"{self._key} {step} {name}")
            for head, concept in enumerate(attended_concepts(module, query, drawn)):
                self.chosen.setdefault((name, head), []).append(concept)


def drawn_words(concepts: ConceptWords, key: str) -> dict[str, Tensor]:
    """Draw one word of each concept; the same for the same key."""
    seed = hashlib.sha256(key.encode()).digest()
    rng = np.random.default_rng(list(seed[:8]))
    return {name: words[int(rng.integers(len(words)))] for name, words in concepts.words.items()}


def queries_of(module: Any, projected: Tensor) -> Tensor:
    """(head, n, dim) of what a layer's ``to_q`` gave for one row, (n, head and channel)."""
    query = projected.view(len(projected), int(module.heads), -1).transpose(0, 1)
    norm = getattr(module, "norm_q", None)
    normed: Tensor = query if norm is None else norm(query[None])[0]
    return normed


@torch.no_grad()
def attended_concepts(module: Any, query: Tensor, words: Mapping[str, Tensor]) -> list[str]:
    """The concept of each head whose word's tokens get the most attention.

    Parameters
    ----------
    module
        The layer.
    query
        (head, n, dim).
    words
        Concept -> (token, channel).
    """
    keys = keys_of(module, torch.cat(list(words.values())).to(query.device))
    columns = torch.arange(keys.shape[1], device=query.device)
    attention = probabilities(query, keys, columns, scale=float(module.scale)).mean(2)
    sizes = [len(word) for word in words.values()]
    means = torch.stack([part.mean(1) for part in torch.split(attention, sizes, dim=1)], dim=1)
    names = list(words)
    return [names[int(index)] for index in means.argmax(1)]
