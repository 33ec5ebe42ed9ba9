"""The page of cohyponyms: tables by kind of pair, comparisons, and bars."""

from __future__ import annotations

import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.studies.cohyponyms.statistics import (
    by_class,
    contrasts,
    overlap_and_presence,
    summary,
    summary_of_known,
)
from daam_nb.studies.corpus.runs import Corpus
from daam_nb.studies.report import two_intervals
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import holm_of


def report(
    table: pd.DataFrame,
    *,
    runs: Corpus,
    known: pd.DataFrame | None = None,
    resamples: int | None = None,
) -> Report:
    """Put the tables of one corpus on one page; `known` of `presence_in_known`."""
    first = runs[0].load()
    settings = table.attrs["settings"]
    means = summary(table)
    compared, related = holm_of(
        contrasts(table, resamples=resamples), overlap_and_presence(table, resamples=resamples)
    )
    facts = {
        "model": first.facts.model,
        "images": len(runs),
        "prompts": table.prompt.nunique(),
        "steps": first.facts.num_steps,
        "guidance": first.facts.guidance,
        "who looked": settings["presence"],
        **{f"layers: {name}": choice for name, choice in settings["layers"].items()},
        "threshold of mIoU": settings["threshold"],
        "intervals": two_intervals.HEADLINE.format(noun="first noun"),
        "intervals, whole nouns": two_intervals.OTHERS.format(noun="first noun"),
        "p (whole nouns)": "permutation test: signs of whole first nouns",
        "p (these nouns)": "permutation test: labels of images within first nouns",
        "p, Holm": f"for all {len(compared) + len(related)} tests of this page together",
    }
    where = f"{len(runs)} images of {facts['model']}; looked at by: {settings['presence']}; "
    where += f"{two_intervals.CAPTION}."
    tables = {
        "By kind of pair": two_intervals.of_these(means, _HEADINGS),
        "By kind of pair, intervals of whole first nouns": two_intervals.of_nouns(means, _HEADINGS),
        "Compared with the same first noun and the same noise": compared.rename(columns=_COMPARED),
        "Overlap of the maps where both objects are there, and where not": related.rename(
            columns=_RELATED
        ),
        "Cohyponyms, class by class": two_intervals.of_these(by_class(table), _HEADINGS),
    }
    if known is not None and len(known):
        tables["What was found in images that surely show both"] = headed(
            summary_of_known(known), _HEADINGS
        )
    return Report(
        name="cohyponyms",
        title="Cohyponyms: two things of one kind in one image",
        observations=table,
        tables=tables,
        figures=presence_and_overlap_bars(means, caption=where),
        facts=facts,
    )


_ENDS = {"low_nouns": "low, whole nouns", "high_nouns": "high, whole nouns"}
_COMPARED = _ENDS | {"p": "p (whole nouns)", "p_holm": "p, Holm", "effect": "d_z"}
_RELATED = _ENDS | {
    "with_both": "both there",
    "without": "one missing",
    "difference": "difference within nouns",
    "p": "p (these nouns)",
    "p_holm": "p, Holm",
    "effect": "Cohen's d within nouns",
    "spearman": "Spearman's rho",
    "n_both": "n, both there",
    "n_without": "n, one missing",
    "nouns": "nouns with both sorts",
    "left_out": "nouns left out",
}
_HEADINGS = {"both": "both there", "objects": "objects", "iou": "mIoU", "overlap": "overlap"}


def presence_and_overlap_bars(means: pd.DataFrame, *, caption: str = "") -> dict[str, Figure]:
    """Draw bars of a `summary`: presence of both objects, and overlap of the maps by layers."""
    of_first_layers = means[means.layers == means.layers.iloc[0]]
    both = bars(
        of_first_layers,
        label="kind",
        value="both",
        title="Both objects are in the image",
        axis="images",
        percent=True,
        caption=caption,
    )
    # Colors could not tell layers apart where all bars are gray.
    named = means.assign(kind=means.kind + ", " + means.layers + " layers")
    named = named.sort_values("layers", kind="stable")
    several = means.layers.nunique() > 1
    overlap = bars(
        named if several else means,
        label="kind",
        value="overlap",
        title="Overlap of the two words’ maps",
        axis="sum of minima over sum of maxima",
        percent=True,
        caption=caption,
    )
    return {"both": both, "overlap": overlap}
