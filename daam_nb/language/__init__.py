"""What the sentence says: words, their forms and the arcs between them, as plain data.

`load_parser()` gives the best parser at hand, a parser turns a text into a `Parse`. The only part
that knows spaCy, and it loads spaCy when a parser is asked for, not before. `parsed_tokens` says
which tokens of a prompt its words are. Imports only `daam_nb.errors`, `kinds` and `prompt`.
"""

from __future__ import annotations

from daam_nb.language.loading import CAPTION_PARSER, installed_pipelines, load_parser
from daam_nb.language.pairing import ParsedTokens, parsed_tokens
from daam_nb.language.parse import Arc, Parse, ParsedWord, Parser

__all__ = [
    "CAPTION_PARSER",
    "Arc",
    "Parse",
    "ParsedTokens",
    "ParsedWord",
    "Parser",
    "installed_pipelines",
    "load_parser",
    "parsed_tokens",
]
