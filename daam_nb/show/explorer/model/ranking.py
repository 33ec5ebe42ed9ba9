"""From a pixel, or a region, back to the words: which of them are attended to there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from daam_nb.errors import SelectionError
from daam_nb.kinds import kind_of, real_number
from daam_nb.maps.bicubic import bicubic_matrix
from daam_nb.show.explorer.model.selection import (
    Selected,
    entry_map,
    layers_of,
    maps_of,
    word_map,
)
from daam_nb.show.explorer.model.subject import Subject
from daam_nb.show.explorer.model.tiles import area_weights

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
        Attention probability there, under the selection: the word's exact map at the cell, or its
        mean over the region's cells.
    share
        Of the sum over all words ranked, 0 to 1; 0 where none is attended to.
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
        One value per step kept: attention probability of the layers' own cells in the region,
        each weighted by how much of it lies inside; mean over the selected layers' heads.
    by_layer
        (number of the layer, value) of each selected layer: the same, mean over the selected
        steps.
    inside
        Share of the word's attention over the whole image that lies in the region, 0 to 1, by
        the exact map.
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
    subject: Subject, selected: Selected, y: float, x: float, *, special: bool = False
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

    Returns
    -------
    tuple of Ranked
        The most attended word first. The values are those of the exact maps at that cell, worked
        out there alone, so that a large recording answers while the hand points.

    Raises
    ------
    SelectionError
        Where the place lies outside the image.
    """
    y, x = (_share(value, name) for value, name in ((y, "y"), (x, "x")))
    height, width = subject.grid
    cell = min(int(y * height), height - 1), min(int(x * width), width - 1)
    words = _rankable(subject, special)
    tokens = sorted({token for number in words for token in subject.entries[number].tokens})
    at = dict(zip(tokens, _values_at(subject, selected, cell, tokens).tolist(), strict=True))
    values = {
        number: sum(at[token] for token in subject.entries[number].tokens)
        / len(subject.entries[number].tokens)
        for number in words
    }
    return _in_order(subject, values)


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
    """Tell a word in a region apart by step and by layer, without interpolation."""
    region = torch.from_numpy(inside(polygon, subject.grid)).float()
    layers = layers_of(subject, selected)
    divisor = len(subject.run.steps) if subject.summed else 1
    steps = torch.zeros(subject.step_count, dtype=torch.float64)
    by_layer, heads = [], 0
    for layer in layers:
        weights = torch.from_numpy(area_weights(region, layer.size)).flatten()
        weights = weights / weights.sum()
        found = torch.zeros(subject.step_count, layer.heads)
        tokens = subject.entries[selected.word].tokens
        for column in tokens:
            found += subject.source.token_maps(layer, column).float() @ weights  # (step, head)
        found = found.double() / (divisor * len(tokens))
        if selected.head >= 0:
            found = found[:, selected.head : selected.head + 1]
        steps += found.sum(1)
        heads += found.shape[1]
        by_layer.append((subject.layers.index(layer), float(found[slice(*selected.steps)].mean())))
    values = word_map(subject, selected).values
    total = float(values.sum())
    share = float(values[region > 0].sum()) / total if total > 0 else 0.0
    return Bars(selected.word, tuple((steps / heads).tolist()), tuple(by_layer), share)


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
    found = np.zeros(size, dtype=bool)
    for (y0, x0), (y1, x1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y0 == y1:
            continue  # a level edge crosses no level ray
        crosses = (grid_y >= min(y0, y1)) & (grid_y < max(y0, y1))
        found ^= crosses & (grid_x < x0 + (grid_y - y0) * (x1 - x0) / (y1 - y0))
    if not found.any():
        middle_y = sum(y for y, _ in corners) / len(corners)
        middle_x = sum(x for _, x in corners) / len(corners)
        at = min(int(middle_y * height), height - 1), min(int(middle_x * width), width - 1)
        found[at] = True
    return found


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
    found = [
        Ranked(number, subject.entries[number].text, value, value / total if total > 0 else 0.0)
        for number, value in values.items()
    ]
    return tuple(sorted(found, key=lambda row: -row.value))


def _values_at(
    subject: Subject, selected: Selected, cell: tuple[int, int], tokens: Sequence[int]
) -> Tensor:
    """The exact maps of some key positions at one cell of the latent grid: (token,), float64.

    Bicubic interpolation reaches at most four cells of a layer along each axis, and a clamped mean
    over steps needs no more of it.
    """
    run, source = subject.run, subject.source
    places = [source.columns.index(token) for token in tokens]
    steps = slice(None) if subject.summed else slice(*selected.steps)
    heads = slice(None) if selected.head < 0 else slice(selected.head, selected.head + 1)
    divisor = len(run.steps) if subject.summed else selected.steps[1] - selected.steps[0]
    found, pairs = torch.zeros(len(tokens), dtype=torch.float64), 0
    for layer in layers_of(subject, selected):
        ys, down = _reach(layer.size[0], subject.grid[0], cell[0])
        xs, across = _reach(layer.size[1], subject.grid[1], cell[1])
        patch = source.attention[layer.name][steps, heads, :, ys, xs][:, :, places]
        mean = patch.double().sum(0) / divisor  # (head, token, y, x)
        found += torch.einsum("htyx,y,x->ht", mean, down, across).clamp(min=0).sum(0)
        pairs += mean.shape[0]
    return found / pairs


def _reach(source: int, target: int, at: int) -> tuple[slice, Tensor]:
    """Cells along one axis that a cell of the grid is made of, and their weights."""
    if source == target:
        return slice(at, at + 1), torch.ones(1, dtype=torch.float64)
    weights = bicubic_matrix(source, target)[at].double()
    reached = weights.nonzero().flatten()
    cells = slice(int(reached[0]), int(reached[-1]) + 1)
    return cells, weights[cells]
