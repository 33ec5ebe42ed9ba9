"""Is attention an explanation? Ablate a word's attention, and see where the image changes.

A word's map is an explanation to the extent that it shows where the word acts. For each image an
object's word is ablated (see `ablations`), and for comparison another content word and randomly
drawn columns; the change of the image is compared with the word's map, its effect map if the model
supports them, another word's, a random one, and one that falls off from the middle; and the map
with the change by another seed. With a judge: is the object gone?
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_flag, check_path
from daam_nb.maps import heat_maps
from daam_nb.prompt import Prompt, Word
from daam_nb.recording import LayerChoice, Recording
from daam_nb.studies import arguments
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.corpus.generation import records
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run, runs_of
from daam_nb.studies.corpus.settings import FILE, about_of
from daam_nb.studies.faithfulness.ablations import (
    ABLATIONS,
    ANOTHER_SEED,
    CONTROL,
    OBJECT,
    RANDOM,
    Taken,
    drawn_without,
    repeating,
    taken_from,
)
from daam_nb.studies.faithfulness.agreement import MEASURES, agreement, clouds, grid_setting, middle
from daam_nb.studies.faithfulness.curves import curves_of_area
from daam_nb.studies.faithfulness.figures import EFFECT, OWN, report
from daam_nb.studies.faithfulness.heads import head_effects
from daam_nb.studies.faithfulness.options import FaithfulnessOptions
from daam_nb.studies.oracles.protocols import Judge, check_judge
from daam_nb.studies.redraw.control_words import control_word, object_words, other_words
from daam_nb.studies.redraw.redrawing import Field, check_same, difference
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study
from daam_nb.tracing import ablate

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ABLATIONS", "COLUMNS", "Faithfulness", "ablation_effects", "repeating"]

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the image",
    "word": "the word whose map is compared with the change; for random columns, the object's",
    "kind": (
        f"{OBJECT}: an object of the image; {CONTROL}: another content word of the prompt; "
        f"{RANDOM}: as many columns as of the object, drawn at random"
    ),
    "change": f"what was ablated ({'; '.join(ABLATIONS)}), or {ANOTHER_SEED}: no ablation",
    "columns": "how many key columns were ablated",
    "map": (
        "what the change is compared with: the word's attention map, its effect map if the "
        "recording holds it, another word's attention map, random, middle"
    ),
    "layers": "whose attention the maps are of",
    "amount": "mean change of a pixel's channel, 0 to 1",
    **MEASURES,
    "object": "the image's object, ablated or not",
    "before": "whether the judge sees it in the image; empty without a judge",
    "after": "whether the judge sees it in the changed image",
}

Runs = Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run]


@dataclasses.dataclass(frozen=True)
class _Subject:
    """One recording, its words, and its judge."""

    run: Run
    recording: Recording
    image: Image
    target: Word
    control: Word | None
    judge: Judge | None

    @property
    def prompt(self) -> Prompt:
        return self.recording.prompt

    def seen(self, image: Image) -> bool | None:
        """Whether the judge sees the object."""
        if self.judge is None:
            return None
        return self.target.text.casefold() in self.judge.present(image)


def ablation_effects(
    runs: Runs,
    pipe: Any,
    *,
    judge: Judge | None = None,
    nouns: Sequence[str] | None = None,
    layers: Mapping[str, LayerChoice] | None = None,
    ablations: Sequence[str] = tuple(ABLATIONS),
    skip_unseen: bool = False,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Ablate an object's word and another word in every image, and compare changes with maps.

    Parameters
    ----------
    runs
        A corpus, the path of a corpus, or recordings, each with its image.
    pipe
        The pipeline that made them; None if every row is measured already.
    judge
        Segments the objects; its nouns are the objects. If a prompt has several objects, the first
        one it sees is used, or the first if it sees none.
    nouns
        Without a judge: the objects' nouns; None: every content word counts as one.
    layers
        Name -> layers whose maps are compared; by default ``{"paper": "paper"}``.
    ablations
        Names from `ABLATIONS`.
    skip_unseen
        Whether to leave out images in which the judge does not see the object, so that there is
        none to lose.
    path
        File of the rows; by default beside the recordings of a corpus.

    Returns
    -------
    DataFrame
        One row per image, word, change, map and choice of layers, with `COLUMNS`. Images
        whose prompt names no object have none.

    Raises
    ------
    StudyError
        If the pipeline does not reproduce the recorded images; for an unknown ablation, and for
        nouns that no prompt names.
    """
    chosen = arguments.named_layers(layers)
    ablations = arguments.names_among(ablations, ABLATIONS, name="ablations", what="ablation")
    nouns = None if nouns is None else arguments.texts(nouns, "nouns")
    check_flag(skip_unseen, "skip_unseen")
    check_judge(judge)
    corpus = runs_of(runs)
    first = corpus[0].load()
    if judge is None and nouns is not None:
        _check_named(corpus, nouns)
    checked: list[str] = []

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        subject = subject_of(run, recording, judge, nouns)
        if subject is None or (skip_unseen and subject.seen(subject.image) is False):
            return []
        if not checked and pipe is not None:
            check_same(pipe, recording)
            checked.append(run.key)
        return _rows(subject, pipe, chosen, ablations)

    settings = {
        "judge": None if judge is None else str(getattr(judge, "name", type(judge).__name__)),
        "nouns": None if nouns is None else list(nouns),
        "ablations": list(ablations),
        "skip_unseen": skip_unseen,
        "layers": {n: heat_maps(first, layers=choice).choice for n, choice in chosen.items()},
        **grid_setting(first.image),
    }
    content = {
        "judge": content_of(judge, "judge"),
        "layers": layer_choices.by_content(corpus, chosen),
    }
    by_content = {**settings, "content": content}
    return measured(
        corpus,
        measure,
        name="faithfulness",
        columns=COLUMNS,
        settings=by_content,
        in_words=settings,
        path=path,
        what="ablating",
        progress=progress,
    )


def _check_named(runs: Corpus, nouns: Sequence[str]) -> None:
    """Refuse nouns that occur in no prompt: the table would have no rows."""
    if not any(object_words(run.load().prompt, nouns) for run in runs):
        raise StudyError(
            f"No prompt contains one of the nouns {', '.join(map(repr, nouns))} as a separate "
            f"word; the first prompt is {runs[0].facts['prompt']!r}. Give nouns of the captions, "
            "in the singular, or leave nouns= out to measure every content word."
        )


class Faithfulness(Study[FaithfulnessOptions]):
    """The study of faithfulness: does the image change where the ablated word's map is high?"""

    name = "faithfulness"
    question = BUILT_IN["faithfulness"]
    title = "Is attention an explanation?"
    columns = COLUMNS
    options_type = FaithfulnessOptions

    def check(self, execution: Execution) -> None:
        """Refuse transformers before anything is drawn: their attention cannot be ablated."""
        if execution.pipe is not None:
            ablate(execution.pipe, tokens=[0])  # refuses the pipeline now or never
        check_judge(self.options.judge)

    def record(self, execution: Execution) -> Corpus | None:
        """Record each caption, with the effects of its words if the model supports them.

        A corpus begun without them is continued without them.
        """
        call = dict(execution.call)
        if execution.pipe is not None and _with_effects(execution):
            call.setdefault("effects", True)
        return super().record(dataclasses.replace(execution, call=call))

    @property
    def nouns(self) -> Sequence[str] | None:
        """The objects' nouns, if there is no judge."""
        options = self.options
        if options.judge is not None or not isinstance(options.nouns, Mapping):
            return None if options.judge is not None else options.nouns
        members = (arguments.texts(nouns, "nouns") for nouns in options.nouns.values())
        return [noun for nouns in members for noun in nouns]

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Tables of `ablation_effects`, ``"heads"`` of `head_effects`, and ``"curves"`` of
        `curves_of_area`."""
        options, corpus, pipe = self.options, self._recorded(runs), execution.pipe
        progress, judge = execution.progress, options.judge
        table = ablation_effects(
            corpus,
            pipe,
            judge=judge,
            nouns=self.nouns,
            layers=options.layers,
            skip_unseen=options.skip_unseen and judge is not None,
            progress=progress,
        )
        if table.empty:
            raise StudyError(
                f"None of {len(corpus)} images shows an object to remove"
                + (": the judge sees none. Draw more images" if judge is not None else "")
                + ", give captions that name one, or measure all words: skip_unseen=False."
            )
        some = _with_objects(corpus, table)
        of_heads, of_curves = some[: options.head_images], some[: options.curve_images]
        return {
            self.name: table,
            "heads": head_effects(of_heads, pipe, table, progress=progress),
            "curves": curves_of_area(of_curves, pipe, table, progress=progress),
        }

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        table, heads, curves = (tables[name] for name in (self.name, "heads", "curves"))
        return report(table, heads, curves, runs=self._recorded(runs))


def _with_effects(execution: Execution) -> bool:
    folder = check_path(execution.into, "into") / "pictures"
    if (folder / FILE).is_file():
        return bool(about_of(folder)["settings"].get("effects"))
    return records(execution.pipe, effects=True)


def subject_of(
    run: Run, recording: Recording, judge: Judge | None, nouns: Sequence[str] | None
) -> _Subject | None:
    """The object of an image and the word to compare it with; None if there is no object."""
    if recording.image is None:
        raise StudyError(f"The recording {run.key} has no image, so its change cannot be measured.")
    known = judge.names[1:] if judge is not None else nouns
    prompt = recording.prompt
    objects = other_words(prompt, ()) if known is None else object_words(prompt, known)
    if not objects:
        return None
    present = judge.present(recording.image) if judge is not None else {}
    target = next((word for word in objects if word.text.casefold() in present), objects[0])
    control = control_word(prompt, target, [target.text] if known is None else known)
    return _Subject(run, recording, recording.image, target, control, judge)


# --- one image ----------------------------------------------------------------------------------


def _rows(
    subject: _Subject, pipe: Any, layers: Mapping[str, LayerChoice], ablations: Sequence[str]
) -> list[dict[str, Any]]:
    """Measure all ablations of an image; the images are drawn together."""
    ablated = taken_from(
        subject.prompt, subject.target, subject.control, ablations, key=subject.run.key
    )
    words = {OBJECT: subject.target, CONTROL: subject.control, RANDOM: subject.target}
    maps: dict[str, Mapping[tuple[str, str], Field]] = {}
    before = subject.seen(subject.image)
    rows: list[dict[str, Any]] = []
    for ablation, after in zip(
        ablated, drawn_without(pipe, subject.recording, ablated), strict=True
    ):
        word = words[ablation.kind]
        assert word is not None  # else nothing of this kind is taken
        if word.text not in maps:
            maps[word.text] = _maps(subject, word, layers)
        rows += _compared(subject, after, ablation, word=word, maps=maps[word.text], before=before)
    return rows


def _compared(
    subject: _Subject,
    after: Image,
    taken: Taken,
    *,
    word: Word,
    maps: Mapping[tuple[str, str], Field],
    before: bool | None,
) -> list[dict[str, Any]]:
    field = difference(subject.image, after)
    about = {
        "run": subject.run.key,
        "prompt": subject.prompt.text,
        "seed": subject.run.facts["seed"],
        "word": word.text,
        "kind": taken.kind,
        "change": taken.name,
        "columns": len(taken.columns),
        "amount": float(field.mean()),
        "object": subject.target.text,
        "before": before,
        "after": subject.seen(after),
    }
    return [
        {**about, "map": name, "layers": layers, **agreement(heat, field)}
        for (layers, name), heat in maps.items()
    ]


def _maps(
    subject: _Subject, word: Word, layers: Mapping[str, LayerChoice]
) -> dict[tuple[str, str], Field]:
    """(layers, what) -> a map at the image's size, for the word and its null comparisons."""
    size = (subject.image.height, subject.image.width)
    other = subject.control if word == subject.target else subject.target
    seed = hashlib.sha256(f"{subject.run.key} {word.start}".encode()).digest()
    fields: dict[tuple[str, str], Field] = {}
    for name, choice in layers.items():
        maps = heat_maps(subject.recording, layers=choice)
        fields[name, OWN] = _at(maps.word(word.span), size)
        if subject.recording.effects is not None:
            effects = heat_maps(subject.recording, kind="effect", layers=choice)
            if word.span in effects:
                fields[name, EFFECT] = _at(effects.word(word.span), size)
        if other is not None:
            fields[name, "another word's"] = _at(maps.word(other.span), size)
    first = next(iter(layers))
    fields[first, "random"] = clouds(size, np.random.default_rng(list(seed[:8])))
    fields[first, "middle"] = middle(size)
    return fields


def _at(one: Any, size: tuple[int, int]) -> Field:
    values: Field = one.resize(size).numpy().astype(np.float64)
    return values


def _with_objects(runs: Corpus, table: pd.DataFrame) -> Corpus:
    """The runs that have rows, those whose object the judge sees first."""
    seen = table.drop_duplicates("run").set_index("run").before
    keys = [run for run in runs if run.key in seen.index]
    return Corpus(tuple(sorted(keys, key=lambda run: seen[run.key] is False)), runs.path)
