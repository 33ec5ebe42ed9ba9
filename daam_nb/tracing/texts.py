"""The text behind every batch row: prompts with the tokens that the encoder was really given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from daam_nb.errors import MissingTextError, ShapeError, UnsupportedPipelineError
from daam_nb.prompt import Prompt
from daam_nb.tracing.families import Reading


def prompts(
    pipe: Any,
    arguments: Mapping[str, Any],
    given: Sequence[str | Prompt] | None,
    reading: Reading,
    *,
    pictures: int,
) -> tuple[Prompt, ...]:
    """One prompt per picture.

    Parameters
    ----------
    pipe
        The pipeline.
    arguments
        Of the call; its ``prompt``, unless it works from ``prompt_embeds``.
    given
        The text behind ``prompt_embeds``, from ``trace(..., prompt=)``.
    reading
        The key columns that are named, and by which tokenizer.
    pictures
        Rows of the text embeddings.

    Raises
    ------
    MissingTextError
        Where embeddings were given and no text.
    """
    texts: Any = _text_of(arguments, reading.prompt)
    if texts is None:
        texts = given
    if texts is None:
        raise MissingTextError(
            "This call gives prompt_embeds and no prompt, so the tokens have no names. Tell the "
            'trace the text behind them: trace(pipe, prompt="a red fox in the snow").'
        )
    return _per_picture(pipe, texts, pictures, reading, "prompt")


def negative_prompts(
    pipe: Any,
    arguments: Mapping[str, Any],
    reading: Reading,
    *,
    pictures: int,
    unnamed: bool = False,
) -> tuple[Prompt, ...]:
    """One negative prompt per picture; the empty text where the call has none.

    Of embeddings without their text the columns can be kept `unnamed`, which is as if they were
    those of the empty text.

    Raises
    ------
    MissingTextError
        Where embeddings were given and no text, and names are needed.
    """
    texts = _text_of(arguments, reading.negative)
    if not unnamed and without_text(arguments, reading):
        raise MissingTextError(
            "This call gives negative_prompt_embeds and no negative_prompt, so the tokens of the "
            "negative prompt have no names. Give negative_prompt as text, or record the prompt "
            "alone: negative=False."
        )
    return _per_picture(pipe, "" if texts is None else texts, pictures, reading, "negative_prompt")


def without_text(arguments: Mapping[str, Any], reading: Reading) -> bool:
    """Whether a call gives embeddings of a negative prompt, and nobody knows its text."""
    given = arguments.get("negative_prompt_embeds") is not None
    return given and _text_of(arguments, reading.negative) is None


def _text_of(arguments: Mapping[str, Any], names: Sequence[str]) -> Any:
    """What an encoder reads: the first argument that is not empty, else the last as it is."""
    for name in names[:-1]:
        if arguments.get(name):
            return arguments[name]
    return arguments.get(names[-1])


def _per_picture(
    pipe: Any, texts: Any, pictures: int, reading: Reading, what: str
) -> tuple[Prompt, ...]:
    texts = [texts] if isinstance(texts, str | Prompt) else list(texts)
    each, rest = divmod(pictures, len(texts)) if texts else (0, 1)
    if rest:
        raise ShapeError(
            f"{len(texts)} texts were given as {what} for {pictures} pictures; "
            "one text per prompt was expected."
        )
    made = [_prompt(pipe, text, reading) for text in texts]
    return tuple(prompt for prompt in made for _ in range(each))


def _prompt(pipe: Any, text: str | Prompt, reading: Reading) -> Prompt:
    columns, tokenizer = reading.columns, reading.tokenizer
    if isinstance(text, Prompt):
        if len(text.tokens) != columns:
            raise ShapeError(
                f"The Prompt given has {len(text.tokens)} tokens, the embeddings {columns} columns."
            )
        return text
    if tokenizer is None:
        raise UnsupportedPipelineError(
            f"{type(pipe).__name__} has no `{reading.part}`, so key columns cannot be named. Load "
            "the pipeline with it; it is needed even where prompt_embeds are given."
        )
    window = int(tokenizer.model_max_length)
    converted = None
    if hasattr(pipe, "maybe_convert_prompt"):
        converted = pipe.maybe_convert_prompt(text, tokenizer)
    return Prompt.from_tokenizer(
        text,
        tokenizer,
        max_length=columns,
        converted=None if converted == text else converted,
        chunk=window if reading.windows and columns > window else None,
    )


def check_encoded(
    prompts: Sequence[Prompt], reading: Reading, seen: Sequence[tuple[nn.Module, Tensor]]
) -> None:
    """Compare our tokens with the ``input_ids`` that the reading's text encoder was given.

    Raises
    ------
    ShapeError
        Where a prompt's tokens were not among them: the pipeline rewrote the text, and maps
        would stand under the wrong words.
    """
    rows = [
        tuple(row) for encoder, ids in seen if encoder is reading.encoder for row in ids.tolist()
    ]
    for prompt in prompts:
        ids = [prompt.tokens[i].id for i in prompt.text_columns]
        if rows and not any(list(row[: len(ids)]) == ids for row in rows):
            raise ShapeError(
                f"The text encoder was given other tokens than those of {prompt.text!r}: the "
                "pipeline rewrites its prompts, and maps would stand under the wrong words. "
                "Encode the prompt yourself and give prompt_embeds with trace(pipe, prompt=...)."
            )
