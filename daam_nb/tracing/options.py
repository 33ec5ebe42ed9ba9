"""The options of a trace, checked when it is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import check_choice, check_flag, whole_number
from daam_nb.prompt import Prompt
from daam_nb.recording import Kept, LayerChoice, read_layer_choice
from daam_nb.selection import StepChoice, Steps
from daam_nb.tracing.buffers import memory_bytes

TokenChoice = str | Sequence[str | int] | None
EffectChoice = bool | str | Sequence[str]
ConceptChoice = str | Sequence[str] | None
SelfAttentionChoice = bool | Literal["steps"]
TextChoice = str | Prompt | Sequence[str | Prompt] | None

EVERY_STEP = Steps(name="keep_steps")
_DTYPES = (torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class Options:
    """The options of a trace; see `daam_nb.trace` for their meaning."""

    keep: Kept = "steps"
    layers: LayerChoice = "all"
    keep_steps: Steps = EVERY_STEP
    tokens: TokenChoice = None
    negative: bool = False
    memory: int | None = None
    dtype: torch.dtype = torch.float16
    texts: tuple[str | Prompt, ...] | None = None
    negative_texts: tuple[str | Prompt, ...] | None = None
    encoder: str | None = None
    effects: EffectChoice = False
    concepts: ConceptChoice = None
    self_attention: SelfAttentionChoice = False

    def wants(self, step: int, steps: int) -> bool:
        """Whether a step of a loop of `steps` is to be kept."""
        return self.keep_steps.holds(step, steps)

    def chosen_steps(self, steps: int) -> tuple[int, ...]:
        """The steps to be kept of a loop of `steps`, ascending.

        Raises
        ------
        SelectionError
            If there are none, or one lies outside the loop.
        """
        return self.keep_steps.of(steps)

    def columns(self, prompt: Prompt) -> tuple[int, ...]:
        """Key positions to be kept of one prompt, ascending."""
        if self.keep == "replay" or self.tokens == "all":
            return tuple(range(len(prompt.tokens)))
        if self.tokens is None:
            # Of an empty prompt within a chat template, which has neither start nor end of text,
            # the template's columns are all there is.
            return tuple(prompt.text_columns) or tuple(range(len(prompt.tokens)))
        columns: set[int] = set()
        for item in self.tokens:
            columns |= _columns_of(item, prompt)
        if not columns:
            raise SelectionError(f"tokens={self.tokens!r} selects no token of {prompt.text!r}.")
        return tuple(sorted(columns))

    def negative_columns(self, prompt: Prompt) -> tuple[int, ...]:
        """Key positions to be kept of a negative prompt.

        Words are chosen in the prompt. A negative prompt rarely has them: it keeps those it has,
        and if it has none, what it would keep without a choice.
        """
        if self.tokens is None or isinstance(self.tokens, str):
            return self.columns(prompt)
        there = tuple(t for t in self.tokens if not isinstance(t, str) or prompt.occurrences(t))
        return replace(self, tokens=there or None).columns(prompt)

    def check_effect_words(self, prompts: Sequence[Prompt]) -> None:
        """Raise a `WordNotFoundError` if a chosen word occurs in none of a call's texts."""
        for text in () if isinstance(self.effects, bool) else self.effects:
            if prompts and not any(prompt.occurrences(text) for prompt in prompts):
                prompts[0].find(text)  # raises, and lists the words there are

    def effect_words(self, prompt: Prompt) -> tuple[tuple[int, ...], ...]:
        """Key positions of each word whose effect is kept, in the order of the text.

        Each of several texts keeps the words that it has.
        """
        if isinstance(self.effects, bool):
            words = prompt.read_words if self.effects else ()
        else:
            words = tuple(word for text in self.effects for word in prompt.occurrences(text))
        every = dict.fromkeys(prompt.token_indices(word) for word in words)
        return tuple(sorted(tokens for tokens in every if tokens))


def _columns_of(item: str | int, prompt: Prompt) -> set[int]:
    if isinstance(item, str):
        found = prompt.occurrences(item)
        if not found:
            prompt.find(item)  # raises, and lists the words there are
        return {index for word in found for index in prompt.token_indices(word)}
    if not 0 <= item < len(prompt.tokens):
        raise SelectionError(
            f"tokens={item} is not a key position; this prompt has 0 to {len(prompt.tokens) - 1}."
        )
    return {item}


def read_options(
    *,
    keep: Kept,
    layers: LayerChoice,
    keep_steps: StepChoice,
    tokens: TokenChoice,
    negative: bool,
    memory: int | str | None,
    dtype: torch.dtype,
    prompt: TextChoice,
    negative_prompt: TextChoice,
    encoder: str | None,
    effects: EffectChoice = False,
    concepts: ConceptChoice = None,
    self_attention: SelfAttentionChoice = False,
) -> Options:
    """Check the choices of a trace.

    Raises
    ------
    SelectionError
        If one cannot be read, or two contradict each other.
    """
    check_choice(keep, "keep", get_args(Kept))
    check_flag(negative, "negative")
    if not isinstance(dtype, torch.dtype) or dtype not in _DTYPES:
        raise SelectionError(
            f"dtype={dtype!r} is not one of torch.float16, torch.bfloat16, torch.float32."
        )
    if keep == "replay" and not (tokens is None and keep_steps is None):
        raise SelectionError(
            'keep="replay" keeps every step and every column of both passes, since replaying needs '
            "them. Leave out keep_steps= and tokens=."
        )
    return Options(
        keep=keep,
        layers=read_layer_choice(layers),
        keep_steps=Steps.read(keep_steps, name="keep_steps"),
        tokens=_read_tokens(tokens),
        negative=negative or keep == "replay",
        memory=memory_bytes(memory),
        dtype=dtype,
        texts=texts_behind_embeddings(prompt),
        negative_texts=texts_behind_embeddings(negative_prompt, "negative_prompt"),
        encoder=encoder,
        effects=read_effect_words(effects, "effects"),
        concepts=_read_concepts(concepts),
        self_attention=_read_self_attention(self_attention),
    )


def read_effect_words(choice: Any, name: str) -> bool | tuple[str, ...]:
    """Read the words that are hidden: all of the prompt, none, or these.

    Parameters
    ----------
    choice
        True, False, a word, or several.
    name
        Name of the argument, for errors.

    Raises
    ------
    SelectionError
        For anything else.
    """
    if isinstance(choice, bool):
        return choice
    words = (choice,) if isinstance(choice, str) else choice
    if _is_several(words) and (words := tuple(words)) and all(isinstance(w, str) for w in words):
        return words
    raise SelectionError(
        f"{name}={choice!r:.200} selects no words: give True for every word of the prompt, or the "
        f'words, as in {name}=["dog", "ball"].'
    )


def _read_concepts(concepts: Any) -> str | tuple[str, ...] | None:
    if concepts is None:
        return None
    several = (concepts,) if isinstance(concepts, str) else concepts
    texts = tuple(several) if _is_several(several) else ()
    if texts and all(isinstance(text, str) and text.strip() for text in texts):
        stripped = tuple(text.strip() for text in texts)
        if isinstance(concepts, set | frozenset):
            raise SelectionError(
                f"concepts={concepts!r:.200} has no order, but the concepts are joined into one "
                "text. Give a list."
            )
        if twice := [text for text in dict.fromkeys(stripped) if stripped.count(text) > 1]:
            raise SelectionError(f"concepts={concepts!r:.200} names {twice[0]!r} more than once.")
        return stripped[0] if isinstance(concepts, str) else stripped
    raise SelectionError(
        f"concepts={concepts!r:.200} names no concepts: give words or phrases, as in "
        'concepts=["sky", "tail"], or a text of which each word is one.'
    )


def _read_self_attention(choice: Any) -> SelfAttentionChoice:
    if isinstance(choice, bool) or (isinstance(choice, str) and choice == "steps"):
        return choice  # type: ignore[return-value]
    raise SelectionError(
        f"self_attention={choice!r:.200} must be True (summed over the steps), 'steps' (each "
        "separately) or False."
    )


def _read_tokens(tokens: Any) -> TokenChoice:
    if tokens is None or (isinstance(tokens, str) and tokens == "all"):
        return tokens
    items = tuple(tokens) if _is_several(tokens) else (tokens,)
    try:
        return tuple(t if isinstance(t, str) else whole_number(t, "token") for t in items)
    except SelectionError:
        raise SelectionError(
            f"tokens={tokens!r}: a token must be chosen by a word or by its key position."
        ) from None


def _is_several(choice: object) -> bool:
    lone = isinstance(choice, str | bytes | Mapping) or getattr(choice, "ndim", None) == 0
    return isinstance(choice, Iterable) and not lone


def texts_behind_embeddings(
    prompt: TextChoice, name: str = "prompt"
) -> tuple[str | Prompt, ...] | None:
    """The texts behind ``prompt_embeds``, one per prompt; None if none is given.

    Raises
    ------
    WrongKindError
        For anything but texts and `Prompt` objects.
    """
    if prompt is None:
        return None
    texts = (prompt,) if isinstance(prompt, str | Prompt) else prompt
    if not isinstance(texts, list | tuple) or not all(isinstance(t, str | Prompt) for t in texts):
        raise WrongKindError(
            f"{name}= must be the text of the embeddings, a Prompt that names their columns, or a "
            f"list with one of these for each prompt, not a {type(prompt).__name__}."
        )
    return tuple(texts)
