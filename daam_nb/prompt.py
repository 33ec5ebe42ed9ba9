"""The prompt of an image: its words and tokens, linked by character spans."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from daam_nb.errors import (
    AmbiguousWordError,
    PromptError,
    RecordingFormatError,
    SelectionError,
    TruncatedWordError,
    WordNotFoundError,
)
from daam_nb.kinds import check_flag, check_text, whole_number
from daam_nb.printable import printable
from daam_nb.token_ids import read_ids, why_cut
from daam_nb.tokens import (
    ROLES,
    Role,
    Token,
    check_length,
    check_span,
    check_tokens,
    read_tokens,
    with_roles,
)
from daam_nb.words import Folded, Span, Word, word_boundaries, words_between

__all__ = ["Prompt", "Role", "Token", "Word"]

What = str | Word | tuple[int, int]


@dataclass(frozen=True, repr=False)
class Prompt:
    """A prompt as the model read it.

    Attributes
    ----------
    text
        The prompt as it was given. Every span counts its characters (code points), half-open.
    tokens
        One per key column of the text encoder's output, in order: ``tokens[i].index == i``.
    cut
        Characters of which the model did not read every token, half-open; None if it read all.

    Raises
    ------
    PromptError
        If tokens are out of order, a span does not lie inside the text, or the text is longer
        than `tokens.MAX_CHARACTERS`.

    Notes
    -----
    A *word* is a stretch between two neighboring default word boundaries of Unicode (UAX #29) that
    holds a letter, a number, a symbol such as ★ or a pictogram; stretches of white space and
    punctuation alone are none. So "don't" and "snake_case" and "3.14" are one word each,
    "mother-in-law" is three, an emoji with its joiners, skin tones or flag letters is one, and in
    writing without spaces (Chinese, Thai) each character is. What the tokenizer has as one added
    token (``<cat-toy>`` of a textual inversion, ``<|endoftext|>``) is one word, brackets included.
    """

    text: str
    tokens: tuple[Token, ...]
    cut: Span | None = None

    def __post_init__(self) -> None:
        check_length(self.text)
        check_tokens(self.tokens, self.text)
        check_span(self.cut, self.text, "The cut")
        if any(token.role is None for token in self.tokens):
            object.__setattr__(self, "tokens", with_roles(self.tokens))

    @classmethod
    def from_tokenizer(
        cls,
        text: str,
        tokenizer: Any,
        *,
        max_length: int | None = None,
        converted: str | None = None,
        chunk: int | None = None,
    ) -> Prompt:
        """Tokenize a text as diffusers' pipelines do: cut and padded to `max_length`.

        Parameters
        ----------
        text
            The prompt as the user wrote it.
        tokenizer
            A "fast" tokenizer of transformers, e.g. ``pipe.tokenizer``.
        max_length
            Number of columns; by default the tokenizer's own limit (CLIP: 77); without a limit the
            text is neither cut nor padded. With `chunk`: the columns of all windows together, by
            default as many windows as the text needs.
        converted
            The text actually tokenized, if it differs from `text`: the result of
            ``pipe.maybe_convert_prompt`` (textual inversions of several vectors written out), or
            the text stripped, in lower case, or with cleaned punctuation. Spans still refer to
            `text`.
        chunk
            Columns of one window, if a long prompt was encoded in several, as prompt-weighting
            libraries do: each window has start of text, ``chunk - 2`` tokens, end of text and
            padding, and the windows' embeddings are concatenated. For libraries that break at
            commas rather than at full windows, use `from_ids`.

        Raises
        ------
        PromptError
            If the text cannot be tokenized (half a surrogate pair), `converted` does not follow
            from it, or the sizes do not fit.
        UnsupportedPipelineError
            If the tokenizer gives no character offsets.

        Examples
        --------
        >>> prompt = Prompt.from_tokenizer("a photo of a cat", pipe.tokenizer)  # doctest: +SKIP
        >>> prompt.token_indices("cat")  # doctest: +SKIP
        (5,)
        """
        tokens, cut = read_tokens(
            text, tokenizer, max_length=max_length, converted=converted, chunk=chunk
        )
        return cls(text=text, tokens=tokens, cut=cut)

    @classmethod
    def from_ids(
        cls, text: str, ids: Sequence[int], tokenizer: Any, *, converted: str | None = None
    ) -> Prompt:
        """Name key columns by the token ids that the text encoder was given.

        Parameters
        ----------
        text
            The text they were made from. Parts that they leave out (the syntax of weights) have no
            token.
        ids
            One token id per key column, including start, end and padding of every window.
        tokenizer, converted
            As for `from_tokenizer`.

        Raises
        ------
        PromptError
            If the text does not contain them in order, or does so in more than one way.
        """
        tokens, cut = read_ids(text, ids, tokenizer, converted=converted)
        return cls(text=text, tokens=tokens, cut=cut)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words of the text in order (see Notes), whether read by the model or not."""
        return tuple(words_between(self.text, self._boundaries))

    @cached_property
    def read_words(self) -> tuple[Word, ...]:
        """The words that have tokens and were not cut."""
        covered = bytearray(len(self.text))
        for token in self._text_tokens:
            if token.span is not None:
                start, end = token.span
                covered[start:end] = b"\x01" * (end - start)
        return tuple(
            word
            for word in self.words
            if any(covered[word.start : word.end]) and not self._reaches_cut(word.span)
        )

    def occurrences(self, text: str, *, case: bool = False) -> tuple[Word, ...]:
        """Find every occurrence of a word or phrase, left to right, not overlapping.

        Parameters
        ----------
        text
            The text to find: any literal text that begins and ends at word boundaries, so that
            'cat' is never found in 'catamaran', nor 'don' in "don't". White space in it matches any
            white space. Composed and decomposed characters ('é') are equal.
        case
            Whether upper and lower case differ. If not, full Unicode case folding is used
            ('STRASSE' finds 'Straße').
        """
        check_text(text, "A word or phrase")
        spans = self._folded[check_flag(case, "case")].find_all(text, self._boundaries)
        return tuple(Word(self.text[start:end], start, end) for start, end in spans)

    def find(self, text: str, *, occurrence: int | None = None, case: bool = False) -> Word:
        """Find one occurrence of a word or phrase.

        Parameters
        ----------
        text, case
            As for `occurrences`.
        occurrence
            Which one (0-based) if there are several; negative numbers count from the last.

        Raises
        ------
        WordNotFoundError
            If the prompt does not contain it, or has fewer occurrences.
        AmbiguousWordError
            If it occurs several times and `occurrence` is None.
        """
        occurrences = self.occurrences(text, case=case)
        if not occurrences:
            raise WordNotFoundError(self._not_found(text, case))
        if occurrence is None:
            if len(occurrences) > 1:
                raise AmbiguousWordError(
                    f"{text!r} occurs {len(occurrences)} times in {self._shown()}, at characters "
                    f"{_listed([f'{word.start}-{word.end}' for word in occurrences], 'and')}. "
                    f"Choose one: occurrence={_choices(len(occurrences))}."
                )
            return occurrences[0]
        try:
            return occurrences[whole_number(occurrence, "occurrence")]
        except IndexError:
            times = "once" if len(occurrences) == 1 else f"{len(occurrences)} times"
            raise WordNotFoundError(
                f"{text!r} occurs {times} in {self._shown()}; there is no occurrence={occurrence}. "
                f"Use occurrence={_choices(len(occurrences))}."
            ) from None
        except SelectionError:
            raise SelectionError(
                f"occurrence={occurrence!r}: it must be a whole number >= 0."
            ) from None

    def token_indices(
        self, what: What, *, occurrence: int | None = None, case: bool = False
    ) -> tuple[int, ...]:
        """Return the key positions of the tokens of a word, a phrase or a span of characters.

        Parameters
        ----------
        what
            A word or phrase; a `Word` of this prompt; or (start, end) in characters, half-open, as
            spaCy's ``token.idx, token.idx + len(token)``.
        occurrence, case
            As for `find`; for a string.

        Returns
        -------
        tuple of int
            Ascending, at least one: every token whose span overlaps it. A token that extends beyond
            the word (two Chinese characters in one token) belongs to both words.

        Raises
        ------
        WordNotFoundError, AmbiguousWordError
            As for `find`; also for a text from which the tokenizer made no token.
        TruncatedWordError
            If the text lies in the `cut`, or extends into it.
        SelectionError
            For a span that is empty or outside the text.
        """
        span = self._span(what, occurrence=occurrence, case=case)
        if self._reaches_cut(span):
            raise TruncatedWordError(self._cut_message(span))
        indices = self._overlapping(span)
        if not indices:
            raise WordNotFoundError(
                f"{self.text[slice(*span)]!r} at characters {span[0]}-{span[1]} of {self._shown()} "
                "has no token: the tokenizer drops it, or it was not encoded, as the syntax of "
                "weights is. Ask for a word next to it."
            )
        return indices

    def pieces(
        self, what: What, *, occurrence: int | None = None, case: bool = False
    ) -> tuple[str, ...]:
        """Return the vocabulary's spelling of those tokens; see `token_indices`."""
        indices = self.token_indices(what, occurrence=occurrence, case=case)
        return tuple(self.tokens[index].piece for index in indices)

    @property
    def start_of_text(self) -> int | None:
        """Key position of the start of text (the first, in a chunked prompt), None without one."""
        return next((token.index for token in self.tokens if token.role == "start"), None)

    @property
    def end_of_text(self) -> int | None:
        """Key position of the first end of text after the text's tokens, None without one.

        An end of text spelled out in the prompt counts as text.
        """
        last = max((token.index for token in self._text_tokens), default=-1)
        ends = (token.index for token in self.tokens if token.role == "end")
        return next((index for index in ends if index > last), None)

    @property
    def text_columns(self) -> tuple[int, ...]:
        """Key positions of the start of text, the text's tokens and the end of text, ascending."""
        columns = [self.start_of_text, *(token.index for token in self._text_tokens)]
        columns.append(self.end_of_text)
        return tuple(sorted(column for column in columns if column is not None))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data, from which `Prompt.from_dict` makes an equal prompt."""
        return {
            "text": self.text,
            "tokens": [
                {
                    "index": token.index,
                    "id": token.id,
                    "piece": token.piece,
                    "span": None if token.span is None else list(token.span),
                    "special": token.special,
                    "role": token.role,
                }
                for token in self.tokens
            ],
            "cut": None if self.cut is None else list(self.cut),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Prompt:
        """Make a prompt from the data of `to_dict`.

        Raises
        ------
        RecordingFormatError
            If a field is missing, of another type, or out of range.
        """
        fields = _mapping(data, "A prompt")
        tokens = _field(fields, "tokens", list, "A prompt")
        try:
            return cls(
                text=_field(fields, "text", str, "A prompt"),
                tokens=tuple(_token(item, index) for index, item in enumerate(tokens)),
                cut=_span(fields.get("cut"), "A prompt's cut"),
            )
        except PromptError as error:
            raise RecordingFormatError(f"The prompt is damaged: {error}") from None

    def __repr__(self) -> str:
        return f"Prompt({self._shown()}, {len(self.words)} words, {len(self.tokens)} tokens)"

    def _repr_html_(self) -> str:
        start, end = self.cut or (len(self.text), len(self.text))
        marked = _in_html(self.text[:start])
        if start > _HTML_LIMIT:
            marked += "…"
        if self.cut:
            marked += f'<s title="never read">{_in_html(self.text[start:end])}</s>'
        facts = f"{len(self.words)} words, {len(self.tokens)} tokens"
        style = 'dir="auto" style="white-space:pre-wrap"'
        return f"<span {style}>{marked}</span> <small>({facts})</small>"

    @cached_property
    def _boundaries(self) -> tuple[int, ...]:
        whole = {token.span for token in self.tokens if token.role == "added" and token.span}
        return word_boundaries(self.text, whole=whole)

    @cached_property
    def _folded(self) -> tuple[Folded, Folded]:
        return Folded(self.text), Folded(self.text, case=True)

    @cached_property
    def _text_tokens(self) -> tuple[Token, ...]:
        return tuple(token for token in self.tokens if token.role in ("text", "added"))

    def _overlapping(self, span: Span) -> tuple[int, ...]:
        start, end = span
        return tuple(
            token.index
            for token in self._text_tokens
            if token.span is not None and token.span[0] < end and token.span[1] > start
        )

    def _reaches_cut(self, span: Span) -> bool:
        return self.cut is not None and span[0] < self.cut[1] and span[1] > self.cut[0]

    def _span(self, what: What, *, occurrence: int | None, case: bool) -> Span:
        if isinstance(what, str):
            return self.find(what, occurrence=occurrence, case=case).span
        if occurrence is not None:
            raise SelectionError(
                f"occurrence={occurrence!r} chooses among several equal words, but {what!r} "
                "already names one. Leave it out."
            )
        if isinstance(what, Word):
            if self.text[what.start : what.end] != what.text:
                raise WordNotFoundError(
                    f"{what.text!r} is not at characters {what.start}-{what.end} of "
                    f"{self._shown()}: it is a word of another prompt. Ask for it as a string."
                )
            return what.span
        try:
            ends: Any = what
            if isinstance(ends, range) and ends.step == 1:
                ends = (ends.start, ends.stop)
            if not isinstance(ends, tuple | list):
                raise TypeError
            start, end = (whole_number(end_of_span, "character") for end_of_span in ends)
        except (TypeError, ValueError):
            raise SelectionError(
                f"A word must be a string, a Word or (start, end), not {what!r}."
            ) from None
        if not 0 <= start < end <= len(self.text):
            raise SelectionError(
                f"Characters {start}-{end} are empty or outside {self._shown()}, which has "
                f"{len(self.text)} characters. Spans are half-open and count from 0."
            )
        return (start, end)

    def _cut_message(self, span: Span) -> str:
        assert self.cut is not None
        return (
            f"{self.text[slice(*span)]!r} is at characters {span[0]}-{span[1]} of {self._shown()}, "
            f"but characters {self.cut[0]}-{self.cut[1]} were not read: {why_cut(self.tokens)}"
        )

    def _not_found(self, text: str, case: bool) -> str:
        if not text.strip():
            return f"{text!r} contains no word. Give a word or a phrase of {self._shown()}."
        words = list(dict.fromkeys(repr(word.text) for word in self.words))
        more = f" and {len(words) - 20} more" if len(words) > 20 else ""
        other = " Upper and lower case differ (case=True)." if case else ""
        return (
            f"{text!r} is not a word or phrase of {self._shown()}. "
            f"Its words are {', '.join(words[:20]) or 'none'}{more}.{other}"
        )

    def _shown(self) -> str:
        return repr(self.text if len(self.text) <= 80 else self.text[:79] + "…")


_HTML_LIMIT = 600


def _in_html(text: str) -> str:
    return html.escape(printable(text[:_HTML_LIMIT], keep="\n"))


def _choices(count: int) -> str:
    return f"0 to {count - 1}" if count > 8 else _listed([str(i) for i in range(count)], "or")


def _listed(items: list[str], conjunction: str) -> str:
    if len(items) > 8:
        items = [*items[:6], "…", items[-1]]
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def _token(item: Any, place: int) -> Token:
    whose = f"Token {place} of the prompt"
    fields = _mapping(item, whose)
    role = fields.get("role")
    if role is not None and role not in ROLES:
        raise RecordingFormatError(
            f"{whose} has the role {role!r}; it must be one of {', '.join(ROLES)}."
        )
    return Token(
        index=_field(fields, "index", int, whose),
        id=_field(fields, "id", int, whose),
        piece=_field(fields, "piece", str, whose),
        span=_span(fields.get("span"), f"{whose}: its span"),
        special=_field(fields, "special", bool, whose),
        role=role,
    )


def _mapping(data: Any, whose: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise RecordingFormatError(f"{whose} must be an object, not {type(data).__name__}.")
    return data


def _field(fields: Mapping[str, Any], name: str, kind: type, whose: str) -> Any:
    value: Any = fields.get(name)
    if type(value) is not kind:  # exactly: True is no number here
        raise RecordingFormatError(
            f"{whose}: {name!r} must be {kind.__name__}, not {type(value).__name__}."
        )
    if isinstance(value, str) and not _whole(value):
        raise RecordingFormatError(f"{whose}: {name!r} holds half a character: {value!r:.60}.")
    if isinstance(value, int) and value < 0:
        raise RecordingFormatError(f"{whose}: {name!r} must be 0 or more, not {value}.")
    return value


def _whole(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _span(value: Any, whose: str) -> Span | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or [type(end_of_span) for end_of_span in value] != [
        int,
        int,
    ]:
        raise RecordingFormatError(f"{whose} must be two numbers, not {value!r:.60}.")
    return (value[0], value[1])
