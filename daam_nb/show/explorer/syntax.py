"""The syntax lens: a parse of the prompt, its words matched with the prompt's by characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError
from daam_nb.language import Parse, load_parser
from daam_nb.show.explorer.entries import Entry, clean

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


def parse_facts(parse: Parse | None, entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Write a parse for the browser.

    Returns
    -------
    dict
        words: text, start, end, pos and `word`, the number of the entry that shares most
        characters with it (-1: none was recorded); arcs: head, dependent (numbers of parsed
        words), relation; parser. None without a parse.
    """
    if parse is None:
        return None
    return {
        "parser": parse.parser,
        "words": [
            {
                "text": clean(word.text),
                "start": word.start,
                "end": word.end,
                "pos": word.pos,
                "word": _matching(word.start, word.end, entries),
            }
            for word in parse.words
        ],
        "arcs": [
            {"head": arc.head, "dependent": arc.dependent, "relation": arc.relation}
            for arc in parse.arcs
        ],
    }


def _matching(start: int, end: int, entries: Sequence[Entry]) -> int:
    """The kept word (or sign) that shares most characters with a span; the first among equals."""
    best, shared = -1, 0
    for number, entry in enumerate(entries):
        if not entry.kept or entry.span is None or entry.kind == "piece":
            continue
        common = min(end, entry.span[1]) - max(start, entry.span[0])
        if common > shared:
            best, shared = number, common
    return best
