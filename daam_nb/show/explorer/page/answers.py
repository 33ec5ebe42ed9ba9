"""The page asks and the kernel answers: each answer is a function of the recording and a selection.

    ask     {v, type: "ask", id, run, want: [...], sel: {...}, at: {y, x} | {polygon}}
    answer  {v, type: "answer", id, run, sel, parts: [{name, ..., buffer?}], error?}

Drawing an image again takes long: `drawing` has what a page sends for it, answered in the same way.

`run` names the recording that the page shows, `sel` the selection that the question is about:
word, word_b (-1: none), choice, layer, head (one, or several as in `Selected`), steps ([first, one
after the last], of the loop), threshold, special (whether signs and special tokens are ranked).
Nothing of an answer depends on what is chosen when it is made: a page that has moved on drops it,
and no answer is shown as that of another question. `buffer` is the number of a part's binary
string.

| want | part |
|---|---|
| stack, stack_b | every step of a word in 8 bits: `stacks` |
| exact, exact_b | the map of `heat_maps`, float32 |
| tiles | the word in every head: `tiles` |
| step_tiles | the word in every layer at every step: `tiles` |
| overlap | how much of each tile lies in the mask, or in the polygon at {within}; what is chance |
| measure, at {measure} | a number for each head that neither depends on the mask nor is of a tile |
| likeness | all heads in an order in which like maps stand together |
| layer_tiles, at {layers, side} | the tiles of some layers, larger than among all |
| words, at {y, x} | the words' values there and their shares |
| background | what makes lifts of the shares of any place: `Background` |
| entry, at {span} | the number of a phrase, which is then among the facts' words |
| region, at {polygon} | the words ranked in it, and bars of the word |
| looks, at {y, x} | where a place of the image looks: `self_attention_map` |
| mask | eq. 7 as a PNG |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from daam_nb.errors import DaamError, SelectionError
from daam_nb.maps.places import by_steps, self_attention_map
from daam_nb.show.explorer.export.png import mask_name, mask_png
from daam_nb.show.explorer.model.container import VERSION, Part
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.entries import clean
from daam_nb.show.explorer.model.likeness import likeness_order
from daam_nb.show.explorer.model.ranking import bars, inside, shares_of, words_in
from daam_nb.show.explorer.model.selection import (
    LayerHeads,
    Numbers,
    Selected,
    check,
    number_of,
    places_of,
    steps_within,
)
from daam_nb.show.explorer.model.stacks import exact_bytes
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.tiles import overlaps

Message = tuple[dict[str, Any], list[bytes]]
LARGEST_TILE = 64  # a side of the tiles that come where one looks closer
FIRST = ("stack", "exact", "stack_b", "exact_b", "tiles")  # what a page paints first


# Types of messages about what takes long: an image drawn again, a moving image.
DRAWING = ("draw", "progress", "cancel", "film")


@dataclass(frozen=True)
class Question:
    """What a page asks about.

    Attributes
    ----------
    selected
        The word, layers, head and steps.
    word_b
        Number of the word compared; -1: none.
    threshold
        Of the masks, a share of each map's maximum.
    special
        Whether signs, the start and the end of the text are ranked.
    at
        A place {y, x} or a region {polygon}, in shares of the image.
    """

    selected: Selected
    word_b: int = -1
    threshold: float = 0.4
    special: bool = False
    at: dict[str, Any] | None = None

    @property
    def selected_b(self) -> Selected | None:
        """The word compared, under the same layers, head and steps."""
        return None if self.word_b < 0 else replace(self.selected, word=self.word_b)


Draws = Callable[[dict[str, Any], Question], Sequence[Part]]


def answer(engine: Engine, message: Any, draws: Draws | None = None) -> Message | None:
    """Answer one message of a page.

    Parameters
    ----------
    engine
        The recording and its maps.
    message
        What the page sent.
    draws
        Answers the messages about drawing again: `DRAWING`.

    Returns
    -------
    dict
        With the `id`, `run` and `sel` of the question; `error` where it cannot be answered.
    list of bytes
        The parts' binary strings.
    None
        Where the message is no question of ours.
    """
    kind = message.get("type") if isinstance(message, dict) else None
    if kind != "ask" and (kind not in DRAWING or draws is None):
        return None
    if message.get("v") != VERSION:
        return None
    subject = engine.subject
    reply = {"v": VERSION, "type": "answer", "id": message.get("id"), "run": subject.name}
    reply["sel"] = message.get("sel")
    buffers: list[bytes] = []
    parts: list[dict[str, Any]] = []
    try:
        if message.get("run") != subject.name:
            raise SelectionError("The question is about another recording than the one shown.")
        question = read(subject, message)
        if kind != "ask" and draws is not None:
            answered = draws(message, question)
        else:
            answered = parts_of(engine, _wanted(message.get("want")), question)
        for part, raw in answered:
            parts.append({**part, "buffer": len(buffers)} if raw else part)
            buffers += [raw] if raw else []
    except DaamError as error:
        return {**reply, "parts": [], "error": clean(str(error))}, []
    return {**reply, "parts": parts}, buffers


def read(subject: Subject, message: dict[str, Any]) -> Question:
    """Read the selection of a question and check it, as the traits are checked.

    Raises
    ------
    DaamError
        Where it is no selection of this recording.
    """
    sel, at = message.get("sel"), message.get("at")
    if not isinstance(sel, dict):
        raise SelectionError("The question lacks its selection, sel.")
    word = _word(subject, sel.get("word"))
    other = -1 if sel.get("word_b", -1) == -1 else _word(subject, sel["word_b"])
    choice, layer, head = sel.get("choice"), sel.get("layer"), _head(sel.get("head"))
    if not isinstance(choice, str) or type(layer) is not int or head is None:
        raise SelectionError(
            f"choice={choice!r}, layer={layer!r}, head={sel.get('head')!r:.200} is no selection."
        )
    places = places_of(subject, steps_within(subject, sel.get("steps")))
    selected = Selected(word, choice, layer, head, places)
    check(subject, selected)
    threshold = sel.get("threshold", 0.4)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise SelectionError(f"threshold={threshold!r} is no number from 0 to 1.")
    if not 0 <= threshold <= 1:
        raise SelectionError(f"threshold={threshold!r} is no number from 0 to 1.")
    return Question(
        selected,
        other,
        float(threshold),
        sel.get("special") is True,
        at if type(at) is dict else None,
    )


def parts_of(engine: Engine, want: Sequence[str], question: Question) -> list[Part]:
    """Work out parts of an answer, in the order asked for; B's are left out where there is no B."""
    return [part for name in want for part in _PARTS[name](engine, question)]


def _wanted(want: Any) -> list[str]:
    if not isinstance(want, list) or not all(isinstance(name, str) for name in want):
        raise SelectionError("The question lacks want, a list of names.")
    if unknown := [name for name in want if name not in _PARTS]:
        raise SelectionError(
            f"There is no part {unknown[0][:40]!r}. There are {', '.join(_PARTS)}."
        )
    return list(dict.fromkeys(want))


def _word(subject: Subject, word: Any) -> int:
    if type(word) is not int:
        raise SelectionError(f"word={word!r} is no number of a word.")
    return number_of(subject, word)


def _head(head: Any) -> int | Numbers | LayerHeads | None:
    """One head, or several by their numbers or as [number of a layer, head]; None for neither."""
    if type(head) is int:
        return head
    if not isinstance(head, list) or not head:
        return None
    if all(type(number) is int for number in head):
        return tuple(head)
    if all(isinstance(pair, list) and [type(n) for n in pair] == [int, int] for pair in head):
        return tuple((layer, number) for layer, number in head)
    return None


def _stack(engine: Engine, question: Question) -> list[Part]:
    return [_stack_of(engine, question.selected)]


def _stack_b(engine: Engine, question: Question) -> list[Part]:
    other = question.selected_b
    return [] if other is None else [_stack_of(engine, other)]


def _stack_of(engine: Engine, selected: Selected) -> Part:
    stack = engine.stack(selected)
    return {"name": "stack", "dtype": "u1", **stack.meta}, stack.levels.tobytes()


def _exact(engine: Engine, question: Question) -> list[Part]:
    return [exact_part(engine, question.selected)]


def _exact_b(engine: Engine, question: Question) -> list[Part]:
    other = question.selected_b
    return [] if other is None else [exact_part(engine, other)]


def exact_part(engine: Engine, selected: Selected) -> Part:
    """The map of `heat_maps`: key, shape and peak, and its values as float32."""
    values = engine.exact(selected).values
    part = {
        "name": "exact",
        "key": selected.key,
        "dtype": "f4",
        "shape": list(values.shape),
        "max": float(values.max()),
    }
    return part, exact_bytes(values)


def _tiles(engine: Engine, question: Question) -> list[Part]:
    packed, meta = engine.tiles(question.selected).packed()
    return [({"name": "tiles", "dtype": "u1", **meta}, packed)]


def _step_tiles(engine: Engine, question: Question) -> list[Part]:
    packed, meta = engine.step_tiles(question.selected).packed()
    return [({"name": "step_tiles", "dtype": "u1", **meta}, packed)]


def _overlap(engine: Engine, question: Question) -> list[Part]:
    selected, subject = question.selected, engine.subject
    polygon = (question.at or {}).get("within")
    if polygon is None:
        mask = engine.mask(selected, question.threshold)
        of = {"key": selected.key, "threshold": question.threshold}
    else:
        mask = torch.from_numpy(inside(polygon, subject.grid))
        of = {"key": engine.tiles(selected).key, "polygon": polygon}
    part = {
        "name": "overlap",
        **of,
        "values": overlaps(engine.tiles(selected), mask),
        "chance": float(mask.double().mean()),
    }
    return [(part, b"")]


def _measure(engine: Engine, question: Question) -> list[Part]:
    name = (question.at or {}).get("measure")
    key, values = engine.measure(question.selected, name if isinstance(name, str) else "")
    return [({"name": "measure", "key": key, "values": values}, b"")]


def _likeness(engine: Engine, question: Question) -> list[Part]:
    tiles = engine.tiles(question.selected)
    return [({"name": "likeness", "key": tiles.key, "order": likeness_order(tiles.maps)}, b"")]


def _layer_tiles(engine: Engine, question: Question) -> list[Part]:
    at = question.at or {}
    layers, side = at.get("layers"), at.get("side")
    known = range(len(engine.subject.layers))
    if not isinstance(layers, list) or not all(type(n) is int and n in known for n in layers):
        raise SelectionError("The question lacks layers.")
    if type(side) is not int or side < 1:
        raise SelectionError("The question lacks the size of the tiles.")
    tiles = engine.tiles(question.selected)
    parts = []
    for layer in layers:
        packed, meta = tiles.packed_layer(layer, min(side, LARGEST_TILE))
        parts.append(({"name": "layer_tiles", "dtype": "u1", **meta}, packed))
    return parts


def _words(engine: Engine, question: Question) -> list[Part]:
    """Words and shares alone, which a large recording has at once; the page makes lifts of them."""
    at = question.at or {}
    if not {"y", "x"} <= set(at):
        raise SelectionError("The question lacks a place: at {y, x}.")
    values = engine.values_at(question.selected, at["y"], at["x"], special=question.special)
    rows = [
        {"word": word, "value": values[word], "share": share}
        for word, share in shares_of(values).items()
    ]
    return [({"name": "words", "rows": rows}, b"")]


def _background(engine: Engine, question: Question) -> list[Part]:
    of = engine.background(question.selected, special=question.special)
    rows = [
        {"word": word, "share": share, "chance": list(of.chance[word])}
        for word, share in of.shares.items()
    ]
    return [({"name": "background", "rows": rows}, b"")]


def _region(engine: Engine, question: Question) -> list[Part]:
    polygon = (question.at or {}).get("polygon")
    if not isinstance(polygon, list):
        raise SelectionError("The question lacks a region: at {polygon}.")
    subject, selected = engine.subject, question.selected
    maps = engine.every_map(selected, special=question.special)
    rows = words_in(subject, maps, polygon)
    in_region = bars(subject, selected, polygon)
    by_layer = dict(in_region.by_layer)
    part = {
        "name": "region",
        "rows": [
            {
                "word": row.word,
                "value": row.value,
                "share": row.share,
                "lift": row.lift,
                "chance": row.chance and list(row.chance),
            }
            for row in rows
        ],
        "bars_of": in_region.word,
        "by_step": list(in_region.by_step),
        "by_layer": [by_layer.get(number) for number in range(len(subject.layers))],
        "inside": in_region.inside,
    }
    return [(part, b"")]


def _entry(engine: Engine, question: Question) -> list[Part]:
    span = (question.at or {}).get("span")
    if not isinstance(span, list):
        raise SelectionError("The question lacks characters: at {span}.")
    return [({"name": "entry", "word": number_of(engine.subject, span)}, b"")]


def _looks(engine: Engine, question: Question) -> list[Part]:
    at = question.at or {}
    if not {"y", "x"} <= set(at):
        raise SelectionError("The question lacks a place: at {y, x}.")
    run = engine.subject.run
    whole = not by_steps(run)
    steps = None if whole else run.steps[slice(*question.selected.steps)]
    values = self_attention_map(run, (at["y"], at["x"]), steps=steps).values
    part = {
        "name": "looks",
        "dtype": "f4",
        "shape": list(values.shape),
        "max": float(values.max()),
        "all_steps": whole,
    }
    return [(part, exact_bytes(values))]


def _mask(engine: Engine, question: Question) -> list[Part]:
    word = engine.exact(question.selected)
    part = {"name": "mask", "file": mask_name(engine.subject.entries[question.selected.word].text)}
    return [(part, mask_png(word, question.threshold))]


_PARTS: dict[str, Callable[[Engine, Question], list[Part]]] = {
    "stack": _stack,
    "exact": _exact,
    "stack_b": _stack_b,
    "exact_b": _exact_b,
    "tiles": _tiles,
    "step_tiles": _step_tiles,
    "overlap": _overlap,
    "measure": _measure,
    "likeness": _likeness,
    "layer_tiles": _layer_tiles,
    "words": _words,
    "background": _background,
    "region": _region,
    "entry": _entry,
    "looks": _looks,
    "mask": _mask,
}
