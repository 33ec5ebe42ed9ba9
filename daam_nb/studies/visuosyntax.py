"""Syntax in pictures: how the maps of a head word and of its dependent lie to each other.

For each dependency of each caption the overlap of the two words' maps, by relation (Tang et al.
2023, section 4). Words that no arc joins are the null.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.language import Parse, Parser, load_parser
from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording
from daam_nb.studies.corpus import Corpus, Run, generate, runs_of
from daam_nb.studies.readers import Caption, as_captions
from daam_nb.studies.relation_figures import overlap_figure
from daam_nb.studies.relation_statistics import (
    NULLS,
    PAPER,
    differences,
    left_out_counts,
    summary,
)
from daam_nb.studies.report import Report
from daam_nb.studies.statistics import RESAMPLES
from daam_nb.studies.tables import collect
from daam_nb.studies.word_pairs import (
    LEFT_OUT,
    REFERENCE_STEPS,
    REFERENCE_THRESHOLD,
    Names,
    Threshold,
    arcs_of,
    pair_rows,
)

__all__ = [
    "COLUMNS",
    "PAPER",
    "differences",
    "left_out_counts",
    "overlap_figure",
    "relations",
    "report",
    "study",
    "summary",
]

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
    """Measure the overlap of the two words' maps for every dependency of every caption.

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
    settings = {
        "parser": speak.name,
        "names": names,
        "threshold": threshold,
        "maps": heat_maps(corpus[0].load(), layers=layers).choice,
    }
    table = collect(
        [(run.key, run) for run in corpus],
        measure,
        columns=COLUMNS,
        path=corpus.place("visuosyntax", settings) if path is None else path,
        settings=settings,
        what="dependencies",
        progress=progress,
    )
    table.attrs["settings"] = settings
    return table


def study(
    pipe: Any,
    *,
    into: str | os.PathLike[str],
    captions: Iterable[str | Caption] | None = None,
    pictures: int | None = None,
    seeds: Sequence[int] = (0,),
    parser: Parser | str | None = None,
    threshold: Threshold = 0.4,
    layers: LayerChoice = "paper",
    progress: bool = True,
    resamples: int = RESAMPLES,
    judge: Any = None,
    nouns: Any = None,
    adjectives: Any = None,
    **options: Any,
) -> Report:
    """Draw captions, measure their dependencies in both kinds of names, and report.

    Parameters
    ----------
    pipe
        A pipeline; None where `into` holds the corpus already.
    into
        The folder of the corpus, ``into/captions``.
    captions
        What to draw; may be None with a corpus that is there.
    pictures
        About how many: as many captions, each with every seed.
    seeds, **options
        As for `corpus.generate`.
    parser, threshold, layers
        As for `relations`.
    resamples
        Of the bootstrap and the tests.
    judge, nouns, adjectives
        Not needed; every study takes the same arguments.
    """
    folder = Path(into) / "captions"
    if pipe is None:
        runs = Corpus.open(folder)
    else:
        if captions is None:
            raise StudyError(
                "This study draws captions: give captions=, texts with some syntax in them."
            )
        wanted = as_captions(captions)
        if pictures is not None:
            wanted = wanted[: max(1, round(pictures / len(seeds)))]
        runs = generate(pipe, wanted, seeds, into=folder, progress=progress, **options)
    speak = parser if parser is not None and not isinstance(parser, str) else load_parser(parser)
    common: dict[str, Any] = {"parser": speak, "layers": layers, "progress": progress}
    measured = relations(runs, threshold=threshold, names="paper", **common)
    own_labels = relations(runs, threshold=threshold, names="spacy", **common)
    absolute = relations(runs, threshold="reference mean", names="paper", **common)
    return report(measured, own_labels, absolute, runs=runs, resamples=resamples)


def report(
    measured: pd.DataFrame,
    own_labels: pd.DataFrame,
    absolute: pd.DataFrame,
    *,
    runs: Corpus,
    resamples: int = RESAMPLES,
) -> Report:
    """Put the tables of one corpus on one page: in both kinds of names, at both thresholds."""
    first = runs[0].load()
    settings = measured.attrs["settings"]
    by_name = summary(measured, resamples=resamples)
    by_label = summary(own_labels, resamples=resamples)
    reference = summary(absolute, resamples=resamples).merge(PAPER, on="relation", how="left")
    tests = differences(measured, resamples=resamples)
    facts = {
        "model": first.facts.model,
        "pictures": len(runs),
        "prompts": measured.prompt.nunique(),
        "steps": first.facts.num_steps,
        "guidance": first.facts.guidance,
        "parser": settings["parser"],
        "maps": settings["maps"],
        "threshold": settings["threshold"],
        "intervals": "95 %, bootstrap of whole prompts",
    }
    where = f"{len(runs)} pictures of {facts['model']}; parsed by {facts['parser']}; maps: "
    where += f"{facts['maps']}; threshold {facts['threshold']}; bars: 95 % intervals by prompt."
    at_reference = (
        f"At the reference's threshold ({REFERENCE_THRESHOLD} in {REFERENCE_STEPS} steps) beside "
        "the paper's own figures (paper_*: not measured here)"
    )
    shown = {"relations": (by_name, "the paper’s names"), "labels": (by_label, "spaCy’s labels")}
    return Report(
        name="visuosyntax",
        title="Visuosyntax: where a word lies to the word it depends on",
        observations=measured,
        tables={
            "By relation, in the paper's names": rounded(by_name),
            "By relation, in spaCy's labels": rounded(by_label),
            at_reference: rounded(reference),
            "Differences of IoU between relations": tests,
            "Pairs left out": left_out_counts(measured),
        },
        figures={
            name: overlap_figure(
                table,
                nulls=NULLS,
                title=f"Overlap of dependent and head word, {what}",
                caption=where,
            )
            for name, (table, what) in shown.items()
        },
        facts=facts,
    )


_HEADINGS = {"iou": "mIoU", "iod": "mIoD", "ioh": "mIoH", "delta": "delta"}


def rounded(made: pd.DataFrame) -> pd.DataFrame:
    """A summary as it is read: one column per measure, "0.123 [0.100, 0.150]"."""
    columns = {"relation": made.relation, "n": made.n, "prompts": made.clusters}
    for name, heading in _HEADINGS.items():
        columns[heading] = [
            _with_ends(*ends)
            for ends in zip(made[name], made[f"{name}_low"], made[f"{name}_high"], strict=True)
        ]
    columns["rare"] = made.rare
    for name in ("paper_iou", "paper_iod", "paper_ioh"):
        if name in made:
            columns[name] = made[name]
    return pd.DataFrame(columns)


def _with_ends(mean: float, low: float, high: float) -> str:
    if math.isnan(mean):
        return ""
    return f"{mean:.3f}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")
