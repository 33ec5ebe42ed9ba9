"""A text and a tokenizer -> tokens with character spans, one per column of the text encoder.

The tokenizer is an argument (any "fast" tokenizer of transformers); nothing of it is imported.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from daam_nb.errors import PromptError, UnsupportedPipelineError
from daam_nb.origins import origins_of, span_before
from daam_nb.words import Span

Role = Literal["text", "added", "start", "end", "padding", "other"]
ROLES: tuple[Role, ...] = ("text", "added", "start", "end", "padding", "other")

# Tokenizers without a limit say 10^30.
NO_LIMIT = 10**9
MAX_CHARACTERS = 10_000  # of a text; models read a few thousand at most
MAX_TOKENS = 4096
MAX_PIECE = 1000  # characters
MAX_ID = 2**31  # of a vocabulary's numbers, exclusive
_MAX_COVERED = 64  # times the text's length, by the spans of all tokens together


@dataclass(frozen=True)
class Token:
    """One column of the text encoder's output, which is one key of cross-attention.

    Attributes
    ----------
    index
        Key position, from 0.
    id
        Id in the tokenizer's vocabulary.
    piece
        The vocabulary's own spelling, such as ``cat</w>`` or ``▁cat``.
    span
        Characters of the prompt it was made from, half-open, without white space at the ends;
        several tokens may share one span (the bytes of an emoji; the vectors of a textual
        inversion). None for special tokens of the template, for padding, and for a sign that a
        pipeline inserted.
    special
        Whether it is a special token: of the template, padding, or spelled out in the text
        (then it has a span).
    role
        ``"text"``; ``"added"``: spelled out in the text and read as one unit because it was added
        to the vocabulary (textual inversion, ``<|endoftext|>``); ``"start"``, ``"end"``,
        ``"padding"``; ``"other"`` for the rest of a template. None if not known: a `Prompt` then
        derives it from the order.
    """

    index: int
    id: int
    piece: str
    span: Span | None
    special: bool
    role: Role | None = None


def read_tokens(
    text: str,
    tokenizer: Any,
    *,
    max_length: int | None = None,
    converted: str | None = None,
    chunk: int | None = None,
) -> tuple[tuple[Token, ...], Span | None]:
    """Tokenize as pipelines do: padded to `max_length`, cut there; see `Prompt.from_tokenizer`.

    Returns
    -------
    tokens : tuple of Token
        In the order of the keys; spans refer to `text`.
    cut : tuple of int, or None
        Characters of `text` whose tokens were not all read, half-open.
    """
    check_text(text, tokenizer)
    source = text if converted is None else converted
    whole = encode_text(source, tokenizer)
    body = [token for token in whole if token.role in ("text", "added")]
    limit = _limit(tokenizer, max_length)
    if chunk is not None:
        read = _windows(body, tokenizer, max_length=max_length, chunk=chunk)
    elif limit is None:
        read = whole
    else:
        read = encode_text(source, tokenizer, max_length=limit)
        if len(read) > limit:  # tokenizers do not cut where the special tokens alone are more
            raise PromptError(
                f"max_length={limit} has no room for the tokenizer's special tokens. "
                "Windows of CLIP have 77 columns."
            )
    kept = sum(token.role in ("text", "added") for token in read)
    left = chunk is None and getattr(tokenizer, "truncation_side", "right") == "left"
    unread = body[: len(body) - kept] if left else body[kept:]

    # Together: what an unread token has must not be given to the read one before it.
    spans = mend_spans(source, [token.span for token in [*read, *unread]])
    if converted is not None and converted != text:
        origins = origins_of(text, converted, tokenizer)
        spans = [span_before(span, origins) for span in spans]
    tokens = tuple(
        replace(token, index=index, span=span)
        for index, (token, span) in enumerate(zip(read, spans, strict=False))
    )
    gone = [span for span in spans[len(read) :] if span is not None]
    cut = (min(start for start, _ in gone), max(end for _, end in gone)) if gone else None
    return tokens, cut


def check_length(text: str) -> None:
    """Raise `PromptError` if a text is too long for a prompt."""
    if len(text) > MAX_CHARACTERS:
        raise PromptError(
            f"The prompt is {len(text)} characters long ({text[:40]!r}...); at most "
            f"{MAX_CHARACTERS} are allowed, and models read far fewer. Shorten it."
        )


def check_tokens(tokens: Sequence[Token], text: str) -> None:
    """Raise `PromptError` unless tokens are in order, lie in the text and are not too many."""
    if len(tokens) > MAX_TOKENS:
        raise PromptError(f"There are {len(tokens)} tokens; at most {MAX_TOKENS} are allowed.")
    for index, token in enumerate(tokens):
        if token.index != index:
            raise PromptError(
                f"Token {index} has the key position {token.index}. Tokens must be given in the "
                "order of the keys, from 0."
            )
        if not 0 <= token.id < MAX_ID:
            raise PromptError(
                f"Token {index} has the id {token.id}; it must be within [0, {MAX_ID})."
            )
        if len(token.piece) > MAX_PIECE:
            raise PromptError(
                f"The piece of token {index} has {len(token.piece)} characters; at most "
                f"{MAX_PIECE} are allowed."
            )
        check_span(token.span, text, f"Token {index} ({token.piece[:80]!r})")
    covered = sum(token.span[1] - token.span[0] for token in tokens if token.span is not None)
    if covered > _MAX_COVERED * (len(text) + _MAX_COVERED):
        raise PromptError(
            f"The spans of the tokens cover {covered} characters of a text of {len(text)}: they "
            "overlap."
        )


def check_span(span: Span | None, text: str, whose: str) -> None:
    """Raise `PromptError` if a span is empty or not inside the text."""
    if span is not None and not 0 <= span[0] < span[1] <= len(text):
        raise PromptError(
            f"{whose} has the span {span[0]}-{span[1]}, which is empty or outside the text of "
            f"{len(text)} characters."
        )


def check_text(text: str, tokenizer: Any) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise UnsupportedPipelineError(
            f"A tokenizer of type {type(tokenizer).__name__} does not report which characters its "
            "tokens come from. Give a 'fast' tokenizer of transformers, as pipe.tokenizer is "
            "(tokenizer.is_fast)."
        )
    if not isinstance(text, str):
        raise PromptError(
            f"A prompt must be a text, not {type(text).__name__}. For several prompts make one "
            "Prompt each."
        )
    check_length(text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptError(
            f"The prompt holds half a character (a lone surrogate, {text[error.start]!r}) at "
            f"character {error.start}, which no tokenizer can read. Remove it, or decode the "
            "source text again."
        ) from None


def _limit(tokenizer: Any, max_length: int | None) -> int | None:
    limit = tokenizer.model_max_length if max_length is None else max_length
    if max_length is not None and max_length < 1:
        raise PromptError(f"max_length={max_length} leaves no token. Use 1 or more (CLIP: 77).")
    return limit if limit < NO_LIMIT else None


def encode_text(source: str, tokenizer: Any, *, max_length: int | None = None) -> list[Token]:
    """Tokenize `source`, with raw spans; cut and padded to `max_length`, or whole."""
    options: dict[str, Any] = {"truncation": False, "padding": False}
    if max_length is not None:
        options = {"truncation": True, "padding": "max_length", "max_length": max_length}
    encoded = tokenizer(
        source,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_attention_mask=True,
        verbose=False,
        **options,
    )
    ids: list[int] = [int(number) for number in encoded["input_ids"]]
    offsets = encoded["offset_mapping"]
    template = encoded["special_tokens_mask"]
    seen = encoded["attention_mask"]
    added = tokenizer.added_tokens_decoder
    starts = {tokenizer.bos_token_id, getattr(tokenizer, "cls_token_id", None)}
    ends = {tokenizer.eos_token_id, getattr(tokenizer, "sep_token_id", None)}
    specials = set(tokenizer.all_special_ids)
    if tokenizer.pad_token_id not in starts | ends:
        specials.discard(tokenizer.pad_token_id)  # '!' of SDXL's second tokenizer is a sign
    tokens: list[Token] = []
    begun = False
    for index, (number, piece) in enumerate(
        zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)
    ):
        start, end = offsets[index]
        span: Span | None = (start, end) if end > start else None
        special = bool(template[index])
        role: Role = "text"
        if not seen[index]:
            role, special = "padding", True
        elif special:
            # Where start and end are one id, what comes before the text is the start.
            begins = number in starts and not (begun and number in ends)
            role = "start" if begins else "end" if number in ends else "other"
            begun = True
        else:
            begun = True
            if span and number in added and _spelled_out(source[start:end], piece):
                role, special = "added", number in specials
        tokens.append(
            Token(
                index, number, piece, None if special and role != "added" else span, special, role
            )
        )
    return tokens


def _spelled_out(stretch: str, piece: str) -> bool:
    """Whether an added token stands in the text itself (an unknown character's <unk> does not)."""
    return _plain(stretch) == _plain(piece)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).lower()


def _windows(
    body: list[Token], tokenizer: Any, *, max_length: int | None, chunk: int
) -> list[Token]:
    """The text's tokens in windows of `chunk` columns, each with its own start, end and padding."""
    frame = encode_text("a", tokenizer)
    first = next(i for i, token in enumerate(frame) if token.role in ("text", "added"))
    before = frame[:first]
    after = [token for token in frame[first:] if token.role not in ("text", "added")]
    room = chunk - len(before) - len(after)
    if room < 1:
        raise PromptError(
            f"chunk={chunk} has no room for text next to {len(before) + len(after)} special "
            "tokens. Windows of CLIP have 77 columns."
        )
    if max_length is not None and (max_length < chunk or max_length % chunk):
        raise PromptError(
            f"max_length={max_length} is not a multiple of chunk={chunk}. Give the total number of "
            f"columns of all windows, such as {chunk} or {2 * chunk}, or leave max_length out."
        )
    needed = max(1, -(-len(body) // room))
    count = needed if max_length is None else max_length // chunk
    number = tokenizer.pad_token_id
    if number is None:
        raise PromptError("The tokenizer has no padding token, so windows cannot be filled up.")
    filler = Token(0, number, tokenizer.convert_ids_to_tokens(number), None, True, "padding")
    tokens: list[Token] = []
    for window in range(count):
        part = [*before, *body[window * room : (window + 1) * room], *after]
        tokens += part + [filler] * (chunk - len(part))
    return tokens


def mend_spans(source: str, spans: list[Span | None]) -> list[Span | None]:
    """Correct spans: without white space at their ends, and exact if the tokenizer normalizes.

    If NFC composes a letter with the marks after it, tokenizers return only the letter's position;
    if it reorders marks, they return the original positions. The span then becomes the whole
    user-perceived character. Characters that a normalizer drops (joiners) go to the token before.
    """
    trimmed = [None if span is None else _trim(source, span) for span in spans]
    covered = bytearray(len(source))
    for span in trimmed:
        if span is not None:
            covered[span[0] : span[1]] = b"\x01" * (span[1] - span[0])
    exact = unicodedata.is_normalized("NFC", source)
    if exact and all(seen or source[position].isspace() for position, seen in enumerate(covered)):
        return trimmed
    from uniseg.graphemecluster import grapheme_cluster_boundaries

    edges = sorted({0, len(source), *grapheme_cluster_boundaries(source)})
    starts, ends = list(range(len(source) + 1)), list(range(len(source) + 1))
    for start, end in pairwise(edges):
        cluster = source[start:end]
        if not unicodedata.is_normalized("NFC", cluster):
            starts[start:end] = [start] * (end - start)
            ends[start + 1 : end + 1] = [end] * (end - start)
            continue
        for position in range(end - 1, start, -1):  # an end moves right over what nobody covers
            if not covered[position]:
                ends[position] = ends[position + 1]
    return [
        None if span is None else _trim(source, (starts[span[0]], ends[span[1]]))
        for span in trimmed
    ]


def _trim(source: str, span: Span) -> Span:
    start, end = span
    stretch = source[start:end]
    if not stretch.strip():
        return span
    return (
        start + len(stretch) - len(stretch.lstrip()),
        end - len(stretch) + len(stretch.rstrip()),
    )


def with_roles(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Assign roles by the order alone, as in CLIP: start, text, end, padding."""
    spanned = [token.index for token in tokens if token.span is not None or not token.special]
    first, last = (spanned[0], spanned[-1]) if spanned else (1, 0)

    def role(token: Token) -> Role:
        if token.span is not None or not token.special:
            return "added" if token.special else "text"
        if token.index < first:
            return "start" if token.index == 0 else "other"
        return "end" if token.index == last + 1 else "padding" if token.index > last else "other"

    return tuple(
        token if token.role is not None else replace(token, role=role(token)) for token in tokens
    )
