"""Parsed prompts: words, their forms and the dependency arcs between them, as plain data.

`load_parser()` returns the best parser available, and a parser turns a text into a `Parse`. The
only part that uses spaCy, which is imported when a parser is loaded, not before. `parsed_tokens`
finds the prompt's tokens of each parsed word. Imports only `daam_nb.errors`, `kinds` and `prompt`.
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
