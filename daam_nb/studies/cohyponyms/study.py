"""Cohyponyms: is one of two things of the same kind lost more often?

Prompts "a zebra and a giraffe" against "a zebra and an oven", drawn from the same noise: are both
objects present, how much do the two words' maps overlap, and are the two related (Tang et al. 2023,
section 5)?
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.kinds import kind_of, number_between
from daam_nb.maps import heat_maps
from daam_nb.maps.measure import iou, soft_iou
from daam_nb.recording import LayerChoice, Recording
from daam_nb.selection import HeadChoice
from daam_nb.studies import arguments
from daam_nb.studies.cohyponyms.figures import report
from daam_nb.studies.cohyponyms.options import CohyponymsOptions
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
from daam_nb.studies.corpus.generation import Caller, generate_some
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run, runs_of
from daam_nb.studies.corpus.seeds import several as seeds_read
from daam_nb.studies.oracles.nouns import named_word
from daam_nb.studies.oracles.presence import Presence, Seen, who_looks
from daam_nb.studies.oracles.protocols import Judge
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "COLUMNS",
    "Cohyponyms",
    "by_class",
    "contrasts",
    "overlap_and_presence",
    "presence_and_overlap",
    "presence_in_known",
    "record_pairs",
    "summary",
    "summary_of_known",
]

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the image: the same for the prompts that are compared",
    "kind": "cohyponyms: of one class; near: of one family of classes; unrelated: of two families",
    "first": "the noun named first; prompts with the same one are compared and form a cluster",
    "second": "the noun named second",
    "first_class": "of the first noun",
    "second_class": "of the second noun",
    "presence": "who looked at the image",
    "both": "whether both objects are in the image, 0 or 1; of several people, their share",
    "objects": "how many of the two are, 0 to 2",
    "first_there": "whether the first is; empty if not known",
    "second_there": "whether the second is; empty if not known",
    "layers": "whose attention the maps are of",
    "iou": "of the two words' masks at the threshold, 0 to 1",
    "overlap": "of the two maps without a threshold: sum of minima over sum of maxima, 0 to 1",
}

PAIR_FACTS = ("kind", "first", "second", "first_class", "second_class")
"""What a caption of a pair must say of itself; columns of the table."""

Layers = Mapping[str, LayerChoice]
KnownImage = tuple["Image", str, str]
"""An image that surely shows two objects, and their nouns."""


def record_pairs(
    pipe: Any,
    taxonomy: Taxonomy = COCO,
    *,
    into: str | os.PathLike[str],
    images: int | None = None,
    seeds: Sequence[int] = (0,),
    exclude: Iterable[Iterable[str]] = (),
    progress: bool = True,
    **options: Any,
) -> Corpus:
    """Record images of matched prompts of every kind; see `cohyponyms.pair_captions`.

    Parameters
    ----------
    pipe
        A pipeline.
    taxonomy
        The nouns.
    into
        The folder of the corpus.
    images
        Approximate number of images; by default one round: each noun once with a partner of each
        kind, with every seed. Further rounds have other partners and other seeds.
    seeds
        Seeds of the first noun's first round; those of every further noun and round are shifted by
        this range, so that images of different nouns are independent. Kinds of one noun share them.
    exclude
        Pairs of nouns to leave out.
    **options
        As for `corpus.generate`.
    """
    if not isinstance(taxonomy, Taxonomy):
        raise WrongKindError(
            f"taxonomy must be a Taxonomy, not {kind_of(taxonomy)}: Taxonomy({{'pet': ['cat', "
            "'dog']})."
        )
    seeds = seeds_read(seeds)
    if images is not None:
        images = number_between(images, "images", low=1)
    per_round = sum(map(len, pair_captions(taxonomy, rounds=1, exclude=exclude))) * len(seeds)
    rounds = 1 if images is None else max(1, math.ceil(images / per_round))
    drawn = pair_captions(taxonomy, rounds=rounds, exclude=exclude)
    if images is not None:
        left = max(1, round((images - (rounds - 1) * per_round) / len(seeds)))
        drawn[-1] = _whole_nouns(drawn[-1], left)
    seeded = _with_seeds(drawn, taxonomy.nouns, seeds)
    return generate_some(
        pipe,
        seeded,
        None,
        into=into,
        progress=progress,
        caller=Caller.of(record_pairs),
        **options,
    )


def presence_and_overlap(
    runs: Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run],
    *,
    presence: Presence | Judge,
    threshold: float = 0.4,
    layers: Layers | None = None,
    heads: HeadChoice = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Detect both objects in each image, and compare the two words' maps.

    Parameters
    ----------
    runs
        A corpus from `record_pairs`, or one whose captions have the same facts.
    presence
        The detector of objects: a `Judge`, `oracles.DetectorPresence`, `oracles.RatedPresence`, or
        your own.
    threshold
        Share of each map's maximum, for `iou`.
    layers
        Name -> the layers whose maps are compared; by default ``{"paper": "paper"}``.
    heads
        Heads of these layers, as for `heat_maps`.
    path
        File of the rows; by default beside the recordings of a corpus.
    progress
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per image and choice of layers, with `COLUMNS`; none for images that `presence`
        knows nothing about.

    Raises
    ------
    StudyError
        If a recording's caption does not state its two nouns.
    """
    chosen = arguments.named_layers(layers)
    threshold = arguments.share(threshold, "threshold")
    corpus = runs_of(runs)
    look = who_looks(presence)
    settings = {
        "presence": look.name,
        "threshold": threshold,
        "layers": layer_choices.in_words(corpus, chosen, heads),
    }
    content = {
        "presence": content_of(look, "presence"),
        "layers": layer_choices.by_content(corpus, chosen, heads),
    }
    return measured(
        corpus,
        lambda run: _rows(run, look, chosen, heads, threshold),
        name="cohyponyms",
        columns=COLUMNS,
        settings={**settings, "content": content},
        in_words=settings,
        own_facts=PAIR_FACTS,
        path=path,
        what="pairs",
        progress=progress,
    )


class Cohyponyms(Study[CohyponymsOptions]):
    """The study of cohyponyms: are two things of the same kind harder to draw together?"""

    name = "cohyponyms"
    question = BUILT_IN["cohyponyms"]
    title = "Cohyponyms: two things of one kind in one image"
    columns = COLUMNS
    options_type = CohyponymsOptions

    @cached_property
    def presence(self) -> Presence:
        """The detector of objects."""
        looking = self.options.presence or self.options.judge
        if looking is None:
            raise StudyError(
                "The study needs to know which objects the images show: give judge=, or presence= "
                "with a detector (oracles.DetectorPresence) or people's answers "
                "(oracles.RatedPresence)."
            )
        return who_looks(looking)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The nouns."""
        nouns = COCO if self.options.nouns is None else self.options.nouns
        return nouns if isinstance(nouns, Taxonomy) else Taxonomy(nouns)

    def check(self, execution: Execution) -> None:
        """Check the detector and the nouns before anything is drawn."""
        self.presence, self.taxonomy  # noqa: B018

    def record(self, execution: Execution) -> Corpus:
        """Record matched prompts of every kind in ``pairs``, or open them without a pipeline."""
        options, folder = self.options, execution.into / "pairs"
        if execution.pipe is None and options.images is None:
            return generate_some(
                None, None, None, into=folder, caller=execution.caller, **execution.call
            )
        return record_pairs(
            execution.pipe,
            self.taxonomy,
            into=folder,
            images=options.images,
            seeds=options.seeds,
            exclude=options.exclude,
            progress=execution.progress,
            **execution.call,
        )

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Tables of `presence_and_overlap`, and ``"known"`` of `presence_in_known`."""
        options, presence = self.options, self.presence
        table = presence_and_overlap(
            self._recorded(runs),
            presence=presence,
            threshold=options.threshold,
            layers=options.layers,
            heads=options.heads,
            progress=execution.progress,
        )
        known = presence_in_known(options.known, presence=presence, taxonomy=self.taxonomy)
        return {self.name: table, "known": known}

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        table, known = tables[self.name], tables["known"]
        resamples = self.options.resamples
        return report(table, runs=self._recorded(runs), known=known, resamples=resamples)


def presence_in_known(
    known: Iterable[KnownImage], *, presence: Presence | Judge, taxonomy: Taxonomy
) -> pd.DataFrame:
    """Test the detector on images that are known to show both objects.

    Parameters
    ----------
    known
        (image, first noun, second noun).
    presence
        A judge or a detector.
    taxonomy
        The taxonomy of the nouns; images of two equal nouns, or of other nouns, are left out.

    Returns
    -------
    DataFrame
        One row per image: ``kind``, ``first``, ``second``, ``both``, ``objects``.
    """
    look: Any = who_looks(presence)
    rows = []
    for image, first, second in known:
        if first == second or not {first, second} <= set(taxonomy.nouns):
            continue
        seen = look.look(image, first, second)
        kind = taxonomy.kind_of(first, second)
        rows.append((kind, first, second, seen.both, seen.objects))
    return pd.DataFrame(rows, columns=["kind", "first", "second", "both", "objects"])


def _with_seeds(
    rounds: Sequence[Sequence[Caption]], nouns: Sequence[str], seeds: Sequence[int]
) -> list[Caption]:
    """Captions with the fact ``seed``: in each round every first noun has its own seeds."""
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
    """The first captions, approximately `count`, with all kinds of a noun or none."""
    kept: list[Caption] = []
    for number, caption in enumerate(captions):
        new = number == 0 or caption.facts["first"] != captions[number - 1].facts["first"]
        if new and len(kept) >= count:
            break
        kept.append(caption)
    return kept


def _rows(
    run: Run, look: Presence, layers: Layers, heads: HeadChoice, threshold: float
) -> list[dict[str, Any]]:
    """The rows of one image, one per choice of layers."""
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
        maps = heat_maps(recording, layers=choice, heads=heads)
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
            f"The caption {run.facts['prompt']!r} has no fact {lacking[0]!r}. Draw pairs with "
            "cohyponyms.record_pairs, or give captions from cohyponyms.pair_captions."
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
