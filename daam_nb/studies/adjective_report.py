"""The tables and figures of `studies.adjectives`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from daam_nb.studies.comparing import compare
from daam_nb.studies.figures import StudyFigure, bars
from daam_nb.studies.readable import readable
from daam_nb.studies.report import Report
from daam_nb.studies.statistics import summary

REPLAYED, FREE, OTHER_SEED = "attention replayed", "attention its own", "another seed"
BY_JUDGE, BY_MAP = "the judge's masks", "the noun's map"

ENOUGH = 50
"""Pairs from which on a mean is not shown as rare."""


def reach(table: pd.DataFrame) -> pd.DataFrame:
    """Change inside and outside the noun, by how the second picture was made."""
    return summary(
        _one_choice(table),
        by=["how"],
        value=["outside", "inside", "outside_share", "region_share", "layout"],
        clusters="noun",
        enough=ENOUGH,
    )


def spills(table: pd.DataFrame) -> pd.DataFrame:
    """Spill of the adjective, and of the scene's other noun for comparison, by layers."""
    one = table[table.how == REPLAYED]
    long = pd.concat(
        [
            one.assign(word="adjective"),
            one.assign(word="the scene's other noun", spill=one.spill_other, iou=float("nan")),
        ]
    )
    return summary(
        long, by=["layers", "word"], value=["spill", "iou"], clusters="noun", enough=ENOUGH
    )


def contrasts(table: pd.DataFrame) -> pd.DataFrame:
    """Paired by picture: is the change outside the noun smaller with replay; is the layout kept?"""
    one = _one_choice(table)
    rows = []
    for value in ("outside", "inside", "layout"):
        if one[value].isna().all():
            continue
        for other in (FREE, OTHER_SEED):
            wide = one.pivot(index=["run", "noun"], columns="how", values=value).reset_index()
            found = compare(wide[REPLAYED], wide[other], paired=True, clusters=list(wide.noun))
            rows.append(
                {
                    "what": value,
                    "compared": f"{REPLAYED} against {other}",
                    "difference": found.difference,
                    "difference_low": found.low,
                    "difference_high": found.high,
                    "p": found.p,
                    "n": found.n[0],
                }
            )
    return pd.DataFrame(rows)


def report(table: pd.DataFrame) -> Report:
    """Put everything on one page."""
    settings = table.attrs["settings"]
    pairs = table.run.nunique()
    seen = table.drop_duplicates("run").region == BY_JUDGE
    facts = {
        "model": settings["model"],
        "pairs of pictures": pairs,
        "nouns": table.noun.nunique(),
        "adjectives": ", ".join(dict.fromkeys(table.adjective)),
        "judge": settings["judge"] or "none",
        "pairs whose noun the judge sees": int(seen.sum()),
        "threshold of the maps": settings["threshold"],
        "intervals": "95 %, bootstrap of whole nouns",
        **{
            name: settings[name]
            for name in ("num_inference_steps", "guidance_scale")
            if name in settings
        },
    }
    where = f"{pairs} pairs of pictures of {settings['model']}; bars: 95 % intervals by noun."
    reached, spilled = reach(table), spills(table)
    return Report(
        name="adjectives",
        title="Adjectives: how far beyond its noun does one reach?",
        observations=table,
        tables={
            "Change of the picture when the adjective is exchanged": _shown(reached),
            "Spill of the maps: 1 - IoD in the noun": _shown(spilled),
            "Paired by picture": _shown(contrasts(table)),
        },
        figures=figures(reached, spilled, caption=where),
        facts=facts,
    )


_HEADINGS = {
    "outside": "change outside the noun",
    "inside": "change inside",
    "outside_share": "share of the change outside",
    "region_share": "share of the picture that is the noun",
    "layout": "layout kept (IoU)",
    "spill": "spill",
    "iou": "mIoU with the noun",
    "difference": "difference",
}


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """A summary with its intervals in the cells."""
    headings = {name: text for name, text in _HEADINGS.items() if name in table.columns}
    return readable(table.rename(columns={"clusters": "nouns"}), headings)


def figures(
    reached: pd.DataFrame, spilled: pd.DataFrame, *, caption: str = ""
) -> dict[str, StudyFigure]:
    """Change inside and outside; spill."""
    places = [
        {"where": f"{row['how']}: {place}", "n": row["n"], "rare": row["rare"],
         **{f"change{end}": row[f"{place}{end}"] for end in ("", "_low", "_high")}}
        for row in reached.to_dict("records")
        for place in ("inside", "outside")
    ]  # fmt: skip
    several = spilled.layers.nunique() > 1
    names = [
        f"{row['word']} ({row['layers']})" if several else row["word"]
        for row in spilled.to_dict("records")
    ]
    options: dict[str, Any] = {"caption": caption}
    return {
        "reach": bars(
            pd.DataFrame(places),
            label="where",
            value="change",
            title="Another adjective: change in the noun and outside",
            axis="mean change of a pixel, 0 to 1",
            **options,
        ),
        "spill": bars(
            spilled.assign(who=names),
            label="who",
            value="spill",
            title="Share of a word's map outside the noun's",
            axis="1 - IoD",
            percent=True,
            limits=(0, 1.1),
            **options,
        ),
    }


def _one_choice(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one choice of layers: what is measured of pictures is the same for all."""
    return table[table.layers == table.layers.iloc[0]]
