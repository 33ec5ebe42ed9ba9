"""The content of a scene: objects, sizes, and positions that obey the stated relation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daam_nb.menagerie.render import SIZE, Placed, footprint, legible
from daam_nb.menagerie.taxonomy import (
    BACKGROUNDS,
    COLORS,
    HELD_OUT_COLORS,
    HELD_OUT_PAIRS,
    NOUNS,
    RELATIONS,
)

EXTENTS: dict[str, dict[str | None, tuple[int, int]]] = {
    "single": {"small": (16, 22), None: (30, 40), "big": (46, 56)},
    "pair": {"small": (14, 18), None: (24, 29), "big": (32, 35)},
    "triple": {"small": (12, 14), None: (17, 20), "big": (22, 25)},
}
"""Longer side of a sprite in pixels, inclusive, by how full the image is and by size."""

KINDS = {"single": 0.45, "pair": 0.41, "count": 0.06, "triple": 0.08}
"""Kind of scene to its share among training scenes."""

_MARGIN = 1


@dataclass(frozen=True)
class Layout:
    """The content of a scene, before it is described or rendered.

    Attributes
    ----------
    kind
        "single", "pair", "count" (several of one noun) or "triple".
    objects
        In order of mention; `sizes` beside them (None: no size is stated).
    relation
        Of the first object to the second, a key of `RELATIONS`; None unless `kind` is "pair".
    background
        A key of `BACKGROUNDS`.
    """

    kind: str
    objects: tuple[Placed, ...]
    sizes: tuple[str | None, ...]
    relation: str | None
    background: str


def is_held_out(layout: Layout) -> bool:
    """Whether a layout shows a pair of nouns or a colored noun kept from training."""
    nouns = sorted({placed.noun for placed in layout.objects})
    pairs = {frozenset((a, b)) for i, a in enumerate(nouns) for b in nouns[i + 1 :]}
    colored = {(placed.color, placed.noun) for placed in layout.objects}
    return bool(pairs & HELD_OUT_PAIRS) or bool(colored & HELD_OUT_COLORS)


def draw_layout(rng: np.random.Generator, *, kind: str, unseen: bool) -> Layout:
    """Draw a layout; only held-out combinations when `unseen`, else none.

    Parameters
    ----------
    rng
        Source of every choice.
    kind
        A key of `KINDS`.
    unseen
        Whether the scene must show at least one held-out combination or may show none.
    """
    while True:
        layout = _attempt(rng, kind, unseen)
        if layout is not None and is_held_out(layout) == unseen:
            return layout


def _attempt(rng: np.random.Generator, kind: str, unseen: bool) -> Layout | None:
    count = {"single": 1, "pair": 2, "count": int(rng.integers(2, 4)), "triple": 3}[kind]
    named = 1 if kind == "count" else count
    nouns = [NOUNS[i].name for i in rng.choice(len(NOUNS), size=named, replace=False)]
    share = 0.45 if kind == "single" else 0.35
    colors = [str(rng.choice(list(COLORS))) if rng.random() < share else None for _ in nouns]
    if unseen:
        _aim_at_held_out(rng, nouns, colors)
    sizes = [str(rng.choice(["small", "big"])) if rng.random() < 0.25 else None for _ in nouns]
    if kind == "count":
        nouns, colors, sizes = nouns * count, colors * count, [None] * count
    crowd = {1: "single", 2: "pair", 3: "triple"}[count]
    extents = [_extent(rng, crowd, size) for size in sizes]
    relation = str(rng.choice(list(RELATIONS))) if kind == "pair" else None
    boxes = [footprint(n, e) for n, e in zip(nouns, extents, strict=True)]
    centers = _places(rng, boxes, relation)
    if centers is None:
        return None
    fitting = [
        b for b in BACKGROUNDS if all(legible(n, c, b) for n, c in zip(nouns, colors, strict=True))
    ]
    if not fitting:
        return None
    # Plain surfaces come in eight colors: without weights they would be half of all scenes.
    weight = np.array([0.5 if b.endswith(" background") else 1.0 for b in fitting])
    background = fitting[int(rng.choice(len(fitting), p=weight / weight.sum()))]
    placed = tuple(map(Placed, nouns, colors, centers, extents))
    return Layout(kind, placed, tuple(sizes), relation, background)


def _aim_at_held_out(rng: np.random.Generator, nouns: list[str], colors: list[str | None]) -> None:
    """Turn a draw into one that shows a held-out pair or color (changes the lists)."""
    if len(nouns) > 1 and rng.random() < 0.5:
        partners = [
            next(iter(p - {nouns[0]})) for p in sorted(HELD_OUT_PAIRS, key=sorted) if nouns[0] in p
        ]
        nouns[1] = partners[int(rng.integers(len(partners)))]
    else:
        colors[0] = next(c for c, n in sorted(HELD_OUT_COLORS) if n == nouns[0])


def _extent(rng: np.random.Generator, crowd: str, size: str | None) -> float:
    low, high = EXTENTS[crowd][size]
    return float(rng.integers(low, high + 1))


def _places(
    rng: np.random.Generator, boxes: list[tuple[int, int]], relation: str | None
) -> list[tuple[float, float]] | None:
    """Centers (y, x) of boxes that do not overlap, or None when this draw does not fit."""
    if len(boxes) == 2:
        return _pair(rng, boxes, relation)
    for _ in range(40):
        centers = [
            tuple(float(rng.uniform(_MARGIN + s / 2, SIZE - _MARGIN - s / 2)) for s in box)
            for box in boxes
        ]
        if all(
            _apart(boxes[i], centers[i], boxes[j], centers[j])
            for i in range(len(boxes))
            for j in range(i)
        ):
            return [(c[0], c[1]) for c in centers]
    return None


def _apart(
    box: tuple[int, int], at: tuple[float, ...], other: tuple[int, int], there: tuple[float, ...]
) -> bool:
    return any(abs(at[k] - there[k]) >= (box[k] + other[k]) / 2 + 1 for k in (0, 1))


def _pair(
    rng: np.random.Generator, boxes: list[tuple[int, int]], relation: str | None
) -> list[tuple[float, float]] | None:
    """Two centers, the first box in the stated relation to the second."""
    directions = {
        "left of": [(1, 0)],
        "right of": [(1, 1)],
        "above": [(0, 0)],
        "below": [(0, 1)],
        "next to": [(1, 0), (1, 1)],
    }
    choices = directions.get(relation or "", [(0, 0), (0, 1), (1, 0), (1, 1)])
    axis, first_is_last = choices[int(rng.integers(len(choices)))]
    order = [1, 0] if first_is_last else [0, 1]
    lengths = [boxes[i][axis] for i in order]
    free = SIZE - 2 * _MARGIN - sum(lengths) - 1
    across = 1 - axis
    if free < 0 or max(box[across] for box in boxes) > SIZE - 2 * _MARGIN:
        return None
    before, between, _ = rng.dirichlet((1.0, 1.0, 1.0)) * free
    starts = [_MARGIN + before, _MARGIN + before + lengths[0] + 1 + between]
    tallest = max(box[across] for box in boxes)
    line = rng.uniform(_MARGIN + tallest / 2, SIZE - _MARGIN - tallest / 2)
    centers: list[tuple[float, float]] = [(0.0, 0.0), (0.0, 0.0)]
    for start, length, i in zip(starts, lengths, order, strict=True):
        half = boxes[i][across] / 2
        side = float(np.clip(line + rng.uniform(-5, 5), _MARGIN + half, SIZE - _MARGIN - half))
        along = float(start + length / 2)
        centers[i] = (along, side) if axis == 0 else (side, along)
    return centers
