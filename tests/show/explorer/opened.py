"""Explorers of tiny recordings for these tests, with a stand-in for the built front end."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daam_nb.recording import Recording
from daam_nb.show.explorer import explore
from daam_nb.show.explorer.model.container import VERSION, unpack
from daam_nb.show.explorer.model.selection import Selected, check
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.page.widget import Explorer
from tests.tiny_recordings import tiny_recording

TEXT = "a red fox in the snow"


def opened(run: Recording | None = None, **options: Any) -> Explorer:
    """Open a recording; no parser is looked for."""
    return explore(run or tiny_recording(TEXT, steps=5), **{"parser": False, **options})


def first_parts(explorer: Explorer) -> dict[str, tuple[dict[str, Any], bytes]]:
    """What a page paints first, by name: what it is, and its bytes; of a second word "exact_b"."""
    if not explorer._first:
        return {}
    header, parts = unpack(explorer._first)
    assert header["run"] == explorer.subject.name
    named: dict[str, tuple[dict[str, Any], bytes]] = {}
    for part, raw in parts:
        name = part["name"]
        named[f"{name}_b" if name in named else name] = (part, raw)
    return named


def first_map(explorer: Explorer) -> NDArray[np.float32]:
    """The exact map that a page paints first."""
    part, raw = first_parts(explorer)["exact"]
    return np.frombuffer(raw, "<f4").reshape(part["shape"])


def question(explorer: Explorer, *want: str, at: Any = None, **sel: Any) -> dict[str, Any]:
    """A question of a page, about the explorer's selection or another, as JSON brings it."""
    state = explorer.get_state(("word", "word_b", "choice", "layer", "head", "steps", "threshold"))
    asked: dict[str, Any] = {
        "v": VERSION,
        "type": "ask",
        "id": "page-1",
        "run": explorer.subject.name,
        "want": list(want),
        "sel": {**state, "special": explorer.show_pieces, **sel},
    }
    message = asked | ({} if at is None else {"at": at})
    return json.loads(json.dumps(message))  # type: ignore[no-any-return]


def selections(subject: Subject, count: int, seed: int = 0) -> Iterator[Selected]:
    """Random selections of every kind that go together."""
    chance = random.Random(seed)
    words = [n for n, entry in enumerate(subject.entries) if entry.kept]
    made = 0
    while made < count:
        lo, hi = sorted(chance.sample(range(subject.step_count + 1), 2))
        selected = Selected(
            chance.choice(words),
            chance.choice(list(subject.choices)),
            chance.choice([-1, -1, *range(len(subject.layers))]),
            chance.choice([-1, -1, *range(subject.max_heads)]),
            (lo, hi),
        )
        try:
            check(subject, selected)
        except ValueError:
            continue
        made += 1
        yield selected


def several_heads(subject: Subject, count: int, seed: int = 0) -> Iterator[Selected]:
    """Random selections of several heads, by number and as pairs, that go together."""
    chance = random.Random(seed)
    pairs = [(n, head) for n, layer in enumerate(subject.layers) for head in range(layer.heads)]
    for selected in selections(subject, count, seed):
        if chance.random() < 0.6:
            chosen = sorted(chance.sample(pairs, chance.randint(2, len(pairs))))
            yield replace(selected, layer=-1, head=tuple(chosen))
            continue
        layers = [subject.layers[n] for n in subject.choices[selected.choice]]
        if selected.layer >= 0:
            layers = [subject.layers[selected.layer]]
        most = max(layer.heads for layer in layers)
        numbers = sorted(chance.sample(range(most), chance.randint(2, most)))
        yield replace(selected, head=tuple(numbers))
