"""Encode a call's text again with words hidden, before denoising starts.

The pipeline's own ``encode_prompt`` runs again, so that everything it does with a text (two
encoders, a skipped layer) applies to the hidden one, too. Only the text encoders' input differs: an
attention mask that excludes the word's tokens, as in ``ablate(text_encoder=True)``. The whole text
is encoded again under a mask of ones, so that tokens that do not depend on a word are equal, bit
for bit. Random states are not changed.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.prompt import Prompt
from daam_nb.tracing import texts
from daam_nb.tracing.models import Adapter, Branch

WordTokens = tuple[int, ...]
"""The key positions of a word's tokens."""

ALIKE = 5e-2
"""How far the text may be, under a mask of ones, from what the call encoded, as a share of it."""


@dataclass(eq=False)
class Hiding:
    """The tokens that the encoders mask out in one run of ``encode_prompt``.

    Attributes
    ----------
    encoders
        The text encoders that are given a mask.
    texts
        The text of each image.
    prompts
        The same, as tokenized for so many columns.
    hidden
        The key positions hidden in each text; empty: none.
    read
        The texts that each encoder was given.
    """

    encoders: tuple[nn.Module, ...]
    texts: tuple[str, ...]
    prompts: Callable[[int], Sequence[Prompt]]
    hidden: Sequence[WordTokens]
    read: dict[nn.Module, set[str]] = field(default_factory=dict)

    def with_mask(
        self, encoder: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """The named arguments of a run of an encoder, with the mask among them."""
        if "attention_mask" not in inspect.signature(type(encoder).forward).parameters:
            raise UnsupportedPipelineError(
                f"{type(encoder).__name__} takes no attention mask, so no word can be hidden in it "
                "and there are no effect maps. Leave out effects=."
            )
        ids: Tensor = args[0] if args else kwargs["input_ids"]
        own = kwargs.get("attention_mask")
        mask = torch.ones_like(ids) if own is None else own.clone()
        prompts = self.prompts(ids.shape[1])
        for row, numbers in enumerate(ids.tolist()):
            for prompt, tokens in zip(prompts, self.hidden, strict=True):
                wanted = [prompt.tokens[column].id for column in prompt.text_columns]
                if numbers[: len(wanted)] == wanted:
                    self.read.setdefault(encoder, set()).add(prompt.text)
                    mask[row, list(tokens)] = 0
                    break
        return {**kwargs, "attention_mask": mask}

    def check(self, adapter: Adapter) -> None:
        """Raise an `UnsupportedPipelineError` unless every encoder read every text."""
        for encoder in self.encoders:
            lacking = set(self.texts) - self.read.get(encoder, set())
            if lacking or not self.texts:
                raise UnsupportedPipelineError(
                    f"The {type(encoder).__name__} of {adapter.pipe_name} was not given "
                    f"{min(lacking, default='')!r:.200} as the tokens of a text of its own, so no "
                    "word can be hidden there and there are no effect maps. Give the text as "
                    "prompt= alone (no prompt_2=, no embeddings), or leave out effects=."
                )


hiding: ContextVar[Hiding | None] = ContextVar("daam_nb_hiding", default=None)
"""What the text encoders of this context leave out, on our account."""


@dataclass(frozen=True, eq=False)
class HiddenWords:
    """Changes of one image's text embeddings by hiding each word.

    Attributes
    ----------
    prompt
        The text, as it was tokenized before it was encoded.
    words
        The words that were hidden, one at a time.
    changes
        For each of them (key, channel), float32: the embeddings less those with the word hidden.
    embeddings
        (key, channel): the embeddings with nothing hidden.
    """

    prompt: Prompt
    words: tuple[WordTokens, ...]
    changes: tuple[Tensor, ...]
    embeddings: Tensor


def hidden_words(
    adapter: Adapter,
    encode: Callable[[], Any],
    said: Sequence[str],
    *,
    branch: Branch,
    original: Sequence[Tensor],
    words_of: Callable[[Prompt], Sequence[WordTokens]],
) -> tuple[HiddenWords, ...]:
    """Encode the texts of a call with nothing hidden, and once more for each word.

    Parameters
    ----------
    adapter
        The pipeline's adapter.
    encode
        Runs ``encode_prompt`` as the call did.
    said
        The text of each image.
    branch
        Whether these are the prompts or the negative prompts.
    original
        (key, channel) of each image, as the call encoded it.
    words_of
        Selects the words to hide in a prompt.

    Returns
    -------
    tuple of HiddenWords
        One for each image.

    Raises
    ------
    UnsupportedPipelineError
        If the text is read in a way in which no word can be hidden.
    """
    stream = adapter.stream()

    @lru_cache(maxsize=4)
    def prompts(columns: int) -> tuple[Prompt, ...]:
        return texts.as_tokenized(adapter, said, stream, columns=columns)

    def encoded(hidden: Sequence[WordTokens]) -> tuple[Tensor, ...]:
        run = Hiding(tuple(adapter.text_encoders()), tuple(said), prompts, hidden)
        with _on_our_account(run, original[0].device):
            embeddings = adapter.embeddings(encode(), None)
        run.check(adapter)
        rows = None if embeddings is None else getattr(embeddings, branch)
        if rows is None or len(rows) != len(said):
            raise UnsupportedPipelineError(
                f"{adapter.pipe_name} does not encode its text as one row per image, so there are "
                "no effect maps. Leave out effects=."
            )
        return tuple(row.detach().float() for row in rows)

    own = prompts(len(original[0]))
    words = [tuple(words_of(prompt)) for prompt in own]
    whole = encoded([()] * len(said))
    check_alike(adapter, whole, original)
    changes: list[list[Tensor]] = [[] for _ in said]
    for i in range(max(map(len, words))):
        hidden = [of_text[i] if i < len(of_text) else () for of_text in words]
        for image, row in enumerate(encoded(hidden)):
            if hidden[image]:
                changes[image].append(whole[image] - row)
    parts = zip(own, words, changes, whole, strict=True)
    return tuple(HiddenWords(p, w, tuple(c), e) for p, w, c, e in parts)


@contextmanager
def _on_our_account(run: Hiding, device: torch.device) -> Iterator[None]:
    """Inside the block encoders get masks, and their runs are not remembered."""
    token = hiding.set(run)
    # The pipeline has said once that a text is cut; not again for every word.
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            yield
    finally:
        logger.setLevel(level)
        hiding.reset(token)


def check_alike(adapter: Adapter, whole: Sequence[Tensor], original: Sequence[Tensor]) -> None:
    """Raise an `UnsupportedPipelineError` if the texts encoded again differ from the call's."""
    for again, before in zip(whole, original, strict=True):
        if again.shape == before.shape:
            difference = (again - before.to(again)).norm()
            if bool(difference <= ALIKE * again.norm()):
                continue
        raise UnsupportedPipelineError(
            f"{adapter.pipe_name} does not reproduce its text embeddings, so the effect of hiding "
            "a word on them cannot be measured and there are no effect maps. Something other than "
            "the text changes them (dropout, random layers, a hook). Leave out effects=."
        )
