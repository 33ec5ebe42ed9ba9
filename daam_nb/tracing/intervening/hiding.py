"""Words hidden in the text encoder: no other token looks at them, so none repeats them.

A text encoder that reads from left to right mixes each word into the tokens behind it, the end of
text and the padding included. Under an attention mask that leaves the word's tokens out, every
other token comes out as if the word's place had held any other word.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from daam_nb.tracing.intervening.call import EditedCall


@dataclass(frozen=True)
class Hiding:
    """Which words are hidden, whatever the call: they are looked up in each call's prompts.

    Attributes
    ----------
    words, tokens, occurrence
        As for `ablate`.
    """

    words: tuple[WordChoice, ...] | None
    tokens: KeyPositions | None
    occurrence: int | None

    def mask(self, call: EditedCall, module: nn.Module, ids: Tensor) -> Tensor | None:
        """1 for each token that others may look at, 0 for the hidden ones; None: not our rows.

        Parameters
        ----------
        call
            The running call.
        module
            The text encoder.
        ids
            (prompt, token): what it is given.

        Raises
        ------
        InterventionError
            Where the encoder takes no mask, or two encoders read different texts.
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
        tokens = (self.tokens or NO_COLUMNS).per_picture(len(prompts))
        for row, (prompt, own) in enumerate(zip(prompts, tokens, strict=True)):
            if self.words:
                hidden: Iterable[int] = columns_of(
                    prompt, self.words, own, occurrence=self.occurrence
                )
            else:
                hidden = check_columns(own, len(prompt.tokens))
            mask[row, list(hidden)] = 0
        return mask


def _prompts(call: EditedCall, ids: Tensor) -> Sequence[Prompt] | None:
    """The prompts of the rows of an encoder's input; None where it is something else's."""
    given = call.arguments.get("prompt")
    if given is None:
        return None
    second = call.arguments.get("prompt_2")
    if second is not None and second != given:
        raise InterventionError(
            f"The two text encoders of this call read different texts, {given!r} and {second!r}; "
            "a word is hidden only where both read the same. Leave out prompt_2."
        )
    count = 1 if isinstance(given, str) else len(given)
    if ids.shape[0] != count:
        return None
    reading = call.reading(ids.shape[1])
    prompts = texts.as_tokenized(call.pipe, [given] if isinstance(given, str) else given, reading)
    for prompt, row in zip(prompts, ids.tolist(), strict=True):
        wanted = [prompt.tokens[column].id for column in prompt.text_columns]
        if row[: len(wanted)] != wanted:
            return None
    return prompts
