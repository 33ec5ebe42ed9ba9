"""to_html: one file that is explored in any browser, without kernel and without network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import warnings
from pathlib import Path
from typing import Any

from daam_nb.kinds import number_between
from daam_nb.show.bundles import read_bundle
from daam_nb.show.conditions import seed_in_words
from daam_nb.show.explorer.export.contents import Content, check_amount, gather, read_heads
from daam_nb.show.explorer.export.png import free_path
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.entries import clean
from daam_nb.storage import write_file

STATIC = Path(__file__).parents[1] / "static"
MAX_BYTES = 8_000_000


def write(look: Look, path: str | Path, *, embed: Any, overwrite: bool, max_bytes: int) -> Path:
    """Write the hand-out; see `hand_out`."""
    file = free_path(path, ".html", overwrite=overwrite)
    text, content = made(look, embed=embed, max_bytes=max_bytes)
    write_file(file, text.encode("utf-8"))
    if content.lost:
        warnings.warn(
            f"{file.name} lacks {'; '.join(content.lost)}: there was no room for them in "
            f"max_bytes={max_bytes:,}. Give it more, or name heads that must be in it by embed=. "
            "The page says at its top what it holds.",
            stacklevel=3,
        )
    return file


def page(look: Look, *, embed: Any = (), max_bytes: int = MAX_BYTES) -> str:
    """Make the page; see `made`."""
    return made(look, embed=embed, max_bytes=max_bytes)[0]


def made(look: Look, *, embed: Any = (), max_bytes: int = MAX_BYTES) -> tuple[str, Content]:
    """Make the page: the front end, the maps it needs, where they come from and what it lacks.

    Whatever `max_bytes` is, all words in all heads under the current choice of layers are in it,
    the current selection, and `embed`.
    """
    asked = read_heads(look.subject, embed)
    max_bytes = number_between(max_bytes, "max_bytes", low=0)
    check_amount(look)
    room = max_bytes - len(_html(look, Content({})).encode("utf-8")) - 4096  # for what it says
    while True:
        content = gather(look, asked, room)
        text = _html(look, content)
        over = len(text.encode("utf-8")) - max_bytes
        if over <= 0 or not content.optional:
            return text, content
        room -= over + 4096  # the estimate was too good; once more with less


# --- the page -------------------------------------------------------------------------------------

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: .6rem; font: 16px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.1rem; margin: 0; max-height: 4.2em; overflow: auto; }
h1 { white-space: pre-wrap; overflow-wrap: anywhere; }
.daam-origin { margin: .1rem 0 .4rem; font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
.daam-holds { margin: 0 0 .4rem; font-size: .85rem; }
.daam-holds summary { cursor: pointer; }
.daam-holds p { margin: .2rem 0; max-width: 60rem; }
"""
_START = """
const root = document.getElementById("explorer");
mount(root, JSON.parse(document.getElementById("state").textContent)).catch((error) => {
  root.textContent = "This page cannot be shown here: " + error;
});
"""


def front_end() -> tuple[str, str]:
    """Read the built module and its style sheet; see `read_bundle`."""
    return read_bundle(STATIC, "explorer")


def _html(look: Look, content: Content) -> str:
    script, style = front_end()
    script = _within_script(script.replace("\r\n", "\n") + _START)
    style = re.sub(r"</(?=style)", r"<\\/", style.replace("\r\n", "\n") + _PAGE_STYLE, flags=re.I)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    prompt = html.escape(clean(look.subject.prompt.text))
    data = json.dumps(content.packed() if content.facts else "").replace("</", "<\\/")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{html.escape(_version(look))}">
<title>{prompt}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1 dir="auto">{prompt}</h1>
<p class="daam-origin">{html.escape(_origin(look))}</p>
{_holds(content)}
<noscript>This page needs JavaScript; it asks nothing of any server.</noscript>
<div id="explorer"></div>
</main>
<script type="application/json" id="state">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _origin(look: Look) -> str:
    """Model, seed, scheduler, steps, image and versions in one line."""
    facts = look.subject.run.facts
    seed = seed_in_words(look.subject.run)
    seed = f"seed {seed}" if seed else "no seed was given"
    parts = [
        clean(facts.model),
        seed,
        f"{clean(facts.scheduler)}, {facts.num_steps} steps",
        "" if facts.guidance is None else f"guidance {facts.guidance:g}",
        "the negative prompt’s words" if look.subject.negative else "",
        *(clean(sentence.removesuffix(".")) for sentence in look.facts["conditions"]),
        _version(look),
    ]
    return " · ".join(part for part in parts if part)


def _holds(content: Content) -> str:
    """What is in the page and what is not, before anybody looks for it."""
    short = f"Left out of this page: {'; '.join(content.lost)}" if content.lost else ""
    sentences = [f"In this page: {'; '.join(content.holds)}."]
    if content.never:
        sentences.append(f"Not in it: {'; '.join(content.never)}.")
    return (
        f'<details class="daam-holds"><summary>{html.escape(short or "What is in this page")}'
        f"</summary><p>{html.escape(' '.join(sentences))}</p></details>"
    )


def _version(look: Look) -> str:
    return f"daam_nb {look.facts['version']}"


def _within_script(text: str) -> str:
    """Keep a script's own text from ending its element: inside strings `\\/` is `/`."""
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.I)
    return text.replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
