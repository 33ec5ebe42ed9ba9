"""Run the Python blocks of documents and write their output into the text blocks after them.

    python -m scripts.print_blocks FILE...

A document's blocks run in their order, in one namespace and an empty folder; what one prints
replaces the ```text block that follows it, wrapped as the document is. A revision of the shipped
model named in the prose is updated as well. The prose around the numbers is not: read it again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from daam_nb.menagerie import card

WIDTH = 100
REVISION = re.compile(r"(?<=revision )[0-9a-f]{12}\b")
BLOCK = re.compile(
    r"(?P<hidden><!-- not run: [^\n]+ -->\n+)?"
    r"^```python\n(?P<code>.*?)^```$"
    r"(?P<between>\s+^```text\n)?(?P<shown>(?(between).*?(?=^```$)))",
    flags=re.MULTILINE | re.DOTALL,
)


def printed(text: str, *, revision: str) -> str:
    """The document with the output of its blocks renewed.

    Raises
    ------
    Exception
        Whatever a block raises.
    """
    names: dict[str, Any] = {"__name__": "__main__"}

    def renewed(found: re.Match[str]) -> str:
        if found["hidden"]:
            return found[0]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(found["code"], "<document>", "exec"), names)
        if found["between"] is None:
            return found[0]
        start = found.start("shown") - found.start()
        return found[0][:start] + wrapped(out.getvalue())

    return REVISION.sub(revision, BLOCK.sub(renewed, text))


def wrapped(output: str) -> str:
    """Lines of at most 100 characters, without empty ones at the end."""
    lines = [
        textwrap.fill(line, WIDTH, break_on_hyphens=False) for line in output.rstrip().splitlines()
    ]
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Renew the files named."""
    paths = [Path(name).resolve() for name in sys.argv[1:]]
    for path in paths:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            made = printed(path.read_text("utf-8"), revision=card().revision)
        path.write_text(made, "utf-8")
        print(os.path.relpath(path))


if __name__ == "__main__":
    main()
