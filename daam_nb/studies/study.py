"""`Study`: a question asked of many recordings, with its options, its rows and its page.

A study is a class. It says what one recording gives (`measure`) and what the table is summed up to
(`summary`); `driver.run_study` does the rest: it records captions, measures each recording once,
goes on where it was stopped, and refuses to mix. The recipe: docs/add-a-study.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.show.figures import Figure
from daam_nb.studies.corpus.fingerprints import Reader, digest, fingerprint, is_installed
from daam_nb.studies.corpus.generation import Caller, generate_some
from daam_nb.studies.corpus.layer_choices import by_content, in_words
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.rows import Row
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.options import CaptionOptions, LayerOptions, StudyOptions, options_of
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
    """What a study is run with, beside its options.

    Attributes
    ----------
    pipe
        The pipeline; None if the folder holds all images already.
    into
        The folder of recordings and rows.
    call
        Arguments of the pipeline's call.
    progress
        Whether bars are shown.
    caller
        How the study was called, for messages.
    """

    pipe: Any
    into: Path
    call: Mapping[str, Any]
    progress: bool
    caller: Caller


class Study(Generic[OptionsT]):
    """A question asked of many recordings; inherit it, and `register_study` it.

    Attributes
    ----------
    name
        As it is typed, ``daam-nb study NAME``: lower case, digits, hyphens; also the page's file.
    question
        In one line, for lists of studies.
    title
        Of the page; by default the question.
    columns
        Column of a row -> what it is; ``run`` among them.
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
        """What is measured one by one: (key, unit); by default each recording.

        A key is unique, and the same in every session.
        """
        return [(run.key, run) for run in runs]

    def measure(self, unit: Any) -> Sequence[Row]:
        """The rows of one unit, none or many, each with exactly the names of `columns`.

        It depends on nothing but the unit and `options`, and not on what was measured before.
        """
        raise NotImplementedError

    def summary(self, table: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
        """Heading -> a small table, for the page; the first is the main one."""
        return {"Observations": table.describe().reset_index(names="")}

    def figures(self, table: pd.DataFrame) -> Mapping[str, Figure]:
        """A short file name -> a figure, for the page; not asked where the table has no row."""
        return {}

    def facts(self, runs: Corpus) -> Mapping[str, Any]:
        """What was run, for the page: by default the model, counts, and the options of the rows."""
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

    def check(self, execution: Execution) -> None:
        """Refuse, before anything is drawn, what cannot be run."""

    def record(self, execution: Execution) -> Corpus | None:
        """Record what is measured: by default each caption, in the folder ``pictures``."""
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
        """What rows depend on, by content: options, layers, and the code of a class of one's own.

        Its page (`summary`, `figures`, `facts`, `report`) does not count: it can be written anew
        without measuring anew.
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
        """Every table of rows by its name; by default one, of `measure`, called as the study is."""
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
        """A digest of what a unit's rows depend on; measured again where it is another one.

        By default of a recording, or of the recordings in a tuple and whatever else is in it.
        """
        if isinstance(unit, Run):
            return unit.content()
        if isinstance(unit, tuple):
            return digest([self.content(part) for part in unit])
        return digest(fingerprint(unit, "a unit"))

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page: by default the summary, the figures and the facts of the one table."""
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
            raise StudyError(f"The study {self.name} records nothing, so it writes its own tables.")
        return runs


def of_run(run: Run) -> dict[str, Any]:
    """The cells of `RUN_COLUMNS` of one recording."""
    return {"run": run.key, "prompt": run.facts["prompt"], "seed": run.facts["seed"]}
