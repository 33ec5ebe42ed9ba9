"""Figures of the head atlas: how well each head finds objects, and what changes without it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.studies.atlas.statistics import ENOUGH, HEAD, HEADINGS, columns_of
from daam_nb.studies.report.figures import bars
from daam_nb.studies.stats.intervals import SHARE, summary

MAPS = {"average_precision": "attention", "effect_average_precision": "effect"}
CAUSES = {"ablated": "everywhere", "ablated_inside": "inside the object"}


def figures_of(
    table: pd.DataFrame, fitted: pd.DataFrame, labels: Mapping[str, str], *, caption: str
) -> dict[str, Figure]:
    """Short file name -> figure."""
    named = table.assign(
        name=[
            f"{labels.get(layer, layer)}, {head}"
            for layer, head in zip(table.layer, table[HEAD[1]], strict=True)
        ]
    )
    drawn = {}
    known = columns_of(table)
    for file, columns, title, axis in (
        ("heads", MAPS, "How well each head's map finds the object", "mean average precision"),
        ("ablated", CAUSES, "What changes without each head", "change of the prediction, share"),
    ):
        parts = [
            named.assign(of=what, value=named[column].astype(float))
            for column, what in columns.items()
            if column in known
        ]
        if parts:
            means = summary(pd.concat(parts), by=["name", "of"], value="value", enough=ENOUGH)
            drawn[file] = bars(
                means, label="name", value="value", group="of", title=title, axis=axis,
                caption=caption,
            )  # fmt: skip
    if len(fitted):
        means = summary(fitted, by="way", value="average_precision", bounds=SHARE, enough=ENOUGH)
        drawn["chosen"] = bars(
            means, label="way", value="average_precision", title="Which heads to draw a map from",
            axis=f"mean {HEADINGS['average_precision']}, on the half that had no say",
            caption=caption,
        )  # fmt: skip
    return drawn
