"""The head atlas: every head of a model, by its attention, its output and its effect.

Attention and effects are read from recordings; the change of the network's prediction without each
head, and the concept that each head attends to most, require drawing the images again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import pandas as pd

from daam_nb.errors import StudyError, UnsupportedPipelineError
from daam_nb.recording import Recording
from daam_nb.studies.atlas.ablating import check_ablatable, head_causes
from daam_nb.studies.atlas.figures import figures_of
from daam_nb.studies.atlas.measuring import COLUMNS, HEAD_COLUMNS, head_rows, objects_of, pairs_of
from daam_nb.studies.atlas.options import AtlasOptions
from daam_nb.studies.atlas.relevance import ConceptWords, check_relevance, encoded
from daam_nb.studies.atlas.selecting import (
    Ways,
    candidates_of,
    orders_of,
    reported,
    selection_scores,
)
from daam_nb.studies.atlas.statistics import (
    CAUSES,
    agreement,
    by_concept,
    differences,
    each_half,
    every_head,
    relevance_vectors,
    which_heads,
)
from daam_nb.studies.atlas.table import write_head_table
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.corpus.generation import generate_some, records
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.oracles.protocols import check_judge
from daam_nb.studies.oracles.scores import pooled
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.stats.halves import halves
from daam_nb.studies.study import Execution, Study, of_run

_CAUSES, _CHOICES = "causes", "choices"
_KEY = ["run", "start", "layer", "head"]
CAUSE_COLUMNS: dict[str, str] = {
    **HEAD_COLUMNS,
    **CAUSES,
    "concepts": "the concept that the head attends to most, at each step examined",
}


class Atlas(Study[AtlasOptions]):
    """Record captions, and measure every head in each image."""

    name = "atlas"
    question = BUILT_IN["atlas"]
    title = "The head atlas: what does every head do?"
    columns: ClassVar[Mapping[str, str]] = COLUMNS | CAUSE_COLUMNS
    options_type = AtlasOptions
    _why_empty: str = ""

    def check(self, execution: Execution) -> None:
        """Check, before anything is drawn, the judge, and whether heads can be ablated."""
        if self.options.judge is None:
            raise StudyError(
                "The head atlas needs to know where the objects are: give judge=, such as "
                "daam_nb.menagerie.judge.Judge() for the shipped model."
            )
        check_judge(self.options.judge)
        if execution.pipe is not None and self.options.causes:
            check_ablatable(execution.pipe)

    def record(self, execution: Execution) -> Corpus:
        """Record each caption, with the effects of its words if the model supports them."""
        options = self.options
        effects = execution.pipe is not None and records(execution.pipe, effects=True)
        return generate_some(
            execution.pipe,
            options.captions,
            options.seeds,
            into=execution.into / "images",
            images=options.images,
            progress=execution.progress,
            caller=execution.caller,
            **({"effects": True} if effects else {}),
            **execution.call,
        )

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """Tables of words and heads, of words and ways to choose heads, and of the causes."""
        corpus, judge = self._recorded(runs), self.options.judge
        settings = {"judge": content_of(judge, "judge")}
        table = measured(
            corpus,
            lambda run: head_rows(run, judge),
            name=self.name,
            columns=COLUMNS,
            settings=settings,
            what="heads",
            progress=execution.progress,
        )
        tables = {}
        if self.options.causes and len(table):
            causes = self._causes(execution, corpus, settings)
            tables[_CAUSES] = causes
            columns = {**table.attrs["columns"], **CAUSE_COLUMNS}
            known = causes[[*_KEY, *CAUSES, "concepts"]]
            table = table.merge(known, on=_KEY, how="left", validate="one_to_one")
            table.attrs["columns"] = columns
        if len(table):
            tables[_CHOICES] = self._choices(table, corpus, settings, progress=execution.progress)
        execution.into.mkdir(parents=True, exist_ok=True)
        if len(table):
            write_head_table(
                execution.into / "heads.csv", table, tables[_CHOICES], corpus[0].load(),
                images=len(corpus),
            )  # fmt: skip
        return {self.name: table, **tables}

    def _causes(
        self, execution: Execution, corpus: Corpus, settings: Mapping[str, Any]
    ) -> pd.DataFrame:
        options = self.options
        concepts = options.concepts
        if execution.pipe is not None and concepts is not None:
            try:
                check_relevance(execution.pipe)
            except UnsupportedPipelineError as error:
                concepts, self._why_empty = None, str(error)

        @cache
        def words() -> ConceptWords | None:  # encoded only where an image is yet to be measured
            if concepts is None:
                return None
            return encoded(execution.pipe, concepts, execution.call)

        def measure(run: Run) -> list[dict[str, Any]]:
            if execution.pipe is None:
                raise StudyError(
                    f"The image of {run.facts['prompt']!r} must be drawn again without each head, "
                    "but pipe is None. Give the pipeline that made it, or causes=False."
                )
            return self._cause_rows(run, execution.pipe, words())

        asked = {name: list(each) for name, each in (options.concepts or {}).items()}
        return measured(
            corpus,
            measure,
            name="atlas-causes",
            columns=CAUSE_COLUMNS,
            settings={**settings, "passes": options.passes, "concepts": asked},
            what="taking heads away",
            progress=execution.progress,
        )

    def _cause_rows(
        self, run: Run, pipe: Any, concepts: ConceptWords | None
    ) -> list[dict[str, Any]]:
        recording = run.load()
        objects = objects_of(run, recording, self.options.judge)
        if not objects:
            return []
        causes = head_causes(
            pipe, recording, passes=self.options.passes, concepts=concepts, key=run.key
        )
        rows = []
        for each in objects:
            for pair in pairs_of(recording.layers):
                change = causes.changes[pair]
                rows.append(
                    {
                        **of_run(run),
                        "word": each.word.text,
                        "start": each.word.start,
                        "noun": each.noun,
                        "layer": pair[0],
                        "head": pair[1],
                        "ablated": float(change.mean()),
                        "ablated_inside": _inside(change, each.mask),
                        "concepts": ";".join(causes.concepts.get(pair, ())),
                    }
                )
        return rows

    def _choices(
        self, table: pd.DataFrame, corpus: Corpus, settings: Mapping[str, Any], *, progress: bool
    ) -> pd.DataFrame:
        half_of = halves(table.noun)
        numbers = table.noun.map(half_of)
        relevance = {half: relevance_vectors(table[numbers == half]) for half in (0, 1)}
        concepts = self.options.concepts or {}
        concept_of = {
            noun: next((name for name, words in concepts.items() if noun in words), "")
            for noun in half_of
        }
        orders = orders_of(table, candidates_of(corpus[0].load()), relevance)
        return selection_scores(
            corpus,
            self.options.judge,
            Ways(orders, half_of, concept_of, self.options.recommended),
            settings=settings,
            progress=progress,
        )

    def facts(self, runs: Corpus) -> dict[str, Any]:
        """The facts of every study, with the judge's name and the number of concepts."""
        facts = dict(super().facts(runs))
        concepts = self.options.concepts or {}
        return facts | {
            "judge": str(getattr(self.options.judge, "name", type(self.options.judge).__name__)),
            "concepts": "; ".join(f"{name} ({len(words)})" for name, words in concepts.items()),
            **({"no relevance by concept": self._why_empty} if self._why_empty else {}),
        }

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        table, corpus = tables[self.name], self._recorded(runs)
        if table.empty:
            raise StudyError(
                f"In {len(corpus)} images no word names an object that the judge knows. Give "
                "captions that name one."
            )
        first: Recording = corpus[0].load()
        labels = {layer.name: layer.label or layer.name for layer in first.layers}
        fitted = reported(tables[_CHOICES])
        words = len(table.drop_duplicates(["run", "start"]))
        facts = {
            **self.facts(corpus),
            "words of objects": words,
            "nouns": table.noun.nunique(),
            "heads": len(table.drop_duplicates(["layer", "head"])),
            "effects": "recorded" if first.effects is not None else "the model has none",
            "intervals": "95 %, whole prompts as clusters; ten or more",
            "p": "permutation test: signs of whole prompts; Holm: for all tests of this page",
        }
        page = {
            "Every head": every_head(table, labels),
            "Which heads: chosen on one half of the nouns, reported on the other": which_heads(
                fitted
            ),
            "What each half chose by score, and its scores on the other half": each_half(
                fitted, orders_of(table, candidates_of(first), {}).by_score, labels
            ),
            "Chosen heads against the paper's layers": differences(fitted),
            "Relevance by concept, the three heads of each": by_concept(table, labels),
            "Agreement of the columns over heads": agreement(table),
        }
        page = {heading: each for heading, each in page.items() if len(each)}
        caption = (
            f"{words} words in {len(corpus)} images of {facts['model']}. Lines: 95 % intervals "
            f"over prompts."
        )
        drawn = figures_of(table, fitted, labels, caption=caption)
        return Report(self.name, self.title, table, page, drawn, facts)


def _inside(change: Any, mask: Any) -> float:
    """The mean of a field over a mask, each cell weighted by how much of it the mask covers."""
    if mask is None or not mask.any():
        return float("nan")
    weights = pooled(mask, change.shape)
    return float((change * weights).sum() / weights.sum())
