"""Figures of the study of maps: methods against masks and causes, nouns, and one image's maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.studies.maps.choices import Choice, choices_for
from daam_nb.studies.maps.held_out import HELD_OUT
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.maps.statistics import (
    BOTH_SIGNS,
    ENOUGH,
    ON_CAUSES,
    ON_CONTRASTS,
    best_method,
)
from daam_nb.studies.maps.subjects import Source
from daam_nb.studies.maps.word_roles import OBJECT
from daam_nb.studies.redraw.strips import strip
from daam_nb.studies.report.figures import bars
from daam_nb.studies.stats.intervals import SHARE, summary


def figures_of(
    fitted: pd.DataFrame, methods: Mapping[str, Method], *, reference: str, caption: str
) -> dict[str, Figure]:
    """Short file name -> figure, of the table of `held_out.cross_fitted`."""
    if fitted.empty:
        return {}
    labeled = fitted.assign(method=[methods[name].label for name in fitted.method])
    of_masks = summary(labeled, by=["method", "data"], value=HELD_OUT, bounds=SHARE, enough=ENOUGH)
    drawn = {
        "methods": bars(
            of_masks,
            label="method",
            value=HELD_OUT,
            group="data",
            title="How well each map finds its object",
            axis="mean IoU, choices made on the other half of the nouns",
            caption=caption,
        )
    }
    for name, columns, title in (
        ("causes", ON_CAUSES, "How well each map says what changes without the word"),
        ("contrasts", ON_CONTRASTS, "How well two maps say which of two words changes what"),
    ):
        long = _long(labeled, columns)
        # A method whose maps are the same everywhere has no rank correlation.
        long = long[long.groupby("method").rho.transform("count") > 0] if len(long) else long
        if len(long):
            means = summary(
                long, by=["method", "cause"], value="rho", bounds=BOTH_SIGNS, enough=ENOUGH
            )
            drawn[name] = bars(
                means,
                label="method",
                value="rho",
                group="cause",
                title=title,
                axis="mean rank correlation over the cells",
                caption=caption,
            )
    if nouns := _nouns(fitted, methods, reference, caption):
        drawn["nouns"] = nouns
    return drawn


def _long(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """One row per word, method and cause."""
    parts = [
        rows.assign(cause=cause.removeprefix("contrast: "), rho=rows[column].astype(float))
        for column, cause in columns.items()
        if rows[column].notna().any()
    ]
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0]


def _nouns(
    fitted: pd.DataFrame, methods: Mapping[str, Method], reference: str, caption: str
) -> Figure | None:
    """The reference next to the best method, the worst noun first; None if they are the same."""
    best = best_method(fitted, methods)
    pair = list(dict.fromkeys([name for name in (best, reference) if name in set(fitted.method)]))
    rows = fitted[fitted.method.isin(pair)]
    if rows.empty:
        return None
    order = rows[rows.method == pair[0]].groupby("noun")[HELD_OUT].mean().sort_values().index
    rows = rows.assign(noun=pd.Categorical(rows.noun, list(order), ordered=True))
    rows = rows.sort_values(["noun"], kind="stable").astype({"noun": str})
    rows = rows.assign(method=[methods[name].label for name in rows.method])
    means = summary(rows, by=["noun", "method"], value=HELD_OUT, bounds=SHARE, enough=1)
    return bars(
        means,
        label="noun",
        value=HELD_OUT,
        group="method",
        title="Noun by noun, the worst first",
        axis="mean IoU, choices made on the other half of the nouns",
        caption=caption,
    )


def example(
    sources: Sequence[Source], methods: Mapping[str, Method], choices: Mapping[str, Choice]
) -> Figure | None:
    """The maps of the first object of the first image that shows a pair, or else any object.

    Each method with its first choice, except those that need the pipeline. None if no image shows
    an object.
    """
    best: tuple[int, Any, Any] | None = None
    for source in sources:
        subject = source.load()
        seen = [each for each in subject.words if each.role == OBJECT and each.mask is not None]
        if seen and (best is None or len(seen) > best[0]):
            best = (len(seen), subject, seen[0])
        if best is not None and best[0] > 1:
            break
    if best is None:
        return None
    _, subject, each = best
    recording = subject.recording
    panels: dict[str, Any] = {"image": recording.image, "mask": each.mask.astype(float)}
    words = [role.word for role in subject.words]
    for method in methods.values():
        if method.needs_pipe:
            continue
        choice = next(iter(choices_for(method.varies, choices).values()))
        maps = method.maps(recording, words, choice, subject.masks)
        if each.word in maps and np.ptp(maps[each.word]) > 0:  # nothing to see of a constant
            panels[method.name] = maps[each.word]
    return strip(
        panels,
        title=f"“{each.word.text}” in “{recording.prompt.text}”",
        caption="Each map from 0 to its own maximum, which stands above it.",
        inches=1.1,
    )
