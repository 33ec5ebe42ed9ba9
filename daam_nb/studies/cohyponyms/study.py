"""Cohyponyms: does a picture of two things of one kind lose one of them more often?

Prompts "a zebra and a giraffe" against "a zebra and an oven", drawn from the same noise: are both
objects there, how much do the two words' maps overlap, and do the two go together (Tang et al.
2023, section 5)?
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

import daam_nb.studies.corpus.generation as corpora
from daam_nb.errors import StudyError, WrongKindError
from daam_nb.kinds import check_path, kind_of, number_between
from daam_nb.maps import heat_maps
from daam_nb.maps.measure import iou, soft_iou
from daam_nb.recording import LayerChoice, Recording
from daam_nb.show.figures import Figure
from daam_nb.studies import arguments
from daam_nb.studies.cohyponyms.statistics import (
    by_class,
    contrasts,
    overlap_and_presence,
    summary,
    summary_of_known,
)
from daam_nb.studies.cohyponyms.taxonomies import COCO, Taxonomy, pair_captions
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.corpus.generation import Corpus, Run, runs_of
from daam_nb.studies.corpus.rows import collect
from daam_nb.studies.corpus.runs import with_facts
from daam_nb.studies.corpus.seeds import several as seeds_read
from daam_nb.studies.oracles.nouns import named_word
from daam_nb.studies.oracles.presence import Presence, Seen, who_looks
from daam_nb.studies.oracles.protocols import Judge
from daam_nb.studies.report import two_intervals
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.report.readable import headed
from daam_nb.studies.stats.comparison import holm_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "COLUMNS",
    "by_class",
    "contrasts",
    "overlap_and_presence",
    "presence_and_overlap",
    "presence_in_known",
    "record_pairs",
    "study",
    "summary",
    "summary_of_known",
]

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the picture: the same for the prompts that are compared",
    "kind": "cohyponyms: of one class; near: of one family of classes; unrelated: of two families",
    "first": "the noun named first: prompts with the same one are compared, its cluster",
    "second": "the noun named second",
    "first_class": "of the first noun",
    "second_class": "of the second noun",
    "presence": "who looked at the picture",
    "both": "whether both objects are in the picture, 0 or 1; of several people, their share",
    "objects": "how many of the two are, 0 to 2",
    "first_there": "whether the first is; empty where not known",
    "second_there": "whether the second is; empty where not known",
    "layers": "whose attention the maps are of",
    "iou": "of the two words' masks at the threshold, 0 to 1",
    "overlap": "of the two maps without a threshold: sum of minima over sum of maxima, 0 to 1",
}

PAIR_FACTS = ("kind", "first", "second", "first_class", "second_class")
"""What a caption of a pair must say of itself; columns of the table."""

Layers = Mapping[str, LayerChoice]
KnownPicture = tuple["Image", str, str]
"""A picture that surely shows two objects, and their nouns."""


def record_pairs(
    pipe: Any,
    taxonomy: Taxonomy = COCO,
    *,
    into: str | os.PathLike[str],
    pictures: int | None = None,
    seeds: Sequence[int] = (0,),
    exclude: Iterable[Iterable[str]] = (),
    progress: bool = True,
    **options: Any,
) -> Corpus:
    """Draw matched prompts of every kind; see `cohyponyms.pair_captions`.

    Parameters
    ----------
    pipe
        A pipeline.
    taxonomy
        The nouns.
    into
        The folder of the corpus.
    pictures
        About how many; by default one round: each noun once with a partner of each kind, with
        every seed. Further rounds have other partners, and seeds of their own.
    seeds
        Of the first noun's first round; each noun and round has its own, moved by so many spans,
        so that pictures of different nouns are independent. Kinds of one noun share them.
    exclude
        Pairs of nouns that are not drawn.
    **options
        As for `corpus.generate`.
    """
    if not isinstance(taxonomy, Taxonomy):
        raise WrongKindError(
            f"taxonomy is a Taxonomy, not {kind_of(taxonomy)}: Taxonomy({{'pet': ['cat', 'dog']}})."
        )
    seeds = seeds_read(seeds)
    if pictures is not None:
        pictures = number_between(pictures, "pictures", low=1)
    one = sum(map(len, pair_captions(taxonomy, rounds=1, exclude=exclude))) * len(seeds)
    rounds = 1 if pictures is None else max(1, math.ceil(pictures / one))
    drawn = pair_captions(taxonomy, rounds=rounds, exclude=exclude)
    if pictures is not None:
        left = max(1, round((pictures - (rounds - 1) * one) / len(seeds)))
        drawn[-1] = _whole_nouns(drawn[-1], left)
    seeded = _with_seeds(drawn, taxonomy.nouns, seeds)
    return corpora.generate_some(
        pipe, seeded, None, into=into, progress=progress, study=record_pairs, **options
    )


def presence_and_overlap(
    runs: Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run],
    *,
    presence: Presence | Judge,
    threshold: float = 0.4,
    layers: Layers | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Look for both objects in each picture, and compare the two words' maps.

    Parameters
    ----------
    runs
        A corpus of `record_pairs`, or one whose captions carry the same facts.
    presence
        Who looks: a `Judge`, `oracles.DetectorPresence`, `oracles.RatedPresence`, or your own.
    threshold
        Share of each map's maximum, for `iou`.
    layers
        Name -> the layers whose maps are compared; by default ``{"paper": "paper"}``.
    path
        Where rows are kept; by default beside the recordings of a corpus.
    progress
        Show it.

    Returns
    -------
    DataFrame
        One row per picture and choice of layers, with `COLUMNS`. Pictures that `presence` knows
        nothing about have none.

    Raises
    ------
    StudyError
        Where a recording's caption does not say which two nouns it is about.
    """
    chosen = arguments.named_layers(layers)
    threshold = arguments.share(threshold, "threshold")
    corpus = runs_of(runs)
    look = who_looks(presence)
    settings = {
        "presence": look.name,
        "threshold": threshold,
        "layers": layer_choices.in_words(corpus, chosen),
    }
    content = {
        "presence": content_of(look, "presence"),
        "layers": layer_choices.by_content(corpus, chosen),
    }
    by_content = {**settings, "content": content}
    table = collect(
        [(run.key, run) for run in corpus],
        lambda run: _rows(run, look, chosen, threshold),
        columns=COLUMNS,
        content=Run.content,
        path=corpus.place("cohyponyms", by_content) if path is None else path,
        settings=by_content,
        what="pairs",
        progress=progress,
    )
    table.attrs["settings"] = settings
    return with_facts(table, corpus, but=PAIR_FACTS)


def study(
    pipe: Any,
    *,
    into: str | os.PathLike[str],
    nouns: Taxonomy | Mapping[str, Sequence[str]] | None = None,
    judge: Judge | None = None,
    presence: Presence | None = None,
    pictures: int | None = None,
    seeds: Sequence[int] = (0,),
    exclude: Iterable[Iterable[str]] = (),
    recommended: LayerChoice | None = None,
    known: Iterable[KnownPicture] = (),
    threshold: float = 0.4,
    resamples: int | None = None,
    progress: bool = True,
    **options: Any,
) -> Report:
    """Draw pairs of nouns, look for both objects, compare maps, and report.

    Parameters
    ----------
    pipe
        A pipeline; None where `into` holds the corpus already.
    into
        A folder; the corpus is ``into/pairs``.
    nouns
        A `Taxonomy`, or class -> nouns; by default the paper's nouns of COCO.
    judge, presence
        Who looks for the objects: one of the two.
    pictures, seeds, exclude
        As for `record_pairs`.
    recommended
        Layers whose maps are compared beside the paper's, such as a model card's.
    known
        Pictures that surely show two objects, to see how well those who look find both of one
        kind: a judge that confuses zebras with giraffes would make cohyponyms look worse than they
        are. Not for people's answers.
    threshold, resamples, progress, **options
        As for `presence_and_overlap`, of the permutation tests, and of `corpus.generate`.
    """
    who = presence or judge
    if who is None:
        raise StudyError(
            "Someone has to look at the pictures: give judge=, or presence= with a detector "
            "(oracles.DetectorPresence) or people's answers (oracles.RatedPresence)."
        )
    who_looks(who)
    threshold = arguments.share(threshold, "threshold")
    folder = check_path(into, "into") / "pairs"
    taxonomy = COCO if nouns is None else nouns
    if not isinstance(taxonomy, Taxonomy):
        taxonomy = Taxonomy(taxonomy)
    if pipe is None and pictures is None:
        runs = corpora.generate_some(None, None, None, into=folder, study=study, **options)
    else:
        if pipe is not None:
            corpora.check_options(pipe, options, study, corpora.generate)
        runs = record_pairs(
            pipe,
            taxonomy,
            into=folder,
            pictures=pictures,
            seeds=seeds,
            exclude=exclude,
            progress=progress,
            **options,
        )
    layers: dict[str, LayerChoice] = {"paper": "paper"}
    if recommended is not None:
        layers["recommended"] = recommended
    table = presence_and_overlap(
        runs, presence=who, threshold=threshold, layers=layers, progress=progress
    )
    found = presence_in_known(known, presence=who, taxonomy=taxonomy)
    return report(table, runs=runs, found=found, resamples=resamples)


def presence_in_known(
    known: Iterable[KnownPicture], *, presence: Presence | Judge, taxonomy: Taxonomy
) -> pd.DataFrame:
    """Ask who looks about pictures that surely show both objects.

    Parameters
    ----------
    known
        (picture, first noun, second noun).
    presence
        A judge or a detector.
    taxonomy
        Of the nouns; pictures of two alike, or of other nouns, are left out.

    Returns
    -------
    DataFrame
        One row per picture: ``kind``, ``first``, ``second``, ``both``, ``objects``.
    """
    look: Any = who_looks(presence)
    rows = []
    for picture, first, second in known:
        if first == second or not {first, second} <= set(taxonomy.nouns):
            continue
        seen = look.look(picture, first, second)
        kind = taxonomy.kind_of(first, second)
        rows.append((kind, first, second, seen.both, seen.objects))
    return pd.DataFrame(rows, columns=["kind", "first", "second", "both", "objects"])


def report(
    table: pd.DataFrame,
    *,
    runs: Corpus,
    found: pd.DataFrame | None = None,
    resamples: int | None = None,
) -> Report:
    """Put the tables of one corpus on one page; `found` is what `presence_in_known` gave."""
    first = runs[0].load()
    settings = table.attrs["settings"]
    means = summary(table)
    compared, related = holm_of(
        contrasts(table, resamples=resamples), overlap_and_presence(table, resamples=resamples)
    )
    facts = {
        "model": first.facts.model,
        "pictures": len(runs),
        "prompts": table.prompt.nunique(),
        "steps": first.facts.num_steps,
        "guidance": first.facts.guidance,
        "who looked": settings["presence"],
        **{f"layers: {name}": choice for name, choice in settings["layers"].items()},
        "threshold of mIoU": settings["threshold"],
        "intervals": two_intervals.HEADLINE.format(noun="first noun"),
        "intervals, whole nouns": two_intervals.OTHERS.format(noun="first noun"),
        "p (whole nouns)": "permutation test: signs of whole first nouns",
        "p (these nouns)": "permutation test: labels of pictures within first nouns",
        "p, Holm": f"for all {len(compared) + len(related)} tests of this page together",
    }
    where = f"{len(runs)} pictures of {facts['model']}; looked at by: {settings['presence']}; "
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
    if found is not None and len(found):
        tables["What was found in pictures that surely show both"] = headed(
            summary_of_known(found), _HEADINGS
        )
    return Report(
        name="cohyponyms",
        title="Cohyponyms: two things of one kind in one picture",
        observations=table,
        tables=tables,
        figures=figures(means, caption=where),
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


def figures(means: pd.DataFrame, *, caption: str = "") -> dict[str, Figure]:
    """Bars of a `summary`: both objects there, and overlap of the maps by layers."""
    one = means[means.layers == means.layers.iloc[0]]
    both = bars(
        one,
        label="kind",
        value="both",
        title="Both objects are in the picture",
        axis="pictures",
        percent=True,
        caption=caption,
    )
    # Colours could not tell layers apart where all bars are grey.
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


def _with_seeds(
    rounds: Sequence[Sequence[Caption]], nouns: Sequence[str], seeds: Sequence[int]
) -> list[Caption]:
    """Captions with their fact ``seed``: in each round every first noun has seeds of its own."""
    span = max(seeds) - min(seeds) + 1

    def moved(number: int, caption: Caption) -> int:
        return number * len(nouns) + nouns.index(caption.facts["first"])

    return [
        Caption(caption.text, {**caption.facts, "seed": seed + moved(number, caption) * span})
        for number, captions in enumerate(rounds)
        for caption in captions
        for seed in seeds
    ]


def _whole_nouns(captions: Sequence[Caption], count: int) -> list[Caption]:
    """The first captions, about so many, all kinds of a noun or none."""
    kept: list[Caption] = []
    for place, caption in enumerate(captions):
        new = place == 0 or caption.facts["first"] != captions[place - 1].facts["first"]
        if new and len(kept) >= count:
            break
        kept.append(caption)
    return kept


def _rows(run: Run, look: Presence, layers: Layers, threshold: float) -> list[dict[str, Any]]:
    """What one picture gives, one row per choice of layers."""
    facts = _facts(run)
    seen = look(run, facts["first"], facts["second"])
    if seen is None:
        return []
    recording = run.load()
    about = {"run": run.key, "prompt": recording.prompt.text, "seed": run.facts["seed"], **facts}
    about |= _columns_of(seen, look.name)
    nouns = facts["first"], facts["second"]
    words = [named_word(recording.prompt, noun, nouns) for noun in nouns]
    rows = []
    for name, choice in layers.items():
        maps = heat_maps(recording, layers=choice)
        first, second = (maps.word(word) for word in words)
        numbers = {
            "iou": iou(first, second, threshold=threshold),
            "overlap": soft_iou(first, second),
        }
        rows.append({**about, "layers": name, **numbers})
    return rows


def _facts(run: Run) -> dict[str, Any]:
    if lacking := [name for name in PAIR_FACTS if name not in run.facts]:
        raise StudyError(
            f"The caption {run.facts['prompt']!r} does not say its {lacking[0]!r}. Draw pairs by "
            f"cohyponyms.record_pairs, or give captions from cohyponyms.pair_captions."
        )
    return {name: run.facts[name] for name in PAIR_FACTS}


def _columns_of(seen: Seen, name: str) -> dict[str, Any]:
    return {
        "presence": name,
        "both": seen.both,
        "objects": seen.objects,
        "first_there": seen.first,
        "second_there": seen.second,
    }
