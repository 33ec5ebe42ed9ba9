"""Object attribution: does a word's map find its object? (Tang et al. 2023, section 3.1)

The map of a word is brought to the picture's size, cut at a share tau of its maximum (eq. 7), and
compared with the object's true mask by intersection over union. The mean over all objects is the
paper's mIoU: over the nouns of a closed vocabulary (mIoU80 there), and over all (mIoU-infinity).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_choice, check_path, whole_number
from daam_nb.maps import heat_maps, iou
from daam_nb.recording import LayerChoice
from daam_nb.show.figures import Figure
from daam_nb.studies import arguments
from daam_nb.studies.attribution import figures
from daam_nb.studies.attribution import rows as rows_of_table
from daam_nb.studies.attribution.baselines import (
    BASELINES,
    Baselines,
    by_maps,
    by_segmenters,
    segmented,
)
from daam_nb.studies.attribution.figures import examples
from daam_nb.studies.attribution.rows import check_threshold, is_at, measured, of_method
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.corpus.generation import Corpus, Run, generate_some, runs_of
from daam_nb.studies.corpus.rows import collect
from daam_nb.studies.corpus.runs import with_facts
from daam_nb.studies.oracles.protocols import (
    Judge,
    Mask,
    Segmenter,
    Target,
    Truth,
    check_segmenters,
    check_truth,
    targets_of,
)
from daam_nb.studies.oracles.truths import CocoTruth, FolderTruth, JudgeTruth
from daam_nb.studies.report.figures import bars
from daam_nb.studies.report.page import Report
from daam_nb.studies.stats.comparison import compare, holm_of
from daam_nb.studies.stats.intervals import SHARE
from daam_nb.studies.stats.intervals import summary as summarised

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""0.05 to 0.95."""

PAPERS = (0.3, 0.4, 0.5)
"""The paper's thresholds."""

ABSENT = rows_of_table.ABSENT
RECOMMENDED = "DAAM, recommended layers"

COLUMNS: dict[str, str] = {
    "run": "the recording",
    "prompt": "its text",
    "seed": "its seed",
    "noun": "the object's name in the truth's vocabulary",
    "word": "the word of the prompt that names it; several are joined by a plus sign",
    "closed": "whether the noun is of the closed vocabulary",
    "method": "what marked the pixels; '(not in the picture)': no object to find, nothing measured",
    "threshold": "share of the map's maximum from which on a pixel is marked; none: a ready mask",
    "iou": "intersection over union with the true mask, 0 to 1",
    "marked": "share of the picture that was marked",
    "object": "share of the picture that the object covers",
}


def object_ious(
    runs: Any,
    *,
    truth: Truth,
    layers: Mapping[str, LayerChoice] | None = None,
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
        A `Corpus`, the path of one, or recordings. Of a corpus on disk the rows are kept beside
        the recordings, so that a study stopped at any moment goes on.
    truth
        Where the objects are: `oracles.JudgeTruth(judge)`, `FolderTruth`, `CocoTruth`.
    layers
        Method -> the layers whose maps it takes; by default ``{"DAAM": "paper"}``.
    thresholds
        Shares of the map's maximum.
    segmenters
        Supervised methods; a noun that one has no name for counts as not found, IoU 0.
    baselines
        Of `BASELINES`: everything marked; the map of another word of the same prompt; the word's
        own map with its places in random order; a map that falls off from the middle. The last
        three are made of, or like, maps of the first method in `layers`.
    seed
        Of what is random in the baselines; the same whatever is measured first.

    Returns
    -------
    DataFrame
        One row per object, method and threshold; see ``attrs["columns"]``, which is `COLUMNS`.

    Raises
    ------
    StudyError
        Where two methods have one name, a threshold or baseline stands twice or cannot be, or
        `truth` or a segmenter is none.

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
        "maps": layer_choices.by_content(corpus, layers),
        "thresholds": list(thresholds),
        "segmenters": [[s.name, content_of(s, s.name)] for s in segmenters],
        "baselines": list(baselines),
        "seed": seed,
    }
    baseline = Baselines(tuple(baselines), seed)

    def measure(run: Run) -> list[dict[str, Any]]:
        recording = run.load()
        maps = {name: heat_maps(recording, layers=choice) for name, choice in layers.items()}
        rows: list[dict[str, Any]] = []
        targets = targets_of(truth, run.facts, recording)
        found = segmented(targets, recording, segmenters)
        for target in targets:
            if target.mask is None:
                rows.append(_row(run, target, ABSENT, None, None))
                continue
            marked = by_maps(target, maps, thresholds)
            marked += baseline.marked(run, target, maps, thresholds)
            marked += by_segmenters(target, found)
            rows += [_row(run, target, *one) for one in marked]
        return rows

    table = collect(
        [(run.key, run) for run in corpus],
        measure,
        columns=COLUMNS,
        content=Run.content,
        path=corpus.place("attribution", settings),
        settings=settings,
        what="object attribution",
        progress=progress,
    )
    return with_facts(table, corpus)


def _check_names(methods: Sequence[str]) -> None:
    """Every method has a name of its own; else one would stand in the rows of the other."""
    twice = [name for name in dict.fromkeys(methods) if methods.count(name) > 1]
    if twice or ABSENT in methods:
        name = (twice or [ABSENT])[0]
        raise StudyError(
            f"Two methods are called {name!r}, so their rows could not be told apart. Give each a "
            f"name of its own: layers={{'my name': ...}}, ClipSegSegmenter(..., name='my name')."
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


# --- tables of it ---------------------------------------------------------------------------------


def miou(
    table: pd.DataFrame,
    *,
    thresholds: Sequence[float] | None = PAPERS,
    vocabulary: str = "both",
    enough: int = 300,
) -> pd.DataFrame:
    """Mean IoU of every method, with 95 % intervals whose clusters are whole prompts.

    Parameters
    ----------
    table
        What `object_ious` gave.
    thresholds
        Those shown, beside methods that have none; by default those of the paper's that were
        measured; None: all.
    vocabulary
        ``"closed"``: nouns of the closed vocabulary (mIoU80); ``"open"``: all (mIoU-infinity);
        ``"both"``: one row each where they differ.

    Returns
    -------
    DataFrame
        vocabulary, method, threshold, n (objects), clusters (prompts), iou, iou_low, iou_high,
        rare.

    Raises
    ------
    StudyError
        Where the table holds no object, or a threshold was not measured.
    SelectionError
        For another vocabulary.
    """
    check_choice(vocabulary, "vocabulary", ("closed", "open", "both"))
    seen = measured(table)
    if thresholds is PAPERS:
        at = [share for share in PAPERS if is_at(seen, share).any()]
    elif thresholds is not None:
        at = list(arguments.shares(thresholds, "thresholds"))
        for share in at:
            check_threshold(seen, share)
    if thresholds is not None:
        kept = seen["threshold"].isna()
        for share in at:
            kept |= is_at(seen, share)
        seen = seen[kept]
    parts = []
    if vocabulary in ("closed", "both"):
        parts.append(seen[seen["closed"].astype(bool)].assign(vocabulary="closed"))
    if vocabulary == "open" or (vocabulary == "both" and not seen["closed"].all()):
        parts.append(seen.assign(vocabulary="open"))
    if not sum(map(len, parts)):
        raise StudyError(
            "No object of the table is of the closed vocabulary, so there is no mean IoU of it. "
            "Take vocabulary='open'."
        )
    return summarised(
        pd.concat(parts, ignore_index=True),
        by=["vocabulary", "method", "threshold"],
        value="iou",
        bounds=SHARE,
        enough=enough,
    )


def against(table: pd.DataFrame, *, method: str = "DAAM", threshold: float = 0.4) -> pd.DataFrame:
    """Compare one method with every other, object by object.

    Returns
    -------
    DataFrame
        other, n (objects), iou (the method's mean), other_iou, difference with its interval, p of a
        permutation test that turns whole prompts, p_holm (for all rows together, Holm 1979), effect
        (d_z). Methods with a threshold are taken at the same one.

    Raises
    ------
    StudyError
        Where the table does not hold the method, or not at this threshold.
    """
    seen = measured(table)
    seen = seen[seen["threshold"].isna() | is_at(seen, of_method(seen, method, threshold))]
    wide = seen.pivot(index=["prompt", "run", "noun"], columns="method", values="iou")
    rows = []
    for other in dict.fromkeys(table["method"]):
        if other in (method, ABSENT):
            continue
        both = wide[[method, other]].dropna()
        prompts = both.index.get_level_values("prompt")
        found = compare(both[method], both[other], paired=True, clusters=prompts, bounds=(-1, 1))
        rows.append(
            {
                "other": other,
                "n": found.n[0],
                "iou": both[method].mean(),
                "other_iou": both[other].mean(),
                "difference": found.difference,
                "difference_low": found.low,
                "difference_high": found.high,
                "p": found.p,
                "effect": found.effect,
            }
        )
    return holm_of(pd.DataFrame(rows))[0] if rows else pd.DataFrame(rows)


def by_noun(
    table: pd.DataFrame, *, method: str = "DAAM", threshold: float = 0.4, enough: int = 30
) -> pd.DataFrame:
    """Mean IoU of one method for every noun, best first; the size of the object beside it.

    A method of ready masks, such as "whole image", has no threshold and is taken without one.

    Raises
    ------
    StudyError
        Where the table does not hold the method, or not at this threshold.
    """
    seen = measured(table)
    share = of_method(seen, method, threshold)
    seen = seen[(seen["method"] == method) & (seen["threshold"].isna() | is_at(seen, share))]
    found = summarised(seen, by="noun", value=["iou", "object"], bounds=SHARE, enough=enough)
    return found.sort_values("iou", ascending=False, ignore_index=True)


def curve(table: pd.DataFrame, *, title: str = "", caption: str = "") -> Figure:
    """Mean IoU over the threshold, of every method; of the closed vocabulary where there is one."""
    closed = table[table["closed"].astype(bool) & (table["method"] != ABSENT)]
    means = miou(closed if len(closed) else table, thresholds=None, vocabulary="open")
    return figures.curve(means, title=title, caption=caption)


# --- the whole study ------------------------------------------------------------------------------


def study(
    pipe: Any,
    *,
    into: str | Path,
    captions: Sequence[Caption | str] | None = None,
    seeds: Iterable[int] | None = None,
    pictures: int | None = None,
    judge: Judge | None = None,
    truth: Truth | None = None,
    layers: Mapping[str, LayerChoice] | None = None,
    segmenters: Sequence[Segmenter] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    recommended: Sequence[str] | None = None,
    progress: bool = True,
    **options: Any,
) -> Report:
    """Record captions, look for the objects they name, and compare word maps with them.

    Parameters
    ----------
    pipe
        A diffusers pipeline; None where `into` holds the corpus already.
    into
        Folder of the study; recordings go to ``pictures`` in it. Stopped at any moment, a second
        call goes on.
    captions, seeds
        As for `corpus.generate`.
    pictures
        How many at most: the first captions that make so many.
    judge, truth
        Who says where the objects are: one of them.
    layers, segmenters
        As for `object_ious`.
    groups
        Of `oracles.JudgeTruth`: class names, for the open vocabulary.
    recommended
        Layers that a model's card recommends: a method beside the paper's.
    **options
        Of the pipeline's call.

    Raises
    ------
    StudyError
        Where neither a judge nor a truth, or no captions for the pipeline are given.
    """
    truth = _truth(judge, truth, groups or {})
    check_truth(truth)
    check_segmenters(segmenters)
    if pipe is not None and isinstance(truth, FolderTruth | CocoTruth):
        truth.check_before_drawing()
    layers = arguments.named_layers({"DAAM": "paper"} if layers is None else layers)
    if recommended is not None:
        _check_names([*layers, RECOMMENDED])
        layers[RECOMMENDED] = list(recommended)
    corpus = generate_some(
        pipe, captions, seeds, into=check_path(into, "into") / "pictures", pictures=pictures,
        progress=progress, study=study, **options,
    )  # fmt: skip
    table = object_ious(
        corpus, truth=truth, layers=layers, segmenters=segmenters, progress=progress
    )
    return report(table, runs=corpus, truth=truth, layers=layers)


def report(
    table: pd.DataFrame, *, runs: Corpus, truth: Truth, layers: Mapping[str, LayerChoice]
) -> Report:
    """Put everything on one page.

    Parameters
    ----------
    table
        Of `object_ious`.
    runs, truth, layers
        What it was measured on and with. The last choice of layers is the one that is compared
        with the other methods and shown noun by noun.
    """
    objects = table.drop_duplicates(["run", "noun"])
    absent = int((objects["method"] == ABSENT).sum())
    facts = {
        "model": runs.settings.get("model", "see the recordings"),
        "pictures": len(runs),
        "prompts": len({run.facts["prompt"] for run in runs}),
        **{name: runs.settings[name] for name in _SHOWN if name in runs.settings},
        "truth": truth.name,
        "objects named": len(objects),
        "of these not found in the picture, and left out": absent,
        **{f"maps of {n}": heat_maps(runs[0].load(), layers=c).choice for n, c in layers.items()},
        "intervals": "95 %, whole prompts as clusters; ten or more",
        "p": "permutation test: signs of whole prompts; Holm: for all tests of this page together",
    }
    caption = (
        f"{len(objects) - absent} objects in {len(runs)} pictures of {facts['model']}; truth: "
        f"{truth.name}. Bands: 95 % intervals over prompts."
    )
    best = list(layers)[-1]  # what a model's card recommends, else the paper's
    nouns = by_noun(table, method=best)
    return Report(
        name="attribution",
        title="Object attribution: does a word's map find its object?",
        observations=table,
        tables={
            "Mean IoU": miou(table),
            f"{best} against the others, threshold 0.4": against(table, method=best),
            f"{best}, threshold 0.4, by noun": nouns,
        },
        figures={
            "threshold": curve(table, caption=caption),
            "examples": examples(
                runs, truth=truth, layers=layers[best], title=f"{best}: the first objects"
            ),
            "nouns": bars(
                nouns,
                label="noun",
                value="iou",
                title=f"{best} at threshold 0.4, by noun",
                caption=caption,
                axis="mean IoU with the true mask",
            ),
        },
        facts=facts,
    )


_SHOWN = ("num_inference_steps", "guidance_scale", "negative_prompt", "height", "width")


def _truth(judge: Judge | None, truth: Truth | None, groups: Mapping[str, Sequence[str]]) -> Truth:
    if (judge is None) == (truth is None):
        raise StudyError(
            "Object attribution needs to know where the objects are: give judge=, such as "
            "daam_nb.menagerie.judge.Judge() for the shipped model, or truth=, one of "
            "daam_nb.studies.oracles; not both."
        )
    if truth is not None:
        return truth
    assert judge is not None
    return JudgeTruth(judge, groups, name=str(getattr(judge, "name", type(judge).__name__)))
