"""Write the options of every study into a document, from their dataclasses.

    python -m scripts.study_options docs/studies.md

The text between ``<!-- options: begin -->`` and ``<!-- options: end -->`` is replaced.
"""

from __future__ import annotations

import re
import sys
from dataclasses import MISSING
from pathlib import Path

from daam_nb.studies.options import Option, StudyOptions, options_of
from daam_nb.studies.registry import BUILT_IN, entry_of

BEGIN, END = "<!-- options: begin -->", "<!-- options: end -->"
BETWEEN = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), flags=re.DOTALL)


def tables() -> str:
    """One table of the options that all studies share, and one of each study's own."""
    shared = {each.name: each for each in options_of(StudyOptions)}
    parts = [f"**every study**\n\n{table(shared.values())}"]
    for name in BUILT_IN:
        own = [each for each in entry_of(name).options if shared.get(each.name) != each]
        parts.append(f"**{name}**\n\n{table(own)}")
    return "\n\n".join(parts)


def table(options: object) -> str:
    """A Markdown table of options."""
    lines = ["| in Python | typed | default | what it is |", "|---|---|---|---|"]
    lines += [row(each) for each in options]  # type: ignore[attr-defined]
    return "\n".join(lines)


def row(each: Option) -> str:
    """One option."""
    typed = "" if each.flag is None else f"`{' '.join(filter(None, (each.flag, each.metavar)))}`"
    default = "has to be given" if each.default is MISSING else f"`{each.default!r}`"
    in_python = f"; in Python: {each.said.in_python}" if each.said.in_python else ""
    about = f"{each.about}{in_python}".replace("|", r"\|")
    return f"| `{each.name}` | {typed} | {default} | {about} |"


def renewed(text: str) -> str:
    """The document with the present tables."""
    if not BETWEEN.search(text):
        raise SystemExit(f"The document lacks the lines {BEGIN} and {END}.")
    return BETWEEN.sub(lambda _: f"{BEGIN}\n\n{tables()}\n\n{END}", text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
