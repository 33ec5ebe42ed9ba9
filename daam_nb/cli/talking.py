"""Output to a terminal of any encoding."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from daam_nb.printable import printable

GAP = "  "


def say(text: str = "", *, to: TextIO | None = None) -> None:
    """Print a line, or several.

    Control sequences, and characters that the encoding lacks, are escaped: texts may come from
    strangers.
    """
    stream = sys.stdout if to is None else to
    encoding = getattr(stream, "encoding", None) or "utf-8"
    safe = printable(text, keep="\n")
    encodable = safe.encode(encoding, "backslashreplace").decode(encoding)
    print(encodable, file=stream)


def complain(text: str) -> None:
    """Print one line to stderr, after the program's name."""
    say(f"daam-nb: {text}", to=sys.stderr)


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ") -> str:
    """Align rows in columns, each in one line; the last column is not padded."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    lines = []
    for *cells, last in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        lines.append((indent + GAP.join([*padded, last])).rstrip())
    return "\n".join(lines)


def shortened(text: str, most: int = 60) -> str:
    """Quote a text on one line, with at most `most` characters."""
    line = printable(" ".join(text.split()))
    return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"
