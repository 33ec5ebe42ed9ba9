"""Objects that the judge no longer sees: with their own word ablated, another one, or none."""

from __future__ import annotations

import math

import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.studies.faithfulness.ablations import ABLATIONS, CONTROL, OBJECT, RANDOM
from daam_nb.studies.report.figures import bars
from daam_nb.studies.stats.comparison import compare, holm_of
from daam_nb.studies.stats.intervals import share

IMAGES = 100
"""Images of the table: the first of the corpus whose object the judge sees."""

ENDS = ("", "_low", "_high")
KINDS = {OBJECT: "lost", CONTROL: "other", RANDOM: "random"}
DIFFERENCES = {"difference": CONTROL, "above_random": RANDOM}


def counted(table: pd.DataFrame, *, images: int | None = IMAGES) -> list[str]:
    """Select the runs for the losses.

    Parameters
    ----------
    table
        Of `ablation_effects`, measured with a judge.
    images
        Number of runs, in the order of the table, whose object the judge sees before any ablation
        and whose prompt has another content word; None for all of them.
    """
    there = table[table.before.map(lambda seen: seen is True or seen == 1)]
    compared = set(there.run[there.kind == CONTROL])
    return [run for run in dict.fromkeys(there.run) if run in compared][:images]


def losses(table: pd.DataFrame, *, images: int | None = IMAGES) -> pd.DataFrame:
    """Compute how often the judge no longer sees an object, with its own or another word ablated.

    Parameters
    ----------
    table, images
        As for `counted`.

    Returns
    -------
    DataFrame
        One row per ablation: n (images), share of lost objects with the object's word ablated
        (``lost``), with the other one (``other``) and with as many columns at random
        (``random``), each with its interval (`intervals.share`); ``difference`` of the first two
        and ``above_random`` of the first and the third, paired by image, with intervals whose
        clusters are whole prompts; p of a permutation test of the former, p_holm (for all rows
        together, Holm 1979). Empty without a judge.
    """
    counted_rows = table[table.run.isin(counted(table, images=images))]
    counted_rows = counted_rows[counted_rows.change.isin(list(ABLATIONS))].drop_duplicates(
        ["run", "kind", "change"]
    )
    rows = []
    for change, part in counted_rows.groupby("change", sort=False):
        lost = part.assign(lost=1.0 - part.after.astype(float))
        wide = lost.pivot(index=["run", "prompt"], columns="kind", values="lost").reset_index()
        rows.append({"ablated": change, "n": len(wide), **_shares(wide), **_differences(wide)})
    names = [f"{name}{end}" for name in (*KINDS.values(), *DIFFERENCES) for end in ENDS]
    return holm_of(pd.DataFrame(rows, columns=["ablated", "n", *names, "p"]))[0]


def _shares(wide: pd.DataFrame) -> dict[str, float]:
    row: dict[str, float] = {}
    for kind, name in KINDS.items():
        if kind in wide:
            known = share(wide[kind], clusters=wide.prompt)
            row |= {name: known.mean, f"{name}_low": known.low, f"{name}_high": known.high}
    return row


def _differences(wide: pd.DataFrame) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, kind in DIFFERENCES.items():
        if kind in wide:
            known = compare(
                wide[OBJECT], wide[kind], paired=True, clusters=wide.prompt, bounds=(-1, 1)
            )
            row |= {name: known.difference, f"{name}_low": known.low, f"{name}_high": known.high}
            row |= {"p": known.p} if kind == CONTROL else {}
    return row


def lost_figure(lost: pd.DataFrame, *, caption: str = "", enough: int = 50) -> Figure:
    """Draw bars of `losses`: for each ablation the object's word, the other one, random columns."""
    whose = {"lost": "the object's word", "other": "another word", "random": "random columns"}
    rows = []
    for row in lost.to_dict("records"):
        for name, text in whose.items():
            if math.isnan(row[name]):
                continue
            ends = {f"lost{end}": row[f"{name}{end}"] for end in ENDS}
            about = {"ablated": row["ablated"], "whose": text, "n": row["n"]}
            rows.append({**about, "rare": row["n"] < enough, **ends})
    return bars(
        pd.DataFrame(rows),
        label="ablated",
        value="lost",
        group="whose",
        title="Objects that the judge no longer sees",
        axis="images",
        percent=True,
        limits=(0, 1.12),
        caption=caption,
    )
