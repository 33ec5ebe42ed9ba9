"""Figures of object attribution: mean IoU over the threshold, and pictures with both outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps, iou
from daam_nb.recording import LayerChoice
from daam_nb.studies.attribution.baselines import map_of
from daam_nb.studies.corpus.generation import runs_of
from daam_nb.studies.oracles.protocols import Mask, Truth, targets_of
from daam_nb.studies.report.figures import COLOURS, INK, StudyFigure, curves, lettered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PER_ROW = 6


def curve(means: pd.DataFrame, *, title: str = "", caption: str = "") -> StudyFigure:
    """Mean IoU over the threshold, of every method.

    Parameters
    ----------
    means
        What `miou` gave for all thresholds and one vocabulary.
    """
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
    threshold: float = 0.4,
    count: int = 2 * PER_ROW,
    title: str = "",
    caption: str = "",
) -> StudyFigure:
    """Draw the first objects that their pictures show, with the map's outline and the true one.

    Parameters
    ----------
    runs, truth
        As for `object_ious`. The first objects are taken as they come, good or bad.
    layers, threshold
        Of the map.
    count
        How many.
    """
    shown: list[_Example] = []
    for run in runs_of(runs):
        recording = run.load()
        for target in targets_of(truth, run.facts, recording):
            if target.mask is None or recording.image is None or len(shown) == count:
                continue
            size = (target.mask.shape[0], target.mask.shape[1])
            marked = map_of(target, heat_maps(recording, layers=layers)).mask(threshold, size=size)
            pixels = np.asarray(recording.image.convert("RGB").resize(size[::-1]))
            text = f"{target.noun}, IoU {iou(marked, target.mask):.2f}"
            shown.append(_Example(pixels, marked.numpy(), target.mask, text))
        if len(shown) == count:
            break
    if not shown:
        raise StudyError("There is no object that its picture shows, so there is no example.")

    def paint(axes: Axes) -> None:
        for place, one in enumerate(shown):
            _tile(axes, one, place % PER_ROW, place // PER_ROW)
        axes.set_xlim(0, PER_ROW)
        axes.set_ylim(-(-len(shown) // PER_ROW) * 1.17, -0.02)
        axes.set_aspect("equal")
        axes.axis("off")

    rows = -(-len(shown) // PER_ROW)
    said = f"Red: the map at {threshold:g} of its highest value. White: the truth, {truth.name}."
    return StudyFigure(
        paint,
        (0.6 + 1.36 * rows, 7.4),
        title or "The first objects of the corpus, as they come",
        f"{said} {caption}".strip(),
    )


def _tile(axes: Axes, one: _Example, column: int, row: int) -> None:
    height, width = one.true.shape
    scale = 0.95 / max(height, width)
    left, top = float(column), 1.17 * row
    right, bottom = left + width * scale, top + height * scale
    axes.imshow(one.pixels, extent=(left, right, bottom, top), interpolation="nearest")
    xs = left + (np.arange(width) + 0.5) * scale
    ys = top + (np.arange(height) + 0.5) * scale
    for mask, colour in ((one.true, "white"), (one.marked, COLOURS[0])):
        if mask.all() or not mask.any():
            continue
        for line, thick in ((INK, 2.4), (colour, 1.3)):
            axes.contour(xs, ys, mask, levels=[0.5], colors=[line], linewidths=thick)
    axes.text(left, bottom + 0.02, lettered(one.text), fontsize=7, va="top")
