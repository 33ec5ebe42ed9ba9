"""Deletion and insertion: a word's attention ablated in only a part of the image.

*Deletion*: it is ablated where the map is highest; how much of the whole ablation's change occurs
already? *Insertion*: it is kept where the map is highest and ablated elsewhere; how much of the
change is avoided? A map that shows where the word acts achieves both with few pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from daam_nb.maps import heat_maps
from daam_nb.recording import Recording
from daam_nb.studies import arguments
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.faithfulness.agreement import clouds, grid_setting
from daam_nb.studies.redraw.redrawing import Field, difference, drawn_again
from daam_nb.tracing import ablate

SHARES = (0.1, 0.25, 0.5)

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the image",
    "word": "the object's word",
    "order": "what orders the pixels: the word's map, or a random map",
    "share": "share of the image's pixels, the highest ones of that map",
    "deletion": (
        "change with the word ablated only there, over the change with it ablated everywhere"
    ),
    "insertion": "1 minus the same for the word ablated everywhere else",
}


def curves_of_area(
    runs: Corpus,
    pipe: Any,
    table: pd.DataFrame,
    *,
    shares: Sequence[float] = SHARES,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure both curves, by the word's map and by a random one.

    Parameters
    ----------
    runs
        The images; each is drawn ``1 + 4 * len(shares)`` times.
    pipe
        The pipeline that made them.
    table
        The table of `ablation_effects`, which names each image's word.
    shares
        Of the image's pixels, in (0, 1).
    path
        Where rows are kept; by default beside the recordings.

    Returns
    -------
    DataFrame
        One row per image, order and share, with `COLUMNS`. The change is the mean difference of the
        pixels from the original image. NaN if the ablation does not change the image.

    Raises
    ------
    StudyError
        For a share that is 0, 1, out of range, or repeated.

    References
    ----------
    Petsiuk et al. 2018, "RISE", https://arxiv.org/abs/1806.07421: there pixels are deleted and a
    classifier is evaluated; here a word's attention is deleted and the images are compared.
    """
    shares = arguments.shares(shares, "shares", inside=True)
    arguments.columns_of(table, ("run", "object"), made_by="ablation_effects()")
    words = table.drop_duplicates("run").set_index("run").object

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        assert recording.image is not None  # `ablation_effects` looked at it
        word = recording.prompt.find(words[run.key])
        size = (recording.image.height, recording.image.width)
        heat = heat_maps(recording).word(word.span).resize(size).numpy().astype(np.float64)
        seed = sum(run.key.encode())
        orders = {"the word's map": heat, "random": clouds(size, np.random.default_rng(seed))}
        whole = _amount(pipe, recording, word.span, np.ones(size, dtype=bool))
        rows = []
        for name, field in orders.items():
            for share in shares:
                top = highest(field, share)
                inside = _amount(pipe, recording, word.span, top)
                outside = _amount(pipe, recording, word.span, ~top)
                rows.append(
                    {
                        "run": run.key,
                        "prompt": recording.prompt.text,
                        "seed": run.facts["seed"],
                        "word": word.text,
                        "order": name,
                        "share": share,
                        "deletion": inside / whole if whole else None,
                        "insertion": 1 - outside / whole if whole else None,
                    }
                )
        return rows

    settings: dict[str, Any] = {"shares": list(shares)}
    settings |= grid_setting(runs[0].load().image) if len(runs) else {}
    return measured(
        runs,
        measure,
        name="curves",
        columns=COLUMNS,
        settings=settings,
        units=[(f"{run.key} {words[run.key]}", run) for run in runs],
        path=path,
        what="deletion and insertion",
        progress=progress,
    )


def highest(field: Field, share: float) -> Any:
    """The given share of the pixels, the highest; ties in reading order: (y, x), bool."""
    count = max(1, round(share * field.size))
    chosen = np.zeros(field.size, dtype=bool)
    chosen[np.argsort(-field.ravel(), kind="stable")[:count]] = True
    return chosen.reshape(field.shape)


def _amount(pipe: Any, run: Recording, span: tuple[int, int], area: Any) -> float:
    assert run.image is not None
    after = drawn_again(pipe, run, ablate(pipe, words=span, area=area))
    return float(difference(run.image, after).mean())
