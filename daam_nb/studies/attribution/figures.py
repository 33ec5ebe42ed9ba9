"""Figures of object attribution: mean IoU over the threshold, and images with both outlines."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps, iou
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice
from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import INK, Axis, Chart, Image, Mark, Note, Outline
from daam_nb.studies.attribution.baselines import map_of
from daam_nb.studies.attribution.rows import ABSENT
from daam_nb.studies.attribution.statistics import miou
from daam_nb.studies.corpus.runs import runs_of
from daam_nb.studies.oracles.protocols import Mask, Truth, targets_of
from daam_nb.studies.report.figures import COLORS, chart_figure, curves

PER_ROW = 6
PITCH = 1.17  # from one row of images to the next, in widths of an image


def curve(table: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Draw the mean IoU of every method over the threshold.

    Parameters
    ----------
    table
        Of `object_ious`.
    """
    closed = table[table["closed"].astype(bool) & (table["method"] != ABSENT)]
    means = miou(closed if len(closed) else table, thresholds=None, vocabulary="open")
    return curves(
        means,
        x="threshold",
        value="iou",
        by="method",
        title=title or "How well word maps find their objects, by threshold",
        caption=caption,
        x_axis="threshold, share of the map's maximum",
        y_axis="mean IoU with the true mask",
        # Where one prompt is all there is, a mean has no interval.
        limits=(0.0, max(0.5, 1.1 * float(means[["iou", "iou_high"]].max(axis=None)))),
    )


class _Example(NamedTuple):
    pixels: NDArray[np.uint8]
    marked: Mask
    true: Mask
    text: str


def examples(
    runs: Any,
    *,
    truth: Truth,
    layers: LayerChoice = "paper",
    heads: HeadChoice = None,
    threshold: float = 0.4,
    count: int = 2 * PER_ROW,
    title: str = "",
    caption: str = "",
) -> Figure:
    """Draw the first objects that their images show, with the map's outline and the true one.

    Parameters
    ----------
    runs, truth
        As for `object_ious`. The first objects are used, good or bad.
    layers, heads, threshold
        Of the map.
    count
        How many.
    """
    objects: list[_Example] = []
    for run in runs_of(runs):
        recording = run.load()
        for target in targets_of(truth, run.facts, recording):
            if target.mask is None or recording.image is None or len(objects) == count:
                continue
            size = (target.mask.shape[0], target.mask.shape[1])
            maps = heat_maps(recording, layers=layers, heads=heads)
            marked = map_of(target, maps).mask(threshold, size=size)
            pixels = np.asarray(recording.image.convert("RGB").resize(size[::-1]))
            text = f"{target.noun}, IoU {iou(marked, target.mask):.2f}"
            objects.append(_Example(pixels, marked.numpy(), target.mask, text))
        if len(objects) == count:
            break
    if not objects:
        raise StudyError("No object is visible in its image, so there is no example.")

    marks = [
        mark
        for number, example in enumerate(objects)
        for mark in _tile(example, number % PER_ROW, number // PER_ROW)
    ]
    rows = -(-len(objects) // PER_ROW)
    chart = Chart(
        tuple(marks),
        inches=(0.6 + 1.36 * rows, 7.4),
        x=Axis(limits=(0, PER_ROW)),
        y=Axis(limits=(rows * PITCH, -0.02)),
        framed=False,
        equal_units=True,
    )
    outlines = (
        f"Red: the map at {threshold:g} of its highest value. White: the truth, {truth.name}."
    )
    return chart_figure(
        chart,
        title=title or "The first objects of the corpus, as they come",
        caption=f"{outlines} {caption}".strip(),
    )


def _tile(example: _Example, column: int, row: int) -> list[Mark]:
    """An image with both outlines and the text below it."""
    height, width = example.true.shape
    scale = 0.95 / max(height, width)
    left, top = float(column), PITCH * row
    right, bottom = left + width * scale, top + height * scale
    marks: list[Mark] = [Image(example.pixels, left, right, top, bottom)]
    xs = left + (np.arange(width) + 0.5) * scale
    ys = top + (np.arange(height) + 0.5) * scale
    for mask, color in ((example.true, "#ffffff"), (example.marked, COLORS[0])):
        if not mask.all() and mask.any():
            marks += [
                Outline(mask, xs, ys, INK, width=2.4),
                Outline(mask, xs, ys, color, width=1.3),
            ]
    return [*marks, Note(example.text, left, bottom + 0.02, size=7, vertical="top")]
