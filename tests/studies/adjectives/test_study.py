"""Adjectives: by hand, and on a tiny real pipeline."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps, spill
from daam_nb.studies import run_study
from daam_nb.studies.adjectives import study as adjectives
from daam_nb.studies.adjectives.figures import (
    BY_JUDGE,
    BY_MAP,
    FREE,
    OTHER_SEED,
    REPLAYED,
    reach,
    spills,
)
from daam_nb.studies.adjectives.study import COLUMNS, captions, inside_and_outside
from daam_nb.tracing import generate, replay
from tests import pipelines
from tests.studies.toy import SIZE, ToyJudge

PROMPTS = captions(["cat", "dog"], ["red", "blue"], templates=["a {adj} {noun} and a house"])


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def table(pipe: Any) -> pd.DataFrame:
    options: dict[str, Any] = {"judge": ToyJudge(), "progress": False, **SIZE}
    return adjectives.adjective_pairs(pipe, PROMPTS[:2], [0], **options)


def test_captions() -> None:
    assert [caption.text for caption in PROMPTS] == [
        "a red cat and a house", "a blue dog and a house",
        "a blue cat and a house", "a red dog and a house",
    ]  # fmt: skip
    assert PROMPTS[0].facts == {
        "noun": "cat",
        "other": "house",
        "adjective": "red",
        "swapped_adjective": "blue",
        "swapped": "a blue cat and a house",
    }
    paper = captions()
    assert paper[0].text == "a rusty shovel sitting in a clean shed"
    assert paper[0].facts["swapped"] == "a wooden shovel sitting in a clean shed"
    assert paper[0].facts["other"] == "shed"
    with pytest.raises(StudyError, match="at least two adjectives"):
        captions(["cat"], ["red", "red"])


def test_inside_and_outside_by_hand() -> None:
    change = np.array([[0.4, 0.2], [0.1, 0.1]])
    region = np.array([[True, False], [False, False]])
    assert inside_and_outside(change, region) == {
        "region_share": 0.25,
        "inside": 0.4,
        "outside": pytest.approx(0.4 / 3),
        "outside_share": pytest.approx(0.5),
    }
    everywhere = inside_and_outside(change, np.ones((2, 2), dtype=bool))
    assert everywhere["outside"] is None
    assert everywhere["outside_share"] == 0
    nowhere = inside_and_outside(np.zeros((2, 2)), np.zeros((2, 2), dtype=bool))
    assert (nowhere["inside"], nowhere["outside"], nowhere["outside_share"]) == (None, 0.0, None)


def test_rows(table: pd.DataFrame) -> None:
    assert list(table.columns) == [*COLUMNS, "model", "caption_other"]
    assert table.how.tolist() == [REPLAYED, FREE, OTHER_SEED] * 2
    assert table.swapped.tolist()[0] == "a blue cat and a house"
    assert (
        table.layout[table.noun == "cat"] == 1
    ).all()  # the toy judge sees it where it always is


def test_one_of_them_drawn_by_hand(pipe: Any, table: pd.DataFrame) -> None:
    first = generate(pipe, "a red cat and a house", seed=0, keep="replay", **SIZE)
    with replay(pipe, first):
        second = generate(pipe, "a blue cat and a house", seed=0, **SIZE)
    pixels = [np.asarray(image, dtype=float) for image in (first.image, second.image)]
    change = np.abs(pixels[0] - pixels[1]).mean(axis=2) / 255
    cat = ToyJudge().mask(first.image, "cat")
    row = table[(table.noun == "cat") & (table.how == REPLAYED)].iloc[0]
    assert row.inside == pytest.approx(change[cat].mean())
    assert row.outside == pytest.approx(change[~cat].mean())
    assert row.inside > 0
    maps = heat_maps(first)
    assert row.spill == pytest.approx(spill(maps.word("red"), maps.word("cat"), threshold=0.4))


def test_adjectives_of_different_numbers_of_tokens_are_exchanged(pipe: Any) -> None:
    short, long = "red", "unremarkable"
    counts = [len(pipe.tokenizer(word).input_ids) for word in (short, long)]
    assert counts[0] != counts[1]
    pairs = captions(["cat"], [short, long], templates=["a {adj} {noun} and a house"])
    made = adjectives.adjective_pairs(pipe, pairs, judge=ToyJudge(), progress=False, **SIZE)
    assert set(made["how"]) == {REPLAYED, FREE, OTHER_SEED}
    assert set(made["swapped_adjective"]) == {short, long}


def test_without_a_judge_the_map_says_where_the_noun_is(pipe: Any) -> None:
    found = adjectives.adjective_pairs(pipe, PROMPTS[:1], progress=False, **SIZE)
    assert found.region_share.nunique() == 1  # the same place, however the second was made
    assert found.layout.isna().all()


def test_where_the_judge_does_not_see_the_noun_the_map_says_it(pipe: Any) -> None:
    blind = ToyJudge(least=300)  # sees no dog, however bright the image
    found = adjectives.adjective_pairs(pipe, PROMPTS[:2], judge=blind, progress=False, **SIZE)
    regions = found.groupby("noun").region.unique()
    assert regions["cat"].tolist() == [BY_JUDGE]
    assert regions["dog"].tolist() == [BY_MAP]
    assert (found.region_share > 0).all()


def test_captions_with_a_seed_of_their_own(pipe: Any, table: pd.DataFrame) -> None:
    own = [dataclasses.replace(c, facts={**c.facts, "seed": 0}) for c in PROMPTS[:1]]
    made = adjectives.adjective_pairs(pipe, own, None, judge=ToyJudge(), progress=False, **SIZE)
    pd.testing.assert_frame_equal(made, table[:3])


def test_pairs_drawn_together_are_those_drawn_alone(pipe: Any, table: pd.DataFrame) -> None:
    """Each image of a batch replays its own recording; only rounding differs."""
    options: dict[str, Any] = {"judge": ToyJudge(), "progress": False, **SIZE}
    alone = adjectives.adjective_pairs(pipe, PROMPTS, seeds=(0, 3), **options)
    together = adjectives.adjective_pairs(pipe, PROMPTS, seeds=(0, 3), batch=3, **options)
    texts = ["run", "prompt", "noun", "how", "layers", "region"]
    pd.testing.assert_frame_equal(together[texts], alone[texts])
    for name in ("inside", "outside", "spill", "spill_other", "iou"):
        assert together[name].tolist() == pytest.approx(alone[name].tolist(), abs=0.003)
    assert alone[alone["how"] == REPLAYED].outside.nunique() == len(alone) / 3  # none is another's


def test_a_batch_is_drawn_once_and_again_when_it_was_stopped_inside(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"judge": ToyJudge(), "progress": False, "batch": 3, **SIZE}
    whole = adjectives.adjective_pairs(pipe, PROMPTS, **options)
    drawn: list[list[str]] = []

    def counted(pipe: Any, units: Any, options: Any) -> Any:
        drawn.append([caption.text for caption, _ in units])
        return real(pipe, units, options)

    real = adjectives._drawn
    monkeypatch.setattr(adjectives, "_drawn", counted)
    path = tmp_path / "rows.jsonl"
    made = adjectives.adjective_pairs(pipe, PROMPTS, path=path, **options)
    texts = [caption.text for caption in PROMPTS]
    assert drawn == [texts[:3], texts[3:]]
    pd.testing.assert_frame_equal(made, whole)
    # Stopped after the first pair, in a new process: the batch is drawn with the same neighbors.
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    drawn.clear()
    again = adjectives.adjective_pairs(pipe, PROMPTS, path=path, **options)
    assert drawn == [texts[:3], texts[3:]]
    pd.testing.assert_frame_equal(again, whole)


def test_another_batch_is_another_setting(pipe: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"progress": False, "path": tmp_path / "rows.jsonl", **SIZE}
    adjectives.adjective_pairs(pipe, PROMPTS[:1], **options)
    with pytest.raises(StudyError, match="batch: None then, 2 now"):
        adjectives.adjective_pairs(pipe, PROMPTS[:1], batch=2, **options)
    with pytest.raises(StudyError, match="batch is 0"):
        adjectives.adjective_pairs(pipe, PROMPTS[:1], batch=0, **options)


class CountingJudge(ToyJudge):
    asked = 0

    def mask(self, image: Any, noun: str) -> Any:
        self.asked += 1
        return super().mask(image, noun)


def test_a_judge_is_asked_once_about_each_image(pipe: Any) -> None:
    judge = CountingJudge()
    both = {"paper": "paper", "up": "up"}
    adjectives.adjective_pairs(
        pipe, PROMPTS[:1], judge=judge, layers=both, progress=False, **SIZE
    )  # fmt: skip
    assert judge.asked == 4


def test_tables_by_hand() -> None:
    rows = [
        {"run": str(i), "noun": "cat", "how": how, "layers": "paper", "outside": out,
         "inside": 0.4, "outside_share": 0.3, "region_share": 0.2, "layout": 1.0,
         "spill": 0.6, "spill_other": 0.9, "iou": 0.1}
        for i, out in enumerate((0.1, 0.3) * 6)
        for how in (REPLAYED, FREE)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    means = reach(table)
    assert means.outside.tolist() == [pytest.approx(0.2)] * 2
    assert means.n.tolist() == [12, 12]
    assert means.nouns.tolist() == [1, 1]
    assert (means.outside_low < means.outside).all() and (means.outside < means.outside_high).all()
    assert means.outside_low_nouns.isna().all()  # one noun says nothing of others
    assert spills(table).spill.tolist() == [pytest.approx(0.6), pytest.approx(0.9)]


def test_the_whole_study_goes_on_and_writes_its_page(pipe: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "into": tmp_path / "runs", "nouns": {"pet": ["cat", "dog"]}, "adjectives": ["red", "blue"],
        "judge": ToyJudge(), "recommended": "up", "progress": False, **SIZE,
    }  # fmt: skip
    one = run_study("adjectives", pipe, images=4, **options)
    assert one.observations.run.nunique() == 1
    two = run_study("adjectives", pipe, images=8, **options)
    pd.testing.assert_frame_equal(two.observations[:6], one.observations)
    assert two.observations.groupby("run").seed.first().nunique() == 2  # noise of its own each
    assert set(two.figures) == {"reach", "spill"}
    page = two.save(tmp_path / "results", command="the command").read_text()
    assert "Spill of the maps" in page
    assert "### Paired by image, intervals of whole nouns" in page
    with pytest.raises(StudyError, match="other settings: parts, text_encoder, weights"):
        run_study("adjectives", pipelines.sd1(seed=4), images=4, **options)
