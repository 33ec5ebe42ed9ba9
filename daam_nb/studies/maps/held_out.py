"""Choices made on one half of the nouns, and reported on the other, both ways round.

Layers, heads, scaling and the threshold that fit some nouns best fit them partly by chance. So each
half of the nouns is scored with what was best on the other half, and the mean over all words is not
biased by the choice.
"""

from __future__ import annotations

import pandas as pd

from daam_nb.studies.maps.word_roles import OBJECT
from daam_nb.studies.oracles.scores import IOU_COLUMNS, TAUS
from daam_nb.studies.stats.halves import halves

HELD_OUT, TAU, HALF = "iou_held_out", "tau", "half"


def cross_fitted(table: pd.DataFrame) -> pd.DataFrame:
    """Score every object's word once per method, with the choice of the other half of the nouns.

    Parameters
    ----------
    table
        Of `measuring.map_scores`, of any methods, choices and data.

    Returns
    -------
    DataFrame
        The rows of words that name objects, of the one choice whose mean IoU, at the best
        threshold, was highest on the other half (the first one in a tie), with ``iou_held_out`` at
        that threshold, ``tau``, and ``half``. Empty for a method whose words are all in one half.
    """
    objects = table[(table.role == OBJECT) & table[IOU_COLUMNS[0]].notna()]
    half = objects.noun.map(halves(objects.noun))
    objects = objects.assign(**{HALF: half})
    parts = []
    for _, rows in objects.groupby(["data", "method"], sort=False):
        for reported in (0, 1):
            training, held_out = rows[rows[HALF] != reported], rows[rows[HALF] == reported]
            if training.empty or held_out.empty:
                continue
            choice, tau = best_choice(training)
            kept = held_out[held_out.choice == choice]
            column = IOU_COLUMNS[TAUS.index(tau)]
            parts.append(kept.assign(**{HELD_OUT: kept[column].astype(float), TAU: tau}))
    if not parts:
        return objects.assign(**{HELD_OUT: float("nan"), TAU: float("nan")}).iloc[:0]
    return pd.concat(parts, ignore_index=True)


def best_choice(rows: pd.DataFrame) -> tuple[str, float]:
    """The choice and threshold with the highest mean IoU; the first one in a tie."""
    means = rows.groupby("choice", sort=False)[list(IOU_COLUMNS)].mean().astype(float)
    flat = int(means.to_numpy().argmax())
    choice, column = divmod(flat, len(TAUS))
    return str(means.index[choice]), TAUS[column]


def chosen(fitted: pd.DataFrame) -> pd.DataFrame:
    """What was chosen for which half: data, method, half, choice, tau, and the half's words."""
    columns = ["data", "method", HALF, "choice", TAU]
    counted = fitted.groupby(columns, sort=False).size()
    return counted.rename("n").reset_index()
