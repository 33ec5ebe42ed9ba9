"""From a pixel, or a region, back to the words: whose maps are high there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.errors import SelectionError
from daam_nb.kinds import kind_of, real_number
from daam_nb.show.explorer.model.selection import (
    Selected,
    entry_map,
    heads_of,
    maps_of,
    word_map,
)
from daam_nb.show.explorer.model.subject import Subject

Polygon = Sequence[Sequence[float]]
Maps = Mapping[int, Tensor]  # number of an entry -> (y, x)
Order = Literal["lift", "share"]
Chance = tuple[float, float]
PERCENTILES = (5, 95)  # what chance gives
SHIFTS = 16  # along each axis, at most


@dataclass(frozen=True)
class Ranked:
    """One word at a place: how much of the words' attention it has there, and in the whole image.

    A word's *share* of a place P, and its *lift* there, over the words w that are ranked::

        share(w, P) = m(w, P) / sum of m(v, P) over all words v
        lift(w, P)  = share(w, P) / share(w, the whole image)

    where m(w, P) is the value of the word's exact map at a cell, or its mean over the cells of a
    region. Words such as "on" have much of the attention at every place, so by shares they rank
    first everywhere; the lift says what a place has more of than the image as a whole.

    Attributes
    ----------
    word
        Number of the entry.
    text
        The word.
    value
        m(w, P), in the unit of the map.
    share
        0 to 1; 0 where all words are 0. Whether sizes may be compared between words, the kind of
        map says (`MapKind.comparable`): shares are of sizes, lifts are not.
    lift
        0 or more. 1: as much of the words' attention as in the whole image; 2: twice as much. 0
        where the map is 0 in the whole image.
    chance
        5th and 95th percentile of the lifts that the word has elsewhere: of a cell, at all cells of
        the image; of a region, in other regions of its size and shape (`shifts`). None where no
        other region fits into the image.
    """

    word: int
    text: str
    value: float
    share: float
    lift: float
    chance: Chance | None


@dataclass(frozen=True)
class Background:
    """What a place is compared with.

    Attributes
    ----------
    shares
        Of each word over the whole image.
    chance
        5th and 95th percentile of each word's lifts at all cells, or in other regions; empty where
        there are none.
    """

    shares: Mapping[int, float]
    chance: Mapping[int, Chance]


@dataclass(frozen=True)
class Bars:
    """One word in a region, step by step and layer by layer.

    Attributes
    ----------
    word
        Number of the entry.
    by_step
        One value per step kept. Of attention: the layers' own cells in the region, each weighted
        by how much of it lies inside; mean over the selected layers' heads. Of other kinds: the
        mean of the step's exact map over the region's cells.
    by_layer
        (number of the layer, value) of each selected layer: the same, over the selected steps.
    inside
        Share of the word's map over the whole image that lies in the region, 0 to 1, by the exact
        map.
    """

    word: int
    by_step: tuple[float, ...]
    by_layer: tuple[tuple[int, float], ...]
    inside: float


def every_map(subject: Subject, selected: Selected, *, special: bool = False) -> Maps:
    """Make the exact maps of all words under one choice of layers, head and steps.

    Parameters
    ----------
    subject, selected
        The recording and the choice; its word does not count.
    special
        Whether signs, the start and the end of text are wanted too.
    """
    maps = maps_of(subject, selected)
    numbers = _rankable(subject, special)
    return {number: entry_map(subject, maps, number).values for number in numbers}


def words_at(
    subject: Subject,
    maps: Maps,
    y: float,
    x: float,
    *,
    of: Background | None = None,
    order: Order = "lift",
) -> tuple[Ranked, ...]:
    """Rank the words at a place of the image.

    Parameters
    ----------
    subject
        The recording.
    maps
        What `every_map` makes.
    y, x
        0 to 1 from the top left corner.
    of
        What `background` makes of the maps, where it is known.
    order
        What is ranked: ``"lift"`` or ``"share"``.

    Returns
    -------
    tuple of Ranked
        The largest first. The values are those of the exact maps at the cell of that place.

    Raises
    ------
    SelectionError
        Where the place lies outside the image.
    """
    cell = cell_of(subject, y, x)
    whole = background(maps) if of is None else of
    values = {word: float(own[cell]) for word, own in maps.items()}
    return _in_order(subject, values, whole.shares, whole.chance, order)


def values_at(
    subject: Subject, selected: Selected, y: float, x: float, *, special: bool = False
) -> dict[int, float]:
    """The values of the exact maps of all words at one cell, where a kind can work them out alone.

    So that a large recording answers while the hand points; see `View.local`.
    """
    words = _rankable(subject, special)
    values = subject.view.values_at(
        [subject.entries[number] for number in words],
        heads_of(subject, selected),
        selected.steps,
        cell_of(subject, y, x),
    )
    return dict(zip(words, values, strict=True))


def cell_of(subject: Subject, y: float, x: float) -> tuple[int, int]:
    """The cell of the grid in which a place of the image lies."""
    y, x = (_share(value, name) for value, name in ((y, "y"), (x, "x")))
    height, width = subject.grid
    return min(int(y * height), height - 1), min(int(x * width), width - 1)


def words_in(
    subject: Subject, maps: Maps, polygon: Polygon, *, order: Order = "lift"
) -> tuple[Ranked, ...]:
    """Rank the words in a region of the image by the means of their maps over its cells.

    Parameters
    ----------
    polygon
        Corners (y, x), at least three, 0 to 1 from the top left corner; a cell of the latent grid
        belongs to the region where its center lies inside (even-odd rule). A region that holds no
        center is the cell of its middle.
    order
        What is ranked: ``"lift"`` or ``"share"``.
    """
    values, of = in_region(maps, inside(polygon, subject.grid))
    return _in_order(subject, values, of.shares, of.chance, order)


# --- shares, lifts and what chance gives ----------------------------------------------------------
# js/src/lift.js has the same, for pages without a kernel.


def shares_of(values: Mapping[int, float]) -> dict[int, float]:
    """Divide values by their sum; 0 where that is 0."""
    total = sum(values.values())
    return {word: value / total if total > 0 else 0.0 for word, value in values.items()}


def lift_of(share: float, whole: float) -> float:
    """A share as a multiple of that over the whole image; 0 where that is 0."""
    return share / whole if whole > 0 else 0.0


def lifts(values: NDArray[np.float64], whole: Mapping[int, float]) -> NDArray[np.float64]:
    """The lifts of all words at many places: (word, place), as the values are."""
    total = values.sum(0)
    shares = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    of_image = np.array(list(whole.values()))[:, None]
    result: NDArray[np.float64] = np.zeros_like(values)
    np.divide(shares, of_image, out=result, where=of_image > 0)
    return result


def background(maps: Maps) -> Background:
    """What single cells are compared with: the whole image, and all cells."""
    if not maps:
        return Background({}, {})
    values = np.stack([own.double().numpy().ravel() for own in maps.values()])
    whole = shares_of(dict(zip(maps, values.mean(1).tolist(), strict=True)))
    return Background(whole, _percentiles(lifts(values, whole), list(maps)))


def in_region(maps: Maps, cells: NDArray[np.bool_]) -> tuple[dict[int, float], Background]:
    """The means over a region, (y, x) of bool, and what they are compared with."""
    region = torch.from_numpy(cells)
    values = {word: float(own[region].double().mean()) for word, own in maps.items()}
    whole = shares_of({word: float(own.double().mean()) for word, own in maps.items()})
    moves = shifts(cells)
    if not maps or not moves:
        return values, Background(whole, {})
    elsewhere = np.stack([np.roll(cells, by, (0, 1)).ravel() for by in moves]) / cells.sum()
    flat = np.stack([own.double().numpy().ravel() for own in maps.values()])
    chance = _percentiles(lifts(flat @ elsewhere.T, whole), list(maps))
    return values, Background(whole, chance)


def shifts(cells: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where else a region fits into the image: by how much it is moved, (down, to the right).

    At most 16 moves along each axis, evenly apart from one end of the image to the other; all of
    them where there are fewer. No move at all is left out.
    """
    rows, columns = (np.flatnonzero(cells.any(axis)) for axis in (1, 0))
    moves = [
        _spread(int(present[0]), len(line) - 1 - int(present[-1]))
        for present, line in ((rows, cells[:, 0]), (columns, cells[0]))
    ]
    return [(down, right) for down in moves[0] for right in moves[1] if down or right]


def _spread(before: int, behind: int) -> list[int]:
    """Moves from -before to behind."""
    count = before + behind + 1
    kept = min(count, SHIFTS)
    return [i * (count - 1) // max(1, kept - 1) - before for i in range(kept)]


def _percentiles(values: NDArray[np.float64], words: Sequence[int]) -> dict[int, Chance]:
    """The 5th and the 95th percentile of each word's lifts, linear between two neighbors."""
    low, high = np.percentile(values, PERCENTILES, axis=1)
    return dict(zip(words, zip(low.tolist(), high.tolist(), strict=True), strict=True))


# --- a word in a region, by step and by layer -----------------------------------------------------


def bars(subject: Subject, selected: Selected, polygon: Polygon) -> Bars:
    """Tell a word in a region apart by step and by layer: see `View.in_region`."""
    region = torch.from_numpy(inside(polygon, subject.grid))
    chosen, entry = heads_of(subject, selected), subject.entries[selected.word]
    by_step, of_layers = subject.view.in_region(entry, chosen, selected.steps, region)
    numbers = [subject.layers.index(layer) for layer in chosen.layers]
    values = word_map(subject, selected).values
    total = float(values.sum())
    share = float(values[region].sum()) / total if total > 0 else 0.0
    by_layer = tuple(zip(numbers, of_layers, strict=True))
    return Bars(selected.word, tuple(by_step), by_layer, share)


def inside(polygon: Polygon, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Say which cells' centers lie inside a polygon, by the even-odd rule.

    Returns
    -------
    array
        (y, x), bool, at least one of them true.
    """
    corners = corners_of(polygon)
    height, width = size
    ys, xs = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    grid_y, grid_x = np.meshgrid(ys, xs, indexing="ij")
    cells = np.zeros(size, dtype=bool)
    for (y0, x0), (y1, x1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y0 == y1:
            continue  # a level edge crosses no level ray
        crosses = (grid_y >= min(y0, y1)) & (grid_y < max(y0, y1))
        cells ^= crosses & (grid_x < x0 + (grid_y - y0) * (x1 - x0) / (y1 - y0))
    if not cells.any():
        middle_y = sum(y for y, _ in corners) / len(corners)
        middle_x = sum(x for _, x in corners) / len(corners)
        at = min(int(middle_y * height), height - 1), min(int(middle_x * width), width - 1)
        cells[at] = True
    return cells


def corners_of(polygon: Polygon) -> tuple[tuple[float, float], ...]:
    """Read the corners of a polygon and check them.

    Raises
    ------
    SelectionError
        Where there are fewer than three, or one is no (y, x) of two numbers from 0 to 1.
    """
    try:
        unread: Any = polygon
        if isinstance(unread, str | bytes):
            raise TypeError
        corners = tuple((_share(y, "y"), _share(x, "x")) for y, x in unread)
    except (TypeError, ValueError) as error:
        if isinstance(error, SelectionError):
            raise
        raise SelectionError(
            f"A region is a list of corners (y, x), each 0 to 1, not {kind_of(polygon)}."
        ) from None
    if len(corners) < 3:
        raise SelectionError(
            f"A region has at least three corners (y, x), not {len(corners)}; a box has four."
        )
    return corners


def _share(value: object, name: str) -> float:
    """A place along one axis; numpy's and torch's numbers are numbers too."""
    number = real_number(value)
    if math.isnan(number):
        raise SelectionError(
            f"A region or a pixel is in the image: {name} is a number from 0 to 1, not "
            f"{kind_of(value)}."
        )
    if not 0 <= number <= 1:
        raise SelectionError(
            f"{name}={number:g} lies outside the image: places are 0 to 1 from the top left."
        )
    return number


def _rankable(subject: Subject, special: bool) -> list[int]:
    """Numbers of what is ranked: no part of the text twice.

    So no piece of a word, and no phrase all of whose words are ranked.
    """
    words = [entry for entry in subject.entries if entry.kept and entry.kind == "word"]
    in_words = {token for entry in words for token in entry.tokens}
    return [
        number
        for number, entry in enumerate(subject.entries)
        if entry.kept
        and (not entry.special or (special and entry.kind != "piece"))
        and not (entry.kind == "phrase" and set(entry.tokens) <= in_words)
    ]


def _in_order(
    subject: Subject,
    values: Mapping[int, float],
    whole: Mapping[int, float],
    chance: Mapping[int, Chance],
    order: Order,
) -> tuple[Ranked, ...]:
    rows = [
        Ranked(
            word,
            subject.entries[word].text,
            values[word],
            share,
            lift_of(share, whole[word]),
            chance.get(word),
        )
        for word, share in shares_of(values).items()
    ]
    # Shares in the order of values: also those of sums that are not positive have one.
    return tuple(sorted(rows, key=lambda row: -(row.lift if order == "lift" else row.value)))
