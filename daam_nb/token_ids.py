"""Token ids, as a text encoder was given them -> tokens with character spans.

The inverse of `tokens`: there a text is tokenized; here the token ids are known, in any number of
windows, and their characters are found in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from daam_nb.errors import PromptError, SelectionError, WrongKindError
from daam_nb.kinds import whole_number
from daam_nb.origins import origins_of, span_before
from daam_nb.tokens import (
    Role,
    Token,
    check_text,
    encode_text,
    mend_spans,
)
from daam_nb.words import Span


def read_ids(
    text: str, ids: Sequence[int], tokenizer: Any, *, converted: str | None = None
) -> tuple[tuple[Token, ...], Span | None]:
    """Locate the token ids that a text encoder was given in a text.

    Parameters
    ----------
    text
        The text; parts that the ids leave out (the syntax of weights) have no token.
    ids
        One token id per key column, including special tokens and padding, of one window or several.
    tokenizer
        The tokenizer that made the ids.
    converted
        As for `Prompt.from_tokenizer`.

    Returns
    -------
    tokens : tuple of Token
        One per id; spans refer to `text`.
    cut : tuple of int, or None
        Characters after the last one read, if the ids end early, half-open.

    Raises
    ------
    PromptError
        If the text does not contain the tokens in order, or does so in two ways.
    """
    check_text(text, tokenizer)
    tokens = _unplaced(ids, tokenizer)
    body = [token for token in tokens if token.role in ("text", "added")]
    source = _source(text, tokenizer, converted)
    numbers, offered = [token.id for token in body], [token.id for token in source]
    places = _places(numbers, source, text, tokenizer)
    # What breaks off though there is padding behind it was not cut by the window.
    short = len(places) < len(source) and any(token.role == "padding" for token in tokens)
    if short or places != list(range(len(places))):
        back = in_order(numbers[::-1], offered[::-1]) or []
        last = [len(offered) - 1 - position for position in back[::-1]]
        spans = [[source[position].span for position in way] for way in (places, last)]
        if spans[0] != spans[1]:
            raise PromptError(
                f"{text[:80]!r} holds {spelled(numbers, tokenizer)!r} in more than one way, so "
                "which characters were read is unknown. Give the text without the parts that were "
                "left out."
            )
    if places != list(range(len(places))):
        return _placed(tokens, [source[position] for position in places]), None
    return _placed(tokens, source[: len(places)]), _cut(source[len(places) :])


def why_cut(tokens: Sequence[Token]) -> str:
    """Explain why characters after the last token were not read, as far as the tokens tell."""
    if any(token.role == "padding" for token in tokens):
        return (
            f"they are not in the model's {len(tokens)} tokens, although padding follows these. "
            "Give the ids of the whole text."
        )
    return (
        f"they did not fit into the model's {len(tokens)} tokens. Shorten the prompt, or move the "
        "word further to the front."
    )


def as_read(
    ids: Sequence[int], tokenizer: Any, *, text: str | None = None, converted: str | None = None
) -> tuple[str, tuple[Token, ...], Span | None]:
    """Write out the text that a text encoder was given, with the place of each token in it.

    Parameters
    ----------
    ids, tokenizer, converted
        As for `read_ids`.
    text
        The source of the ids: its characters are used, with upper case and composed characters.
        None: the vocabulary's own spelling.

    Returns
    -------
    text : str
        Only the text that was read, or the whole text if it was merely cut off.
    tokens : tuple of Token
        One per id.
    cut : tuple of int, or None
        As for `read_ids`.

    Raises
    ------
    PromptError
        If `text` does not contain the tokens in order.
    """
    tokens = _unplaced(ids, tokenizer)
    body = [token for token in tokens if token.role in ("text", "added")]
    numbers = [token.id for token in body]
    if text is None:
        content, spans = _from_vocabulary(numbers, tokenizer)
        read = [replace(token, span=span) for token, span in zip(body, spans, strict=True)]
        return content, _placed(tokens, read), None
    check_text(text, tokenizer)
    source = _source(text, tokenizer, converted)
    places = _places(numbers, source, text, tokenizer)
    read = [source[position] for position in places]
    if places == list(range(len(places))):
        return text, _placed(tokens, read), _cut(source[len(places) :])
    content, read = _joined(text, read)
    return content, _placed(tokens, read), None


def in_order(wanted: Sequence[int], offered: Sequence[int]) -> list[int] | None:
    """Find ids as a subsequence of others, each as early as possible.

    Returns
    -------
    list of int, or None
        Ascending, one for each of `wanted`; None if they are not a subsequence.
    """
    places: list[int] = []
    at = 0
    for number in wanted:
        while at < len(offered) and offered[at] != number:
            at += 1
        if at == len(offered):
            return None
        places.append(at)
        at += 1
    return places


def _numbers(ids: Any, tokenizer: Any) -> list[int]:
    """Token ids, from a list, an array or a tensor of one axis."""
    try:
        numbers = [whole_number(number, "token") for number in ids]
    except (SelectionError, TypeError):
        raise WrongKindError(
            f"ids={ids!r:.80} are not numbers of a vocabulary: give one whole number per key "
            "column, as in tokenizer(text).input_ids; of a tensor with a row per text, give one "
            "row."
        ) from None
    outside = [number for number in numbers if not 0 <= number < len(tokenizer)]
    if outside:
        raise PromptError(
            f"ids hold {outside[0]}, which is not one of this tokenizer's {len(tokenizer)} "
            "numbers. Give the tokenizer that made them."
        )
    return numbers


def _unplaced(ids: Sequence[int], tokenizer: Any) -> list[Token]:
    """Tokens with roles and without spans: each window has its start, text, end and padding."""
    numbers = _numbers(ids, tokenizer)
    start, end, padding = (
        getattr(tokenizer, name, None) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    )
    # An unknown character is text, although its number is an added one.
    added = set(tokenizer.added_tokens_decoder) - {getattr(tokenizer, "unk_token_id", None)}
    specials = set(tokenizer.all_special_ids)
    if padding not in (start, end):
        specials.discard(padding)  # '!' of SDXL's second tokenizer is a sign
    roles: list[Role] = ["added" if number in added else "text" for number in numbers]
    opens = [i for i, number in enumerate(numbers) if start is not None and number == start]
    borders = sorted({0, *opens, len(numbers)})
    for first, last in pairwise(borders):
        if numbers[first] == start:
            roles[first] = "start"
        tail = last
        while tail > first and numbers[tail - 1] in (end, padding) and roles[tail - 1] != "start":
            tail -= 1
        ends = [i for i in range(tail, last) if numbers[i] == end]
        if ends:
            roles[ends[0]] = "end"
            roles[ends[0] + 1 : last] = ["padding"] * (last - ends[0] - 1)
        elif padding in added:
            roles[tail:last] = ["padding"] * (last - tail)
    pieces = tokenizer.convert_ids_to_tokens(numbers)
    return [
        Token(index, number, piece, None, role not in ("text", "added") or number in specials, role)
        for index, (number, piece, role) in enumerate(zip(numbers, pieces, roles, strict=True))
    ]


def _placed(tokens: Sequence[Token], source: Sequence[Token]) -> tuple[Token, ...]:
    """Tokens of the text with the spans and roles of `source`, the others as they are."""
    body = iter(source)
    return tuple(
        replace(next(body), index=token.index, id=token.id, piece=token.piece)
        if token.role in ("text", "added")
        else token
        for token in tokens
    )


def _source(text: str, tokenizer: Any, converted: str | None) -> list[Token]:
    """The tokens that a whole text would be read as, template left out; spans refer to it."""
    source = text if converted is None else converted
    body = [token for token in encode_text(source, tokenizer) if token.role in ("text", "added")]
    spans = mend_spans(source, [token.span for token in body])
    if converted is not None and converted != text:
        origins = origins_of(text, converted, tokenizer)
        spans = [span_before(span, origins) for span in spans]
    return [replace(token, span=span) for token, span in zip(body, spans, strict=True)]


def _places(
    numbers: Sequence[int], source: Sequence[Token], text: str, tokenizer: Any
) -> list[int]:
    places = in_order(numbers, [token.id for token in source])
    if places is None:
        raise PromptError(
            f"The ids spell {spelled(numbers, tokenizer)[:80]!r}, which does not follow "
            f"{text[:80]!r} in order. Give the text that these tokens were made from."
        )
    return places


def _cut(unread: Sequence[Token]) -> Span | None:
    spans = [token.span for token in unread if token.span is not None]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _joined(text: str, tokens: Sequence[Token]) -> tuple[str, list[Token]]:
    """The characters of some of a text's tokens, one blank for whatever lies between them."""
    parts: list[str] = []
    read: list[Token] = []
    length, shift = 0, 0
    before: Span | None = None
    for token in tokens:
        if token.span is None:
            read.append(token)
            continue
        start, end = token.span
        if before is None or start >= before[1]:
            gap = " " if before is not None and start > before[1] else ""
            parts += [gap, text[start:end]]
            shift = length + len(gap) - start
        elif end > before[1]:  # it shares characters with the one before
            parts.append(text[before[1] : end])
        length = sum(map(len, parts))
        read.append(replace(token, span=(start + shift, end + shift)))
        before = (start, max(end, before[1] if before else 0))
    return "".join(parts), read


def _from_vocabulary(numbers: Sequence[int], tokenizer: Any) -> tuple[str, list[Span | None]]:
    """The vocabulary's spelling, word by word with a blank between them."""
    pieces: list[str] = tokenizer.convert_ids_to_tokens(list(numbers))
    added = tokenizer.added_tokens_decoder
    words: list[list[int]] = []
    for position, piece in enumerate(pieces):
        # CLIP marks where a word ends (</w>), T5 and GPT-2 where one begins.
        whole = numbers[position] in added
        before = pieces[position - 1] if position else ""
        closed = whole or not position or numbers[position - 1] in added or before.endswith("</w>")
        if closed or piece.startswith(("▁", "Ġ")):
            words.append([])
        words[-1].append(position)
    parts: list[str] = []
    spans: list[Span | None] = []
    length = 0
    for word in words:
        ids = [numbers[position] for position in word]
        whole_word = spelled(ids, tokenizer)
        ends = [len(spelled(ids[: n + 1], tokenizer)) for n in range(len(ids))]
        cuts = [whole_word[:end] for end in ends]
        exact = all(spelled(ids[: n + 1], tokenizer) == cut for n, cut in enumerate(cuts))
        if parts and whole_word:
            parts.append(" ")
            length += 1
        for n, end in enumerate(ends):
            first, last = (ends[n - 1] if n else 0, end) if exact else (0, len(whole_word))
            spans.append((length + first, length + last) if last > first else None)
        parts.append(whole_word)
        length += len(whole_word)
    return "".join(parts), spans


def spelled(ids: Sequence[int], tokenizer: Any) -> str:
    """Write the vocabulary's spelling of some tokens in readable form."""
    text: str = tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)
    return text.strip()
