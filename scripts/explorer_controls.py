"""Generate the page's and the documents' parts from the explorer's table of controls.

    python -m scripts.explorer_controls [--to FOLDER]

From `daam_nb/show/explorer/controls.py` come `js/src/controls.data.js` and the table of traits in
`docs/explorer.md`, between its two comments. `make js` runs it; a test compares.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from daam_nb.show.explorer.controls import CONTROLS, Control

ROOT = Path(__file__).resolve().parent.parent
SCRIPT, DOCUMENT = Path("js/src/controls.data.js"), Path("docs/explorer.md")
BEGIN = "<!-- controls: written by scripts.explorer_controls -->\n"
END = "<!-- end of controls -->\n"


def script() -> str:
    """The page's half of the table, a module of one object."""
    lines = [
        f"  {control.name}: {json.dumps(control.for_page(), ensure_ascii=False)},"
        for control in CONTROLS
    ]
    return "\n".join(
        [
            "// Written by scripts/explorer_controls.py from daam_nb/show/explorer/controls.py.",
            "/** @type {Record<string, import('./types.js').Control>} */",
            "export default {",
            *lines,
            "};\n",
        ]
    )


def table() -> str:
    """The documents' table of traits."""
    rows = [f"| `{c.name}` | {c.about} | {_values(c)} | {_default(c)} |" for c in CONTROLS]
    head = ["| trait | what it is | values | at first |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _values(control: Control) -> str:
    return control.kind.values.replace("'", '"')


def _default(control: Control) -> str:
    return control.at_first or f"`{control.default!r}`".replace("'", '"')


def document(text: str) -> str:
    """A document with the table as it is now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT, metavar="FOLDER")
    folder = parser.parse_args().to
    files = {SCRIPT: script(), DOCUMENT: document((ROOT / DOCUMENT).read_text(encoding="utf-8"))}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        print(folder / path)


if __name__ == "__main__":
    main()
