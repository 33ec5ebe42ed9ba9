"""What people's answers say: means with intervals, and how far the raters agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import MissingExtraError, StudyError
from daam_nb.kinds import check_choice, kind_of, names_checked
from daam_nb.studies import arguments
from daam_nb.studies.rating.tasks import PAIRS, WORDS, Level, Task, task_named
from daam_nb.studies.stats import influence
from daam_nb.studies.stats.intervals import ENOUGH, SHARE, Bounds, check_confidence
from daam_nb.studies.stats.intervals import summary as means_of
from daam_nb.studies.stats.stratified import numbered

CONTROL = "another word’s map"
"""Name of the group of the controls."""

_VALUES = {WORDS.name: ["score"], PAIRS.name: ["both", "objects"]}
_GROUPS = {WORDS.name: "pos", PAIRS.name: "kind"}
_BOUNDS: dict[str, Bounds] = {"score": (1, 5), "both": SHARE, "objects": (0, 2)}


@names_checked
def summary(table: pd.DataFrame, *, enough: int = ENOUGH) -> pd.DataFrame:
    """Mean answer by part of speech, or by kind of pair.

    Parameters
    ----------
    table
        Of `rating.ratings`.
    enough
        Groups with fewer answers are marked ``rare``.

    Returns
    -------
    DataFrame
        As `intervals.summary` with prompts as clusters: intervals are of these raters and what
        other prompts might give, not of other raters; the highest mean first. Of words: ``pos``,
        ``score`` (the mean opinion score, 1 to 5); controls are a group of their own, `CONTROL`,
        the last. Of pairs: ``kind``, ``both`` (share of answers), ``objects`` (0 to 2). ``items``,
        ``raters``: how many. Without answers it has no rows.

    Raises
    ------
    StudyError
        For another table, and for one that holds several answers of a rater to one item.
    """
    task, answers = _answers(table)
    enough = arguments.whole(enough, "enough", low=0)
    by, values = _GROUPS[task.name], _VALUES[task.name]
    rows = _grouped(answers)
    bounds = {name: _BOUNDS[name] for name in values}
    means = means_of(rows, by=by, value=values, bounds=bounds, enough=enough)
    for name, column in (("items", "item"), ("raters", "rater")):
        means[name] = means[by].map(rows.groupby(by)[column].nunique()).astype(int)
    means["rare"] = means.pop("rare")
    last = (means[by] == CONTROL).to_numpy(dtype=bool)
    order = np.lexsort((-means[values[0]].to_numpy(dtype=float), last))
    return means.iloc[order].reset_index(drop=True)


@names_checked
def agreement(table: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """How far the raters agree: Krippendorff's alpha.

    Parameters
    ----------
    table
        Of `rating.ratings`.
    confidence
        Of the intervals, which are of these raters and other prompts: of the jackknife of whole
        prompts, with skewness taken out (`influence`); none with fewer than ten prompts.

    Returns
    -------
    DataFrame
        A row for all answers but controls (``group`` "all") and one per part of speech or kind,
        and for the controls: ``level``
        (ordinal for scores, nominal for both, one, neither), ``raters``, ``items`` that at least
        two of them answered, ``n`` answers to these, ``alpha`` and its interval. 1: they always
        agree; 0: no more than by chance; below 0: less. NaN where nobody shares an item, or where
        all answers are the same, so that chance would agree as well.

    Raises
    ------
    StudyError
        For another table, and for one that holds several answers of a rater to one item; for a
        confidence that is no number between 0 and 1.

    References
    ----------
    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"; by the package `krippendorff`.
    """
    task, answers = _answers(table)
    check_confidence(confidence)
    rows = _grouped(answers)
    by = _GROUPS[task.name]
    parts = [("all", rows[rows[by] != CONTROL]), *rows.groupby(by, sort=False)]
    parts_agreed = [_agreed(str(name), part, task, confidence) for name, part in parts]
    columns = ["group", "level", "raters", "items", "n", "alpha", "alpha_low", "alpha_high"]
    return pd.DataFrame(parts_agreed, columns=columns)


@names_checked
def alpha(counts: NDArray[np.int64], *, level: Level, values: list[float]) -> float:
    """Krippendorff's alpha of counts, NaN where it is not defined.

    Parameters
    ----------
    counts
        (item, answer): how many raters gave each answer.
    level
        Of measurement.
    values
        Number of each answer, ascending.

    Examples
    --------
    >>> counts = np.array([[2, 0], [0, 2], [1, 1]])
    >>> round(alpha(counts, level="nominal", values=[0.0, 1.0]), 3)
    0.444
    """
    try:
        import krippendorff
    except ImportError:
        raise MissingExtraError("krippendorff", "studies", "The agreement of raters") from None

    counts = np.asarray(counts)
    whole = counts.dtype.kind in "iu" and counts.ndim == 2 and counts.shape[1] == len(values)
    if not whole or (counts < 0).any():
        raise StudyError(
            "Counts must be whole numbers >= 0, (item, answer), with a column for each of the "
            f"{len(values)} values, not {kind_of(counts)} of {counts.dtype}."
        )
    check_choice(level, "level", ("ordinal", "nominal"))
    shared = counts[counts.sum(1) >= 2]
    if (shared.sum(0) > 0).sum() < 2:
        return math.nan
    value = krippendorff.alpha(value_counts=shared, value_domain=values, level_of_measurement=level)
    return float(value)


@names_checked
def raters(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rater: answers, mean, median seconds; of controls the mean apart.

    Names are left out, as this is for publication: "rater 1" is the first in the table. What was
    skipped is no answer.

    Raises
    ------
    StudyError
        For another table, and for one that holds several answers of a rater to one item.
    """
    task, answers = _answers(table)
    value = _VALUES[task.name][-1]
    rows = []
    for number, (_, part) in enumerate(answers.groupby("rater", sort=False), 1):
        own = part[part.control == 0] if "control" in part else part
        row = {
            "rater": f"rater {number}",
            "n": len(part),
            f"mean {value}": own[value].mean(),
            "median seconds": part.seconds.median(),
        }
        if "control" in part:
            row["mean of controls"] = part[part.control == 1][value].mean()
        rows.append(row)
    return pd.DataFrame(rows)


# --- inside ---------------------------------------------------------------------------------------


def _answers(table: pd.DataFrame) -> tuple[Task, pd.DataFrame]:
    """The task, and the rows without those that were skipped; each rater's answer counts once."""
    task = _task(table)
    twice = table[table.duplicated(["rater", "item"])]
    if len(twice):
        rater, item = twice[["rater", "item"]].iloc[0]
        raise StudyError(
            f"The table holds several rows of {rater!r} for the item {item!r}, each of which would "
            "count. Read several folders together, which detects that, rating.ratings([folder, "
            "other]), or keep one: table.drop_duplicates(['rater', 'item'])."
        )
    return task, table[table.act == "answer"] if "act" in table else table


def _task(table: pd.DataFrame) -> Task:
    if not isinstance(table, pd.DataFrame):
        raise StudyError(
            f"The table must be that of rating.ratings, not {kind_of(table)}. Read it first: "
            "rating.ratings('ratings/words')."
        )
    try:
        return task_named(table.attrs["task"])
    except (KeyError, StudyError):
        for name, values in _VALUES.items():  # some of pandas' operations lose the attrs
            if {*values, _GROUPS[name], "rater", "item", "prompt"} <= set(table.columns):
                return task_named(name)
    raise StudyError(
        "The table holds no answers by people. To read some: rating.ratings('ratings/words')."
    )


def _grouped(table: pd.DataFrame) -> pd.DataFrame:
    """With controls in a group of their own, whatever the word's part of speech."""
    if "control" not in table:
        return table
    return table.assign(pos=table.pos.where(table.control == 0, CONTROL))


def _agreed(name: str, part: pd.DataFrame, task: Task, confidence: float) -> dict[str, Any]:
    values = sorted(task.values.values())
    number = part.answer.map(task.values).astype(float)
    cells = pd.crosstab(part.item, number).reindex(columns=values, fill_value=0)
    counts = cells.to_numpy(dtype=np.int64).reshape(-1, len(values))
    shared = counts.sum(1) >= 2
    value = alpha(counts, level=task.level, values=values)
    low = high = math.nan
    if not math.isnan(value):
        prompts = part.drop_duplicates("item").set_index("item").prompt.reindex(cells.index)
        low, high = _alpha_ends(
            counts[shared],
            prompts[shared],
            task,
            values,
            estimate=value,
            confidence=confidence,
        )
    both = part[part.item.isin(cells.index[shared])]
    return {
        "group": name,
        "level": task.level,
        "raters": both.rater.nunique(),
        "items": int(shared.sum()),
        "n": len(both),
        "alpha": value,
        "alpha_low": low,
        "alpha_high": high,
    }


def _alpha_ends(
    counts: NDArray[np.int64],
    prompts: pd.Series,
    task: Task,
    values: list[float],
    *,
    estimate: float,
    confidence: float,
) -> tuple[float, float]:
    """Of whole prompts: what each moves alpha by is what alpha is without it."""
    places = numbered(prompts.tolist(), "prompt")
    size = int(places.max()) + 1
    if size < influence.LEAST:
        return math.nan, math.nan
    without = np.array(
        [alpha(counts[places != left], level=task.level, values=values) for left in range(size)]
    )
    if np.isnan(without).any():  # all other prompts have one answer
        return math.nan, math.nan
    moves = (without.mean() - without) * (size - 1) / size
    answers = np.bincount(places, weights=counts.sum(1)).astype(np.float64)
    low, high = influence.ends(estimate, moves, answers, confidence=confidence)
    return low, min(high, 1.0)
