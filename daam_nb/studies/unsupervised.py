"""Methods whose clusters carry no names: the naming that suits them best is granted.

As in the paper's evaluation of PiCIE and STEGO (Tang et al. 2023, table 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.maps import iou
from daam_nb.studies.corpus import Run, runs_of
from daam_nb.studies.protocols import Truth
from daam_nb.studies.tables import collect

if TYPE_CHECKING:
    from PIL.Image import Image


def clusters(
    runs: Any,
    *,
    truth: Truth,
    label: Callable[[Image], NDArray[np.integer[Any]]],
    name: str = "unsupervised",
    progress: bool = True,
) -> pd.DataFrame:
    """IoU of every object with every cluster of an unsupervised method.

    Parameters
    ----------
    label
        Picture -> (y, x) cluster numbers, which mean the same in every picture.

    Returns
    -------
    DataFrame
        run, prompt, noun, cluster, iou: one row per object and cluster in its picture.
    """
    columns = {
        "run": "the recording",
        "prompt": "its text",
        "noun": "the object",
        "cluster": "number of the cluster",
        "iou": "intersection over union of the object's mask and the cluster's",
    }
    corpus = runs_of(runs)

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        assert recording.image is not None
        labels = np.asarray(label(recording.image))
        return [
            {
                "run": run.key,
                "prompt": run.facts["prompt"],
                "noun": target.noun,
                "cluster": int(number),
                "iou": iou(labels == number, target.mask),
            }
            for target in truth.targets(run.facts, recording)
            if target.mask is not None
            for number in np.unique(labels)
        ]

    return collect(
        [(run.key, run) for run in corpus], measure, columns=columns, what=name, progress=progress
    )


def matched(table: pd.DataFrame) -> pd.DataFrame:
    """Give each noun the cluster that fits, one to one: the Hungarian method, as in the paper.

    Clusters carry no names, so the naming that suits them best is granted: the one-to-one matching
    of largest total IoU over the whole data.

    Parameters
    ----------
    table
        With the columns noun, cluster, iou, such as `clusters` gives. A noun and a cluster that
        never meet in a picture count as IoU 0.

    Returns
    -------
    DataFrame
        noun, cluster (none left: -1), n (pairs measured), iou (their mean; 0 without a cluster).
        The paper's mIoU of unsupervised methods is the mean of ``iou``.

    References
    ----------
    Kuhn 1955, "The Hungarian method for the assignment problem".
    """
    from scipy.optimize import linear_sum_assignment

    total = table.pivot_table(index="noun", columns="cluster", values="iou", aggfunc="sum").fillna(
        0
    )
    count = table.pivot_table(index="noun", columns="cluster", values="iou", aggfunc="count")
    pairs = dict(zip(*linear_sum_assignment(total.to_numpy(), maximize=True), strict=True))
    rows = []
    for place, noun in enumerate(total.index):
        at = pairs.get(place)
        n = 0 if at is None else int(count.fillna(0).iloc[place, at])
        rows.append(
            {
                "noun": noun,
                "cluster": -1 if at is None else total.columns[at],
                "n": n,
                "iou": float(total.iloc[place, at]) / n if n else 0.0,
            }
        )
    return pd.DataFrame(rows)
