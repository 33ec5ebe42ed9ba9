"""Adjectival entanglement: how far beyond its noun does an adjective reach?

Two measures. *Spill*: the share of the adjective's map outside its noun's, 1 - IoD. *Reach*: the
adjective is exchanged ("a red car" becomes "a blue car") while the first image's attention is
replayed, so that the layout is kept; any change outside the noun is then due to the adjective (Tang
et al. 2023, section 5).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps, iod, iou
from daam_nb.masks import read_mask
from daam_nb.recording import Kept, LayerChoice, Recording
from daam_nb.selection import HeadChoice
from daam_nb.studies import arguments
from daam_nb.studies.adjectives.figures import BY_JUDGE, BY_MAP, FREE, OTHER_SEED, REPLAYED, report
from daam_nb.studies.adjectives.options import AdjectivesOptions
from daam_nb.studies.arguments import texts
from daam_nb.studies.corpus.captions import Caption, as_captions, from_template
from daam_nb.studies.corpus.fingerprints import content_of, digest, fingerprint
from daam_nb.studies.corpus.generation import Caller, check_batch, check_options, name_of
from daam_nb.studies.corpus.identity import identity, model_name
from daam_nb.studies.corpus.layer_choices import heads_by_content
from daam_nb.studies.corpus.rows import collect
from daam_nb.studies.corpus.runs import Corpus, Run, with_facts
from daam_nb.studies.corpus.seeds import check_seed, own_seed, several
from daam_nb.studies.oracles.nouns import named_word
from daam_nb.studies.oracles.protocols import Judge, check_judge, check_proportions
from daam_nb.studies.redraw.redrawing import Field, difference
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study
from daam_nb.tracing import generate, replay

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "COLUMNS",
    "PAPER_TEMPLATES",
    "WORLD_TEMPLATES",
    "Adjectives",
    "adjective_pairs",
    "captions",
    "inside_and_outside",
]

PAPER_TEMPLATES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a {adj} shovel sitting in a clean shed": ("shovel", "shed", ("rusty", "wooden", "blue")),
    "a {adj} ball rolling down a hill": ("ball", "hill", ("bumpy", "smooth", "red")),
    "a {adj} car driving down the street": ("car", "street", ("blue", "green", "red")),
}
"""Template -> its noun, another noun of the scene, adjectives; templates are the paper's."""

WORLD_TEMPLATES = ("a {adj} {noun} on the grass", "a {adj} {noun} in the snow")
"""For a list of nouns and a list of adjectives; the last word is the other noun of the scene."""

SEED_STEP = 1_000_003
_FACTS = ("noun", "adjective", "swapped_adjective", "swapped")  # of captions; columns of the table

COLUMNS: dict[str, str] = {
    "run": "key of the pair of images",
    "prompt": "text of the first image",
    "swapped": "text of the second one",
    "seed": "of the first image's noise",
    "noun": "the noun",
    "adjective": "in the first image",
    "swapped_adjective": "in the second one",
    "how": (
        f"{REPLAYED}: same noise, the first image's attention replayed; {FREE}: same noise, its "
        f"own attention; {OTHER_SEED}: the first prompt again, other noise"
    ),
    "region": (
        "what counts as the noun: where the judge sees it in the first or in the second image; "
        "without a judge, or where it does not see it in the first, the noun's map there"
    ),
    "region_share": "share of the image that it covers",
    "inside": "mean change of a pixel's channel inside the noun, 0 to 1",
    "outside": "the same outside",
    "outside_share": "share of the whole change that is outside the noun; empty without change",
    "layout": "IoU of the judge's masks of the noun in the two images; empty without",
    "layers": "whose attention the maps are of",
    "spill": "1 - IoD of the adjective's map in its noun's, of the first image, 0 to 1",
    "spill_other": "1 - IoD of the scene's other noun in this noun: what unrelated words do",
    "iou": "of the adjective's and the noun's maps at the threshold",
}

Mask = NDArray[np.bool_]


def captions(
    nouns: Sequence[str] | None = None,
    words: Sequence[str] | None = None,
    *,
    templates: Sequence[str] = WORLD_TEMPLATES,
) -> list[Caption]:
    """Make prompts with an adjective, each with the adjective that replaces it.

    Parameters
    ----------
    nouns, words
        Nouns and adjectives, combined so that each noun occurs with each adjective, which is
        replaced by the next one in the list. None: those of the paper's templates.
    templates
        Templates with the slots ``{adj}`` and ``{noun}``; their last word is another noun of the
        scene.

    Returns
    -------
    list of Caption
        In an order in which every noun comes once before any is repeated. Facts: ``noun``,
        ``adjective``, ``swapped_adjective``, ``swapped`` (the other text), ``other`` (the scene's
        other noun).

    Raises
    ------
    StudyError
        For fewer than two adjectives.
    """
    if nouns is None:
        captions_made = []
        for template, (noun, other, own) in PAPER_TEMPLATES.items():
            captions_made += [_caption(template, noun, other, a, b) for a, b in _next(own)]
        return captions_made
    nouns, templates = texts(nouns, "nouns"), texts(templates, "templates")
    words = None if words is None else texts(words, "words")
    if words is None or len(set(words)) < 2:
        raise StudyError(
            "This study needs at least two adjectives, since one is replaced with another."
        )
    pairs = _next(words)
    return [
        _caption(template, noun, template.split()[-1], *pairs[(number + turn) % len(pairs)])
        for turn in range(len(pairs))
        for template in templates
        for number, noun in enumerate(nouns)
    ]


def adjective_pairs(
    pipe: Any,
    prompts: Sequence[Caption],
    seeds: Sequence[int] | None = None,
    *,
    judge: Judge | None = None,
    layers: Mapping[str, LayerChoice] | None = None,
    heads: HeadChoice = None,
    threshold: float = 0.4,
    path: str | os.PathLike[str] | None = None,
    batch: int = 1,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Measure spill, and the effect of replacing the adjective with and without replay.

    Parameters
    ----------
    pipe
        The pipeline; each pair needs four images.
    prompts
        Prompts from `captions`, or with the same facts.
    seeds
        None: each caption has its own seed (`corpus.own_seed`). Otherwise each caption is generated
        with each seed.
    judge
        Segments the noun. If it is None, or does not see the noun in the first image, the
        thresholded map of the noun in the first image is used.
    layers
        Name -> layers whose maps are compared; by default ``{"paper": "paper"}``.
    heads
        Heads of these layers, as for `heat_maps`.
    threshold
        Threshold of the maps, as a share of their maximum.
    path
        File of the rows, so that an interrupted study resumes; None: no file.
    batch
        Number of pairs generated at once, each image of a batch with its own attention replayed; as
        for `corpus.generate`.
    **options
        Options of the pipeline's call.

    Returns
    -------
    DataFrame
        One row per pair of images, method of making the second image, and choice of layers.
    """
    check_options(pipe, options, Caller.of(adjective_pairs), keep_is_settled=True)
    check_batch(batch)
    check_judge(judge)
    chosen = arguments.named_layers(layers)
    threshold = arguments.share(threshold, "threshold")
    prompts = as_captions(prompts)
    for caption in prompts:
        if lacking := [name for name in _FACTS if name not in caption.facts]:
            raise StudyError(
                f"The caption {caption.text!r} has no fact {lacking[0]!r}. Give captions from "
                "adjectives.captions(nouns, words), or with the same facts."
            )
    units = [
        (caption, seed)
        for caption in prompts
        for seed in ([own_seed(caption)] if seeds is None else several(seeds))
    ]
    for caption, seed in units:
        check_seed(caption, seed)
    names = _names(units)

    @lru_cache(maxsize=1)
    def drawn(start: int) -> list[_Pair]:
        return _drawn(pipe, units[start : start + batch], options)

    def measure(place: int) -> list[dict[str, Any]]:
        pair = drawn(place - place % batch)[place % batch]
        return [{"run": names[place], **row} for row in pair.rows(judge, chosen, heads, threshold)]

    settings = {
        **{name: fingerprint(value, name) for name, value in options.items()},
        "judge": None if judge is None else str(getattr(judge, "name", type(judge).__name__)),
        "layers": fingerprint(chosen, "layers"),
        **heads_by_content(heads),
        "threshold": threshold,
        **({"batch": batch} if batch != 1 else {}),
    }
    by_content = {**identity(pipe), **settings, "content of the judge": content_of(judge, "judge")}

    def content(number: int) -> str:
        return digest(fingerprint(dict(units[number][0].facts), "facts"))

    table = collect(
        [(_key(caption, seed), place) for place, (caption, seed) in enumerate(units)],
        measure,
        columns=COLUMNS,
        content=content,
        path=path,
        settings=by_content,
        what="exchanging adjectives",
        progress=progress,
    )
    model = model_name(pipe)
    table.attrs["settings"] = {"model": model, **settings}
    pairs = [
        Run(name, dict(caption.facts), Path(), model)
        for name, (caption, _) in zip(names, units, strict=True)
    ]
    return with_facts(table, pairs, but=_FACTS)


class Adjectives(Study[AdjectivesOptions]):
    """The study of adjectives: how far beyond its noun does an adjective reach?"""

    name = "adjectives"
    question = BUILT_IN["adjectives"]
    title = "Adjectives: how far beyond its noun does one reach?"
    columns = COLUMNS
    options_type = AdjectivesOptions

    def check(self, execution: Execution) -> None:
        """Check, before anything is drawn, for options of the call that a pair sets itself."""
        callers = (execution.caller, Caller.of(adjective_pairs))
        check_options(execution.pipe, execution.call, *callers, keep_is_settled=True)

    def prompts(self) -> list[Caption]:
        """The prompts, each with its own seeds, so that their images are independent."""
        options = self.options
        nouns, seeds = options.nouns, options.seeds
        if isinstance(nouns, Mapping):
            nouns = [noun for members in nouns.values() for noun in members]
        prompts = captions(nouns, options.adjectives)
        if options.images is not None:
            prompts = prompts[: max(1, round(options.images / (4 * len(seeds))))]
        span = max(seeds) - min(seeds) + 1
        return [
            Caption(caption.text, {**caption.facts, "seed": seed + number * span})
            for number, caption in enumerate(prompts)
            for seed in seeds
        ]

    def record(self, execution: Execution) -> None:
        """Record nothing: pairs are drawn, with attention replayed, when they are measured."""

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Tables of `adjective_pairs`; the rows are ``rows.jsonl`` in the study's folder."""
        options = self.options
        table = adjective_pairs(
            execution.pipe,
            self.prompts(),
            None,
            judge=options.judge,
            layers=options.layers,
            heads=options.heads,
            threshold=options.threshold,
            path=execution.into / "rows.jsonl",
            progress=execution.progress,
            **execution.call,
        )
        return {self.name: table}

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        return report(tables[self.name])


def _key(caption: Caption, seed: int) -> str:
    return name_of(json.dumps([caption.text, caption.facts["swapped"]]), seed)


def _names(units: Sequence[tuple[Caption, int]]) -> list[str]:
    """Names of the pairs in the table; pairs of one first image are also named by the second."""
    names = [name_of(caption.text, seed) for caption, seed in units]
    return [
        name if names.count(name) == 1 else _key(*unit)
        for name, unit in zip(names, units, strict=True)
    ]


# --- one pair -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Pair:
    """A caption and a seed: the first image, and those compared with it, by how they were made."""

    caption: Caption
    seed: int
    first: Recording
    others: Mapping[str, Recording]

    def rows(
        self,
        judge: Judge | None,
        layers: Mapping[str, LayerChoice],
        heads: HeadChoice,
        threshold: float,
    ) -> list[dict[str, Any]]:
        facts = self.caption.facts
        about = {
            "prompt": self.caption.text,
            "seed": self.seed,
            **{name: facts[name] for name in _FACTS},
        }
        spills = {name: self._spill(choice, heads, threshold) for name, choice in layers.items()}
        reaches = self._reaches(judge, threshold)
        return [
            {**about, "how": how, "layers": name, **reach, **spilled}
            for how, reach in reaches.items()
            for name, spilled in spills.items()
        ]

    def _spill(self, choice: LayerChoice, heads: HeadChoice, threshold: float) -> dict[str, float]:
        facts = self.caption.facts
        maps = heat_maps(self.first, layers=choice, heads=heads)
        noun = maps.word(named_word(maps.prompt, facts["noun"]))
        adjective, other = maps.word(facts["adjective"]), maps.word(facts["other"])
        return {
            "spill": 1 - iod(adjective, noun, threshold=threshold),
            "spill_other": 1 - iod(other, noun, threshold=threshold),
            "iou": iou(adjective, noun, threshold=threshold),
        }

    def _reaches(self, judge: Judge | None, threshold: float) -> dict[str, dict[str, Any]]:
        before, own = _image(self.first), self._seen(_image(self.first), judge)
        measured: dict[str, dict[str, Any]] = {}
        for how, other in self.others.items():
            change = difference(before, _image(other))
            if not own.any():
                # The replayed image's map is the first one's: it says nothing about the layout.
                split = inside_and_outside(change, self._map(threshold))
                measured[how] = {"region": BY_MAP, **split, "layout": None}
                continue
            seen = self._seen(_image(other), judge)
            split = inside_and_outside(change, own | seen)
            measured[how] = {"region": BY_JUDGE, **split, "layout": iou(own, seen)}
        return measured

    def _seen(self, image: Image, judge: Judge | None) -> Mask:
        if judge is None:
            return np.zeros((image.height, image.width), dtype=bool)
        noun = self.caption.facts["noun"]
        mask = read_mask(judge.mask(image, noun), what=f"The judge's mask of {noun!r}").numpy()
        check_proportions(mask.shape, (image.height, image.width), f"the judge's of {noun!r}")
        return mask

    def _map(self, threshold: float) -> Mask:
        size = _image(self.first).size[::-1]
        maps = heat_maps(self.first)
        word = maps.word(named_word(maps.prompt, self.caption.facts["noun"]))
        return np.asarray(word.mask(threshold, size=size), dtype=bool)


def _drawn(
    pipe: Any, units: Sequence[tuple[Caption, int]], options: Mapping[str, Any]
) -> list[_Pair]:
    """The four images of each pair; the first ones in one call, and so on."""
    texts = [caption.text for caption, _ in units]
    swapped = [str(caption.facts["swapped"]) for caption, _ in units]
    seeds = [seed for _, seed in units]

    def made(prompts: list[str], seeds: list[int], keep: Kept = "sum") -> list[Recording]:
        recordings = generate(pipe, prompts, seed=seeds, keep=keep, **options)
        assert not isinstance(recordings, Recording)  # as many as prompts
        return recordings

    first = made(texts, seeds, keep="replay")
    # By words: one adjective may be of more tokens than the other.
    with replay(pipe, first, alignment="words"):
        replayed = made(swapped, seeds)
    ways = {
        REPLAYED: replayed,
        FREE: made(swapped, seeds),
        OTHER_SEED: made(texts, [seed + SEED_STEP for seed in seeds]),
    }
    return [
        _Pair(caption, seed, first[number], {how: runs[number] for how, runs in ways.items()})
        for number, (caption, seed) in enumerate(units)
    ]


def _image(run: Recording) -> Image:
    assert run.image is not None  # `generate` makes images, no latents
    return run.image


def inside_and_outside(change: Field, region: Mask) -> dict[str, float | None]:
    """Split a change at the edge of a region.

    Parameters
    ----------
    change, region
        (y, x): >= 0, and bool.

    Returns
    -------
    dict
        ``region_share``, ``inside``, ``outside`` and ``outside_share`` of `COLUMNS`; None if there
        are no such pixels, or there is no change.
    """
    total = float(change.sum())
    return {
        "region_share": float(region.mean()),
        "inside": float(change[region].mean()) if region.any() else None,
        "outside": float(change[~region].mean()) if not region.all() else None,
        "outside_share": float(change[~region].sum()) / total if total > 0 else None,
    }


def _next(words: Sequence[str]) -> list[tuple[str, str]]:
    """Each word with the next one, the last with the first."""
    return [(word, words[(index + 1) % len(words)]) for index, word in enumerate(words)]


def _caption(template: str, noun: str, other: str, adjective: str, swapped: str) -> Caption:
    def text(word: str) -> str:
        slots = {"adj": [word]} | ({"noun": [noun]} if "{noun}" in template else {})
        return from_template(template, **slots)[0].text

    return Caption(
        text(adjective),
        {
            "noun": noun,
            "other": other,
            "adjective": adjective,
            "swapped_adjective": swapped,
            "swapped": text(swapped),
        },
    )
