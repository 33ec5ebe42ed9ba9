"""Tables of the study of maps: means with intervals, paired differences, worst nouns first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from daam_nb.studies.maps.held_out import HELD_OUT, chosen
from daam_nb.studies.maps.measuring import CONTRAST, SHOWN_IOU, SPEARMAN
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.maps.subjects import GENERATED
from daam_nb.studies.maps.word_roles import OBJECT, OTHER
from daam_nb.studies.oracles.scores import spearman
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import compare, holm_of
from daam_nb.studies.stats.intervals import SHARE, summary

ON_MASKS = {
    SHOWN_IOU: "IoU at 0.4",
    "average_precision": "average precision",
    "pointing": "pointing",
    "leakage": "leakage",
}
HELD_OUT_HEADING = "IoU, choices of the other half"
ON_CAUSES = {column: cause for cause, column in SPEARMAN.items()}
ON_CONTRASTS = {column: f"contrast: {cause}" for cause, column in CONTRAST.items()}
MEASURES = {HELD_OUT: HELD_OUT_HEADING, **ON_MASKS, **ON_CAUSES, **ON_CONTRASTS}
"""Column -> its heading."""

BOTH_SIGNS = (-1.0, 1.0)
ENOUGH = 50
"""Words from which on a mean is not shown as rare."""

MIN_WORDS = 3
"""Words of a prompt from which on they can be ranked."""


def bounds_of(column: str) -> tuple[float, float]:
    """The smallest and the largest possible value of a measure."""
    return BOTH_SIGNS if column in {**ON_CAUSES, **ON_CONTRASTS} else SHARE


def on_masks(table: pd.DataFrame) -> pd.DataFrame:
    """Every method with every choice against the masks of objects."""
    objects = table[table.role == OBJECT]
    return _means(objects, ["data", "method", "choice"], ON_MASKS)


def held_out(fitted: pd.DataFrame) -> pd.DataFrame:
    """Every method against the masks, with what was chosen on the other half of the nouns."""
    means = _means(fitted, ["data", "method"], {HELD_OUT: HELD_OUT_HEADING, **ON_MASKS})
    texts = {
        key: "; ".join(f"{row.choice}, {row.tau:g}" for row in rows.itertuples())
        for key, rows in chosen(fitted).groupby(["data", "method"], sort=False)
    }
    keys = zip(means.data, means.method, strict=True)
    return means.assign(**{"chosen for each half": [texts[key] for key in keys]})


def on_causes(fitted: pd.DataFrame) -> pd.DataFrame:
    """Every method against what changes without the word; of choices as in `held_out`."""
    return _observed(_means(fitted, ["method"], ON_CAUSES))


def on_contrasts(fitted: pd.DataFrame) -> pd.DataFrame:
    """As `on_causes`, for the difference of a pair's two maps and of the two changes."""
    return _observed(_means(fitted, ["method"], ON_CONTRASTS))


def by_role(table: pd.DataFrame) -> pd.DataFrame:
    """Every method, at its first choice, against the masks of words of each role."""
    first = table.groupby("method", sort=False).choice.transform("first")
    rows = table[(table.choice == first) & (table.role != OTHER)]
    shown = {name: ON_MASKS[name] for name in (SHOWN_IOU, "average_precision", "pointing")}
    return _means(rows, ["data", "role", "method"], shown)


def ranked_words(table: pd.DataFrame) -> pd.DataFrame:
    """For each image, method and choice: do the words' maxima rank as their influence does?

    Returns
    -------
    DataFrame
        run, prompt, method, choice, ``rank_correlation`` over the words of the prompt, and
        ``top``: 1 where the word of the highest map has the most influence, by chance 1 over the
        number of words, which is ``chance``. Of prompts of three words or more, and of methods
        whose maxima differ.
    """
    rows = []
    known = table[table.influence.notna()]
    for key, words in known.groupby(["run", "prompt", "method", "choice"], sort=False):
        if len(words) < MIN_WORDS:
            continue
        sizes, influences = (words[name].to_numpy(float) for name in ("maximum", "influence"))
        highest = sizes == sizes.max()
        if highest.all():  # a method whose maps all have one maximum ranks nothing
            continue
        rows.append(
            {
                **dict(zip(("run", "prompt", "method", "choice"), key, strict=True)),
                "rank_correlation": spearman(sizes, influences),
                "top": float(highest[influences.argmax()] / highest.sum()),
                "chance": 1 / len(words),
            }
        )
    columns = ["run", "prompt", "method", "choice", "rank_correlation", "top", "chance"]
    return pd.DataFrame(rows, columns=columns)


def size_and_influence(table: pd.DataFrame) -> pd.DataFrame:
    """The means of `ranked_words` over images."""
    ranked = ranked_words(table)
    if ranked.empty:
        return pd.DataFrame(columns=["method", "choice", "n"])
    bounds = {"rank_correlation": BOTH_SIGNS, "top": SHARE, "chance": SHARE}
    means = summary(
        ranked, by=["method", "choice"], value=list(bounds), bounds=bounds, enough=ENOUGH
    )
    headings = {
        "rank_correlation": "rank correlation of maximum and influence",
        "top": "highest map is of the word of most influence",
        "chance": "by chance",
    }
    return headed(means, headings)


def by_noun(fitted: pd.DataFrame, methods: Mapping[str, Method]) -> pd.DataFrame:
    """IoU of each noun, for methods that are not baselines; the best method's worst noun first."""
    names = [name for name in fitted.method.unique() if not methods[name].baseline]
    rows = fitted[fitted.method.isin(names)]
    if rows.empty:
        return pd.DataFrame(columns=["data", "noun", "n"])
    best = best_method(fitted, methods)
    order = [best, *(name for name in names if name != best)]
    table = pd.DataFrame()
    for name in order:
        of_method = rows[rows.method == name]
        means = summary(of_method, by=["data", "noun"], value=HELD_OUT, bounds=SHARE)
        means = headed(means.drop(columns=["clusters", "rare"]), {HELD_OUT: name})
        more = means.drop(columns="n")
        table = means if table.empty else table.merge(more, on=["data", "noun"], how="left")
    return table.sort_values(["data", best], kind="stable", ignore_index=True)


def best_method(fitted: pd.DataFrame, methods: Mapping[str, Method]) -> str:
    """The method, not a baseline, with the highest mean IoU with choices of the other half."""
    rows = fitted[[not methods[name].baseline for name in fitted.method]]
    means = rows.groupby("method", sort=False)[HELD_OUT].mean()
    return str(means.idxmax()) if len(means) else ""


def differences(
    fitted: pd.DataFrame, *, reference: str, ranked: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compare every method with one, word by word, in every measure; one correction for all tests.

    Parameters
    ----------
    fitted
        Of `held_out.cross_fitted`: each method as the other half of the nouns chose.
    reference
        The method that the others are compared with.
    ranked
        Of `ranked_words`, compared image by image, at the first choice of each method.

    Returns
    -------
    DataFrame
        data, measure, method, n (pairs), both means, ``difference`` (method minus reference) with
        its interval, ``p`` of a permutation test that flips whole prompts, ``p_holm`` over all
        rows, ``effect`` (d_z).
    """
    rows = []
    for column, heading in MEASURES.items():
        for data, part in fitted.groupby("data", sort=False):
            wide = _wide(part, ["prompt", "run", "start"], column)
            rows += _against(wide, reference, bounds_of(column), {"data": data, "measure": heading})
    if ranked is not None and len(ranked):
        first = ranked.groupby("method", sort=False).choice.transform("first")
        wide = _wide(ranked[ranked.choice == first], ["prompt", "run"], "rank_correlation")
        about = {"data": GENERATED, "measure": "rank of maximum and influence"}
        rows += _against(wide, reference, BOTH_SIGNS, about)
    columns = ["data", "measure", "method", "n", "mean", "reference", "p"]
    return holm_of(pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns))[0]


def seconds(table: pd.DataFrame) -> pd.DataFrame:
    """Median time per map, for each method and choice."""
    medians = table.groupby(["method", "choice"], sort=False).seconds.median()
    return medians.rename("seconds for one word").reset_index()


def _wide(rows: pd.DataFrame, index: Sequence[str], column: str) -> pd.DataFrame:
    known = rows[rows[column].notna()]
    return known.pivot(index=list(index), columns="method", values=column).astype(float)


def _against(
    wide: pd.DataFrame, reference: str, bounds: tuple[float, float], about: Mapping[str, str]
) -> list[dict[str, object]]:
    if reference not in wide:
        return []
    rows: list[dict[str, object]] = []
    span = bounds[1] - bounds[0]
    for method in wide.columns:
        both = wide[[reference, method]].dropna() if method != reference else wide.iloc[:0]
        if both.empty:
            continue
        compared = compare(
            both[method], both[reference], paired=True, bounds=(-span, span),
            clusters=both.index.get_level_values("prompt"),
        )  # fmt: skip
        rows.append(
            {
                **about,
                "method": method,
                "n": compared.n[0],
                "mean": float(both[method].mean()),
                "reference": float(both[reference].mean()),
                "difference": compared.difference,
                "difference, low": compared.low,
                "difference, high": compared.high,
                "p": compared.p,
                "effect": compared.effect,
            }
        )
    return rows


def _means(rows: pd.DataFrame, by: list[str], headings: Mapping[str, str]) -> pd.DataFrame:
    bounds = {column: bounds_of(column) for column in headings}
    means = summary(rows, by=by, value=list(headings), bounds=bounds, enough=ENOUGH)
    return headed(means, headings)


def _observed(means: pd.DataFrame) -> pd.DataFrame:
    """Remove measures that no row has, as for a model whose words cannot be hidden.

    Without rows if none is left.
    """
    measures = [
        name for name in (*ON_CAUSES.values(), *ON_CONTRASTS.values()) if name in means.columns
    ]
    empty = [name for name in measures if means[name].map(math.isnan).all()]
    ends = {f"{name}{end}" for name in empty for end in ("", ", low", ", high")}
    counts = {f"n, {name}" for name in empty}
    kept = means[[name for name in means if name not in ends | counts]]
    return kept.iloc[:0] if len(empty) == len(measures) else kept
