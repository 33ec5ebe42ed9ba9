"""Object attribution: does a word's map find its object? (Tang et al. 2023, section 3.1)

The map of a word is resized to the image, thresholded at a share tau of its maximum (eq. 7), and
compared with the object's true mask by intersection over union. The mean over all objects is the
paper's mIoU: over the nouns of a closed vocabulary (mIoU80 there), and over all (mIoU-infinity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import whole_number
from daam_nb.maps import heat_maps, iou
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice
from daam_nb.studies import arguments
from daam_nb.studies.attribution.baselines import (
    BASELINES,
    Baselines,
    by_maps,
    by_segmenters,
    segmented,
)
from daam_nb.studies.attribution.figures import curve, examples
from daam_nb.studies.attribution.options import AttributionOptions
from daam_nb.studies.attribution.rows import ABSENT
from daam_nb.studies.attribution.statistics import against, by_noun, miou
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run, runs_of
from daam_nb.studies.oracles.protocols import (
    Mask,
    Segmenter,
    Target,
    Truth,
    check_segmenters,
    check_truth,
    targets_of,
)
from daam_nb.studies.oracles.truths import CocoTruth, FolderTruth, JudgeTruth
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""0.05 to 0.95."""

RECOMMENDED = "DAAM, recommended layers"

COLUMNS: dict[str, str] = {
    "run": "the recording",
    "prompt": "its text",
    "seed": "its seed",
    "noun": "the object's name in the truth's vocabulary",
    "word": "the word of the prompt that names it; several are joined by a plus sign",
    "closed": "whether the noun is of the closed vocabulary",
    "method": "what marked the pixels; '(not in the image)': no object to find, so nothing was "
    "measured",
    "threshold": "share of the map's maximum above which a pixel is marked; empty for masks",
    "iou": "intersection over union with the true mask, 0 to 1",
    "marked": "share of the image that was marked",
    "object": "share of the image that the object covers",
}


def object_ious(
    runs: Any,
    *,
    truth: Truth,
    layers: Mapping[str, LayerChoice] | None = None,
    heads: HeadChoice = None,
    thresholds: Sequence[float] = THRESHOLDS,
    segmenters: Sequence[Segmenter] = (),
    baselines: Sequence[str] = BASELINES,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Compare word maps, baselines and segmenters with the true masks.

    Parameters
    ----------
    runs
        A `Corpus`, the path of a corpus, or recordings. The rows of a corpus on disk are kept
        beside the recordings, so that an interrupted study resumes.
    truth
        The true masks of the objects: `oracles.JudgeTruth(judge)`, `FolderTruth`, `CocoTruth`.
    layers
        Method -> the layers whose maps it uses; by default ``{"DAAM": "paper"}``.
    heads
        Heads of these layers, as for `heat_maps`.
    thresholds
        Shares of the map's maximum.
    segmenters
        Supervised methods; a noun for which a method has no label counts as not found, with IoU 0.
    baselines
        Names from `BASELINES`: everything marked; the map of another word of the same prompt; the
        word's own map with its cells in random order; a map that falls off from the center. The
        last three are made from, or like, maps of the first method in `layers`.
    seed
        Seed of the random baselines, whose results do not depend on the order of measurement.

    Returns
    -------
    DataFrame
        One row per object, method and threshold; see ``attrs["columns"]``, which is `COLUMNS`.

    Raises
    ------
    StudyError
        If two methods have the same name, a threshold or baseline is repeated or invalid, or
        `truth` or a segmenter is not one.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 7 and table 1,
    https://aclanthology.org/2023.acl-long.310
    """
    thresholds = arguments.shares(thresholds, "thresholds")
    baselines = arguments.names_among(baselines, BASELINES, name="baselines", what="baseline")
    layers = arguments.named_layers({"DAAM": "paper"} if layers is None else layers)
    seed = whole_number(seed, "seed")
    check_truth(truth)
    check_segmenters(segmenters)
    corpus = runs_of(runs)
    _check_names([*layers, *(segmenter.name for segmenter in segmenters), *baselines])
    settings = {
        "truth": {"name": truth.name, "content": content_of(truth, "truth")},
        "maps": layer_choices.by_content(corpus, layers, heads),
        "thresholds": list(thresholds),
        "segmenters": [[s.name, content_of(s, s.name)] for s in segmenters],
        "baselines": list(baselines),
        "seed": seed,
    }
    baseline = Baselines(tuple(baselines), seed)

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        maps = {
            name: heat_maps(recording, layers=choice, heads=heads)
            for name, choice in layers.items()
        }
        rows: list[dict[str, Any]] = []
        targets = targets_of(truth, run.facts, recording)
        noun_masks = segmented(targets, recording, segmenters)
        for target in targets:
            if target.mask is None:
                rows.append(_row(run, target, ABSENT, None, None))
                continue
            masks = by_maps(target, maps, thresholds)
            masks += baseline.marked(run, target, maps, thresholds)
            masks += by_segmenters(target, noun_masks)
            rows += [_row(run, target, *mask) for mask in masks]
        return rows

    return measured(
        corpus,
        measure,
        name="attribution",
        columns=COLUMNS,
        settings=settings,
        what="object attribution",
        progress=progress,
    )


def _check_names(methods: Sequence[str]) -> None:
    """Check that every method has its own name, so that their rows can be distinguished."""
    twice = [name for name in dict.fromkeys(methods) if methods.count(name) > 1]
    if twice or ABSENT in methods:
        name = (twice or [ABSENT])[0]
        raise StudyError(
            f"Two methods are called {name!r}, so their rows could not be distinguished. Give each "
            "its own name: layers={'my name': ...}, ClipSegSegmenter(..., name='my name')."
        )


def _row(
    run: Run, target: Target, method: str, threshold: float | None, marked: Mask | None
) -> dict[str, Any]:
    true = target.mask
    return {
        "run": run.key,
        "prompt": run.facts["prompt"],
        "seed": run.facts["seed"],
        "noun": target.noun,
        "word": "+".join(word.text for word in target.words),
        "closed": target.closed,
        "method": method,
        "threshold": threshold,
        "iou": None if true is None or marked is None else iou(marked, true),
        "marked": None if marked is None else float(marked.mean()),
        "object": None if true is None else float(true.mean()),
    }


class Attribution(Study[AttributionOptions]):
    """The study of object attribution: do word maps find the objects that captions name?"""

    name = "attribution"
    question = BUILT_IN["attribution"]
    title = "Object attribution: does a word's map find its object?"
    columns = COLUMNS
    options_type = AttributionOptions

    @cached_property
    def truth(self) -> Truth:
        """The ground truth; raises a `StudyError` unless one of judge and truth is given."""
        judge, truth = self.options.judge, self.options.truth
        if (judge is None) == (truth is None):
            raise StudyError(
                "Object attribution needs to know where the objects are: give judge=, such as "
                "daam_nb.menagerie.judge.Judge() for the shipped model, or truth=, one of "
                "daam_nb.studies.oracles; not both."
            )
        if truth is None:
            name = str(getattr(judge, "name", type(judge).__name__))
            truth = JudgeTruth(judge, self.options.groups or {}, name=name)
        check_truth(truth)
        return truth  # type: ignore[no-any-return]

    @cached_property
    def layers(self) -> dict[str, LayerChoice]:
        """Method -> the layers whose maps it uses."""
        options = self.options
        layers = {"DAAM": "paper"} if options.layers is None else options.layers
        layers = arguments.named_layers(layers)
        if options.recommended is not None:
            _check_names([*layers, RECOMMENDED])
            layers[RECOMMENDED] = list(options.recommended)
        return layers

    def check(self, execution: Execution) -> None:
        """Check the truth, the segmenters and the names of the methods before anything is drawn."""
        truth = self.truth
        check_segmenters(self.options.segmenters)
        if execution.pipe is not None and isinstance(truth, FolderTruth | CocoTruth):
            truth.check_before_drawing()
        _check_names([*self.layers, *(segmenter.name for segmenter in self.options.segmenters)])

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """One table, of `object_ious`."""
        table = object_ious(
            self._recorded(runs),
            truth=self.truth,
            layers=self.layers,
            heads=self.options.heads,
            segmenters=self.options.segmenters,
            progress=execution.progress,
        )
        return {self.name: table}

    @property
    def best(self) -> str:
        """The method compared with the others: that of the recommended layers, else the paper's."""
        return list(self.layers)[-1]

    def summary(self, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Mean IoU of all methods, and of the best one against the others and by noun."""
        best = self.best
        return {
            "Mean IoU": miou(table),
            f"{best} against the others, threshold 0.4": against(table, method=best),
            f"{best}, threshold 0.4, by noun": by_noun(table, method=best),
        }

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        table, runs, best = tables[self.name], self._recorded(runs), self.best
        objects = table.drop_duplicates(["run", "noun"])
        absent = int((objects["method"] == ABSENT).sum())
        heads = self.options.heads
        maps = layer_choices.in_words(runs, self.layers, heads)
        facts = {
            "model": runs.settings.get("model", "see the recordings"),
            "images": len(runs),
            "prompts": len({run.facts["prompt"] for run in runs}),
            **{name: runs.settings[name] for name in _OF_THE_CALL if name in runs.settings},
            "truth": self.truth.name,
            "objects named": len(objects),
            "of these not found in the image, and left out": absent,
            **{f"maps of {name}": choice for name, choice in maps.items()},
            "intervals": "95 %, whole prompts as clusters; ten or more",
            "p": (
                "permutation test: signs of whole prompts; Holm: for all tests of this page "
                "together"
            ),
        }
        caption = (
            f"{len(objects) - absent} objects in {len(runs)} images of {facts['model']}; truth: "
            f"{self.truth.name}. Bands: 95 % intervals over prompts."
        )
        summary = self.summary(table)
        return Report(
            name=self.name,
            title=self.title,
            observations=table,
            tables=summary,
            figures={
                "threshold": curve(table, caption=caption),
                "examples": examples(
                    runs,
                    truth=self.truth,
                    layers=self.layers[best],
                    heads=heads,
                    title=f"{best}: the first objects",
                ),
                "nouns": bars(
                    summary[f"{best}, threshold 0.4, by noun"],
                    label="noun",
                    value="iou",
                    title=f"{best} at threshold 0.4, by noun",
                    caption=caption,
                    axis="mean IoU with the true mask",
                ),
            },
            facts=facts,
        )


_OF_THE_CALL = ("num_inference_steps", "guidance_scale", "negative_prompt", "height", "width")
