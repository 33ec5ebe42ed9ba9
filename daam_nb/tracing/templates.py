"""A chat template around a prompt: which tokens are the prompt's, and which the template's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from daam_nb.origins import origins_of, span_before
from daam_nb.prompt import Prompt, Token
from daam_nb.token_ids import as_read
from daam_nb.tokens import encode_text, mend_spans
from daam_nb.tracing.models import ChatTemplate
from daam_nb.words import Span


def whole_ids(text: str, tokenizer: Any, template: ChatTemplate) -> tuple[int, ...]:
    """All token ids that the text encoder is given: the template's and the prompt's."""
    source = template.before + text + template.after
    return tuple(token.id for token in encode_text(source, tokenizer))


def templated(
    text: str, tokenizer: Any, template: ChatTemplate, *, columns: int, rewritten: str | None = None
) -> Prompt:
    """The prompt whose columns the denoiser is given, including the template's tokens.

    Parameters
    ----------
    text
        The prompt.
    tokenizer, template
        The text encoder's.
    columns
        Number of columns; longer texts are cut, shorter ones padded.
    rewritten
        The pipeline's rewriting of the prompt; spans still refer to `text`.

    Raises
    ------
    PromptError
        If `rewritten` does not follow from it.
    """
    prompt = text if rewritten is None else rewritten
    source = template.before + prompt + template.after
    tokens = encode_text(source, tokenizer)
    first = len(template.before)
    spans = mend_spans(source, [token.span for token in tokens])
    inside = [_inside(span, first, first + len(prompt)) for span in spans]
    if prompt != text:
        origins = origins_of(text, prompt, tokenizer)
        inside = [span_before(span, origins) for span in inside]
    placed = [_as_part(*pair) for pair in zip(tokens, inside, strict=True)][template.dropped :]
    unread = [token.span for token in placed[columns:] if token.span is not None]
    cut = (unread[0][0], unread[-1][1]) if unread else None
    return Prompt(
        text, _numbered([*placed[:columns], *_padding(columns - len(placed), tokenizer)]), cut
    )


def untemplated(ids: Sequence[int], tokenizer: Any, template: ChatTemplate) -> Prompt:
    """The text between the two halves of a template, from the columns' token ids alone."""
    before = [token.id for token in encode_text(template.before, tokenizer)][template.dropped :]
    after = [token.id for token in encode_text(template.after, tokenizer)]
    low = len(before) if list(ids[: len(before)]) == before else 0
    ends = (at for at in range(len(ids) - len(after), low - 1, -1))
    high = next((at for at in ends if list(ids[at : at + len(after)]) == after), len(ids))
    text, tokens, _ = as_read(ids[low:high], tokenizer)
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    others = [
        Token(i, number, piece, None, True, "other")
        for i, (number, piece) in enumerate(zip(ids, pieces, strict=True))
    ]
    return Prompt(text, _numbered([*others[:low], *tokens, *others[high:]]))


def _inside(span: Span | None, low: int, high: int) -> Span | None:
    """The part of a span within the prompt, counted from its start."""
    if span is None:
        return None
    start, end = max(span[0], low) - low, min(span[1], high) - low
    return (start, end) if start < end else None


def _as_part(token: Token, span: Span | None) -> Token:
    if span is None:
        return replace(token, span=None, special=True, role="other")
    return replace(token, span=span)


def _padding(count: int, tokenizer: Any) -> list[Token]:
    number = tokenizer.pad_token_id
    if count < 1 or number is None:
        return []
    return [
        Token(0, number, tokenizer.convert_ids_to_tokens(number), None, True, "padding")
    ] * count


def _numbered(tokens: Sequence[Token]) -> tuple[Token, ...]:
    return tuple(replace(token, index=index) for index, token in enumerate(tokens))
