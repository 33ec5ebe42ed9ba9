"""Unsupervised methods, whose clusters have no names: they are matched optimally.

As in the paper's evaluation of PiCIE and STEGO (Tang et al. 2023, table 1), whose code matches the
sums of IoUs over the whole data and divides the matched sums by the number of matched pairs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.kinds import check_choice, kind_of
from daam_nb.maps import iou
from daam_nb.recording import Recording
from daam_nb.studies.arguments import columns_of
from daam_nb.studies.corpus.generation import Run, runs_of
from daam_nb.studies.corpus.rows import collect
from daam_nb.studies.corpus.runs import with_facts
from daam_nb.studies.oracles.protocols import Truth, check_truth, targets_of

if TYPE_CHECKING:
    from PIL.Image import Image

Pooling = Literal["objects", "pixels"]


def clusters(
    runs: Any,
    *,
    truth: Truth,
    label: Callable[[Image], NDArray[np.integer[Any]]],
    name: str = "unsupervised",
    progress: bool = True,
) -> pd.DataFrame:
    """Compute the IoU of every object with every cluster of an unsupervised method.

    Parameters
    ----------
    label
        Image -> (y, x) cluster numbers, which mean the same in every image.

    Returns
    -------
    DataFrame
        run, prompt, noun, cluster, iou, intersection, object_pixels, cluster_pixels: one row per
        object and cluster in its image.

    Raises
    ------
    StudyError
        If a recording holds no image, or the labels are not whole numbers of its pixels.
    """
    columns = {
        "run": "the recording",
        "prompt": "its text",
        "noun": "the object",
        "cluster": "number of the cluster",
        "iou": "intersection over union of the object's mask and the cluster's",
        "intersection": "pixels of both",
        "object_pixels": "pixels of the object",
        "cluster_pixels": "pixels of the cluster",
    }
    check_truth(truth)
    if not callable(label):
        raise WrongKindError(f"label= must be a function of an image, not {kind_of(label)}.")
    corpus = runs_of(runs)

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        targets = [t for t in targets_of(truth, run.facts, recording) if t.mask is not None]
        labels = _labels(label, run, recording) if targets else np.zeros((0, 0), dtype=int)
        rows = []
        for target, number in itertools.product(targets, np.unique(labels)):
            cluster = labels == number
            assert target.mask is not None
            rows.append(
                {
                    "run": run.key,
                    "prompt": run.facts["prompt"],
                    "noun": target.noun,
                    "cluster": int(number),
                    "iou": iou(cluster, target.mask),
                    "intersection": int((cluster & target.mask).sum()),
                    "object_pixels": int(target.mask.sum()),
                    "cluster_pixels": int(cluster.sum()),
                }
            )
        return rows

    table = collect(
        [(run.key, run) for run in corpus], measure, columns=columns, what=name, progress=progress
    )
    return with_facts(table, corpus)


def matched(table: pd.DataFrame, *, pooling: Pooling = "objects") -> pd.DataFrame:
    """Assign clusters to nouns, one to one, by the Hungarian method, as in the paper.

    Clusters have no names, so the best naming is used: the one-to-one matching with the largest
    total over the whole data.

    Parameters
    ----------
    table
        The table of `clusters`; for ``pooling="objects"`` the columns noun, cluster and iou are
        enough.
    pooling
        ``"objects"``, as in the paper's evaluation: the sum of the IoUs of a noun's objects with a
        cluster is maximized, over the images with both. ``"pixels"``, as in the evaluations of
        PiCIE and STEGO: intersections and unions are summed over all images that show the noun, and
        their ratio is matched.

    Returns
    -------
    DataFrame
        noun, cluster (none left: -1), n (objects measured), iou: of objects their mean, of pixels
        the ratio of the sums; 0 without a cluster, and for one that the noun never meets.

    References
    ----------
    Kuhn 1955, "The Hungarian method for the assignment problem". `UnsupervisedEvaluator` of
    https://github.com/castorini/daam
    """
    from scipy.optimize import linear_sum_assignment

    check_choice(pooling, "pooling", ("objects", "pixels"))
    columns_of(table, ("noun", "cluster", "iou"), made_by="clusters()")
    if table.empty:
        return pd.DataFrame(columns=["noun", "cluster", "n", "iou"])
    outside = table.iou[~pd.to_numeric(table.iou, errors="coerce").between(0, 1)]
    if len(outside):
        raise StudyError(
            f"An IoU must be from 0 to 1, and one is {outside.iloc[0]}. Divide a percentage by 100."
        )
    count = _pivoted(table, "iou", "count").astype(int)
    if pooling == "objects":
        worth = _pivoted(table, "iou", "sum")
        means = worth / count.where(count > 0, 1)
    else:
        worth = means = _pooled(table)
    pairs = dict(zip(*linear_sum_assignment(worth.to_numpy(), maximize=True), strict=True))
    rows = []
    for row, noun in enumerate(worth.index):
        column = pairs.get(row)
        if column is None:
            rows.append({"noun": noun, "cluster": -1, "n": 0, "iou": 0.0})
            continue
        facts = {"noun": noun, "cluster": int(worth.columns[column])}
        n, mean = int(count.iloc[row, column]), float(means.iloc[row, column])
        rows.append({**facts, "n": n, "iou": mean})
    return pd.DataFrame(rows)


def mean_iou(table: pd.DataFrame, *, pooling: Pooling = "objects") -> float:
    """Compute the mean IoU of an unsupervised method.

    Parameters
    ----------
    table, pooling
        As for `matched`.

    Returns
    -------
    float
        ``"objects"``: the paper's mIoU of unsupervised methods, the IoUs of all matched pairs added
        up and divided by their number, so that a noun of many objects weighs more than one of few.
        Objects without their cluster in the image, and nouns that are left without one, are no
        pairs and do not count, as in the reference. ``"pixels"``: the mean over nouns, all of them.
        0 to 1; NaN where nothing is matched.

    Examples
    --------
    One cat found wholly, four dogs by a fifth of their pixels: by objects (1 + 4 * 0.2) / 5, where
    the mean over nouns is 0.6.

    >>> rows = [("cat", 0, 1.0)] + 4 * [("dog", 1, 0.2)]
    >>> mean_iou(pd.DataFrame(rows, columns=["noun", "cluster", "iou"]))
    0.36
    """
    named = matched(table, pooling=pooling)
    if named.empty:
        return math.nan
    if pooling == "pixels":
        return float(named["iou"].mean())
    pairs = int(named["n"].sum())
    return float((named["iou"] * named["n"]).sum() / pairs) if pairs else math.nan


def _pivoted(table: pd.DataFrame, value: str, how: str) -> pd.DataFrame:
    pivoted = table.pivot_table(index="noun", columns="cluster", values=value, aggfunc=how)
    return pivoted.fillna(0)


def _pooled(table: pd.DataFrame) -> pd.DataFrame:
    """Intersections over unions, both summed over all images that show the noun."""
    lacking = {"run", "intersection", "object_pixels", "cluster_pixels"} - set(table.columns)
    if lacking:
        raise StudyError(
            f"The table has no column {min(lacking)!r}, which pooling='pixels' needs. Measure it "
            "with unsupervised.clusters."
        )
    both = _pivoted(table, "intersection", "sum")
    cluster = _pivoted(table, "cluster_pixels", "sum")
    own = table.drop_duplicates(["run", "noun"]).groupby("noun")["object_pixels"].sum()
    return both / (cluster.add(own, axis=0) - both)


def _labels(
    label: Callable[[Image], NDArray[np.integer[Any]]], run: Run, recording: Recording
) -> NDArray[np.integer[Any]]:
    image = recording.image
    if image is None:
        raise StudyError(f"The recording {run.key} holds no image to find clusters in.")
    labels = np.asarray(label(image))
    size = (image.height, image.width)
    if labels.shape != size or not np.issubdtype(labels.dtype, np.integer):
        raise StudyError(
            f"label= returned {labels.dtype} of the shape {labels.shape} for an image of {size}, "
            "(height, width). It must return the number of a cluster for each pixel, a whole "
            "number."
        )
    return labels
