"""Tables and figures of the study of faithfulness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import INK, Axis, Chart, Dots, Legend, Mark, Note
from daam_nb.studies.corpus.generation import Corpus
from daam_nb.studies.faithfulness.ablations import ABLATIONS, ANOTHER_SEED, OBJECT, RANDOM
from daam_nb.studies.faithfulness.ablations import OWN as OWN_COLUMNS
from daam_nb.studies.faithfulness.heads import rank_agreement, ranking
from daam_nb.studies.faithfulness.losses import counted, losses, lost_figure
from daam_nb.studies.report.figures import COLORS, bars, chart_figure
from daam_nb.studies.report.figures import curves as curve_figure
from daam_nb.studies.report.page import Report
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import holm_of
from daam_nb.studies.stats.intervals import SHARE, ratio, summary

if TYPE_CHECKING:
    pass

OWN, EFFECT = "the word's", "the word's effect"
NAMED = 4
"""Heads with a number in their figure: those whose loss changes the images most."""

ENOUGH = 50
"""Images from which on a mean is not shown as rare."""


def agreements(table: pd.DataFrame) -> pd.DataFrame:
    """Mean agreement of maps and changes, by change, kind of word, layers and map.

    Changes by random columns are compared only with the object's own maps, as their null.
    """
    return summary(
        table[(table.kind != RANDOM) | table["map"].isin((OWN, EFFECT))],
        by=["kind", "change", "layers", "map"],
        value=["correlation", "rank_correlation", "pointing", "caught", "amount"],
        bounds={
            **dict.fromkeys(("correlation", "rank_correlation"), (-1.0, 1.0)),
            **dict.fromkeys(("pointing", "caught", "amount"), SHARE),
        },
        enough=ENOUGH,
    )


def report(
    table: pd.DataFrame, heads: pd.DataFrame, curves: pd.DataFrame, *, runs: Corpus
) -> Report:
    """Put everything on one page."""
    first, lost = runs[0].load(), losses(table)
    every = losses(table, images=None)  # more exact than the images fixed by the rule
    settings = table.attrs["settings"]
    measured = table.run.nunique()
    facts = {
        "model": first.facts.model,
        "images": f"{measured} of {len(runs)} drawn",
        "left out": "those in which the judge does not see the object"
        if settings["skip_unseen"]
        else "those whose prompt names no object",
        "prompts": table.prompt.nunique(),
        "steps": first.facts.num_steps,
        "guidance": first.facts.guidance,
        "judge": settings["judge"] or "none",
        **{f"layers: {name}": choice for name, choice in settings["layers"].items()},
        "intervals": (
            "95 %, whole prompts as clusters, ten or more; of shares of images that are prompts "
            "of their own, Clopper's and Pearson's"
        ),
    }
    if len(lost):
        facts["images of the losses"] = _which(table, runs)
        facts["p, Holm"] = "for all tests of this page together"
    where = f"{_images(table)} of {first.facts.model}; bars: 95 % intervals by prompt."
    agreed = agreements(table)
    tables = {"Where the image changes, and where the map is": _shown(agreed)}
    if len(lost):
        tables |= _of_losses(lost, every)
    tables["What was taken away"] = _definitions(table)
    if len(heads):
        tables["Effect and attention of heads: do the rankings agree?"] = _shown(
            rank_agreement(heads)
        )
        tables["Heads by the effect of taking them away"] = ranking(heads)
    if len(curves):
        tables["Deletion and insertion"] = _shown(_curve_summary(curves, table))
    return Report(
        name="faithfulness",
        title="Is attention an explanation?",
        observations=table,
        tables=tables,
        figures=figures(agreed, every, heads, curves, table, caption=where),
        facts=facts,
    )


def _of_losses(lost: pd.DataFrame, every: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Losses of the images selected by the rule and, if there are more, of all images.

    The tests of both are one family.
    """
    if every.n.max() <= lost.n.max():
        return {"Objects that the judge no longer sees": _shown(lost)}
    lost, every = holm_of(lost, every)
    return {
        "Objects that the judge no longer sees": _shown(lost),
        "The same in all images with an object and another content word": _shown(every),
    }


def _definitions(table: pd.DataFrame) -> pd.DataFrame:
    """Definition of each ablation, with its mean number of columns for the object's word."""
    of_objects = table[table.kind == OBJECT].drop_duplicates(["run", "change"])
    means = of_objects.groupby("change", sort=False)["columns"].mean()
    named = [(name, text) for name, text in ABLATIONS.items() if name in means]
    return pd.DataFrame(
        [{"name": name, "what": text, "columns": f"{means[name]:.1f}"} for name, text in named],
        columns=["name", "what", "columns"],
    )


def _which(table: pd.DataFrame, runs: Corpus) -> str:
    """The images of `losses`, by the rule that chose them, and how many it left out."""
    chosen = counted(table)
    keys = [run.key for run in runs]
    looked = keys[: keys.index(chosen[-1]) + 1]
    seen = table[table.before.map(lambda value: value is True or value == 1)].run.unique()
    unseen = len(looked) - len(set(looked) & set(seen))
    return (
        f"the first {len(chosen)} in which the judge sees the object and whose prompt has another "
        f"content word, of {len(looked)} in order; left out: {unseen} without their object (or "
        f"naming none), {len(looked) - unseen - len(chosen)} without another content word"
    )


_HEADINGS = {
    "correlation": "correlation",
    "rank_correlation": "rank correlation",
    "pointing": "pointing",
    "caught": "caught",
    "amount": "amount",
    "lost": "lost, its own word ablated",
    "other": "lost, another word ablated",
    "random": "lost, random columns ablated",
    "difference": "own minus another",
    "above_random": "own minus random",
    "rho": "rho",
    "deletion": "deletion",
    "insertion": "insertion",
}


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """A summary with its intervals in the cells."""
    headings = {name: text for name, text in _HEADINGS.items() if name in table.columns}
    left_out = [name for name in ("clusters", "rare") if name in table.columns]
    return headed(table.drop(columns=left_out), headings)


def figures(
    agreed: pd.DataFrame,
    lost: pd.DataFrame,
    heads: pd.DataFrame,
    curves: pd.DataFrame,
    table: pd.DataFrame,
    *,
    caption: str = "",
) -> dict[str, Figure]:
    """Agreement by map, lost objects, heads, and the two curves."""
    figures = {
        "agreement": bars(
            _held_against(agreed),
            label="held against",
            value="correlation",
            title="Does the map say where the image changes?",
            axis="correlation of map and change over the pixels",
            caption=f"{caption} Change: {agreed.change.iloc[0]} ablated; behind a stroke, another.",
        )
    }
    if len(lost):
        figures["lost"] = lost_figure(lost, caption=caption, enough=ENOUGH)
    if len(heads):
        figures["heads"] = _heads_figure(ranking(heads), images=_images(heads))
    if len(curves):
        figures |= _curve_figures(curves, table)
    return figures


def _held_against(agreed: pd.DataFrame) -> pd.DataFrame:
    """Each map compared with the ablation of the object's word, its own also with two nulls."""
    first = agreed.change.iloc[0]
    ablated = (agreed.kind == OBJECT) & (agreed.change == first)
    seeds = (agreed.change == ANOTHER_SEED) & agreed["map"].isin((OWN, EFFECT))
    chance = (agreed.kind == RANDOM) & (agreed.change == first)
    rows_shown = agreed[ablated | seeds | chance]
    several = rows_shown.layers.nunique() > 1
    names = []
    for row in rows_shown.to_dict("records"):
        name = row["map"] + (" map" if "'s" in row["map"] else "")
        if several and "'s" in row["map"]:
            name += f" ({row['layers']})"
        if row["change"] == ANOTHER_SEED:
            name += " / another seed"
        names.append(name + (" / random columns" if row["kind"] == RANDOM else ""))
    return rows_shown.assign(**{"held against": names})


def _curve_summary(curves: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Deletion and insertion of all images: changes are summed before they are divided.

    The mean of the images' own ratios would be dominated by images that hardly change.
    """
    first = table[(table.kind == OBJECT) & (table.change == OWN_COLUMNS)]
    whole = first.drop_duplicates("run").set_index("run").amount
    rows = []
    for (order, share), part in curves.groupby(["order", "share"], sort=False):
        below = part.run.map(whole).astype(float)
        inside = below * part.deletion.astype(float)
        kept = below * part.insertion.astype(float)
        row = {"order": order, "share": share}
        for name, above in (("deletion", inside), ("insertion", kept)):
            estimate = ratio(above, below, clusters=part.prompt)
            row |= {"n": estimate.n, "clusters": estimate.clusters, name: estimate.mean}
            row |= {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(row | {"rare": row["n"] < ENOUGH})
    return pd.DataFrame(rows)


def _curve_figures(curves: pd.DataFrame, table: pd.DataFrame) -> dict[str, Figure]:
    means = _curve_summary(curves, table)
    text = {
        "deletion": ("Ablated where the map is highest", "share of the whole change"),
        "insertion": ("Kept where the map is highest", "share of the change avoided"),
    }
    return {
        name: curve_figure(
            means,
            x="share",
            value=name,
            by="order",
            title=title,
            x_axis="share of the image's pixels",
            y_axis=axis,
            caption=f"{_images(curves)}; bands: 95 % intervals by prompt.",
        )
        for name, (title, axis) in text.items()
    }


def _heads_figure(ranked: pd.DataFrame, *, images: str) -> Figure:
    """One dot per head: attention to the words across, effect up, colored by stage."""
    stages = [name.split("_")[0] for name in ranked.layer]
    marks: list[Mark] = []
    for number, stage in enumerate(dict.fromkeys(stages)):
        part = ranked[[own == stage for own in stages]]
        across, up = (tuple(part[name].tolist()) for name in ("attention_to_text", "amount"))
        marks.append(Dots(across, up, COLORS[number % len(COLORS)], area=22, label=stage))
    for number, row in enumerate(ranked.head(NAMED).to_dict("records"), 1):
        at = (row["attention_to_text"], row["amount"])
        marks.append(Note(str(number), *at, offset=(5, 3), color=INK))
    chart = Chart(
        tuple(marks),
        inches=(4.0, 6.4),
        x=Axis("mean attention of the head to the words", margin=0.15),
        y=Axis("mean change of the image without it"),
        legend=Legend(small=False),
    )
    first = [
        f"{number}: {_short(row['layer'])}, head {row['head']}"
        for number, row in enumerate(ranked.head(NAMED).to_dict("records"), 1)
    ]
    caption = f"{images}, {len(ranked)} heads; each head ablated alone. {'; '.join(first)}."
    title = "Heads: attention to the words, and what changes without them"
    return chart_figure(chart, title=title, caption=caption)


def _short(layer: str) -> str:
    """A layer's name without the part that all share."""
    return layer.split(".transformer_blocks", maxsplit=1)[0].removesuffix(".attn2")


def _images(table: pd.DataFrame) -> str:
    count = table.run.nunique()
    return f"{count} image{'s' if count != 1 else ''}"
