"""Maps: which way of making a word's map is best, against exact masks and against causes?

Any function from a recording to maps is a method (`methods`). It is scored on images that the model
generated, with masks by a judge; on rendered images that the model is run on (`look`), with exact
masks; and against the actual change when the word is hidden, replaced, or left out of the prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from daam_nb.errors import StudyError
from daam_nb.kinds import check_path
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice
from daam_nb.studies.corpus.generation import generate_some, records
from daam_nb.studies.corpus.runs import Corpus
from daam_nb.studies.maps.causes import word_causes
from daam_nb.studies.maps.choices import Choice, choices_of
from daam_nb.studies.maps.encoder import OF_TEXTS
from daam_nb.studies.maps.figures import example, figures_of
from daam_nb.studies.maps.held_out import cross_fitted
from daam_nb.studies.maps.measuring import COLUMNS, SHOWN_IOU, map_scores, with_causes
from daam_nb.studies.maps.methods import Method, to_record
from daam_nb.studies.maps.options import MapsOptions
from daam_nb.studies.maps.registry import methods_of
from daam_nb.studies.maps.scenes import RenderedScene, check_look, record_scenes, scenes_of
from daam_nb.studies.maps.statistics import (
    by_noun,
    by_role,
    differences,
    held_out,
    on_causes,
    on_contrasts,
    on_masks,
    ranked_words,
    seconds,
    size_and_influence,
)
from daam_nb.studies.maps.subjects import GENERATED, RENDERED, Source, source_settings
from daam_nb.studies.maps.word_roles import OBJECT, Phrases
from daam_nb.studies.oracles.protocols import check_judge
from daam_nb.studies.registry import BUILT_IN
from daam_nb.studies.report.page import Report
from daam_nb.studies.study import Execution, Study

_CAUSES = "causes"


class Maps(Study[MapsOptions]):
    """The study of maps: which method gives the best map of a word?"""

    name = "maps"
    question = BUILT_IN["maps"]
    title = "Maps: which way of making a word's map is best?"
    columns = COLUMNS
    options_type = MapsOptions
    _left_out: Collection[str] = ()

    @cached_property
    def methods(self) -> dict[str, Method]:
        """Name -> the methods to compare, including the reference."""
        methods = methods_of(self.options.methods)
        methods = {name: each for name, each in methods.items() if name not in self._left_out}
        if self.options.reference not in methods:
            raise StudyError(
                f"The reference method {self.options.reference!r} is not among "
                f"{', '.join(methods)}. Add it, or name another: reference=..."
            )
        return methods

    def _leave_out(self, execution: Execution) -> None:
        """If no methods are named, those that this model cannot record are left out."""
        if self.options.methods is not None:
            return
        demanding = [each for each in methods_of(None).values() if each.record]
        if execution.pipe is not None:
            self._left_out = {m.name for m in demanding if not records(execution.pipe, **m.record)}
        elif demanding:
            made_with = Corpus.open(execution.into / "images").settings
            asked = {m.name: m.record.items() for m in demanding}
            self._left_out = {
                name for name, record in asked.items() if not record <= made_with.items()
            }

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """Name -> layers, heads and scaling that methods are tried with."""
        options = self.options
        return choices_of(options.choices, recommended=options.recommended, heads=options.heads)

    @cached_property
    def phrases(self) -> Phrases:
        """The phrases that identify roles."""
        options = self.options
        return Phrases.of(options.adjectives, options.relations, options.backgrounds)

    @cached_property
    def scenes(self) -> list[RenderedScene]:
        """The rendered images, as many as images are drawn."""
        return scenes_of(self.options.scenes, self.options.images)

    def check(self, execution: Execution) -> None:
        """Check the judge, the methods, the choices and the scenes before anything is drawn."""
        if self.options.judge is None:
            raise StudyError(
                "The study of maps needs to know where the objects are: give judge=, such as "
                "daam_nb.menagerie.judge.Judge() for the shipped model."
            )
        check_judge(self.options.judge)
        self._leave_out(execution)
        to_record(self.methods.values())
        self.choices, self.phrases  # noqa: B018  # refused now or never
        if execution.pipe is not None and self.scenes:
            check_look(execution.pipe)

    def selections(self) -> Iterable[tuple[LayerChoice, HeadChoice]]:
        """List the layers and heads of the choices."""
        return [(choice.layers, choice.heads) for choice in self.choices.values()]

    def record(self, execution: Execution) -> Corpus:
        """Record each caption, with what all methods need."""
        options = self.options
        return generate_some(
            execution.pipe,
            options.captions,
            options.seeds,
            into=execution.into / "images",
            images=options.images,
            progress=execution.progress,
            caller=execution.caller,
            **{**to_record(self.methods.values()), **execution.call},
        )

    def tables(self, execution: Execution, runs: Corpus | None) -> dict[str, pd.DataFrame]:
        """One table of every method on every word of both kinds of images, and ``"causes"``."""
        corpus, options = self._recorded(runs), self.options
        settings = source_settings(options.judge, self.phrases)
        generated = self.generated(corpus)
        causes = None
        if options.causes:
            causes = word_causes(
                {source.run.key: source.load for source in generated},
                corpus,
                execution.pipe,
                nouns=options.judge.names[1:],
                late=options.late,
                settings=settings,
                progress=execution.progress,
            )
        data = [(with_causes(generated, causes), corpus)]
        if self.scenes:
            looked_at = self._looked_at(execution)
            data.append((self.rendered(looked_at), looked_at))
        parts = [
            map_scores(
                sources, part, method, choices=self.choices, pipe=execution.pipe,
                settings=settings, progress=execution.progress,
            )
            for sources, part in data
            for method in self.methods.values()
        ]  # fmt: skip
        table = pd.concat([part for part in parts if len(part)], ignore_index=True)
        table.attrs["columns"] = dict(parts[0].attrs["columns"])
        return {self.name: table, **({} if causes is None else {_CAUSES: causes})}

    def generated(self, runs: Corpus) -> list[Source]:
        """The images that the model drew."""
        return [Source(run, self.phrases, judge=self.options.judge) for run in runs]

    def rendered(self, runs: Corpus) -> list[Source]:
        """The images that it was shown."""
        pairs = zip(runs, self.scenes, strict=True)
        return [Source(run, self.phrases, scene=scene) for run, scene in pairs]

    def _looked_at(self, execution: Execution) -> Corpus:
        call = {k: v for k, v in execution.call.items() if k in OF_TEXTS}
        return record_scenes(
            execution.pipe,
            self.scenes,
            into=check_path(execution.into, "into") / "scenes",
            levels=self.options.levels,
            record=to_record(self.methods.values()),
            progress=execution.progress,
            **call,
        )

    def summary(self, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Every table of the page; all its tests are one family."""
        fitted, ranked = cross_fitted(table), ranked_words(table)
        reference = self.options.reference
        tables = {
            "Against masks, choices made on the other half of the nouns": held_out(fitted),
            f"Every method against {reference}": differences(
                fitted, reference=reference, ranked=ranked
            ),
            "Against what changes without the word": on_causes(fitted),
            "Two words of a pair: which changes what": on_contrasts(fitted),
            "Size and influence": size_and_influence(table),
            "By noun, the worst first": by_noun(fitted, self.methods),
            "By role of the word": by_role(table),
            "Every choice": on_masks(table),
            "Time": seconds(table),
            "The methods": self._methods_table(),
        }
        return {heading: each for heading, each in tables.items() if len(each)}

    def facts(self, runs: Corpus) -> dict[str, Any]:
        """The facts of every study, with the judge's name and the number of phrases."""
        facts = dict(super().facts(runs))
        phrases = self.phrases
        return facts | {
            "judge": str(getattr(self.options.judge, "name", type(self.options.judge).__name__)),
            "adjectives": len(phrases.adjectives),
            "relations": len(phrases.relations),
            "backgrounds": len(phrases.backgrounds),
            "choices": "; ".join(self.choices),
            **({"left out": ", ".join(sorted(self._left_out))} if self._left_out else {}),
        }

    def _methods_table(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "method": method.name,
                "label": method.label,
                "what": (method.function.__doc__ or "").strip().partition("\n")[0],
                "there to be beaten": method.baseline,
            }
            for method in self.methods.values()
        )

    def report(self, tables: Mapping[str, pd.DataFrame], runs: Corpus | None) -> Report:
        """The page."""
        table, corpus = tables[self.name], self._recorded(runs)
        if table.empty:
            raise StudyError(
                f"In {len(corpus)} images and {len(self.scenes)} scenes no word was scored. Give "
                f"captions that name what the judge knows."
            )
        scored = {data: _words(table, data) for data in (GENERATED, RENDERED)}
        facts = {
            **self.facts(corpus),
            **{f"words of objects, {data} images": count for data, count in scored.items()},
            "rendered images": len(self.scenes),
            "nouns": table.noun[table.role == OBJECT].nunique(),
            "intervals": "95 %, whole prompts as clusters; ten or more",
            "p": (
                "permutation test: signs of whole prompts; Holm: for all tests of this page "
                "together"
            ),
        }
        caption = (
            f"{scored[GENERATED]} words in {len(corpus)} images of {facts['model']}, "
            f"{scored[RENDERED]} in {len(self.scenes)} rendered ones. Lines: 95 % intervals over "
            f"prompts."
        )
        fitted = cross_fitted(table)
        drawn = figures_of(fitted, self.methods, reference=self.options.reference, caption=caption)
        if strip := example(self.generated(corpus), self.methods, self.choices):
            drawn["example"] = strip
        return Report(self.name, self.title, table, self.summary(table), drawn, facts)


def _words(table: pd.DataFrame, data: str) -> int:
    """The number of object words scored against a mask."""
    rows = table[(table.data == data) & (table.role == OBJECT) & table[SHOWN_IOU].notna()]
    return len(rows.drop_duplicates(["run", "start"]))
