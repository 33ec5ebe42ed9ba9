"""From a pixel, or a region, back to the words: whose maps are high there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Ranked:
    """One word at a place.

    Attributes
    ----------
    word
        Number of the entry.
    text
        The word.
    value
        Of the word's exact map under the selection, in its unit: at the cell, or the mean over the
        region's cells.
    share
        Of the sum over all words ranked, 0 to 1; 0 where all are 0. Whether sizes may be compared
        between words, the kind of map says: `MapKind.comparable`.
    """

    word: int
    text: str
    value: float
    share: float


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
    selected: Selected,
    y: float,
    x: float,
    *,
    special: bool = False,
    maps: Callable[[], Maps] | None = None,
) -> tuple[Ranked, ...]:
    """Rank the words at a place of the image.

    Parameters
    ----------
    subject, selected
        The recording and the choice of layers, head and steps; its word does not count.
    y, x
        0 to 1 from the top left corner.
    special
        Whether signs, the start and the end of text are ranked too.
    maps
        Makes or keeps what `every_map` makes. None: the cell is worked out alone, so that a large
        recording answers while the hand points.

    Returns
    -------
    tuple of Ranked
        The word with the largest value first. The values are those of the exact maps at that cell.

    Raises
    ------
    SelectionError
        Where the place lies outside the image.
    """
    y, x = (_share(value, name) for value, name in ((y, "y"), (x, "x")))
    height, width = subject.grid
    cell = min(int(y * height), height - 1), min(int(x * width), width - 1)
    if maps is not None:
        return _in_order(subject, {word: float(values[cell]) for word, values in maps().items()})
    words = _rankable(subject, special)
    values = subject.view.values_at(
        [subject.entries[number] for number in words],
        heads_of(subject, selected),
        selected.steps,
        cell,
    )
    return _in_order(subject, dict(zip(words, values, strict=True)))


def words_in(subject: Subject, maps: Maps, polygon: Polygon) -> tuple[Ranked, ...]:
    """Rank the words in a region of the image by the mean of their maps over its cells.

    Parameters
    ----------
    polygon
        Corners (y, x), at least three, 0 to 1 from the top left corner; a cell of the latent grid
        belongs to the region where its center lies inside (even-odd rule). A region that holds no
        center is the cell of its middle.
    """
    return _ranked(subject, maps, torch.from_numpy(inside(polygon, subject.grid)))


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


def _ranked(subject: Subject, maps: Maps, cells: Tensor) -> tuple[Ranked, ...]:
    """Rank by the mean over the cells."""
    return _in_order(
        subject, {number: float(values[cells].double().mean()) for number, values in maps.items()}
    )


def _rankable(subject: Subject, special: bool) -> list[int]:
    return [
        number
        for number, entry in enumerate(subject.entries)
        if entry.kept and (not entry.special or (special and entry.kind != "piece"))
    ]


def _in_order(subject: Subject, values: Mapping[int, float]) -> tuple[Ranked, ...]:
    total = sum(values.values())
    rows = [
        Ranked(number, subject.entries[number].text, value, value / total if total > 0 else 0.0)
        for number, value in values.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.value))
