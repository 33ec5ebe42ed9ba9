"""One image and one method -> rows: every score of every word, for every choice of layers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from daam_nb.prompt import Word
from daam_nb.studies.corpus import layer_choices
from daam_nb.studies.corpus.fingerprints import content_of, fingerprint
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus
from daam_nb.studies.maps.causes import CAUSES, PREDICTION
from daam_nb.studies.maps.choices import Choice, choices_for
from daam_nb.studies.maps.fields import unpacked
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.maps.subjects import DATA, Source, Subject
from daam_nb.studies.maps.word_roles import OBJECT, ROLES
from daam_nb.studies.oracles.scores import (
    IOU_COLUMNS,
    PAPER_TAU,
    against_mask,
    contrast,
    iou_column,
    resized,
    spearman,
)
from daam_nb.studies.study import RUN_COLUMNS, of_run

Field = NDArray[np.float64]


def _named(what: str, cause: str) -> str:
    return f"{what}_{cause.replace(' ', '_')}"


SPEARMAN = {cause: _named("spearman", cause) for cause in CAUSES}
CONTRAST = {cause: _named("contrast", cause) for cause in CAUSES}
"""Cause -> column."""

COLUMNS: dict[str, str] = {
    **RUN_COLUMNS,
    "data": "; ".join(f"{name}: {what}" for name, what in DATA.items()),
    "word": "the word",
    "start": "its first character in the prompt",
    "role": "; ".join(f"{name}: {what}" for name, what in ROLES.items()),
    "noun": "the object that the word names or is said of",
    "method": "what made the map",
    "choice": "layers, heads and scaling of the map",
    **{column: f"IoU with the mask at {column[4:]} of the map's maximum" for column in IOU_COLUMNS},
    "average_precision": "average precision of the pixels from the map's highest to its lowest, "
    "against the mask",
    "pointing": "share of the map's highest pixels that are in the mask",
    "leakage": "of a pair: mean on the other object over the means on both; 0.5 is no difference",
    **{
        column: f"rank correlation of map and change: {cause}" for cause, column in SPEARMAN.items()
    },
    **{
        column: f"of a pair, in the row of its first object: the same of the differences of both "
        f"maps and of both changes, each divided by its sum: {cause}"
        for cause, column in CONTRAST.items()
    },
    "maximum": "of the map, in its own unit",
    "influence": f"mean over cells of the change of the network's {PREDICTION} without the word",
    "object": "share of the image that the mask covers",
    "seconds": "time for this map, when it was measured",
}

SHOWN_IOU = iou_column(PAPER_TAU)


def map_scores(
    sources: Sequence[Source],
    runs: Corpus,
    method: Method,
    *,
    choices: Mapping[str, Choice],
    pipe: Any = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Score one method on every word of every image.

    Parameters
    ----------
    sources
        The images, each with its recording.
    runs
        Their recordings; the rows are kept beside them, separately for each method, so that a
        further method causes no other measurement.
    method
        The method that makes the maps.
    choices
        Name -> layers, heads and scaling; choices that differ only in what a method does not read
        are tried once.
    pipe
        The pipeline that made them, for methods that need it.
    settings
        What the words and masks depend on, by content.

    Returns
    -------
    DataFrame
        One row per word and choice, with `COLUMNS`.

    Raises
    ------
    StudyError
        If the method returns something other than maps.
    """
    tried = choices_for(method.varies, choices)
    layers = {name: choice.layers for name, choice in tried.items()}
    own = {
        "method": [method.name, list(method.varies), content_of(method.function, method.name)],
        "choices": {
            name: [fingerprint(choice.heads, "heads"), choice.scaling]
            for name, choice in tried.items()
        },
        "layers": layer_choices.by_content(runs, layers) if method.varies else {},
    }
    return measured(
        runs,
        lambda source: rows_of(source, method, tried, pipe=pipe),
        name="maps",
        columns=COLUMNS,
        settings={**own, **(settings or {})},
        units=[(source.run.key, source) for source in sources],
        content=Source.content,
        what=f"maps: {method.name}",
        progress=progress,
    )


def rows_of(
    source: Source, method: Method, choices: Mapping[str, Choice], *, pipe: Any = None
) -> list[dict[str, Any]]:
    """The rows of one image."""
    subject = source.load()
    words = [each.word for each in subject.words]
    masks = subject.masks
    rows: list[dict[str, Any]] = []
    for name, choice in choices.items():
        begun = time.perf_counter()
        maps = method.maps(subject.recording, words, choice, masks, pipe=pipe)
        seconds = (time.perf_counter() - begun) / max(len(maps), 1)
        scores = {**_agreements(maps, source), **_contrasts(maps, source, subject)}
        for each in subject.words:
            if each.word not in maps:
                continue
            values = maps[each.word]
            on_mask = dict.fromkeys((*IOU_COLUMNS, *_OF_MASKS), math.nan)
            if each.mask is not None and each.mask.any():
                on_mask = against_mask(values, each.mask, each.rival)
            prediction = source.causes.get(each.word.span, {}).get(PREDICTION)
            rows.append(
                {
                    **of_run(source.run),
                    "data": source.data,
                    "word": each.word.text,
                    "start": each.word.start,
                    "role": each.role,
                    "noun": each.noun,
                    "method": method.name,
                    "choice": name,
                    **on_mask,
                    **{column: scores.get((each.word, column), math.nan) for column in _OF_CAUSES},
                    "maximum": float(values.max()),
                    "influence": math.nan if prediction is None else float(prediction.mean()),
                    "object": math.nan if each.mask is None else float(each.mask.mean()),
                    "seconds": seconds,
                }
            )
    return rows


_OF_MASKS = ("average_precision", "pointing", "leakage")
_OF_CAUSES = (*SPEARMAN.values(), *CONTRAST.values())


def _agreements(maps: Mapping[Word, Field], source: Source) -> dict[tuple[Word, str], float]:
    """Of every word, with each change."""
    return {
        (word, SPEARMAN[cause]): spearman(_fitted(values, field), field)
        for word, values in maps.items()
        for cause, field in source.causes.get(word.span, {}).items()
    }


def _contrasts(
    maps: Mapping[Word, Field], source: Source, subject: Subject
) -> dict[tuple[Word, str], float]:
    """Of the first object of a pair."""
    objects = [each.word for each in subject.words if each.role == OBJECT]
    if len(objects) != 2 or not all(word in maps for word in objects):
        return {}
    changes = [source.causes.get(word.span, {}) for word in objects]
    scores = {}
    for cause in changes[0].keys() & changes[1].keys():
        fields = [change[cause] for change in changes]
        values = [_fitted(maps[w], field) for w, field in zip(objects, fields, strict=True)]
        agreement = spearman(contrast(*values), contrast(*fields))
        scores[objects[0], CONTRAST[cause]] = agreement
    return scores


def _fitted(values: Field, field: Field) -> Field:
    """The map on the grid of the change."""
    return values if values.shape == field.shape else resized(values, field.shape)


def with_causes(sources: Iterable[Source], table: pd.DataFrame | None) -> list[Source]:
    """The sources with the changes that `causes.word_causes` measured for their words."""
    import dataclasses

    from daam_nb.studies.corpus.fingerprints import digest

    if table is None or table.empty:
        return list(sources)
    by_run = dict(iter(table.groupby("run", sort=False)))
    fuller = []
    for source in sources:
        rows = by_run.get(source.run.key)
        if rows is None:
            fuller.append(source)
            continue
        changes: dict[tuple[int, int], dict[str, Field]] = {}
        for row in rows.to_dict("records"):
            span = (int(row["start"]), int(row["end"]))
            changes.setdefault(span, {})[row["cause"]] = unpacked(row["field"])
        content = digest(rows[["start", "end", "cause", "field"]].to_numpy().tolist())
        fuller.append(dataclasses.replace(source, causes=changes, causes_content=content))
    return fuller
