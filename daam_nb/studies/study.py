"""`Study`: a question asked of many recordings, with its options, its rows and its page.

A study is a class. It defines how one recording is measured (`measure`) and how the table is
summarized (`summary`); `driver.run_study` does the rest: it records captions, measures each
recording once, resumes after an interruption, and refuses to mix rows of different settings. A
tutorial: docs/add-a-study.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice
from daam_nb.show.figures import Figure
from daam_nb.studies.corpus.fingerprints import Reader, digest, fingerprint, is_installed
from daam_nb.studies.corpus.generation import Caller, generate_some
from daam_nb.studies.corpus.layer_choices import by_content, in_words
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.rows import Row
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.options import (
    CaptionOptions,
    HeadOptions,
    LayerOptions,
    StudyOptions,
    options_of,
)
from daam_nb.studies.report.page import Report

RUN_COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the image",
}
"""Columns that every row begins with; `of_run` fills them."""

_OF_THE_PAGE = ("title", "question", "columns", "summary", "figures", "facts", "report")

OptionsT = TypeVar("OptionsT", bound=StudyOptions)


@dataclass(frozen=True)
class Execution:
    """The circumstances of a run of a study, apart from its options.

    Attributes
    ----------
    pipe
        The pipeline; None if the folder holds all images already.
    into
        The folder of recordings and rows.
    call
        Arguments of the pipeline's call.
    progress
        Whether progress bars are shown.
    caller
        The function or command that was called, for messages.
    """

    pipe: Any
    into: Path
    call: Mapping[str, Any]
    progress: bool
    caller: Caller


class Study(Generic[OptionsT]):
    """A question asked of many recordings; subclass it and register it with `register_study`.

    Attributes
    ----------
    name
        Name of the command ``daam-nb study NAME`` and of the page's file: lower case, digits,
        hyphens.
    question
        The question in one line, for lists of studies.
    title
        Title of the page; by default the question.
    columns
        Name -> description of each column of a row; ``run`` must be among them.
    options_type
        The dataclass of its options, a `StudyOptions`.
    options
        The options of this run, checked.
    """

    name: ClassVar[str] = ""
    question: ClassVar[str] = ""
    title: ClassVar[str] = ""
    columns: ClassVar[Mapping[str, str]] = {}
    options_type: ClassVar[type[StudyOptions]] = CaptionOptions

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    # --- what a study of one's own says -----------------------------------------------------------

    def units(self, runs: Corpus) -> Sequence[tuple[str, Any]]:
        """List the units of measurement: (key, unit); by default each recording.

        Keys are unique, and the same in every session.
        """
        return [(run.key, run) for run in runs]

    def measure(self, unit: Any) -> Sequence[Row]:
        """Measure one unit: any number of rows, each with exactly the names of `columns`.

        The result must depend only on the unit and `options`, not on earlier measurements.
        """
        raise NotImplementedError

    def summary(self, table: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
        """Summarize the table for the page: heading -> small table; the first is the main one."""
        return {"Observations": table.describe().reset_index(names="")}

    def figures(self, table: pd.DataFrame) -> Mapping[str, Figure]:
        """Draw the page's figures: short file name -> figure; not called for an empty table."""
        return {}

    def facts(self, runs: Corpus) -> Mapping[str, Any]:
        """List the page's facts: by default the model, counts, and the options of the rows."""
        first = runs[0].load().facts
        layers: dict[str, str] = {}
        if isinstance(self.options, LayerOptions):
            layers_in_words = in_words(runs, self.options.layers)
            layers = {f"layers: {name}": choice for name, choice in layers_in_words.items()}
        return {
            "model": first.model,
            "images": len(runs),
            "prompts": len({run.facts["prompt"] for run in runs}),
            "steps": first.num_steps,
            "guidance": first.guidance,
            **layers,
            **{name.replace("_", " "): value for name, value in self._of_rows().items()},
        }

    # --- what the driver asks in turn -------------------------------------------------------------

    def selections(self) -> Iterable[tuple[LayerChoice, HeadChoice]]:
        """List the layers and heads whose maps are measured, so far as the options say.

        The driver checks that the pipeline has them, before anything is drawn.
        """
        named = getattr(self.options, "layers", None)
        layers = [*named.values()] if isinstance(named, Mapping) else ["all"]
        recommended = getattr(self.options, "recommended", None)
        layers += [] if recommended is None else [recommended]
        heads = self.options.heads if isinstance(self.options, HeadOptions) else None
        return [(choice, heads) for choice in layers]

    def check(self, execution: Execution) -> None:
        """Raise, before any image is generated, if the study cannot run."""

    def record(self, execution: Execution) -> Corpus | None:
        """Record the images to measure: by default each caption, in the folder ``pictures``."""
        options = self.options
        return generate_some(
            execution.pipe,
            getattr(options, "captions", None),
            options.seeds,
            into=execution.into / "pictures",
            images=options.images,
            progress=execution.progress,
            caller=execution.caller,
            **execution.call,
        )

    def settings(self, runs: Corpus) -> dict[str, Any]:
        """List what rows depend on, by content: options, layers, the code of a user's class.

        The code of the page (`summary`, `figures`, `facts`, `report`) does not count: the page can
        be rewritten without measuring again.
        """
        options = {name: fingerprint(value, name) for name, value in self._of_rows().items()}
        settings: dict[str, Any] = {"options": options}
        if isinstance(self.options, LayerOptions):
            settings["layers"] = by_content(runs, self.options.layers)
        kind = type(self)
        if not is_installed(kind.__module__):
            reader = Reader(f"the study {self.name}")
            methods = {
                name: reader.read(value)
                for base in kind.__mro__
                if not is_installed(base.__module__)
                for name, value in vars(base).items()
                if callable(value) and name not in _OF_THE_PAGE and name[:2] != "__"
            }
            settings["code"] = digest(methods)
        return settings

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Return tables of rows by name; by default one, from `measure`, with the study's name."""
        runs = self._recorded(runs)
        table = measured(
            runs,
            self.measure,
            name=self.name,
            columns=self.columns,
            settings=self.settings(runs),
            units=self.units(runs),
            content=self.content,
            what=self.name,
            progress=execution.progress,
        )
        return {self.name: table}

    def content(self, unit: Any) -> str:
        """Compute a digest of what a unit's rows depend on; if it changes, they are made anew.

        By default that of a recording, or of a tuple of recordings and other values.
        """
        if isinstance(unit, Run):
            return unit.content()
        if isinstance(unit, tuple):
            return digest([self.content(part) for part in unit])
        return digest(fingerprint(unit, "a unit"))

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """Make the page: by default the summary, figures and facts of the one table."""
        table = tables[self.name]
        return Report(
            name=self.name,
            title=self.title or self.question,
            observations=table,
            tables=self.summary(table),
            figures=self.figures(table) if len(table) else {},
            facts=self.facts(self._recorded(runs)),
        )

    def _of_rows(self) -> dict[str, Any]:
        names = [each.name for each in options_of(type(self.options)) if each.of_rows]
        return {name: getattr(self.options, name) for name in names}

    def _recorded(self, runs: Corpus | None) -> Corpus:
        if runs is None:
            raise StudyError(
                f"The study {self.name} records nothing; its class must write the tables itself."
            )
        return runs


def of_run(run: Run) -> dict[str, Any]:
    """Return the `RUN_COLUMNS` of one recording."""
    return {"run": run.key, "prompt": run.facts["prompt"], "seed": run.facts["seed"]}
