"""Write the prompts that a model is evaluated on, fixed before training ends and not changed after.

`python -m training.eval.prompts [FILE]` writes `prompts.json` next to this file, or another file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from daam_nb.menagerie.render import legible
from daam_nb.menagerie.taxonomy import (
    BACKGROUNDS,
    COLORS,
    HELD_OUT_COLORS,
    HELD_OUT_PAIRS,
    NOUNS,
    RELATIONS,
)

FILE = Path(__file__).with_name("prompts.json")
SETTINGS = {"steps": 20, "guidance": 4.0, "scheduler": "as shipped", "dtype": "float32"}
DIRECTIONS = ("left of", "right of", "above", "below")


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _entry(
    group: str,
    objects: list[tuple[str | None, str]],
    relation: str | None,
    background: str,
    rng: np.random.Generator,
) -> dict[str, Any]:
    phrases = [_article(f"{color} {noun}" if color else noun) for color, noun in objects]
    joint = f" {RELATIONS[relation][-1]} " if relation else ""
    return {
        "group": group,
        "prompt": f"{joint.join(phrases)} {BACKGROUNDS[background]}",
        "seed": int(rng.integers(2**31)),
        "objects": [{"noun": noun, "colour": color} for color, noun in objects],
        "relation": relation,
        "background": background,
    }


def _background(objects: list[tuple[str | None, str]], rng: np.random.Generator) -> str:
    fitting = [b for b in BACKGROUNDS if all(legible(n, c, b) for c, n in objects)]
    return str(rng.choice(fitting))


def _pairs(rng: np.random.Generator, *, held_out: bool) -> list[tuple[str, str]]:
    names = [noun.name for noun in NOUNS]
    pairs = [
        (a, b)
        for a in names
        for b in names
        if a != b and (frozenset((a, b)) in HELD_OUT_PAIRS) == held_out
    ]
    return [pairs[i] for i in rng.permutation(len(pairs))]


def prompts() -> list[dict[str, Any]]:
    """All prompts: six groups, 540 in all."""
    rng = np.random.default_rng(540)
    made: list[dict[str, Any]] = []

    def add(group: str, objects: list[tuple[str | None, str]], relation: str | None) -> None:
        made.append(_entry(group, objects, relation, _background(objects, rng), rng))

    for noun in NOUNS:
        for _ in range(4):
            add("single", [(None, noun.name)], None)
        seen = [c for c in COLORS if (c, noun.name) not in HELD_OUT_COLORS]
        for i in rng.permutation(len(seen))[:4]:
            add("colour", [(seen[i], noun.name)], None)
    seen_pairs = _pairs(rng, held_out=False)
    for a, b in seen_pairs[:108]:
        add("two objects", [(None, a), (None, b)], "and")
    for i, (a, b) in enumerate(seen_pairs[108:216]):
        add("relation", [(None, a), (None, b)], DIRECTIONS[i % 4])
    for i, (a, b) in enumerate(_pairs(rng, held_out=True)):
        add("unseen pair", [(None, a), (None, b)], ("and", *DIRECTIONS)[i % 5])
    for color, noun_name in sorted(HELD_OUT_COLORS):
        for _ in range(2):
            add("unseen colour", [(color, noun_name)], None)
    return made


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    path.write_text(json.dumps({"settings": SETTINGS, "prompts": prompts()}, indent=1) + "\n")
