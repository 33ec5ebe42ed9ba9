"""The whole study on a tiny real pipeline: planted maps, a method of one's own, killed, gone on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from daam_nb.errors import SelectionError, StudyError, UnsupportedPipelineError, WrongKindError
from daam_nb.maps import heat_maps
from daam_nb.studies import corpus, register_method, run_study
from daam_nb.studies.corpus.rows import RowFile
from daam_nb.studies.maps import RenderedScene, look_at, registry
from daam_nb.studies.maps.measuring import SPEARMAN
from daam_nb.studies.maps.methods import Method
from daam_nb.studies.maps.scenes import record_scenes
from daam_nb.studies.maps.shipped import SHIPPED
from daam_nb.studies.oracles.scores import IOU_COLUMNS
from tests import joint_pipelines, pipelines
from tests.studies.toy import SIZE, ToyJudge

CAPTIONS = ["a red cat and a dog", "a cat in snow"]
JUDGE = ToyJudge(least=-1.0)  # sees a dog in every image


def rendered(count: int = 2) -> list[RenderedScene]:
    labels = JUDGE.labels(Image.new("RGB", (96, 64)))
    masks = {"cat": labels == 1, "dog": labels == 2}
    pixels = np.zeros((64, 96, 3), dtype=np.uint8)
    pixels[masks["cat"]] = (200, 40, 40)
    pixels[masks["dog"]] = (40, 40, 200)
    objects = {(6, 9): ("cat", masks["cat"]), (16, 19): ("dog", masks["dog"])}
    background = ~(masks["cat"] | masks["dog"])
    return [
        RenderedScene(Image.fromarray(pixels), "a red cat and a dog", objects, background, number)
        for number in range(count)
    ]


def perfect(recording: Any, words: Any, choice: Any, *, masks: Any) -> Any:
    return {word: masks[word].astype(float) for word in words if word in masks}


def inverted(recording: Any, words: Any, choice: Any, *, masks: Any) -> Any:
    return {word: 1.0 - masks[word] for word in words if word in masks}


PLANTED = (
    Method("perfect", perfect, varies=(), sees_masks=True),
    Method("inverted", inverted, varies=(), sees_masks=True),
)
METHODS = ["attention", "effect", "mask", *PLANTED]
OPTIONS: dict[str, Any] = {
    "captions": CAPTIONS,
    "judge": JUDGE,
    "adjectives": ["red"],
    "relations": ["and"],
    "backgrounds": ["in snow"],
    "scenes": rendered(),
    "levels": 3,
    "choices": {"paper": "paper", "up": "up"},
    "progress": False,
    **SIZE,
}


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_registered", {})
    yield


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study") / "maps"


@pytest.fixture(scope="module")
def report(pipe: Any, folder: Path) -> Any:
    return run_study("maps", pipe, into=folder, methods=METHODS, **OPTIONS)


def test_planted_maps_have_one_and_zero(report: Any) -> None:
    table = report.observations
    known = table[table[IOU_COLUMNS[0]].notna()]
    for method, value in (("perfect", 1.0), ("inverted", 0.0)):
        rows = known[known.method == method]
        assert set(rows.data) == {"generated", "rendered"}
        assert set(rows.role) == {"object", "adjective", "relation", "background"}
        assert (rows[list(IOU_COLUMNS)] == value).all(axis=None)
        assert (rows.pointing == value).all()
        assert (rows.leakage.dropna() == 1 - value).all() and rows.leakage.notna().any()
    assert (known.average_precision[known.method == "perfect"] == 1).all()


def test_rows_of_every_word_method_and_choice(report: Any) -> None:
    table = report.observations
    attention = table[(table.method == "attention") & (table.prompt == CAPTIONS[0])]
    counted = attention.groupby(["data", "run", "choice"]).word.agg(list)
    assert all(words == ["a", "red", "cat", "and", "a", "dog"] for words in counted)
    assert len(counted) == (1 + 2) * 2
    assert set(table.choice[table.method == "mask"]) == {"any"}
    cat = attention[(attention.word == "cat") & (attention.data == "generated")]
    drawn = [column for cause, column in SPEARMAN.items() if cause != "replaced"]
    assert cat[drawn].notna().all(axis=None)
    assert cat.spearman_replaced.isna().all()  # the judge knows no third noun
    alone = table[(table.prompt == CAPTIONS[1]) & (table.word == "cat")]
    assert alone.spearman_replaced[alone.method == "attention"].notna().all()
    assert alone.spearman_removed.isna().all()  # it is no pair
    contrast = attention.filter(like="contrast_").notna().any(axis=1)
    assert set(attention.word[contrast]) == {"cat"}  # of the pair's first object
    assert table.filter(like="spearman_")[table.data == "rendered"].isna().all(axis=None)
    assert attention.influence[attention.data == "generated"].notna().all()


def test_a_method_says_what_is_recorded(report: Any, folder: Path) -> None:
    for part in ("images", "scenes"):
        runs = corpus.Corpus.open(folder / part)
        assert runs.settings["effects"] is True
        assert runs[0].load().effects is not None
    effects = report.observations[report.observations.method == "effect"]
    assert set(effects.data) == {"generated", "rendered"} and (effects.maximum > 0).all()


def test_scores_by_hand(report: Any, folder: Path) -> None:
    from daam_nb.recording import load
    from daam_nb.studies.corpus.runs import Corpus

    runs = {run.key: run for run in Corpus.open(folder / "images")}
    table = report.observations
    row = table[
        (table.method == "attention") & (table.choice == "up") & (table.word == "cat")
        & (table.data == "generated")
    ].iloc[0]  # fmt: skip
    word_map = heat_maps(load(runs[row.run].source), layers="up").word("cat")
    mask = JUDGE.labels(Image.new("RGB", (96, 64))) == 1
    marked = word_map.mask(0.4, size=(64, 96)).numpy()
    assert row["iou_0.40"] == pytest.approx((marked & mask).sum() / (marked | mask).sum())
    assert row.maximum == pytest.approx(float(word_map.values.max()))


def test_the_page_and_again_without_a_pipeline(report: Any, folder: Path, tmp_path: Path) -> None:
    page = report.save(tmp_path, command="the command").read_text()
    for heading in report.tables:
        assert heading in page
    assert {"methods", "causes", "contrasts", "nouns", "example"} <= set(report.figures)
    assert "### Every method against attention" in page and page.count(".png)") >= 5
    again = run_study("maps", None, into=folder, methods=METHODS, **OPTIONS)
    pd.testing.assert_frame_equal(again.observations, report.observations)


def test_a_method_of_ones_own_measures_nothing_else_anew(
    pipe: Any, report: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @register_method("squared")
    def squared(recording: Any, words: Any, choice: Any) -> Any:
        maps = heat_maps(recording, layers=choice.layers, heads=choice.heads)
        return {word: maps.word(word.span).numpy() ** 2 for word in words}

    measured: list[str] = []
    append = RowFile.append

    def noted(self: Any, key: str, rows: Any, **more: Any) -> None:
        measured.extend(row["method"] for row in rows)
        append(self, key, rows, **more)

    monkeypatch.setattr(RowFile, "append", noted)
    more = run_study("maps", pipe, into=folder, methods=[*METHODS, "squared"], **OPTIONS)
    assert set(measured) == {"squared"}
    assert "squared" in set(more.tables["Every method against attention"].method)
    squares = more.observations[more.observations.method == "squared"]
    plain = more.observations[more.observations.method == "attention"]
    assert np.allclose(squares.maximum.to_numpy(), plain.maximum.to_numpy() ** 2)
    assert np.allclose(squares.pointing.dropna(), plain.pointing.dropna())


def killing(units: int) -> Any:
    """`RowFile.append`, which kills its process where so many units would be kept."""
    append, left = RowFile.append, [units]

    def killing_append(self: Any, key: str, rows: Any, **more: Any) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, key, rows, **more)

    return killing_append


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a child that it forks")
def test_killed_it_goes_on(pipe: Any, report: Any, tmp_path: Path) -> None:
    """After three, and after six units more, in the middle of whatever comes then."""
    options = {**OPTIONS, "methods": METHODS}

    def study() -> Any:
        return run_study("maps", pipe, into=tmp_path / "maps", **options)

    for units in (3, 6):
        child = os.fork()
        if not child:
            try:
                RowFile.append = killing(units)  # type: ignore[method-assign]
                study()
            finally:
                os._exit(1)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    after = study().observations.drop(columns="seconds")
    pd.testing.assert_frame_equal(after, report.observations.drop(columns="seconds"))


def test_a_scene_is_seen_and_not_drawn(pipe: Any) -> None:
    scene = rendered(1)[0]
    before = pipe.scheduler.config
    recording = look_at(pipe, scene, levels=3)
    assert recording.image is not None and recording.prompt.text == scene.caption
    assert np.array_equal(np.asarray(recording.image), np.asarray(scene.image))
    assert recording.facts.num_steps == 3 and pipe.scheduler.config == before
    again = look_at(pipe, scene, levels=3)
    for name, values in recording.attention.items():
        assert np.array_equal(values.numpy(), again.attention[name].numpy())


def test_the_denoiser_is_given_the_noised_scene(pipe: Any) -> None:
    """By hand: the scheduler's noise on the encoded image, at every level."""
    import torch

    scene = rendered(1)[0]
    samples: list[Any] = []
    handle = pipe.unet.register_forward_pre_hook(
        lambda module, args, kwargs: samples.append((args or (kwargs["sample"],))[0].clone()),
        with_kwargs=True,
    )
    look_at(pipe, scene, levels=3)
    handle.remove()
    pixels = torch.from_numpy(np.asarray(scene.image, dtype=np.float32) / 127.5 - 1)
    with torch.no_grad():
        encoded = pipe.vae.encode(pixels.permute(2, 0, 1)[None]).latent_dist.mode()
    clean = encoded * pipe.vae.config.scaling_factor
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    pipe.scheduler.set_timesteps(3)
    assert len(samples) == 3
    for timestep, sample in zip(pipe.scheduler.timesteps, samples, strict=True):
        expected = pipe.scheduler.add_noise(clean, noise, timestep.reshape(1))
        assert torch.allclose(
            sample, pipe.scheduler.scale_model_input(expected, timestep), atol=1e-5
        )


def test_scenes_are_a_corpus_of_their_own(
    pipe: Any, report: Any, folder: Path, tmp_path: Path
) -> None:
    runs = corpus.Corpus.open(folder / "scenes")
    assert [run.facts["seed"] for run in runs] == [0, 1] and runs.settings["levels"] == 3
    looked_at = runs[0].load()
    assert looked_at.facts.num_steps == 3 and "the model drew none" in str(looked_at.facts)
    with pytest.raises(StudyError, match="lacks 1 of the 3 scenes requested"):
        record_scenes(None, rendered(3), into=folder / "scenes", levels=3, record={})
    with pytest.raises(StudyError, match="levels: 3 then, 4 now"):
        record_scenes(pipe, rendered(3), into=folder / "scenes", levels=4, record={})
    with pytest.raises(StudyError, match=r"occurs more than once. Give each its own number"):
        record_scenes(pipe, rendered(1) * 2, into=tmp_path / "s", levels=3, record={})


def test_a_damaged_recording_of_a_scene_is_made_again(pipe: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"levels": 2, "record": {}, "progress": False}
    run = record_scenes(pipe, rendered(1), into=tmp_path / "s", **options)[0]
    recording = run.load()
    before = {name: values.numpy().copy() for name, values in recording.attention.items()}
    next(run.source.glob("*.safetensors")).unlink()
    with pytest.warns(UserWarning, match="is damaged and is made again"):
        again = record_scenes(pipe, rendered(1), into=tmp_path / "s", **options)[0].load()
    assert all(np.array_equal(again.attention[name].numpy(), before[name]) for name in before)


def test_a_joint_model_is_studied(tmp_path: Path) -> None:
    options = {**OPTIONS, "scenes": [], "choices": None, "num_inference_steps": 2}
    found = run_study("maps", joint_pipelines.sd3(), into=tmp_path / "s", **options)
    table = found.observations
    assert (
        set(table.method) == {*SHIPPED} - {"effect", "encoder"}
        and found.facts["left out"] == "effect"
    )
    again = run_study("maps", None, into=tmp_path / "s", **options)
    pd.testing.assert_frame_equal(again.observations, table)
    with pytest.raises(UnsupportedPipelineError, match="effects"):
        run_study(
            "maps", joint_pipelines.sd3(), into=tmp_path / "t", methods=["attention", "effect"],
            **options,
        )  # fmt: skip
    assert table.spearman_replaced.notna().any() and table.spearman_hidden.isna().all()
    assert "hidden" not in found.tables["Against what changes without the word"]


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"judge": None}, StudyError, "needs to know where the objects are: give judge="),
        ({"methods": ["atention"]}, StudyError, "did you mean 'attention'"),
        ({"methods": ["blob"]}, StudyError, "'attention' is not among blob"),
        ({"scenes": ["a cat"]}, WrongKindError, "must hold only RenderedScenes"),
        ({"choices": {}}, StudyError, "at least one choice"),
        ({"choices": {"mine": "papper"}}, SelectionError, "papper"),
        ({"heads": (99,)}, SelectionError, "has no head 99"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_anything_is_drawn(
    pipe: Any, tmp_path: Path, wrong: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        run_study("maps", pipe, into=tmp_path / "s", **{**OPTIONS, **wrong})
    assert not (tmp_path / "s").exists()


def test_what_is_no_scene_is_refused() -> None:
    image = Image.new("RGB", (96, 64))
    for span in ((6, 9), (1, 4), (2, 2)):
        with pytest.raises(StudyError, match="of 'a cat', which are not a word"):
            RenderedScene(image, "a cat", {span: ("cat", np.ones((64, 96), bool))})
    with pytest.raises(StudyError, match="does not fit"):
        RenderedScene(image, "a cat", {(2, 5): ("cat", np.ones((96, 64), bool))})
