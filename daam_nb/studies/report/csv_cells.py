"""Texts in CSV files that a spreadsheet takes for texts.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-``, ``@`` or a tab as a formula, which can
call programs and send what stands beside it elsewhere. An apostrophe in front makes it a text; what
is written so is read back as it was.
"""

from __future__ import annotations

import re

# Also as East Asian wide signs, and behind spaces, which some programs leave out.
_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def inert(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would take it for a formula."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def original(text: str) -> str:
    """What `inert` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
