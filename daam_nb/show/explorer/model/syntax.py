"""The syntax lens: a parse of the prompt, its words matched with the prompt's by characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.language import Parse, load_parser, parsed_tokens
from daam_nb.prompt import Prompt
from daam_nb.show.explorer.model.entries import Entry, clean

ParserChoice = Callable[[str], Parse] | Parse | str | Literal[False] | None


@dataclass
class Syntax:
    """A parse that is made when it is first wanted, as loading a parser takes a second.

    Attributes
    ----------
    text
        The prompt.
    parser
        A parser, the name of one, a `Parse` made before, False for none, None for the best one
        installed.
    """

    text: str
    parser: ParserChoice = None
    parse: Parse | None = None
    note: str = ""
    asked: bool = False

    def __post_init__(self) -> None:
        parser: Any = self.parser
        if parser is True or not (
            parser is None or parser is False or isinstance(parser, Parse | str) or callable(parser)
        ):
            raise WrongKindError(
                f"parser= is a parser (text -> Parse), the name of one, a Parse, False for none or "
                f"None for the best one installed, not {kind_of(self.parser)}."
            )
        if self.parser is False:
            self.asked, self.note = True, "No parse was asked for."
        elif self.parser is not None:
            self._ask()

    @property
    def state(self) -> str:
        """``"here"``, ``"later"`` (not asked for yet) or ``"none"``."""
        if self.parse is not None:
            return "here"
        return "none" if self.asked else "later"

    def ask(self) -> None:
        """Parse, unless that was tried before; `note` says why there is no parse."""
        if self.asked:
            return
        try:
            self._ask()
        except (MissingExtraError, MissingParserError, ParseError) as error:
            self.note = f"No arcs: {error}"

    def _ask(self) -> None:
        self.asked = True
        if isinstance(self.parser, Parse):
            parse = self.parser
        else:
            parser: Any = self.parser
            if parser is None:
                parser = load_parser()
            elif isinstance(parser, str):
                parser = load_parser(parser)
            parse = parser(self.text)
        if not isinstance(parse, Parse):
            raise ParseError(f"The parser gave {type(parse).__name__}, not a Parse of the prompt.")
        if parse.text != self.text:
            raise ParseError(f"The parse is one of {parse.text!r}, the prompt is {self.text!r}.")
        self.parse, self.note = parse, f"Parsed by {parse.parser}."


def parse_facts(
    parse: Parse | None, entries: Sequence[Entry], prompt: Prompt
) -> dict[str, Any] | None:
    """Write a parse for the browser.

    Parameters
    ----------
    parse
        Of the prompt's text, or none.
    entries
        What can be chosen in the prompt.
    prompt
        The prompt.

    Returns
    -------
    dict
        words: text, start, end, pos; `word`, the number of the entry that has exactly its tokens,
        by the rule that the studies have (`parsed_tokens`; -1: there is no such entry); `at`, the
        number of the entry over which it is drawn, the one that shares most characters with it
        (-1: none). arcs: head, dependent (numbers of parsed words), relation; those of two words
        that share a token are left out, as the studies leave them out. parser. None without a
        parse.
    """
    if parse is None:
        return None
    kept = [entry for entry in entries if entry.kept]
    paired = parsed_tokens(parse, prompt, {token for entry in kept for token in entry.tokens})
    return {
        "parser": parse.parser,
        "words": [
            {
                "text": clean(word.text),
                "start": word.start,
                "end": word.end,
                "pos": word.pos,
                "word": _with_tokens(tokens, entries),
                "at": _nearest(word.start, word.end, entries),
            }
            for word, tokens in zip(parse.words, paired.tokens, strict=True)
        ],
        "arcs": [
            {"head": arc.head, "dependent": arc.dependent, "relation": arc.relation}
            for arc in parse.arcs
            if paired.lack(arc.dependent, arc.head) != "shared token"
        ],
    }


def _with_tokens(tokens: tuple[int, ...] | str, entries: Sequence[Entry]) -> int:
    """The entry whose map is the one of these tokens; a word before a piece."""
    numbers = [n for n, entry in enumerate(entries) if entry.kept and entry.tokens == tokens]
    return min(numbers, key=lambda n: entries[n].kind == "piece", default=-1)


def _nearest(start: int, end: int, entries: Sequence[Entry]) -> int:
    """The word (or sign) that shares most characters with a span; the first among equals."""
    best, shared = -1, 0
    for number, entry in enumerate(entries):
        if entry.span is None or entry.kind == "piece":
            continue
        common = min(end, entry.span[1]) - max(start, entry.span[0])
        if common > shared:
            best, shared = number, common
    return best
