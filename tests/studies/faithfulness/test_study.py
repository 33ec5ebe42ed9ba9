"""Faithfulness on a tiny real pipeline, and its tables by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from daam_nb.errors import StudyError
from daam_nb.maps import heat_maps
from daam_nb.studies import corpus, faithfulness, run_study
from daam_nb.studies.faithfulness.ablations import ABLATIONS, ANOTHER_SEED, OWN
from daam_nb.studies.faithfulness.curves import curves_of_area, highest
from daam_nb.studies.faithfulness.heads import attention_of, rank_agreement, ranking
from daam_nb.studies.faithfulness.losses import losses
from daam_nb.studies.faithfulness.study import COLUMNS
from daam_nb.studies.redraw.control_words import control_word, object_words, other_words
from daam_nb.studies.redraw.redrawing import check_same, difference, drawn_again
from daam_nb.tracing import ablate, generate
from tests import pipelines
from tests.studies.toy import SIZE, ToyJudge
from tests.tiny_recordings import tiny_prompt, tiny_recording

CAPTIONS = ["a red cat and a dog", "a dog", "a giraffe"]


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def runs(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> corpus.Corpus:
    folder = tmp_path_factory.mktemp("runs")
    return corpus.generate(pipe, CAPTIONS, [0], into=folder / "c", progress=False, **SIZE)


@pytest.fixture(scope="module")
def table(pipe: Any, runs: corpus.Corpus) -> pd.DataFrame:
    return faithfulness.ablation_effects(runs, pipe, judge=ToyJudge(), progress=False)


# --- what is measured -------------------------------------------------------------------------


def test_rows_of_every_image_with_an_object(table: pd.DataFrame) -> None:
    assert list(table.columns) == [*COLUMNS, "model"]
    assert table.groupby("prompt", sort=False).size().to_dict() == {
        # object: 3 ablations and another seed, held against 4 maps; control: 3; random: 2
        "a red cat and a dog": 16 + 12 + 8,
        "a dog": 12 + 6,  # no other word: no map of one either
    }
    first = table[table.prompt == "a red cat and a dog"]
    assert set(first.object) == {"cat"}  # the first that the judge sees
    assert set(first.word[first.kind == "control"]) == {"red"}  # not the other object
    assert set(first.change[first.kind == "object"]) == {*ABLATIONS, ANOTHER_SEED}
    assert set(table.before) == {True, False} or set(table.before) == {True}


def test_amounts_are_those_of_the_images(
    pipe: Any, runs: corpus.Corpus, table: pd.DataFrame
) -> None:
    """One of them drawn by hand."""
    run = runs[0].load()
    with ablate(pipe, words="cat"):
        again = generate(pipe, run.prompt.text, seed=run.facts.seed, **SIZE)
    pixels = [np.asarray(image, dtype=float) for image in (run.image, again.image)]
    expected = np.abs(pixels[0] - pixels[1]).mean() / 255
    row = table[(table.run == runs[0].key) & (table.word == "cat") & (table.change == OWN)]
    row = row[row.kind == "object"]
    assert row.amount.tolist() == [pytest.approx(expected, abs=1e-4)] * 4
    assert expected > 1e-3


def test_it_goes_on_without_a_pipeline_where_all_is_measured(
    runs: corpus.Corpus, table: pd.DataFrame
) -> None:
    again = faithfulness.ablation_effects(runs, None, judge=ToyJudge(), progress=False)
    pd.testing.assert_frame_equal(again, table)


def test_without_a_judge_every_content_word_is_an_object(pipe: Any, runs: corpus.Corpus) -> None:
    found = faithfulness.ablation_effects([runs[0].load()], pipe, ablations=[OWN], progress=False)
    assert set(found.object) == {"red"}
    assert found.before.isna().all()
    assert losses(found).empty


def test_images_without_their_object_may_be_left_out(pipe: Any, runs: corpus.Corpus) -> None:
    blind = ToyJudge(least=300)  # sees a cat everywhere, and never a dog
    found = faithfulness.ablation_effects(
        runs, pipe, judge=blind, ablations=[], skip_unseen=True, progress=False
    )
    assert set(found.prompt) == {"a red cat and a dog"}
    with pytest.raises(StudyError, match=r"None of 1 images .* the judge sees none"):
        run_study("faithfulness", 
            pipe, into=runs.path.parent / "d", captions=["a dog"], judge=blind, progress=False,
            **SIZE,
        )  # fmt: skip


def test_another_pipeline_is_refused(runs: corpus.Corpus) -> None:
    with pytest.raises(StudyError, match="does not reproduce the recorded image of 'a red cat"):
        faithfulness.ablation_effects(runs, pipelines.sd1(seed=9), ablations=[], progress=False)
    with pytest.raises(StudyError, match="pipe is None"):
        faithfulness.ablation_effects(runs, None, ablations=[], progress=False)
    with pytest.raises(StudyError, match="no ablation 'all'"):
        faithfulness.ablation_effects(runs, None, ablations=["all"])


def test_the_whole_study_writes_its_page(pipe: Any, tmp_path: Path) -> None:
    report = run_study(
        "faithfulness",
        pipe,
        into=tmp_path / "runs",
        captions=CAPTIONS,
        judge=ToyJudge(),
        recommended="up",
        skip_unseen=False,
        head_images=1,
        curve_images=1,
        progress=False,
        **SIZE,
    )
    assert set(report.figures) == {"agreement", "lost", "heads", "deletion", "insertion"}
    assert set(report.observations.layers) == {"paper", "recommended"}
    drawn = report.figures["agreement"].to_matplotlib().axes[0]
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == [
        *("the word's map (paper)", "the word's effect map (paper)", "another word's map (paper)"),
        *("the word's map (recommended)", "the word's effect map (recommended)"),
        *("another word's map (recommended)", "random", "middle"),
        *(
            f"{which} map ({layers}) / {null}"
            for null in ("random columns", "another seed")
            for layers in ("paper", "recommended")
            for which in ("the word's", "the word's effect")
        ),
    ]
    rows = report.observations
    of_cat = rows[(rows["map"] == "the word's effect") & (rows.layers == "recommended")]
    cat = of_cat[(of_cat.word == "cat") & (of_cat.change == OWN) & (of_cat.kind == "object")]
    run = next(run for run in corpus.Corpus.open(tmp_path / "runs" / "pictures")
               if run.key == cat.run.iloc[0]).load()  # fmt: skip
    with ablate(pipe, words="cat"):
        again = generate(pipe, run.prompt.text, seed=run.facts.seed, **SIZE)
    pixels = [np.asarray(image, dtype=float) for image in (run.image, again.image)]
    change = np.abs(pixels[0] - pixels[1]).mean(2).ravel()
    heat = heat_maps(run, kind="effect", layers="up").word("cat").resize(run.facts.image_size)
    expected = np.corrcoef(heat.numpy().ravel(), change)[0, 1]
    assert cat.correlation.iloc[0] == pytest.approx(expected, abs=0.02)
    page = report.save(tmp_path / "results", command="the command").read_text()
    assert "Objects that the judge no longer sees" in page
    assert page.count(".png)") == 5
    again = run_study("faithfulness", 
        None, into=tmp_path / "runs", judge=ToyJudge(), recommended="up", skip_unseen=False,
        head_images=1, curve_images=1, progress=False,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.observations, report.observations)


# --- by hand ----------------------------------------------------------------------------------


def test_difference_by_hand() -> None:
    black = Image.fromarray(np.zeros((1, 2, 3), dtype=np.uint8))
    pixels = np.zeros((1, 2, 3), dtype=np.uint8)
    pixels[0, 1] = (255, 51, 0)
    assert difference(black, Image.fromarray(pixels)).tolist() == [[0.0, pytest.approx(0.4)]]
    with pytest.raises(StudyError, match="cannot be compared"):
        difference(black, Image.new("RGB", (3, 3)))


def test_drawing_again(pipe: Any, runs: corpus.Corpus) -> None:
    run = runs[0].load()
    check_same(pipe, run)
    assert np.array_equal(drawn_again(pipe, run), run.image)
    assert difference(drawn_again(pipe, run, ablate(pipe, words="cat")), run.image).max() > 0


def test_the_highest_pixels_by_hand() -> None:
    field = np.array([[0.1, 0.9, 0.5], [0.5, 0.2, 0.3]])
    assert highest(field, 1 / 3).tolist() == [[False, True, True], [False, False, False]]
    assert highest(field, 0.01).sum() == 1
    assert highest(field, 1.0).all()


def test_deletion_and_insertion_of_one_image_drawn_by_hand(
    pipe: Any, runs: corpus.Corpus, table: pd.DataFrame
) -> None:
    """The halves of the word's map: of the whole change, what ablating each alone makes."""
    found = curves_of_area(runs[:1], pipe, table, shares=[0.5], progress=False)
    assert list(found.order) == ["the word's map", "random"]
    run = runs[0].load()
    heat = heat_maps(run).word("cat").resize((64, 96)).numpy()
    top = heat.ravel() >= np.sort(heat.ravel())[-heat.size // 2]
    changes = []
    for area in (np.ones(heat.size, dtype=bool), top, ~top):
        with ablate(pipe, words="cat", area=area.reshape(heat.shape)):
            again = generate(pipe, run.prompt.text, seed=run.facts.seed, **SIZE)
        pixels = [np.asarray(image, dtype=float) for image in (run.image, again.image)]
        changes.append(np.abs(pixels[0] - pixels[1]).mean())
    row = found.iloc[0]
    assert row.deletion == pytest.approx(changes[1] / changes[0], rel=1e-3)
    assert row.insertion == pytest.approx(1 - changes[2] / changes[0], rel=1e-3)


@pytest.mark.parametrize("kept", ["steps", "sum"])
def test_attention_of_a_head(kept: Any) -> None:
    run = tiny_recording("a cat and a dog", kept=kept)
    layer = run.layers[1]
    maps = run.attention[layer.name].float()[:, 1]  # (step or 1, token, y, x)
    per_column = [float(maps[:, i].mean() * len(maps) / len(run.steps)) for i in range(7)]
    word = run.prompt.find("cat")
    to_word, to_text = attention_of(run, layer.name, 1, word)
    assert to_word == pytest.approx(per_column[2], rel=1e-5)
    assert to_text == pytest.approx(sum(per_column[1:6]), rel=1e-5)


def test_rankings_by_hand() -> None:
    heads = pd.DataFrame(
        {
            "run": ["x"] * 3 + ["y"] * 3,
            "prompt": ["a cat"] * 6,
            "layer": ["l"] * 6,
            "head": [0, 1, 2] * 2,
            "amount": [3.0, 2, 1, 3, 2, 1],
            "attention_to_word": [30.0, 20, 10, 30, 20, 10],
            "attention_to_text": [1.0, 2, 3, 1, 2, 3],
        }
    )
    made = ranking(heads)
    assert made["head"].tolist() == [0, 1, 2]
    assert made.rank_attention_to_word.tolist() == [1, 2, 3]
    assert made.rank_attention_to_text.tolist() == [3, 2, 1]
    agreed = rank_agreement(heads)
    assert agreed.rho.tolist() == [pytest.approx(1), pytest.approx(-1)]
    assert agreed.pictures.tolist() == [2, 2]


def test_images_of_one_prompt_are_one_cluster_of_the_rankings() -> None:
    rng = np.random.default_rng(0)
    columns = ("amount", "attention_to_word", "attention_to_text")
    heads = pd.DataFrame({name: rng.random(12 * 8) for name in columns})
    heads = heads.assign(layer="l", head=list(range(8)) * 12, run=np.repeat(range(12), 8))
    assert rank_agreement(heads.assign(prompt=heads.run)).rho_low.notna().all()
    assert rank_agreement(heads.assign(prompt=heads.run // 2)).rho_low.isna().all()  # six prompts


def test_words() -> None:
    prompt = tiny_prompt("a red cat and a dog on the red grass")
    nouns = ["cat", "dog", "red"]
    assert [str(w) for w in object_words(prompt, nouns)] == ["cat", "dog"]  # "red" stands twice
    assert [str(w) for w in other_words(prompt, nouns)] == ["grass"]
    assert str(control_word(prompt, prompt.find("cat"), nouns)) == "grass"
    pair = tiny_prompt("a cat and a dog")
    assert str(control_word(pair, pair.find("cat"), nouns)) == "dog"
    alone = tiny_prompt("a cat")
    assert control_word(alone, alone.find("cat"), nouns) is None
