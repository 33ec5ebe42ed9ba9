"""to_html: one file that is explored in any browser, without kernel and without network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.errors import SelectionError
from daam_nb.show.explorer.choices import CHOICES
from daam_nb.show.explorer.entries import clean
from daam_nb.show.explorer.exporting import free_path
from daam_nb.show.explorer.stacks import Stack, exact_bytes
from daam_nb.show.explorer.subject import Selected, Subject
from daam_nb.show.saving import write_whole

if TYPE_CHECKING:
    from daam_nb.show.explorer.widget import Explorer

MOST_BYTES = 4_500_000
Head = tuple[int, int]  # number of a layer, or -1 for all; number of a head, or -1 for all


def write(
    explorer: Explorer, path: str | Path, *, heads: Any, overwrite: bool, most_bytes: int
) -> Path:
    """Write the hand-out; see `Explorer.to_html`."""
    file = free_path(path, ".html", overwrite=overwrite)
    write_whole(file, page(explorer, heads=heads, most_bytes=most_bytes).encode("utf-8"))
    return file


def page(explorer: Explorer, *, heads: Any = (), most_bytes: int = MOST_BYTES) -> str:
    """Make the page: the front end, the maps it needs, and where they come from.

    Whatever `most_bytes` is, all words in all heads under the current choice of layers are in it,
    the current selection, and `heads`.
    """
    asked = _read_heads(explorer.subject, heads)
    room = most_bytes - len(_html(explorer, "").encode("utf-8"))
    while True:
        state = _state(explorer, asked, room)
        made = _html(explorer, state.packed())
        over = len(made.encode("utf-8")) - most_bytes
        if over <= 0 or not state.optional:
            return made
        room -= over + 4096  # the estimate was too good; once more with less


@dataclass
class _State:
    """What the page carries, as the front end's `mount` reads it."""

    data: dict[str, Any]
    optional: int = 0  # parts in it that could be left out
    size: int = 0
    embedded: list[Head] = field(default_factory=list)

    def packed(self) -> str:
        """Gzip as base64."""
        raw = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode("ascii")


def _state(explorer: Explorer, asked: list[Head], room: int) -> _State:
    """Gather the maps, the most wanted first, as long as there is room."""
    explorer.ask_for_parse()
    state = _State(
        {
            "traits": explorer.get_state(CHOICES) | {"playing": False},
            "image": _coded(explorer._image),
            "strip": _coded(explorer._strip),
            "stacks": {},
            "exacts": {},
            "tiles": {},
        }
    )
    state.size = 4 * (len(explorer._image) + len(explorer._strip)) // 3
    _put_stacks(explorer, state, _alone(explorer, (-1, -1)), [explorer.choice])
    _put_tiles(explorer, state, explorer.word, explorer.selected.steps)
    whole = (0, explorer.subject.step_count)
    gridless = [
        word for word in _words(explorer) if not _put_tiles(explorer, state, word, whole, room)
    ]
    choices = _put_choices(explorer, state, room)
    current = (explorer.layer, explorer.head)
    needed = list(dict.fromkeys([*([current] if current != (-1, -1) else []), *asked]))
    for head in needed:
        _put_stacks(explorer, state, _alone(explorer, head), choices)
        state.embedded.append(head)
    left = 0
    for head in _every_head(explorer.subject):
        if head in needed:
            continue
        if left or not _put_stacks(explorer, state, _alone(explorer, head), choices, room=room):
            left += 1
        else:
            state.embedded.append(head)
    _put_facts(explorer, state, choices, left, gridless)
    return state


def _put_choices(explorer: Explorer, state: _State, room: int) -> list[str]:
    """All heads of the other choices of layers; the names of those that are in the page."""
    found = [explorer.choice]
    for name in explorer.subject.choices:
        wanted = replace(_alone(explorer, (-1, -1)), choice=name)
        if name != explorer.choice and _put_stacks(explorer, state, wanted, [name], room):
            found.append(name)
    return found


def _put_stacks(
    explorer: Explorer, state: _State, wanted: Selected, choices: list[str], room: int | None = None
) -> bool:
    """Put a layer and head of all words into the page; not where there is no room for it."""
    made: dict[str, Stack] = {}
    for name in choices if wanted.layer < 0 else [wanted.choice]:
        if wanted.layer < 0 and not explorer.subject.layers_of(replace(wanted, choice=name)):
            continue  # no layer of this choice has the head
        for word in _words(explorer):
            selected = replace(wanted, word=word, choice=name)
            key = replace(selected, choice="" if wanted.layer >= 0 else name).stack_key
            made[key] = explorer.engine.stack(selected)
    size = sum(_cost(stack) for stack in made.values())
    if room is not None:
        if state.size + size > room:
            return False
        state.optional += 1
    state.size += size
    for key, stack in made.items():
        state.data["stacks"][key] = {**stack.meta, "data": _coded(stack.levels.tobytes())}
        del state.data["stacks"][key]["key"]
    _put_exact(explorer, state, wanted, choices)
    return True


def _put_exact(explorer: Explorer, state: _State, wanted: Selected, choices: list[str]) -> None:
    """The exact maps over all steps, and over the steps selected now."""
    subject = explorer.subject
    for name in choices if wanted.layer < 0 else [wanted.choice]:
        if wanted.layer < 0 and not subject.layers_of(replace(wanted, choice=name)):
            continue
        for word in _words(explorer):
            now = explorer.selected.steps
            for steps in {(0, subject.step_count), now}:
                selected = replace(wanted, word=word, choice=name, steps=steps)
                if wanted.head >= 0 and steps != now:
                    continue  # one exact map for single heads, so that there is room for more
                values = subject.word_map(selected).values
                key = replace(selected, choice="" if wanted.layer >= 0 else name).key
                raw = exact_bytes(values)
                state.data["exacts"][key] = {
                    "data": _coded(raw),
                    "shape": list(values.shape),
                    "max": float(values.max()),
                }
                state.size += 4 * len(zlib.compress(raw)) // 3


def _put_tiles(
    explorer: Explorer,
    state: _State,
    word: int,
    steps: tuple[int, int],
    room: int | None = None,
) -> bool:
    """Put the grid of heads of a word into the page; not where there is no room for it."""
    tiles = explorer.engine.tiles(replace(explorer.selected, word=word, steps=steps))
    if tiles.key in state.data["tiles"]:
        return True
    packed, meta = tiles.packed()
    size = 4 * (len(zlib.compress(packed)) + len(json.dumps(meta)) // 2) // 3
    if room is not None:
        if state.size + size > room:
            return False
        state.optional += 1
    state.size += size
    del meta["key"]
    state.data["tiles"][tiles.key] = {**meta, "data": _coded(packed)}
    return True


def _put_facts(
    explorer: Explorer, state: _State, choices: list[str], left: int, gridless: list[int]
) -> None:
    """Say what is here and what is not."""
    facts = dict(explorer._facts)
    lost = [name for name in facts["choices"] if name not in choices]
    parts = []
    if explorer.subject.step_count > 1:
        parts.append(
            "Maps over all steps and over the steps first shown are exact; other ranges of steps "
            "are previews, the mean of each step’s own map"
        )
    if left:
        total = left + len(state.embedded)
        parts.append(f"{left} of {total} layers and heads were left out to keep the file small")
    if lacking := [explorer.words[word].text for word in gridless if word != explorer.word]:
        parts.append(
            f"the grids of heads of {', '.join(f'“{one}”' for one in lacking)} were left out"
        )
    if lost:
        parts.append(f"the layers “{', '.join(lost)}” were left out")
    if any(entry.special and entry.kept for entry in explorer.words):
        parts.append("pieces and special tokens were left out")
    joined = "; ".join(parts)
    said = [clean(f"{joined[0].upper()}{joined[1:]}.")] if joined else []
    facts["kernel"] = False
    if facts["syntax"]["state"] != "here":  # why may name files of this machine
        facts["syntax"] = {"state": "none", "note": "No parse was at hand for this page."}
    facts["choices"] = {name: facts["choices"][name] for name in choices}
    facts["words"] = [
        {**word, "kept": word["kept"] and number in _words(explorer)}
        for number, word in enumerate(facts["words"])
    ]
    facts["embedded"] = [{"layer": layer, "head": head} for layer, head in state.embedded]
    facts["left_out"] = [*facts["left_out"], *said]
    state.data["facts"] = facts


def _words(explorer: Explorer) -> list[int]:
    """The words that can be chosen in the page: all that were kept, and those shown now."""
    return [
        number
        for number, entry in enumerate(explorer.words)
        if entry.kept and (not entry.special or number in (explorer.word, explorer.word_b))
    ]


def _alone(explorer: Explorer, head: Head) -> Selected:
    return Selected(0, explorer.choice, *head, (0, explorer.subject.step_count))


def _every_head(subject: Subject) -> Iterator[Head]:
    """Whole layers, heads of all layers, then every head of every layer."""
    yield from ((layer, -1) for layer in range(len(subject.layers)))
    yield from ((-1, head) for head in range(subject.most_heads))
    for number, layer in enumerate(subject.layers):
        yield from ((number, head) for head in range(layer.heads))


def _read_heads(subject: Subject, heads: Iterable[Any]) -> list[Head]:
    """Read (layer, head) pairs, the layer by its number or dotted name."""
    names = [layer.name for layer in subject.layers]
    found = []
    for pair in heads:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SelectionError(
                f"heads are pairs (layer, head), such as (3, 0) or ({names[0]!r}, 0), not {pair!r}."
            )
        layer, head = pair
        number = names.index(layer) if layer in names else layer
        if type(number) is not int or type(head) is not int:
            raise SelectionError(f"There is no layer {layer!r} with a head {head!r}.")
        choice = next(iter(subject.choices))
        subject.check(Selected(0, choice, number, head, (0, subject.step_count)))
        found.append((number, head))
    return found


def _cost(stack: Stack) -> int:
    """Bytes a stack takes in the page, about."""
    return 4 * (len(zlib.compress(stack.levels.tobytes())) + 10 * len(stack.scales) + 40) // 3


def _coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# --- the page -------------------------------------------------------------------------------------

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 1rem auto; padding: 0 1rem; max-width: 76rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.daam-origin { margin: .2rem 0 .7rem; font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
"""
_START = """
const root = document.getElementById("explorer");
mount(root, JSON.parse(document.getElementById("state").textContent)).catch((error) => {
  root.textContent = "This page cannot be shown here: " + error;
});
"""


def _html(explorer: Explorer, packed: str) -> str:
    from daam_nb.show.explorer.widget import front_end

    script, style = front_end()
    script = _within_script(script.replace("\r\n", "\n") + _START)
    style = re.sub(r"</(?=style)", r"<\\/", style.replace("\r\n", "\n") + _PAGE_STYLE, flags=re.I)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    prompt = html.escape(clean(explorer.subject.prompt.text))
    data = json.dumps(packed).replace("</", "<\\/")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{html.escape(_version(explorer))}">
<title>{prompt}</title>
<style>{style}</style>
</head>
<body>
<h1 dir="auto">{prompt}</h1>
<p class="daam-origin">{html.escape(_origin(explorer))}</p>
<noscript>This page needs JavaScript; it asks nothing of any server.</noscript>
<div id="explorer"></div>
<script type="application/json" id="state">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _origin(explorer: Explorer) -> str:
    """Model, seed, scheduler, steps, picture and versions in one line."""
    facts = explorer.run.facts
    seed = "no seed was given" if facts.seed is None else f"seed {facts.seed}"
    parts = [
        clean(facts.model),
        seed,
        f"{facts.scheduler}, {facts.num_steps} steps",
        "" if facts.guidance is None else f"guidance {facts.guidance:g}",
        "the negative prompt’s words" if explorer.subject.negative else "",
        _version(explorer),
    ]
    return " · ".join(part for part in parts if part)


def _version(explorer: Explorer) -> str:
    return f"daam_nb {explorer._facts['version']}"


def _within_script(text: str) -> str:
    """Keep a script's own text from ending its element: inside strings `\\/` is `/`."""
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.I)
    return text.replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
