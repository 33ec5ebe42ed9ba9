"""Words hidden in the text encoder: no other token attends to them, so none carries their meaning.

A causal text encoder mixes each word into the tokens after it, including the end of text and the
padding. Under an attention mask that excludes the word's tokens, every other token is the same as
if any other word had been in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daam_nb.errors import InterventionError
from daam_nb.prompt import Prompt
from daam_nb.tracing import texts
from daam_nb.tracing.intervening.choices import (
    NO_COLUMNS,
    KeyPositions,
    WordChoice,
    check_columns,
    columns_of,
)
from daam_nb.tracing.running import RunningCall


@dataclass(frozen=True)
class Hiding:
    """The words to hide, independent of the call: they are looked up in each call's prompts.

    Attributes
    ----------
    words, tokens, occurrence
        As for `ablate`.
    """

    words: tuple[WordChoice, ...] | None
    tokens: KeyPositions | None
    occurrence: int | None

    def mask(self, call: RunningCall, module: nn.Module, ids: Tensor) -> Tensor | None:
        """The mask: 1 for tokens that others may attend to, 0 for hidden ones; None for other rows.

        Parameters
        ----------
        call
            The running call.
        module
            The text encoder.
        ids
            (prompt, token): its input.

        Raises
        ------
        InterventionError
            If the encoder takes no mask, or two encoders read different texts.
        WordNotFoundError, AmbiguousWordError, TruncatedWordError, SelectionError
            As for `ablate`.
        """
        prompts = _prompts(call, ids)
        if prompts is None:
            return None
        if "attention_mask" not in inspect.signature(type(module).forward).parameters:
            raise InterventionError(
                f"{type(module).__name__} takes no attention mask, so no word can be hidden in "
                "it. Leave out text_encoder=True."
            )
        mask = torch.ones_like(ids)
        tokens = (self.tokens or NO_COLUMNS).per_image(len(prompts))
        for row, (prompt, own) in enumerate(zip(prompts, tokens, strict=True)):
            if self.words:
                hidden: Iterable[int] = columns_of(
                    prompt, self.words, own, occurrence=self.occurrence
                )
            else:
                hidden = check_columns(own, len(prompt.tokens))
            mask[row, list(hidden)] = 0
        return mask


def _prompts(call: RunningCall, ids: Tensor) -> Sequence[Prompt] | None:
    """The prompts of the rows of an encoder's input; None if they are not the call's."""
    prompt = call.arguments.get("prompt")
    if prompt is None:
        return None
    second = call.arguments.get("prompt_2")
    if second is not None and second != prompt:
        raise InterventionError(
            f"The two text encoders of this call read different texts, {prompt!r} and {second!r}; "
            "a word is hidden only where both read the same. Leave out prompt_2."
        )
    count = 1 if isinstance(prompt, str) else len(prompt)
    if ids.shape[0] != count:
        return None
    every = [prompt] if isinstance(prompt, str) else prompt
    stream = call.adapter.stream()
    prompts = texts.as_tokenized(call.adapter, every, stream, columns=ids.shape[1])
    for tokenized, row in zip(prompts, ids.tolist(), strict=True):
        wanted = [tokenized.tokens[column].id for column in tokenized.text_columns]
        if row[: len(wanted)] != wanted:
            return None
    return prompts
