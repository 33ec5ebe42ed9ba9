"""to_html: one file that is explored in any browser, without kernel and without network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import kind_of, number_between
from daam_nb.show.bundles import read_bundle
from daam_nb.show.conditions import seed_in_words
from daam_nb.show.explorer.controls import CONTROLS
from daam_nb.show.explorer.export.png import free_path
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.container import Part, as_json, deflated, pack
from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.selection import (
    LayerHeads,
    Numbers,
    Selected,
    check,
    layers_of,
    word_map,
)
from daam_nb.show.explorer.model.stacks import exact_bytes
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.storage import write_file

STATIC = Path(__file__).parents[1] / "static"
MAX_BYTES = 4_500_000
MAX_NUMBERS = 4_000_000_000  # raised to the grid for the exact maps of all words
MAX_WORDS_OF_A_TOKEN = 8  # on average; true tokenizers' lie in one, of Chinese in a few
# Number of a layer, or -1 for all; number of a head, or -1 for all, or several as in `Selected`.
Head = tuple[int, int | Numbers | LayerHeads]


def write(look: Look, path: str | Path, *, embed: Any, overwrite: bool, max_bytes: int) -> Path:
    """Write the hand-out; see `hand_out`."""
    file = free_path(path, ".html", overwrite=overwrite)
    write_file(file, page(look, embed=embed, max_bytes=max_bytes).encode("utf-8"))
    return file


def page(look: Look, *, embed: Any = (), max_bytes: int = MAX_BYTES) -> str:
    """Make the page: the front end, the maps it needs, and where they come from.

    Whatever `max_bytes` is, all words in all heads under the current choice of layers are in it,
    the current selection, and `embed`.
    """
    asked = _read_heads(look.subject, embed)
    max_bytes = number_between(max_bytes, "max_bytes", low=0)
    _check_amount(look)
    room = max_bytes - len(_html(look, "").encode("utf-8"))
    while True:
        content = _content(look, asked, room)
        text = _html(look, content.packed())
        over = len(text.encode("utf-8")) - max_bytes
        if over <= 0 or not content.optional:
            return text
        room -= over + 4096  # the estimate was too good; once more with less


@dataclass
class _Content:
    """What the page carries, as the front end's `mount` reads it: see `container`."""

    traits: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)  # by name and key
    optional: int = 0  # parts in it that could be left out
    size: int = 0  # of the parts in the page, about
    embedded: list[Head] = field(default_factory=list)

    def put(self, parts: list[Part], room: int | None = None) -> bool:
        """Put parts in, all or none; none where there is no room for them."""
        new = [deflated(*part) for part in parts if (part[0]["name"], part[0]["key"]) not in self]
        size = sum(4 * (len(body) + len(as_json(part)) // 2) // 3 for part, body in new)
        if room is not None:
            if self.size + size > room:
                return False
            self.optional += 1
        self.size += size
        self.parts |= {(part["name"], part["key"]): (part, body) for part, body in new}
        return True

    def __contains__(self, name_and_key: tuple[str, str]) -> bool:
        return name_and_key in self.parts

    def packed(self) -> str:
        """As base64."""
        told = {"run": self.facts["run"], "facts": self.facts, "traits": self.traits}
        return _coded(pack(told, self.parts.values(), small=True))


def _content(look: Look, asked: list[Head], room: int) -> _Content:
    """Gather the maps, the most wanted first, as long as there is room."""
    content = _Content(_kept_choices(look))
    content.put([({**part, "key": ""}, raw) for part, raw in look.images])
    _put_maps(look, content, _single(look, (-1, -1)), [look["choice"]])
    now, whole = look.selected.steps, (0, look.subject.step_count)
    content.put(_tiles_of(look, look["word"], now))
    gridless = [
        word for word in _words(look) if not content.put(_tiles_of(look, word, whole), room)
    ]
    choices = _put_choices(look, content, room)
    current = (look.selected.layer, look.selected.head)
    needed = list(dict.fromkeys([*([current] if current != (-1, -1) else []), *asked]))
    for head in needed:
        _put_maps(look, content, _single(look, head), choices)
        content.embedded.append(head)
    left = 0
    for head in _every_head(look.subject):
        if head in needed:
            continue
        if left or not _put_maps(look, content, _single(look, head), choices, room):
            left += 1
        else:
            content.embedded.append(head)
    _put_facts(look, content, choices, left, gridless)
    return content


def _kept_choices(look: Look) -> dict[str, Any]:
    """What the page begins with: plain data, by the name of each control."""
    return {
        control.name: control.kind.for_page(
            look[control.name] if control.in_handout else control.default, look.subject
        )
        for control in CONTROLS
    }


def _put_choices(look: Look, content: _Content, room: int) -> list[str]:
    """All heads of the other choices of layers; the names of those that are in the page."""
    names = [look["choice"]]
    for name in look.subject.choices:
        wanted = replace(_single(look, (-1, -1)), choice=name)
        if name != look["choice"] and _put_maps(look, content, wanted, [name], room):
            names.append(name)
    return names


def _put_maps(
    look: Look,
    content: _Content,
    wanted: Selected,
    choices: list[str],
    room: int | None = None,
) -> bool:
    """Put a layer and head of all words into the page; not where there is no room for it.

    Their stacks, and the exact maps over all steps and over the steps selected now; of single
    heads only those over the steps selected now, so that there is room for more.
    """
    subject, now = look.subject, look.selected.steps
    ranges = {now} if wanted.head != -1 else {(0, subject.step_count), now}
    stacks: list[Part] = []
    exacts: list[tuple[str, Selected]] = []
    for name in choices if wanted.of_choice else [wanted.choice]:
        if wanted.of_choice and not layers_of(subject, replace(wanted, choice=name)):
            continue  # no layer of this choice has the head
        for word in _words(look):
            selected = replace(wanted, word=word, choice=name)
            # What does not depend on the choice stands once, under none.
            choice = name if wanted.of_choice else ""
            stack = look.engine.stack(selected)
            meta = {
                "name": "stack",
                **stack.meta,
                "key": replace(selected, choice=choice).stack_key,
            }
            stacks.append((meta, stack.levels.tobytes()))
            exacts += [(choice, replace(selected, steps=steps)) for steps in ranges]
    if not content.put(stacks, room):
        return False
    content.put([_exact_of(subject, choice, selected) for choice, selected in exacts])
    return True


def _exact_of(subject: Subject, choice: str, selected: Selected) -> Part:
    values = word_map(subject, selected).values
    meta = {
        "name": "exact",
        "key": replace(selected, choice=choice).key,
        "shape": list(values.shape),
        "max": float(values.max()),
    }
    return meta, exact_bytes(values)


def _tiles_of(look: Look, word: int, steps: tuple[int, int]) -> list[Part]:
    """The grid of heads of a word."""
    tiles = look.engine.tiles(replace(look.selected, word=word, steps=steps))
    packed, meta = tiles.packed()
    return [({"name": "tiles", **meta}, packed)]


def _put_facts(
    look: Look, content: _Content, choices: list[str], left: int, gridless: list[int]
) -> None:
    """Say what is here and what is not."""
    facts = dict(look.facts)
    lost = [name for name in facts["choices"] if name not in choices]
    parts = []
    if look.subject.step_count > 1:
        parts.append(
            "Maps over all steps and over the steps first shown are exact, those of a single head "
            "over the steps first shown alone; other ranges of steps are previews, the mean of "
            "each step’s own map"
        )
    if left:
        total = left + len(content.embedded)
        parts.append(f"{left} of {total} layers and heads were left out to keep the file small")
    if lacking := [look.subject.entries[word].text for word in gridless if word != look["word"]]:
        parts.append(
            f"the grids of heads of {', '.join(f'“{one}”' for one in lacking)} were left out"
        )
    if lost:
        parts.append(f"the layers “{', '.join(lost)}” were left out")
    if look.subject.kind.of_heads:
        parts.append(
            "several heads together were left out"
            if isinstance(look.selected.head, int)
            else "several heads together were left out but for those first shown"
        )
    if any(entry.special and entry.kept for entry in look.subject.entries):
        parts.append("pieces and special tokens were left out")
    joined = "; ".join(parts)
    said = [clean(f"{joined[0].upper()}{joined[1:]}.")] if joined else []
    facts["run"] = "handout"
    if facts["syntax"]["state"] != "here":  # why may name files of this machine
        facts["syntax"] = {"state": "none", "note": "No parse was at hand for this page."}
    facts["choices"] = {name: facts["choices"][name] for name in choices}
    here = set(_words(look))
    facts["words"] = [
        {**word, "kept": word["kept"] and number in here}
        for number, word in enumerate(facts["words"])
    ]
    facts["embedded"] = [{"layer": layer, "head": head} for layer, head in content.embedded]
    facts["left_out"] = [*facts["left_out"], *said]
    content.facts = facts


def _words(look: Look) -> list[int]:
    """The words that can be chosen in the page: all that were kept, and those shown now."""
    now = (look["word"], look["word_b"])
    return [
        number
        for number, entry in enumerate(look.subject.entries)
        if entry.kept and (not entry.special or number in now)
    ]


def _check_amount(look: Look) -> None:
    """Raise a `SelectionError` where the maps of all words are more than a page is made of."""
    subject, words = look.subject, _words(look)
    columns = len(subject.view.columns)
    tokens = sum(len(subject.entries[word].tokens) for word in words)
    way_out = (
        "Take single maps: explorer.to_png(path), or heat_maps(run).word('cat') for a word 'cat'"
    )
    if tokens > MAX_WORDS_OF_A_TOKEN * columns:
        raise SelectionError(
            f"The {len(words)} words of this prompt are averages of {tokens} tokens, and only "
            f"{columns} were recorded: each would stand for {tokens / columns:.0f} words, where "
            f"{MAX_WORDS_OF_A_TOKEN} are the most of a hand-out. The tokens' places in the text "
            f"are wrong, or altered. {way_out}."
        )
    heads = sum(layer.heads for layer in subject.layers)
    numbers = tokens * heads * subject.grid[0] * subject.grid[1]
    if numbers > MAX_NUMBERS:
        raise SelectionError(
            f"A hand-out holds the maps of all words, and these are made of {tokens} tokens x "
            f"{heads} heads on a grid of {subject.grid[0]} x {subject.grid[1]}, together "
            f"{numbers:.1e} numbers; {MAX_NUMBERS:.0e} are the most. {way_out}; or record fewer "
            "layers or tokens."
        )


def _single(look: Look, head: Head) -> Selected:
    return Selected(0, look["choice"], *head, (0, look.subject.step_count))


def _every_head(subject: Subject) -> Iterator[Head]:
    """Whole layers, heads of all layers, then every head of every layer."""
    yield from ((layer, -1) for layer in range(len(subject.layers)))
    yield from ((-1, head) for head in range(subject.max_heads))
    for number, layer in enumerate(subject.layers):
        yield from ((number, head) for head in range(layer.heads))


def _read_heads(subject: Subject, embed: Iterable[Any]) -> list[Head]:
    """Read (layer, head) pairs, the layer by its number or dotted name."""
    names = [layer.name for layer in subject.layers]
    pairs: list[Head] = []
    if not isinstance(embed, Iterable) or isinstance(embed, str | bytes):
        raise WrongKindError(
            f"embed= is a list of pairs (layer, head), such as [({names[0]!r}, 0)], not "
            f"{kind_of(embed)}."
        )
    for pair in embed:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SelectionError(
                f"embed= is of pairs (layer, head), such as (3, 0) or ({names[0]!r}, 0), not "
                f"{pair!r}."
            )
        layer, head = pair
        number = names.index(layer) if layer in names else layer
        if type(number) is not int or type(head) is not int:
            raise SelectionError(f"There is no layer {layer!r} with a head {head!r}.")
        choice = next(iter(subject.choices))
        check(subject, Selected(0, choice, number, head, (0, subject.step_count)))
        pairs.append((number, head))
    return pairs


def _coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# --- the page -------------------------------------------------------------------------------------

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: .6rem; font: 16px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.1rem; margin: 0; max-height: 4.2em; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.daam-origin { margin: .1rem 0 .4rem; font-size: .85rem; opacity: .8; overflow-wrap: anywhere; }
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


def _html(look: Look, packed: str) -> str:
    script, style = front_end()
    script = _within_script(script.replace("\r\n", "\n") + _START)
    style = re.sub(r"</(?=style)", r"<\\/", style.replace("\r\n", "\n") + _PAGE_STYLE, flags=re.I)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"img-src blob: data:; base-uri 'none'; form-action 'none'"
    )
    prompt = html.escape(clean(look.subject.prompt.text))
    data = json.dumps(packed).replace("</", "<\\/")
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
<h1 dir="auto">{prompt}</h1>
<p class="daam-origin">{html.escape(_origin(look))}</p>
<noscript>This page needs JavaScript; it asks nothing of any server.</noscript>
<div id="explorer"></div>
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


def _version(look: Look) -> str:
    return f"daam_nb {look.facts['version']}"


def _within_script(text: str) -> str:
    """Keep a script's own text from ending its element: inside strings `\\/` is `/`."""
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.I)
    return text.replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
