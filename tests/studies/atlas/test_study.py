"""The whole atlas on tiny real pipelines, one head's numbers by hand, gone on without measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import daam_nb as dnb
from daam_nb.errors import StudyError
from daam_nb.head_tables import HeadTable
from daam_nb.studies import run_study
from daam_nb.studies.atlas.ablating import head_causes
from daam_nb.studies.corpus.runs import Corpus
from tests import joint_pipelines, pipelines
from tests.studies.toy import SIZE, ToyJudge

CAPTIONS = ["a red cat and a dog", "a cat in snow"]
JUDGE = ToyJudge(least=-1.0)  # sees a dog in every image
OPTIONS: dict[str, Any] = {
    "captions": CAPTIONS,
    "judge": JUDGE,
    "concepts": {"pet": ["cat", "dog"], "color": ["red", "blue"], "place": ["snow"]},
    "recommended": "up",
    "passes": 2,
    "progress": False,
    **SIZE,
}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "atlas"


@pytest.fixture(scope="module")
def report(pipe: Any, folder: Path) -> Any:
    return run_study("atlas", pipe, into=folder, **OPTIONS)


def recording_of(folder: Path, text: str) -> Any:
    return next(run.load() for run in Corpus.open(folder / "images") if run.facts["prompt"] == text)


def row_of(report: Any, layer: str, head: int, word: str = "dog") -> Any:
    table = report.observations
    rows = table[(table.layer == layer) & (table["head"] == head) & (table.word == word)]
    return rows.iloc[0]


def test_a_row_for_every_word_and_head(report: Any, folder: Path) -> None:
    run = recording_of(folder, CAPTIONS[0])
    heads = sum(layer.heads for layer in run.layers)
    words = report.observations.groupby("prompt").word.agg(lambda each: sorted(set(each)))
    assert words[CAPTIONS[0]] == ["cat", "dog"] and words[CAPTIONS[1]] == ["cat"]
    assert len(report.observations) == 3 * heads


def test_attention_and_scores_of_one_head_by_hand(report: Any, folder: Path) -> None:
    run = recording_of(folder, CAPTIONS[0])
    layer, head = run.layers[-1], 1
    row = row_of(report, layer.name, head)
    attention = run.attention[layer.name].double() / len(run.steps)  # one sum over the steps
    dog = run.columns.index(run.prompt.token_indices("dog")[0])
    words = [run.columns.index(i) for w in run.words for i in run.prompt.token_indices(w)]
    assert row.attention_to_word == pytest.approx(float(attention[0, head, dog].mean()), rel=1e-5)
    assert row.attention == pytest.approx(float(attention[0, head, words].mean((1, 2)).sum()))

    values = functional.interpolate(
        attention[:, head : head + 1, dog].float(), size=run.facts.latent_size, mode="bicubic"
    ).clamp(min=0)
    share = (values / values.sum()).double()
    bits = -float((share * share.clamp(min=1e-300).log2()).sum())
    assert row.entropy == pytest.approx(bits, rel=1e-4)
    image = functional.interpolate(values, size=(64, 96), mode="bicubic").clamp(min=0)[0, 0].numpy()
    mask = JUDGE.mask(run.image, "dog")
    marked = image >= 0.4 * image.max()
    assert row.iou == pytest.approx((marked & mask).sum() / (marked | mask).sum(), abs=2e-3)
    # Precision where each of the object's pixels comes in, with all that are as high.
    reached = image[mask][:, None, None] <= image
    precision = (reached & mask).sum((1, 2)) / reached.sum((1, 2))
    assert row.average_precision == pytest.approx(precision.mean(), abs=2e-3)


def test_effects_of_one_head_by_hand(report: Any, folder: Path) -> None:
    run = recording_of(folder, CAPTIONS[0])
    layer, head = run.layers[-1], 0
    row = row_of(report, layer.name, head)
    index = run.effects.words.index(run.prompt.token_indices("dog"))
    part = run.effects.by_head[layer.name][0, head, index].double() / len(run.steps)
    wholes = {
        name: float(shares[0, index].double().mean()) / len(run.steps)
        for name, shares in run.effects.shares.items()
    }
    assert row.effect == pytest.approx(float(part.mean()), rel=1e-5)
    assert row.effect_of_layer == pytest.approx(float(part.mean()) / wholes[layer.name], rel=1e-5)
    assert row.effect_of_all == pytest.approx(float(part.mean()) / sum(wholes.values()), rel=1e-5)
    of_word = report.observations[
        (report.observations.prompt == CAPTIONS[0]) & (report.observations.word == "dog")
    ]
    assert of_word.effect_of_all.sum() == pytest.approx(1, abs=1e-3)
    assert of_word[of_word.layer == layer.name].effect_of_layer.sum() == pytest.approx(1, abs=1e-3)
    by_head = dnb.heat_maps(run, kind="effect", layers="all").by_head("dog")
    mask = JUDGE.mask(run.image, "dog")
    expected = dnb.iou(by_head[layer.name, head], mask, threshold=0.4, size=(64, 96))
    assert row.effect_iou == pytest.approx(expected)


def test_what_changes_without_a_head_by_hand(pipe: Any, report: Any, folder: Path) -> None:
    run = recording_of(folder, CAPTIONS[0])
    layer, head = run.layers[0].name, 1
    row = row_of(report, layer, head)
    change = head_causes(pipe, run, passes=2).changes[layer, head]
    assert row.ablated == pytest.approx(change.mean(), rel=1e-2) and row.ablated > 0
    mask = torch.as_tensor(JUDGE.mask(run.image, "dog"), dtype=torch.float64)
    cells = functional.adaptive_avg_pool2d(mask[None], change.shape)[0].numpy()
    assert row.ablated_inside == pytest.approx((change * cells).sum() / cells.sum(), rel=1e-2)
    assert [name in {"pet", "color", "place"} for name in row.concepts.split(";")] == [True] * 2


def test_the_page_and_the_table(report: Any, folder: Path, tmp_path: Path) -> None:
    assert list(report.tables) == [
        "Every head",
        "Which heads: chosen on one half of the nouns, reported on the other",
        "What each half chose by score, and its scores on the other half",
        "Chosen heads against the paper's layers",
        "Relevance by concept, the three heads of each",
        "Agreement of the columns over heads",
    ]
    assert set(report.figures) == {"heads", "ablated", "chosen"}
    page = report.save(tmp_path).read_text()
    assert "| passes | 2 |" in page and "| concepts | pet (2); color (2); place (1) |" in page
    table = HeadTable.read(folder / "heads.csv")
    run = recording_of(folder, CAPTIONS[0])
    assert table.is_of(run) and "vae" not in table.weights
    assert len(table.rows) == sum(layer.heads for layer in run.layers)
    assert table.chosen.startswith("highest mean average precision on ")
    dnb.register_head_table(table)
    maps = dnb.heat_maps(run, heads="relevant")  # of the paper's layers, which are the default
    assert maps.heads == table.relevant and table.chosen in maps.choice
    row = next(row for row in table.rows if (row["layer"], row["head"]) == maps.heads[0])
    rows = report.observations
    own = rows[(rows.layer == row["layer"]) & (rows["head"] == row["head"])]
    assert row["average_precision"] == pytest.approx(own.average_precision.mean(), rel=1e-4)


def test_called_again_it_measures_nothing(report: Any, folder: Path) -> None:
    again = run_study("atlas", None, into=folder, **OPTIONS)
    assert again.observations.equals(report.observations)
    without = run_study("atlas", None, into=folder, **{**OPTIONS, "causes": False})
    assert "ablated" not in without.observations
    assert "Relevance by concept, the three heads of each" not in without.tables


def test_joint_attention_has_no_effects_and_no_concepts(tmp_path: Path) -> None:
    report = run_study(
        "atlas", joint_pipelines.sd3(), into=tmp_path, **{**OPTIONS, "recommended": None}
    )
    table = report.observations
    assert table.effect.isna().all() and table.effect_iou.isna().all()
    assert table.ablated.gt(0).all() and table.average_precision.notna().all()
    assert (table.concepts == "").all()
    assert report.facts["effects"] == "the model has none"
    assert "joint attention" in report.facts["no relevance by concept"]
    heads = report.tables["Every head"]
    assert "ablated" in heads and "effect" not in heads


@pytest.mark.usefixtures("report")
def test_what_cannot_be_run_is_refused(pipe: Any, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="give judge="):
        run_study("atlas", pipe, into=tmp_path / "a", captions=CAPTIONS, progress=False)
    for concepts, said in (
        (["cat"], "must map concepts to words"),
        ({"pet": ["cat"]}, "names 1 concept"),
        ({"pet": ["cat"], "color": []}, "'color' has no words"),
    ):
        with pytest.raises(StudyError, match=said):
            run_study("atlas", pipe, into=tmp_path / "a", **{**OPTIONS, "concepts": concepts})
    with pytest.raises(StudyError, match=r"pipe is None.*causes=False"):
        run_study("atlas", None, into=folder, **{**OPTIONS, "passes": 1})
    nothing = {**OPTIONS, "captions": ["a red car"], "causes": False}
    with pytest.raises(StudyError, match="no word names an object"):
        run_study("atlas", pipe, into=tmp_path / "b", **nothing)
