"""Visuosyntax's numbers: means by relation, what was left out, and tests that respect prompts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_choice
from daam_nb.studies.arguments import names_among
from daam_nb.studies.stats.comparison import Comparison, compare, holm_of
from daam_nb.studies.stats.intervals import ENOUGH, SHARE
from daam_nb.studies.stats.intervals import summary as summarize
from daam_nb.studies.visuosyntax.word_pairs import LEFT_OUT

Measure = Literal["iou", "iod", "ioh"]

UNRELATED = "unrelated pairs"
NULLS = ("all arcs", UNRELATED, "all pairs")
"""Rows of a summary beside the relations: all dependencies, all others, both together."""

SHARED_PROMPTS = 20
"""Prompts with both relations from which on `differences` compares within prompts."""

PAPER = pd.DataFrame(
    [
        ("punct", 0.10, 2.45, 0.10),
        ("nmod:of", 8.66, 12.86, 21.99),
        ("compound", 33.43, 59.13, 49.99),
        ("nsubj", 5.03, 10.69, 22.71),
        ("case", 3.83, 18.09, 5.90),
        ("det", 0.45, 13.01, 0.66),
        ("conj:and", 28.44, 55.50, 39.65),
        ("acl", 6.45, 28.69, 11.10),
        ("obj", 6.64, 10.57, 36.44),
        ("amod", 14.69, 45.06, 19.05),
    ],
    columns=["relation", "paper_iou", "paper_iod", "paper_ioh"],
).astype({name: float for name in ("paper_iou", "paper_iod", "paper_ioh")})
PAPER[["paper_iou", "paper_iod", "paper_ioh"]] /= 100
PAPER.attrs["source"] = (
    "As the reference implementation's notebook prints them: 1500 captions of COCO (val2014), "
    "Stable Diffusion 2.1 base, 30 steps, CoreNLP's enhanced dependencies, maps summed over the "
    "steps and cut at 0.15. Not measured here."
)


def summary(
    table: pd.DataFrame,
    *,
    confidence: float = 0.95,
    enough: int = ENOUGH,
) -> pd.DataFrame:
    """Mean overlaps of each relation, with intervals that count prompts as clusters.

    Parameters
    ----------
    table
        Of `relations`.
    confidence
        Of the intervals.
    enough
        Relations with fewer pairs are marked ``rare``.

    Returns
    -------
    DataFrame
        One row per relation, the most frequent first, then `NULLS`: ``relation``, ``n``,
        ``clusters`` (prompts), ``iou``, ``iod``, ``ioh`` and ``difference`` (mIoH - mIoD) with
        ``_low`` and ``_high``, ``delta`` (|mIoH - mIoD|, the paper's measure of how unequal the
        two words are) with its ends, ``rare``, ``parser``. Unrelated pairs have no direction, so
        they have no difference, and IoD and IoH are both the mean of their two directions.
    """
    used = table[table.left_out == ""].copy()
    if used.empty:
        raise StudyError(
            "The table has no measured pairs: " + (left_out_counts(table).to_string() or "no row.")
        )
    used["difference"] = used.ioh - used.iod
    undirected = used.kind == "unrelated"
    used.loc[undirected, "difference"] = float("nan")
    both_ways = ((used.iod + used.ioh)[undirected] / 2).to_numpy()
    used.loc[undirected, "iod"] = used.loc[undirected, "ioh"] = both_ways
    arcs, unrelated = used[used.kind == "arc"], used[used.kind == "unrelated"]
    frequent = arcs.relation.value_counts(sort=True).index
    parts = [arcs[arcs.relation == name] for name in frequent]
    for name, part in zip(NULLS, (arcs, unrelated, used), strict=True):
        parts.append(part.assign(relation=name))
    summary = summarize(
        pd.concat([part for part in parts if len(part)]),
        by="relation",
        value=["iou", "iod", "ioh", "difference"],
        bounds={"iou": SHARE, "iod": SHARE, "ioh": SHARE, "difference": (-1, 1)},
        confidence=confidence,
        enough=enough,
    )
    both = summary.relation == "all pairs"  # a mixture: some with a direction, some without
    summary.loc[both, [f"difference{end}" for end in ("", "_low", "_high")]] = float("nan")
    delta = summary.difference.abs()
    ends = summary[["difference_low", "difference_high"]].abs()
    crossing = summary.difference_low * summary.difference_high < 0
    summary.insert(len(summary.columns) - 1, "delta", delta)
    summary.insert(len(summary.columns) - 1, "delta_low", ends.min(axis=1).mask(crossing, 0.0))
    summary.insert(len(summary.columns) - 1, "delta_high", ends.max(axis=1))
    summary["parser"] = ", ".join(dict.fromkeys(table.parser))
    return summary


def left_out_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many pairs have no numbers, and why: ``kind``, ``left_out``, ``why``, ``n``, ``of``.

    Every reason has its row for dependencies, also where it left nothing out.
    """
    rows = []
    for kind in ("arc", "unrelated"):
        part = table[table.kind == kind]
        for reason, why in LEFT_OUT.items():
            n = int((part.left_out == reason).sum())
            if n or kind == "arc":
                row = {"kind": kind, "left_out": reason, "why": why, "n": n, "of": len(part)}
                rows.append(row)
    return pd.DataFrame(rows)


def against_unrelated(
    table: pd.DataFrame, *, measure: Measure = "iou", least: int = 10, resamples: int | None = None
) -> pd.DataFrame:
    """Compare each relation with words of the same kind that no arc joins, in the same image.

    "A red car and a blue tree": is *red* nearer to *car* than to *tree*? All unrelated pairs are no
    fair null for that, because words of some parts of speech are looked at everywhere. Here the
    unrelated pairs have the parts of speech of the arc's words (in either order), and stand in the
    same prompt; each prompt's mean difference counts once. IoD and IoH have a direction, and so has
    their null: of an adjective that hangs on a noun, the share of the adjective inside the noun is
    held against the share of other adjectives inside the nouns that they do not belong to. Where
    both words are of one kind, either may be the dependent, so both ways count.

    Parameters
    ----------
    table
        Of `relations`.
    measure
        ``"iou"``, ``"iod"`` or ``"ioh"``.
    least
        Prompts with both that a relation needs to have a row.
    resamples
        Of the permutations (sign flips of prompts), as for `comparison.permutation_test`.

    Returns
    -------
    DataFrame
        ``relation``, ``related`` and ``unrelated`` (means of prompt means), ``difference`` with
        ``low`` and ``high``, ``p``, ``p_holm``, ``effect`` (d_z), ``prompts``, ``arcs``.
    """
    check_choice(measure, "measure", ("iou", "iod", "ioh"))
    used = table[table.left_out == ""]
    arcs = used[used.kind == "arc"]
    of_words = ["prompt", "head_pos", "dependent_pos"]
    null = _both_ways(used[used.kind == "unrelated"]).groupby(of_words)[measure].mean()
    rows = []
    for relation in arcs.relation.value_counts().index:
        part = arcs[arcs.relation == relation]
        matched = part.join(null.rename("null"), on=of_words).dropna(subset=["null"])
        means = matched.groupby("prompt")[[measure, "null"]].mean()
        if len(means) < least:
            continue
        comparison = compare(
            means[measure], means.null, paired=True, bounds=(-1, 1), resamples=resamples
        )
        ends = {"related": means[measure].mean(), "unrelated": means.null.mean()}
        numbers = {name: getattr(comparison, name) for name in _NUMBERS}
        counts = {"prompts": len(means), "arcs": len(matched)}
        rows.append({"relation": relation, **ends, **numbers, **counts})
    columns = ["relation", "related", "unrelated", *_NUMBERS, "prompts", "arcs"]
    return holm_of(pd.DataFrame(rows, columns=columns))[0]


def differences(
    table: pd.DataFrame,
    *,
    measure: Measure = "iou",
    among: Sequence[str] | None = None,
    enough: int = ENOUGH,
    resamples: int | None = None,
) -> pd.DataFrame:
    """Test every two relations for a difference; prompts, not pairs of words, are the unit.

    Words of one image share its maps, so pairs of words are no independent observations. Each
    prompt's mean counts once. Where at least `SHARED_PROMPTS` prompts hold both relations they are
    compared **within** prompts: under the null the two labels may be swapped in any prompt (sign
    flips), and what differs from prompt to prompt (words, images) cancels. Where fewer do, and
    more hold only one of the two, they are compared **across** those: whole prompts are relabeled.

    Parameters
    ----------
    table
        Of `relations`.
    measure
        ``"iou"``, ``"iod"`` or ``"ioh"``.
    among
        Relations to compare, of IoU "unrelated pairs" too; by default all with at least `enough`
        pairs.
    enough
        See `among`.
    resamples
        Of the permutations, as for `comparison.permutation_test`.

    Returns
    -------
    DataFrame
        ``first``, ``second``, ``difference`` (first - second, of prompt means) with ``low`` and
        ``high``, ``p``, ``p_holm`` (for all rows together, Holm 1979), ``effect`` (d_z within,
        Cohen's d across), ``prompts``, ``how``.

    Raises
    ------
    StudyError
        If the table lacks a relation, or IoD or IoH of unrelated pairs are asked for.
    """
    check_choice(measure, "measure", ("iou", "iod", "ioh"))
    if among is not None:
        every = [*dict.fromkeys(table.relation[table.kind == "arc"]), UNRELATED]
        among = names_among(among, every, name="among", what="relation", of="The table")
        if len(among) < 2:
            raise StudyError(
                f"A relation must be compared with another one, but among= names only {among!r}."
            )
    if measure != "iou" and among is not None and UNRELATED in among:
        raise StudyError(
            f"Unrelated pairs have no head word, so their {measure} cannot be compared with that "
            "of a relation. Compare iou, or use against_unrelated(), whose null has both "
            "directions."
        )
    used = table[(table.left_out == "") & ((table.kind == "arc") | (measure == "iou"))]
    label = used.relation.where(used.kind == "arc", UNRELATED)
    labeled = used.assign(relation=label)
    if among is None:
        counts = labeled.relation.value_counts()
        among = [n for n in counts.index if counts[n] >= enough]
    means = labeled.groupby(["relation", "prompt"])[measure].mean()
    rows = []
    for first, second in itertools.combinations(among, 2):
        of_first, two = _of(means, first), _of(means, second)
        shared = of_first.index.intersection(two.index)
        unshared = min(len(of_first), len(two)) - len(shared)
        if len(shared) >= min(SHARED_PROMPTS, max(unshared, 1)):
            comparison = compare(
                of_first[shared], two[shared], paired=True, bounds=(-1, 1), resamples=resamples
            )
            how, prompts = "within prompts", str(len(shared))
        else:
            of_first, two = of_first.drop(shared), two.drop(shared)
            comparison = compare(of_first, two, resamples=resamples)
            how, prompts = "across prompts", f"{len(of_first)} and {len(two)}"
        rows.append(_row(first, second, comparison) | {"prompts": prompts, "how": how})
    frame = pd.DataFrame(rows, columns=["first", "second", *_NUMBERS, "prompts", "how"])
    return holm_of(frame)[0]


_NUMBERS = ("difference", "low", "high", "p", "effect")


def _both_ways(unrelated: pd.DataFrame) -> pd.DataFrame:
    """Each pair twice: the later word as the dependent, as in the rows, and the earlier one."""
    turned = {"head_pos": "dependent_pos", "dependent_pos": "head_pos", "iod": "ioh", "ioh": "iod"}
    return pd.concat([unrelated, unrelated.rename(columns=turned)], ignore_index=True)


def _row(first: str, second: str, found: Comparison) -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        **{name: getattr(found, name) for name in _NUMBERS},
    }


def _of(means: pd.Series, relation: str) -> pd.Series:
    if relation not in means.index.get_level_values(0):
        known = ", ".join(dict.fromkeys(means.index.get_level_values(0)))
        raise StudyError(f"The table has no relation {relation!r}; it has {known}.")
    return means[relation]
