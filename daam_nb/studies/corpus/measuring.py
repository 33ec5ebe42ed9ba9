"""A corpus -> the rows of one measurement, each recording measured once, next to the recordings."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from daam_nb.studies.corpus.rows import Row, collect
from daam_nb.studies.corpus.runs import Corpus, Run, with_facts


def measured(
    runs: Corpus,
    measure: Callable[[Any], Sequence[Row]],
    *,
    name: str,
    columns: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    in_words: Mapping[str, Any] | None = None,
    units: Sequence[tuple[str, Any]] | None = None,
    content: Callable[[Any], str] = Run.content,
    own_facts: Collection[str] = (),
    path: str | os.PathLike[str] | None = None,
    what: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure each recording once; resume where an earlier call was interrupted.

    Parameters
    ----------
    runs
        The recordings.
    measure
        One unit -> its rows, each with exactly the names of `columns`.
    name
        Name of the measurement: rows are in ``studies/<name>-<digest of the settings>`` of the
        corpus.
    columns
        Name -> description; ``run``, the recording's key, among them.
    settings
        Settings that rows depend on besides the recordings, by content; other rows are not used.
    in_words
        The same for display: the table's ``attrs["settings"]``.
    units
        (key, unit); by default each recording, by its key.
    content
        Unit -> a digest of what its rows depend on; if it changes, the unit is measured again.
    own_facts
        Facts of captions that `columns` already has.
    path
        Where rows are kept; by default next to the recordings, and nowhere for those in memory.
    what, progress
        Label of the progress bar, and whether it is shown.

    Returns
    -------
    DataFrame
        One row per observation, followed by the model and the facts of the captions.

    Raises
    ------
    StudyError
        As of `collect`.
    """
    settings = {} if settings is None else settings
    table = collect(
        [(run.key, run) for run in runs] if units is None else units,
        measure,
        columns=columns,
        content=content,
        path=runs.place(name, settings) if path is None else path,
        settings=settings,
        what=name if what is None else what,
        progress=progress,
    )
    if in_words is not None:
        table.attrs["settings"] = dict(in_words)
    return with_facts(table, runs, but=own_facts)
