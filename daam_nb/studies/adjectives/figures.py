"""Tables and figures of the study of adjectives.

Intervals are for these nouns and new images of them; next to each is that of whole nouns
(`two_intervals`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.studies.report import two_intervals
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.stats.comparison import holm_of
from daam_nb.studies.stats.intervals import SHARE

REPLAYED, FREE, OTHER_SEED = "attention replayed", "attention its own", "another seed"
BY_JUDGE, BY_MAP = "the judge's masks", "the noun's map"

ENOUGH = 50
"""Pairs from which on a mean is not shown as rare."""


def reach(table: pd.DataFrame) -> pd.DataFrame:
    """Change inside and outside the noun, by how the second image was made."""
    return two_intervals.summary(
        _one_choice(table),
        by=["how"],
        value=["outside", "inside", "outside_share", "region_share", "layout"],
        noun="noun",
        bounds=SHARE,
        enough=ENOUGH,
    )


def spills(table: pd.DataFrame) -> pd.DataFrame:
    """Spill of the adjective, and of the scene's other noun for comparison, by layers."""
    replayed = table[table.how == REPLAYED]
    long = pd.concat(
        [
            replayed.assign(word="adjective"),
            replayed.assign(
                word="the scene's other noun", spill=replayed.spill_other, iou=float("nan")
            ),
        ]
    )
    return two_intervals.summary(
        long,
        by=["layers", "word"],
        value=["spill", "iou"],
        noun="noun",
        bounds=SHARE,
        enough=ENOUGH,
    )


def contrasts(table: pd.DataFrame) -> pd.DataFrame:
    """Compare paired images: is the change outside the noun smaller with replay?

    Returns
    -------
    DataFrame
        ``what``, ``compared``; ``difference`` with the ends of both intervals (`two_intervals`);
        ``p`` over nouns and ``p_holm`` (for all rows together), which belong to the ends of whole
        nouns; ``n`` pairs.
    """
    of_first_choice = _one_choice(table)
    rows = []
    for value in ("outside", "inside", "layout"):
        if of_first_choice[value].isna().all():
            continue
        for other in (FREE, OTHER_SEED):
            wide = of_first_choice.pivot(
                index=["run", "noun"], columns="how", values=value
            ).reset_index()
            comparison, ends = two_intervals.compared(
                wide[REPLAYED], wide[other], nouns=wide.noun, bounds=(-1, 1)
            )
            rows.append(
                {
                    "what": value,
                    "compared": f"{REPLAYED} against {other}",
                    "difference": comparison.difference,
                    **{f"difference_{name}": end for name, end in ends.items()},
                    "p": comparison.p,
                    "n": comparison.n[0],
                }
            )
    return holm_of(pd.DataFrame(rows))[0] if rows else pd.DataFrame(rows)


def report(table: pd.DataFrame) -> Report:
    """Put everything on one page."""
    settings = table.attrs["settings"]
    pairs = table.run.nunique()
    seen = table.drop_duplicates("run").region == BY_JUDGE
    facts = {
        "model": settings["model"],
        "pairs of images": pairs,
        "nouns": table.noun.nunique(),
        "adjectives": ", ".join(dict.fromkeys(table.adjective)),
        "judge": settings["judge"] or "none",
        "pairs whose noun the judge sees": int(seen.sum()),
        "threshold of the maps": settings["threshold"],
        "intervals": two_intervals.HEADLINE.format(noun="noun"),
        "intervals, whole nouns": two_intervals.OTHERS.format(noun="noun"),
        "p": "permutation test: signs of whole nouns; Holm: for all tests of this page together",
        **{
            name: settings[name]
            for name in ("num_inference_steps", "guidance_scale")
            if name in settings
        },
    }
    where = f"{pairs} pairs of images of {settings['model']}; {two_intervals.CAPTION}."
    reached, spilled, paired = reach(table), spills(table), contrasts(table)
    return Report(
        name="adjectives",
        title="Adjectives: how far beyond its noun does one reach?",
        observations=table,
        tables={
            "Change of the image when the adjective is exchanged": two_intervals.of_these(
                reached, _HEADINGS
            ),
            "Spill of the maps: 1 - IoD in the noun": two_intervals.of_these(spilled, _HEADINGS),
            "Paired by image": two_intervals.of_these(paired, _HEADINGS),
            "Change of the image, intervals of whole nouns": two_intervals.of_nouns(
                reached, _HEADINGS
            ),
            "Spill of the maps, intervals of whole nouns": two_intervals.of_nouns(
                spilled, _HEADINGS
            ),
            "Paired by image, intervals of whole nouns": two_intervals.of_nouns(
                paired, _HEADINGS
            ).rename(columns=_OVER_NOUNS),
        },
        figures=figures(reached, spilled, caption=where),
        facts=facts,
    )


_OVER_NOUNS = {"p": "p (whole nouns)", "p_holm": "p, Holm"}
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


def figures(
    reached: pd.DataFrame, spilled: pd.DataFrame, *, caption: str = ""
) -> dict[str, Figure]:
    """Change inside and outside; spill."""
    places = [
        {"where": f"{row['how']}: {area}", "n": row["n"], "rare": row["rare"],
         **{f"change{end}": row[f"{area}{end}"] for end in ("", "_low", "_high")}}
        for row in reached.to_dict("records")
        for area in ("inside", "outside")
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
    """Rows of one choice of layers: measures of images are the same for all."""
    return table[table.layers == table.layers.iloc[0]]
