"""Explorers of tiny recordings for these tests, with a stand-in for the built front end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from daam_nb.recording import Recording
from daam_nb.show.explorer import explore
from daam_nb.show.explorer.subject import Selected, Subject
from daam_nb.show.explorer.widget import Explorer
from tests.tiny_recordings import tiny_recording

TEXT = "a red fox in the snow"


def opened(run: Recording | None = None, **options: Any) -> Explorer:
    """Open a recording; no parser is looked for."""
    return explore(run or tiny_recording(TEXT, steps=5), **{"parser": False, **options})


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
            chance.choice([-1, -1, *range(subject.most_heads)]),
            (lo, hi),
        )
        try:
            subject.check(selected)
        except ValueError:
            continue
        made += 1
        yield selected
