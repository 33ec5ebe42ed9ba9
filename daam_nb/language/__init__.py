"""What the sentence says: words, their forms and the arcs between them, as plain data.

`load_parser()` gives the best parser at hand, a parser turns a text into a `Parse`. The only part
that knows spaCy, and it loads spaCy when a parser is asked for, not before. Imports only
`daam_nb.errors` from the package.
"""

from __future__ import annotations

from daam_nb.language.loading import CAPTION_PARSER, load_parser
from daam_nb.language.parse import Arc, Parse, ParsedWord, Parser

__all__ = ["CAPTION_PARSER", "Arc", "Parse", "ParsedWord", "Parser", "load_parser"]
