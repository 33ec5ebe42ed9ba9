"""The prompt's tokens of a parsed word: one rule for the studies, the explorer and raters.

Parsers split words in their own way: "dog's", which is one word of the prompt, becomes "dog" and
"'s". The tokens of a parsed word are those that its characters overlap, whether or not it is a
whole word of the prompt. Two words that share a token are not compared, because their maps share a
part.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from daam_nb.errors import ParseError, TruncatedWordError, WordNotFoundError, WrongKindError
from daam_nb.kinds import kind_of, whole_numbers
from daam_nb.language.parse import Parse
from daam_nb.prompt import Prompt

Lack = Literal["truncated", "no token", "not kept", "shared token"]

LEFT_OUT: dict[Lack, str] = {
    "truncated": "one of the words is after the last token that the model read",
    "no token": "the tokenizer made no token for one of the words",
    "not kept": "the recording does not hold all tokens of the words",
    "shared token": "the two words share a token, so their maps are partly the same",
}
"""Why a pair of words has no numbers -> in words."""


@dataclass(frozen=True)
class ParsedTokens:
    """The tokens of each word of a parse.

    Attributes
    ----------
    tokens
        For each parsed word its key positions, ascending, or the reason why it has none.
    """

    tokens: tuple[tuple[int, ...] | Lack, ...]

    def lack(self, first: int, second: int) -> Lack | None:
        """Explain why two parsed words (by index) cannot be compared; None if they can."""
        own, other = self.tokens[first], self.tokens[second]
        if isinstance(own, str):
            return own
        if isinstance(other, str):
            return other
        return "shared token" if set(own) & set(other) else None


def parsed_tokens(parse: Parse, prompt: Prompt, columns: Collection[int]) -> ParsedTokens:
    """Find the tokens of every word of a parse.

    Parameters
    ----------
    parse
        The parse of the prompt's text.
    prompt
        The prompt.
    columns
        Key positions that were recorded.

    Raises
    ------
    ParseError
        If the parse belongs to another text.
    WrongKindError
        For anything but a parse and a prompt.
    SelectionError
        If a column is not an integer.
    """
    if not isinstance(parse, Parse) or not isinstance(prompt, Prompt):
        raise WrongKindError(
            f"parsed_tokens() takes a Parse and a Prompt, not {kind_of(parse)} and "
            f"{kind_of(prompt)}: parsed_tokens(parse, run.prompt, run.columns)."
        )
    columns = whole_numbers(columns, "column")
    if parse.text != prompt.text:
        raise ParseError(
            f"The parse is of {parse.text!r}, but the prompt is {prompt.text!r}. Parse the "
            "prompt's own text: parser(run.prompt.text)."
        )
    kept = frozenset(columns)
    return ParsedTokens(tuple(_tokens(word.start, word.end, prompt, kept) for word in parse.words))


def _tokens(start: int, end: int, prompt: Prompt, kept: frozenset[int]) -> tuple[int, ...] | Lack:
    try:
        tokens = prompt.token_indices((start, end))
    except TruncatedWordError:
        return "truncated"
    except WordNotFoundError:
        return "no token"
    return tokens if kept.issuperset(tokens) else "not kept"
