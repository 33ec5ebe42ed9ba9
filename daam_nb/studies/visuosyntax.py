"""Syntax in pictures: how the maps of a head word and of its dependent lie to each other.

For each dependency of each caption the overlap of the two words' maps, by relation (Tang et al.
2023, section 4). Words that no arc joins are the null.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.language import Parse, Parser, load_parser
from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording
from daam_nb.studies.comparing import Comparison, compare
from daam_nb.studies.corpus import Corpus, Run, runs_of
from daam_nb.studies.statistics import ENOUGH, RESAMPLES
from daam_nb.studies.statistics import summary as summarise
from daam_nb.studies.tables import collect
from daam_nb.studies.word_pairs import LEFT_OUT, Names, Threshold, arcs_of, pair_rows

Measure = Literal["iou", "iod", "ioh"]

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text: the cluster of statistics",
    "seed": "of the picture",
    "parser": "who parsed the prompt, with its version",
    "names": "whose labels: spacy (ClearNLP) or paper (enhanced Universal Dependencies)",
    "kind": "arc: a dependency; unrelated: two words that no arc joins",
    "relation": "label of the arc; empty for unrelated words",
    "head_word": "the syntactic head; of unrelated words, the earlier one",
    "head_start": "its first character in the prompt",
    "head_end": "behind its last character",
    "head_pos": "its part of speech",
    "dependent_word": "the dependent; of unrelated words, the later one",
    "dependent_start": "its first character in the prompt",
    "dependent_end": "behind its last character",
    "dependent_pos": "its part of speech",
    "iou": "intersection over union of the two masks, 0 to 1",
    "iod": "over the dependent's mask; for unrelated words the mean of both directions",
    "ioh": "over the head word's mask; for unrelated words the mean of both directions",
    "left_out": "empty, or why there are no numbers: " + "; ".join(LEFT_OUT),
}

NULLS = ("all arcs", "unrelated pairs", "all pairs")
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


def relations(
    runs: Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run],
    *,
    parser: Parser | str | None = None,
    names: Names = "spacy",
    threshold: Threshold = 0.4,
    layers: LayerChoice = "paper",
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Overlap of the two words' maps for every dependency of every caption.

    Parameters
    ----------
    runs
        A corpus, its folder, or recordings.
    parser
        Who parses the prompts: a `Parser`, or a name for `load_parser`; by default the best
        English pipeline of spaCy installed, else the shipped caption parser.
    names
        ``"spacy"``: the parser's own labels. ``"paper"``: enhanced Universal Dependencies, as in
        the paper, where prepositions hang on their nouns; see `paper_names`.
    threshold
        What makes a mask of a map, on the latent grid. A share of the word's own maximum (eq. 7),
        or ``"reference"`` or ``"reference mean"``: see `word_pairs.masks_of`.
    layers
        As for `heat_maps`.
    path
        Where rows are kept, so that a study that was stopped goes on; by default beside the
        recordings of a corpus, and nowhere for recordings in memory.
    progress
        Show it.

    Returns
    -------
    DataFrame
        One row per pair of words, with `COLUMNS`. Pairs that could not be measured are there, with
        the reason in `left_out`. IoU, IoD and IoH are 0 where a denominator is empty.

    Raises
    ------
    StudyError
        Where `path` holds rows of other settings.

    References
    ----------
    Tang et al. 2023, "What the DAAM", section 4, https://aclanthology.org/2023.acl-long.310
    """
    corpus = runs_of(runs)
    speak = parser if parser is not None and not isinstance(parser, str) else load_parser(parser)
    parses: dict[str, Parse] = {}

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        text = recording.prompt.text
        if text not in parses:
            parses[text] = speak(text)
        found = pair_rows(
            parses[text], heat_maps(recording, layers=layers), names=names, threshold=threshold
        )
        facts = {
            "run": run.key,
            "prompt": text,
            "seed": recording.facts.seed,
            "parser": speak.name,
            "names": names,
        }
        return [{**facts, **row} for row in found]

    arcs_of(Parse("", (), speak.name), names)  # an unknown name is an error before any work
    if path is None:
        path = corpus.place(f"visuosyntax-{names}")
    settings = {
        "parser": speak.name,
        "names": names,
        "threshold": threshold,
        "maps": heat_maps(corpus[0].load(), layers=layers).choice,
    }
    return collect(
        [(run.key, run) for run in corpus],
        measure,
        columns=COLUMNS,
        path=path,
        settings=settings,
        what="dependencies",
        progress=progress,
    )


def summary(
    table: pd.DataFrame,
    *,
    confidence: float = 0.95,
    enough: int = ENOUGH,
    resamples: int = RESAMPLES,
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
    resamples
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per relation, the most frequent first, then `NULLS`: ``relation``, ``n``,
        ``clusters`` (prompts), ``iou``, ``iod``, ``ioh`` and ``difference`` (mIoH - mIoD) with
        ``_low`` and ``_high``, ``delta`` (|mIoH - mIoD|, the paper's measure of how unequal the
        two words are) with its ends, ``rare``, ``parser``. Unrelated pairs have no direction, so
        they have no difference.
    """
    used = table[table.left_out == ""].copy()
    if used.empty:
        raise StudyError(
            "The table has no measured pair: " + (left_out_counts(table).to_string() or "no row.")
        )
    used["difference"] = used.ioh - used.iod
    used.loc[used.kind == "unrelated", "difference"] = float("nan")
    arcs, unrelated = used[used.kind == "arc"], used[used.kind == "unrelated"]
    frequent = arcs.relation.value_counts(sort=True).index
    parts = [arcs[arcs.relation == name] for name in frequent]
    for name, part in zip(NULLS, (arcs, unrelated, used), strict=True):
        parts.append(part.assign(relation=name))
    made = summarise(
        pd.concat([part for part in parts if len(part)]),
        by="relation",
        value=["iou", "iod", "ioh", "difference"],
        confidence=confidence,
        enough=enough,
        resamples=resamples,
    )
    both = made.relation == "all pairs"  # a mixture: some with a direction, some without
    made.loc[both, [f"difference{end}" for end in ("", "_low", "_high")]] = float("nan")
    delta = made.difference.abs()
    ends = made[["difference_low", "difference_high"]].abs()
    crossing = made.difference_low * made.difference_high < 0
    made.insert(len(made.columns) - 1, "delta", delta)
    made.insert(len(made.columns) - 1, "delta_low", ends.min(axis=1).mask(crossing, 0.0))
    made.insert(len(made.columns) - 1, "delta_high", ends.max(axis=1))
    made["parser"] = ", ".join(dict.fromkeys(table.parser))
    return made


def left_out_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many pairs have no numbers, and why: ``kind``, ``left_out``, ``why``, ``n``, ``of``."""
    every = table.kind.value_counts()
    lost = table[table.left_out != ""].groupby(["kind", "left_out"]).size()
    rows = [
        {"kind": kind, "left_out": reason, "why": LEFT_OUT[reason], "n": n, "of": every[kind]}
        for (kind, reason), n in lost.items()
    ]
    return pd.DataFrame(rows, columns=["kind", "left_out", "why", "n", "of"])


def differences(
    table: pd.DataFrame,
    *,
    measure: Measure = "iou",
    among: Sequence[str] | None = None,
    enough: int = ENOUGH,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Test every two relations for a difference; prompts, not pairs of words, are the unit.

    Words of one picture share its maps, so pairs of words are no independent observations. Each
    prompt's mean counts once. Where at least `SHARED_PROMPTS` prompts hold both relations they are
    compared **within** prompts: under the null the two labels may be swapped in any prompt (sign
    flips), and what differs from prompt to prompt (words, pictures) cancels. Where too few do, they
    are compared **across**: prompts that hold only one of the two, whole prompts relabelled.

    Parameters
    ----------
    table
        Of `relations`.
    measure
        ``"iou"``, ``"iod"`` or ``"ioh"``.
    among
        Relations to compare, "unrelated pairs" too; by default all with at least `enough` pairs.
    enough
        See `among`.
    resamples
        Of bootstrap and permutations.

    Returns
    -------
    DataFrame
        ``first``, ``second``, ``difference`` (first - second, of prompt means) with ``low`` and
        ``high``, ``p``, ``p_holm`` (for all rows together, Holm 1979), ``effect`` (d_z within,
        Cohen's d across), ``prompts``, ``how``.
    """
    used = table[table.left_out == ""]
    label = used.relation.where(used.kind == "arc", "unrelated pairs")
    labelled = used.assign(relation=label)
    if among is None:
        counts = labelled.relation.value_counts()
        among = [n for n in counts.index if counts[n] >= enough]
    means = labelled.groupby(["relation", "prompt"])[measure].mean()
    rows = []
    for first, second in itertools.combinations(among, 2):
        one, two = _of(means, first), _of(means, second)
        shared = one.index.intersection(two.index)
        if len(shared) >= SHARED_PROMPTS:
            found = compare(one[shared], two[shared], paired=True, resamples=resamples)
            how, prompts = "within prompts", str(len(shared))
        else:
            one, two = one.drop(shared), two.drop(shared)
            found = compare(one, two, resamples=resamples)
            how, prompts = "across prompts", f"{len(one)} and {len(two)}"
        rows.append(_row(first, second, found) | {"prompts": prompts, "how": how})
    made = pd.DataFrame(rows, columns=["first", "second", *_NUMBERS, "prompts", "how"])
    made.insert(6, "p_holm", holm(made.p.tolist()))
    return made


def holm(values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p values for all of them being tested together.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    made = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        made[place] = highest
    return made


_NUMBERS = ("difference", "low", "high", "p", "effect")


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
