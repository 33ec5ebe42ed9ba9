"""Recordings in a fixed order: what is known of each reaches the tables, and models stay apart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.maps import heat_maps
from daam_nb.recording import Recording
from daam_nb.studies import adjectives, corpus
from daam_nb.studies.attribution.study import object_ious
from daam_nb.studies.cohyponyms.study import presence_and_overlap
from daam_nb.studies.corpus.captions import Caption
from daam_nb.studies.corpus.generation import Corpus, runs_of
from daam_nb.studies.corpus.runs import Run, with_facts
from daam_nb.studies.faithfulness.study import ablation_effects
from daam_nb.studies.oracles.truths import JudgeTruth
from daam_nb.studies.visuosyntax.study import relations
from tests.pipelines import sd1
from tests.studies.by_hand import parsed
from tests.studies.toy import SIZE, ToyJudge
from tests.tiny_recordings import tiny_recording

TEXT = "a cat and a dog"


def of_model(model: str, seed: int = 0) -> Recording:
    run = tiny_recording(TEXT, seed=seed)
    return dataclasses.replace(run, facts=dataclasses.replace(run.facts, model=model))


class Tree:
    """A parser of one sentence."""

    name = "by hand"

    def __call__(self, text: str) -> Any:
        return parsed("a DET 1 det\ncat NOUN 1 ROOT\nand CCONJ 1 cc\na DET 4 det\ndog NOUN 1 conj")


def test_recordings_of_two_models_are_not_measured_together(tmp_path: Path) -> None:
    for model in ("sdxl", "flux"):
        for seed in (0, 1):
            of_model(model, seed).save(tmp_path / "runs" / model / str(seed))
    mixed = Corpus.open(tmp_path / "runs")
    said = r"of 2 models \(2 of flux, 2 of sdxl\), whose mean would describe none of them\. Study"
    with pytest.raises(StudyError, match=said):
        relations(mixed, parser=Tree(), progress=False)
    with pytest.raises(StudyError, match=said):
        object_ious(tmp_path / "runs", truth=JudgeTruth(ToyJudge()), progress=False)
    parts = mixed.by_model()
    assert {name: [run.key for run in part] for name, part in parts.items()} == {
        "flux": ["flux/0", "flux/1"],
        "sdxl": ["sdxl/0", "sdxl/1"],
    }
    for name, part in parts.items():
        table = relations(part, parser=Tree(), progress=False)
        assert set(table.model) == {name}
    with pytest.raises(StudyError, match="of 2 models"):
        runs_of([of_model("sdxl"), of_model("flux")])


def test_models_of_one_name_that_are_not_the_same(tmp_path: Path) -> None:
    for number, seed in enumerate((3, 5)):
        pipe = sd1(seed=seed)
        corpus.generate(pipe, [Caption("a cat", {"n": number})], into=tmp_path / str(seed), **SIZE)
    mixed = Corpus.open(tmp_path)
    assert [run.facts["n"] for run in mixed] == [0, 1]  # facts of corpora further down are read
    assert [run.key.partition("/")[0] for run in mixed] == ["3", "5"]
    with pytest.raises(StudyError, match=r"of 2 models \(1 of StableDiffusionPipeline \([0-9a-f]"):
        runs_of(mixed)
    corpus.generate(sd1(seed=5), "a dog", into=tmp_path / "3b", **SIZE)
    same = Corpus.open(tmp_path).by_model()
    assert sorted(len(part) for part in same.values()) == [1, 2]


def test_a_corpus_of_letters() -> None:
    with pytest.raises(StudyError, match=r"corpus of the letters of a path.*Corpus\.open\('runs/x"):
        Corpus("runs/x")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"Corpus\.open\('runs/x'\)"):
        Corpus(Path("runs/x"))  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="takes runs, not a Recording"):
        Corpus((tiny_recording(),))  # type: ignore[arg-type]
    with pytest.raises(StudyError, match=r"Corpus\.open takes the path of a folder, not a int"):
        Corpus.open(3)  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="takes several runs, not a int"):
        Corpus(3)  # type: ignore[arg-type]


def captioned() -> Corpus:
    """One recording whose caption brings facts, one of them called as a column is."""
    facts = {"kind": "cohyponyms", "first": "cat", "second": "dog", "first_class": "pet"}
    facts |= {"second_class": "pet", "image_id": 17, "nouns": ["cat", "dog"]}  # type: ignore[dict-item]
    run = runs_of([tiny_recording(TEXT)])[0]
    return Corpus((dataclasses.replace(run, facts={**facts, **run.facts}),))


def test_facts_of_captions_reach_every_table() -> None:
    runs = captioned()
    judge = ToyJudge(least=-1.0)
    tables = {
        "attribution": object_ious(runs, truth=JudgeTruth(judge), progress=False),
        "visuosyntax": relations(runs, parser=Tree(), progress=False),
        "cohyponyms": presence_and_overlap(runs, presence=judge, progress=False),
    }
    for name, table in tables.items():
        assert set(table.caption_image_id) == {17}, name
        assert set(table.caption_nouns) == {'["cat", "dog"]'}, name
        assert table.attrs["columns"]["caption_image_id"] == "the caption's fact 'image_id'"
        assert list(table.columns) == list(table.attrs["columns"])
    assert set(tables["visuosyntax"].caption_kind) == {"cohyponyms"}  # beside its own "kind"
    assert set(tables["visuosyntax"].kind) == {"arc", "unrelated"}
    assert "caption_kind" not in tables["cohyponyms"]
    assert set(tables["cohyponyms"].kind) == {"cohyponyms"}


def test_facts_reach_the_tables_of_drawings(tmp_path: Path) -> None:
    pipe = sd1()
    facts = {"image_id": 17}
    runs = corpus.generate(pipe, [Caption("a cat", facts)], into=tmp_path / "c", **SIZE)
    table = ablation_effects(runs, pipe, judge=ToyJudge(), ablations=["the word"], progress=False)
    assert set(table.caption_image_id) == {17}
    assert set(table.model) == {"StableDiffusionPipeline"}
    (first,) = adjectives.captions(["cat"], ["red", "blue"], templates=["a {adj} {noun} on grass"])[
        :1
    ]
    pair = Caption(first.text, {**first.facts, **facts})
    table = adjectives.adjective_pairs(pipe, [pair], judge=ToyJudge(), progress=False, **SIZE)
    assert set(table.caption_image_id) == {17}
    assert set(table.caption_other) == {"grass"}


def test_a_fact_that_some_captions_lack_and_a_table_without_rows() -> None:
    first, second = runs_of([tiny_recording(TEXT, seed=s) for s in (0, 1)])
    first = dataclasses.replace(first, facts={**first.facts, "n": 3})
    table = relations(Corpus((first, second)), parser=Tree(), progress=False)
    assert table.caption_n.isna().tolist() == (table.seed == 1).tolist()
    assert table.caption_n.dropna().unique().tolist() == [3.0]
    empty = with_facts(table[:0], [first, second])
    assert list(empty.columns)[-2:] == ["model", "caption_n"] and empty.empty


def test_a_listed_corpus_brings_its_facts_and_its_model(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    runs = corpus.generate(sd1(), [Caption("a cat", {"kind": "pet"})], into=folder, **SIZE)
    for opened in (runs, Corpus.open(folder), Corpus.open(tmp_path)):
        assert opened[0].facts["kind"] == "pet"
        assert opened[0].model == "StableDiffusionPipeline"
    json.dumps(dict(opened[0].facts))


def test_the_recordings_of_a_corpus_are_loaded_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    original = Run.load

    def load(run: Run) -> Recording:
        loaded.append(run.key)
        return original(run)

    monkeypatch.setattr(Run, "load", load)
    saved = [
        Run(str(seed), {"seed": seed}, tiny_recording(seed=seed).save(tmp_path / str(seed)))
        for seed in range(3)
    ]
    corpus = Corpus(tuple(saved))
    recordings = corpus.recordings
    assert len(recordings) == 3 and len(recordings[1:]) == 2 and not loaded
    assert heat_maps(next(iter(recordings[1:]))).words and loaded == ["1"]
    assert [isinstance(recording, Recording) for recording in recordings] == [True] * 3
    assert loaded == ["1", "0", "1", "2"]
    assert torch.equal(
        heat_maps(corpus.recordings[-1]).word("dog").values,
        heat_maps(tiny_recording(seed=2)).word("dog").values,
    )
    with pytest.raises(IndexError):
        recordings[3]
    with pytest.raises(WrongKindError, match=r"heat_maps\(corpus.recordings\[0\]\)"):
        heat_maps(corpus)  # type: ignore[arg-type]
