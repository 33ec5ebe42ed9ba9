"""What a hand-out carries: the most wanted maps first, while there is room, and what it lacks."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.maps.methods.attention import ATTENTION
from daam_nb.show.explorer.controls import CONTROLS
from daam_nb.show.explorer.export.filters import smallest
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.container import Part, as_json, deflated, pack
from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.likeness import likeness_order
from daam_nb.show.explorer.model.measures import Values
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
from daam_nb.show.explorer.model.tiles import Tiles

MAX_NUMBERS = 4_000_000_000  # raised to the grid for the exact maps of all words
MAX_WORDS_OF_A_TOKEN = 8  # on average; true tokenizers' lie in one, of Chinese in a few
SIDES = (128, 64, 48, 32, 24, 16, 12, 8)  # of the small maps of heads, the largest that fits
SHARE_OF_TILES = 0.6  # of the room that is left: the other choices of layers need some, too
# Number of a layer, or -1 for all; number of a head, or -1 for all, or several as in `Selected`.
Head = tuple[int, int | Numbers | LayerHeads]


@dataclass
class Content:
    """What the page carries, as the front end's `mount` reads it: see `container`.

    Attributes
    ----------
    traits
        The value of every control that it opens with.
    facts
        What the page is told of the recording.
    parts
        By name and key.
    optional
        How many of them could be left out.
    size
        Of the parts in the page, about.
    embedded
        Layers and heads whose single steps are in it.
    tile_side
        Longer side of the small maps of heads, at most.
    holds, lost
        What is in it; what had no room, and what no page holds. Sentences.
    """

    traits: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    optional: int = 0
    size: int = 0
    embedded: list[Head] = field(default_factory=list)
    tile_side: int = 0
    holds: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)

    def put(self, parts: list[Part], room: int | None = None) -> bool:
        """Put deflated parts in, all or none; none where there is no room for them."""
        new = [part for part in parts if (part[0]["name"], part[0]["key"]) not in self.parts]
        size = size_of(new)
        if room is not None:
            if self.size + size > room:
                return False
            self.optional += 1
        self.size += size
        self.parts |= {(part["name"], part["key"]): (part, body) for part, body in new}
        return True

    def packed(self) -> str:
        """As base64."""
        told = {"run": self.facts["run"], "facts": self.facts, "traits": self.traits}
        packed = pack(told, self.parts.values(), small=True)
        return base64.b64encode(packed).decode("ascii")


def size_of(parts: Iterable[Part]) -> int:
    """Bytes that parts take in a page, about: as base64, and what is said of them."""
    return sum(4 * (len(body) + len(as_json(part)) // 2) // 3 for part, body in parts)


def gather(look: Look, asked: list[Head], room: int) -> Content:
    """Gather the maps, the most wanted first, as long as there is room."""
    content = Content(_kept_choices(look))
    content.put([deflated({**part, "key": ""}, raw) for part, raw in look.images])
    before = content.size
    _put_maps(look, content, _single(look, (-1, -1)), [look["choice"]])
    least = (content.size - before) // 2  # of the single steps of a layer or a head
    gridless = _put_tiles(look, content, room)
    choices = _put_choices(look, content, room)
    current = (look.selected.layer, look.selected.head)
    needed = list(dict.fromkeys([*([current] if current != (-1, -1) else []), *asked]))
    for head in needed:
        _put_maps(look, content, _single(look, head), choices)
        content.embedded.append(head)
    left = 0
    for heads in _every_head(look.subject):
        further = [head for head in heads if head not in needed]
        # Few of many would help nobody: a page has them all, or none but those asked for.
        has_room = not left and content.size + least * len(further) <= room
        for head in further:
            if has_room and _put_maps(look, content, _single(look, head), choices, room):
                content.embedded.append(head)
            else:
                has_room, left = False, left + 1
    _say(look, content, choices, left, gridless)
    _put_step_tiles(look, content, room)
    _put_measures(look, content, room)
    _put_facts(look, content, choices, gridless)
    return content


def _kept_choices(look: Look) -> dict[str, Any]:
    """What the page begins with: plain data, by the name of each control."""
    return {
        control.name: control.kind.for_page(
            look[control.name] if control.in_handout else control.default, look.subject
        )
        for control in CONTROLS
    }


def _put_choices(look: Look, content: Content, room: int) -> list[str]:
    """All heads of the other choices of layers; the names of those that are in the page."""
    names = [look["choice"]]
    for name in look.subject.choices:
        wanted = replace(_single(look, (-1, -1)), choice=name)
        if name != look["choice"] and _put_maps(look, content, wanted, [name], room):
            names.append(name)
    return names


def _put_maps(
    look: Look,
    content: Content,
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
            stacks.append(smallest(meta, [stack.levels]))
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
    return deflated(meta, exact_bytes(values))


def _put_tiles(look: Look, content: Content, room: int) -> list[int]:
    """Put a small map of every head of all words in; the words for which there was no room.

    The maps get smaller before any is left out. Those of the shown word over the steps shown are
    always there.
    """
    subject, now = look.subject, look.selected.steps
    words, whole = _words(look), (0, subject.step_count)
    largest = max(max(layer.size) for layer in subject.layers)
    sides = [min(side, largest) for side in SIDES if side < 2 * largest]
    for side in dict.fromkeys(sides):
        one = size_of([_tiles_of(look, look["word"], whole, side)])
        every = one * (len(words) + (now != whole))
        left = max(0, room - content.size)
        if every <= SHARE_OF_TILES * left or (side == sides[-1] and every <= left):
            break
    content.tile_side = side
    content.put([_tiles_of(look, look["word"], now, side)])
    gridless = [
        word for word in words if not content.put([_tiles_of(look, word, whole, side)], room)
    ]
    return gridless


def _tiles_of(look: Look, word: int, steps: tuple[int, int], side: int) -> Part:
    """The grid of heads of a word, at most so large."""
    tiles = look.engine.tiles(replace(look.selected, word=word, steps=steps))
    tiles = replace(tiles, shown=tuple(_within(maps.shape[1:], side) for maps in tiles.maps))
    return smallest(*_levels_of(tiles, "tiles"))


def _put_step_tiles(look: Look, content: Content, room: int) -> None:
    """Put a small map of every layer at every step of all words in, where there is room for all.

    Those that are shown are always there.
    """
    if look.subject.step_count == 1:
        return
    if look["tile_axes"] == "steps":
        content.put([_step_tiles_of(look, look.selected)])
    every_head = [replace(look.selected, word=word, layer=-1, head=-1) for word in _words(look)]
    if content.put([_step_tiles_of(look, selected) for selected in every_head], room):
        content.holds.append("each layer at every step, small, in 8 bits")
    else:
        content.lost.append("each layer at every step")


def _step_tiles_of(look: Look, selected: Selected) -> Part:
    return smallest(*_levels_of(look.engine.step_tiles(selected), "step_tiles"))


def _put_measures(look: Look, content: Content, room: int) -> None:
    """Put in what the heads are sorted by beside what comes with their small maps.

    Over the steps whose small maps are here; the numbers of a model, of no word, once.
    """
    subject = look.subject
    if not subject.kind.of_heads:
        return
    of_model = [measure.name for measure in subject.measures if measure.of == "model"]
    of_word = [measure.name for measure in subject.measures if measure.of == "word"]
    ranges = {(0, subject.step_count), look.selected.steps}
    selections = [
        replace(look.selected, word=word, steps=steps)
        for word in _words(look)
        for steps in sorted(ranges if word == look["word"] else {(0, subject.step_count)})
    ]
    parts: list[Part] = []
    for selected in selections:
        tiles = look.engine.tiles(selected)
        order = likeness_order(tiles.maps)
        parts.append(({"name": "likeness", "key": tiles.key, "order": order}, b""))
    asked = [(look.selected, name) for name in of_model]
    asked += [(selected, name) for selected in selections for name in of_word]
    for selected, name in asked:
        key, values = look.engine.measure(selected, name)
        parts.append(({"name": "measure", "key": key, "values": _in_digits(values)}, b""))
    if not content.put(parts, room):
        content.lost.append("the order of the heads by likeness and measures of them")


def _in_digits(values: Values) -> Values:
    return [[None if one is None else float(f"{one:.4g}") for one in row] for row in values]


def _levels_of(tiles: Tiles, name: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    packed, meta = tiles.packed()
    levels, at = [], 0
    for maps, (height, width) in zip(tiles.maps, tiles.shown, strict=True):
        count = len(maps) * height * width
        levels.append(np.frombuffer(packed, np.uint8, count, at).reshape(-1, height, width))
        at += count
    return {"name": name, **meta}, levels


def _within(size: tuple[int, ...], longest: int) -> tuple[int, int]:
    factor = max(1.0, max(size) / longest)
    height, width = size
    return max(1, round(height / factor)), max(1, round(width / factor))


def _say(look: Look, content: Content, choices: list[str], left: int, gridless: list[int]) -> None:
    """Say what is in the page, what had no room, and what no page holds."""
    subject = look.subject
    layers = " and ".join(f"“{name}”" for name in choices)
    if subject.step_count > 1:
        content.holds.append(
            f"{len(_words(look))} words at every step, layers {layers}: over all steps and those "
            "first shown exact, over others the mean of each step’s own map, a preview"
        )
    else:
        content.holds.append(f"exact maps of {len(_words(look))} words, layers {layers}")
    total = left + len(content.embedded)
    heads = sum(layer.heads for layer in subject.layers)
    if _from_tiles(look, gridless):
        own = max(max(layer.size) for layer in subject.layers)
        reduced = "" if content.tile_side >= own else f", at most {content.tile_side} × "
        reduced += f"{content.tile_side} instead of {own} × {own}" if reduced else ""
        content.holds.append(
            f"every one of {heads} heads, each layer and any heads together over all steps, in 8 "
            f"bits{reduced}"
        )
        if left:
            content.lost.append(f"single steps of {left} of {total} layers and heads")
    elif left:
        content.lost.append(f"{left} of {total} layers and heads")
    if not left and subject.step_count > 1:
        content.holds.append("single steps of all layers and heads")
    if lacking := [subject.entries[word].text for word in gridless if word != look["word"]]:
        named = ", ".join(f"“{word}”" for word in lacking)
        content.lost.append(f"the grids of heads of {named}")
    if lost := [name for name in look.facts["choices"] if name not in choices]:
        content.lost.append(f"the layers {', '.join(f'“{name}”' for name in lost)}")
    if subject.kind.of_heads and not _from_tiles(look, gridless):
        first = isinstance(look.selected.head, int)
        content.never.append(
            "several heads together" + ("" if first else " but for those first shown")
        )
    if any(entry.special and entry.kept for entry in subject.entries):
        content.never.append("pieces and special tokens")


def _from_tiles(look: Look, gridless: list[int]) -> bool:
    """Whether the page makes maps of any heads over all steps from the small ones of each head.

    Attention of several heads is the mean of theirs; of other kinds it is not.
    """
    return look.subject.kind is ATTENTION and not gridless


def _put_facts(look: Look, content: Content, choices: list[str], gridless: list[int]) -> None:
    """Tell the page what is here."""
    facts = dict(look.facts)
    facts.pop("what_if", None)  # nothing can be drawn again where there is no kernel
    facts["films"] = []  # nor a moving image
    facts["self_attention"] = False  # a map for every place, which no page holds
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
    facts["from_tiles"] = _from_tiles(look, gridless)
    for sentences in (content.holds, content.lost, content.never):
        sentences[:] = [clean(sentence) for sentence in sentences]
    content.facts = facts


def _words(look: Look) -> list[int]:
    """The words that can be chosen in the page: all that were kept, and those shown now."""
    now = (look["word"], look["word_b"])
    return [
        number
        for number, entry in enumerate(look.subject.entries)
        if entry.kept and (not entry.special or number in now)
    ]


def check_amount(look: Look) -> None:
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


def _every_head(subject: Subject) -> Iterator[list[Head]]:
    """Whole layers, heads of all layers, then every head of every layer."""
    yield [(layer, -1) for layer in range(len(subject.layers))]
    yield [(-1, head) for head in range(subject.max_heads)]
    yield [
        (number, head) for number, layer in enumerate(subject.layers) for head in range(layer.heads)
    ]


def read_heads(subject: Subject, embed: Iterable[Any]) -> list[Head]:
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
