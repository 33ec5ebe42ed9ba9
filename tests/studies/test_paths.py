"""An empty text is no path: pathlib reads it as the current folder, which nobody named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import daam_nb as dnb
from daam_nb.cli.models import load_pipeline
from daam_nb.compat import GenerationExperiment
from daam_nb.errors import MissingModelError, SelectionError
from daam_nb.language import load_parser
from daam_nb.recording import load
from daam_nb.show.figures import Figure
from daam_nb.show.figures.chart import Chart
from daam_nb.studies import corpus, rating, run_study
from daam_nb.studies.corpus import captions as readers
from daam_nb.studies.corpus.generation import Corpus, runs_of
from daam_nb.studies.corpus.rows import collect
from daam_nb.studies.oracles.truths import CocoTruth, FolderTruth
from daam_nb.studies.rating.session import Session
from daam_nb.studies.report.page import Report
from tests.pipelines import sd1
from tests.studies.toy import ToyJudge
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording("a cat and a dog")

TAKERS: dict[str, Callable[[Any], Any]] = {
    "Corpus.open": Corpus.open,
    "runs_of": runs_of,
    "load": load,
    "save": RUN.save,
    "load_parser": load_parser,
    "a figure": dnb.overlay(RUN, "cat").save,
    "a figure of a study": Figure(Chart(())).save,
    "a report": Report("attribution", "t", pd.DataFrame(), {}, {}, {}).save,
    "rows": lambda path: collect(
        [("u", 1)], lambda _: [], columns={"name": "n"}, path=path, progress=False
    ),
    "corpus.generate": lambda path: corpus.generate(sd1(), ["a cat"], [0], into=path),
    "attribution": lambda path: run_study("attribution", None, into=path, judge=ToyJudge()),
    "visuosyntax": lambda path: run_study("visuosyntax", None, into=path),
    "faithfulness": lambda path: run_study("faithfulness", None, into=path, judge=ToyJudge()),
    "maps": lambda path: run_study("maps", None, into=path, judge=ToyJudge()),
    "atlas": lambda path: run_study("atlas", None, into=path, judge=ToyJudge()),
    "cohyponyms": lambda path: run_study("cohyponyms", None, into=path, judge=ToyJudge()),
    "ratings": rating.ratings,
    "ratings of several": lambda path: rating.ratings([path]),
    "a session": lambda path: Session(None, rater="ann", into=path),  # type: ignore[arg-type]
    "folders": FolderTruth,
    "COCO's masks": lambda path: CocoTruth(path, of_these_images=True),
    "photographs": lambda path: CocoTruth(Path("i.json"), photographs=path),
    "from_text": readers.from_text,
    "from_csv": readers.from_csv,
    "from_jsonl": readers.from_jsonl,
    "from_coco": readers.from_coco,
    "an experiment": GenerationExperiment.load,
}


@pytest.mark.parametrize("name", TAKERS)
def test_an_empty_text_is_no_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    RUN.save("run")  # the current folder holds what could be read by mistake
    before = sorted(tmp_path.glob("**/*"))
    with pytest.raises(SelectionError, match=r"not an empty text\. The current folder is"):
        TAKERS[name]("")
    assert sorted(tmp_path.glob("**/*")) == before


def test_an_empty_model_is_not_the_current_folder() -> None:
    with pytest.raises(MissingModelError, match="The name after --model is empty"):
        load_pipeline("", device="cpu", dtype=None, quiet=True)


@pytest.mark.parametrize("place", [True, False, 0.0, "a", None, slice(True, None)], ids=repr)
def test_a_recording_of_a_corpus_has_a_whole_number(place: Any) -> None:
    runs = runs_of([RUN, tiny_recording("a dog", seed=3)])
    with pytest.raises(SelectionError, match="whole number"):
        runs[place]


def test_a_corpus_counts_from_both_ends() -> None:
    runs = runs_of([RUN, tiny_recording("a dog", seed=3)])
    assert runs[-1] is runs[1] and [run.key for run in runs[:1]] == [runs[0].key]
    with pytest.raises(IndexError):
        runs[2]
    assert dataclasses.replace(runs, runs=()).runs == ()
