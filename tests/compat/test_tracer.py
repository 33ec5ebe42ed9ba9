"""DAAM 0.2.0's ``trace``, its README's example, and experiments in folders."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.compat import GenerationExperiment, set_seed, trace
from daam_nb.errors import (
    NothingRecordedError,
    RecordingExistsError,
    RecordingFormatError,
    RecordingNotFoundError,
    SelectionError,
    UnknownOptionError,
    UnsupportedPipelineError,
    WordNotFoundError,
    WrongKindError,
)
from tests import joint_pipelines, pipelines

PROMPT = "a cat and a dog"


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.sd1()


@pytest.fixture(scope="module")
def traced(pipe: Any) -> trace:
    with trace(pipe) as tc:
        pipe(PROMPT, num_inference_steps=2, generator=set_seed(5), height=32, width=48)
    return tc


def test_set_seed_touches_no_global_state() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    drawn = torch.rand(3, generator=set_seed(7))
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(7)))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


def test_maps_can_be_asked_for_inside_the_block(pipe: Any) -> None:
    with trace(pipe) as tc:
        with pytest.raises(NothingRecordedError):
            tc.compute_global_heat_map()
        out = pipe(PROMPT, num_inference_steps=2, generator=set_seed(5), height=32, width=48)
        maps = tc.compute_global_heat_map()
    assert maps.heat_maps.shape[0] == len(tc.recording.columns)
    assert maps.heat_maps.shape[1:] == tc.recording.facts.latent_size
    assert tc.last_prompt == PROMPT
    assert np.array_equal(np.asarray(tc.last_image), np.asarray(out.images[0]))


def test_low_memory_gives_the_same_maps(pipe: Any, traced: trace) -> None:
    with trace(pipe, low_memory=True) as tc:
        pipe(PROMPT, num_inference_steps=2, generator=set_seed(5), height=32, width=48)
    ours = tc.compute_global_heat_map().heat_maps
    theirs = traced.compute_global_heat_map().heat_maps
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)  # theirs is stored in float16
    assert tc.recording.kept == "sum"


def test_another_prompt_is_refused(traced: trace) -> None:
    assert traced.compute_global_heat_map(PROMPT).prompt.text == PROMPT
    with pytest.raises(WordNotFoundError, match="drew no image from 'a horse'"):
        traced.compute_global_heat_map("a horse")


@pytest.mark.parametrize("option", [{"load_heads": True}, {"save_heads": True}, {"data_dir": "x"}])
def test_pickled_heads_are_refused(pipe: Any, option: dict[str, Any]) -> None:
    with pytest.raises(SelectionError, match=r"tc\.recording\.save\(path\)"):
        trace(pipe, **option)


def test_an_experiment_opens_again(traced: trace, tmp_path: Path) -> None:
    experiment = traced.to_experiment(tmp_path / "runs", id="cat", seed=5)
    folder = experiment.save()
    assert folder == tmp_path / "runs" / "cat"
    assert sorted(p.name for p in folder.iterdir()) == [
        "output.png", "prompt.txt", "recording", "seed.txt",
    ]  # fmt: skip
    assert (folder / "prompt.txt").read_text(encoding="utf-8") == PROMPT
    opened = GenerationExperiment.load(folder)
    assert (opened.prompt, opened.seed) == (PROMPT, 5)
    assert torch.equal(opened.heat_map().heat_maps, experiment.heat_map().heat_maps)
    with pytest.raises(RecordingExistsError, match="already holds an experiment"):
        experiment.save()


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "generation.pt").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(RecordingFormatError, match=r"is a pickle.*Draw the image again"):
        GenerationExperiment.load(tmp_path)
    with pytest.raises(RecordingNotFoundError, match="holds no experiment"):
        GenerationExperiment.load(tmp_path / "nowhere")


def test_a_seed_file_of_words_is_refused(traced: trace, tmp_path: Path) -> None:
    folder = traced.to_experiment(tmp_path).save()
    (folder / "seed.txt").write_text("forty-two", encoding="utf-8")
    with pytest.raises(RecordingFormatError, match=r"seed\.txt does not hold a whole number"):
        GenerationExperiment.load(folder)


def test_a_transformer_is_refused_before_it_runs() -> None:
    with pytest.raises(UnsupportedPipelineError, match=r"only UNets.*daam_nb\.heat_maps"):
        trace(joint_pipelines.sd3())


def test_the_maps_that_were_chosen_open_again(traced: trace, tmp_path: Path) -> None:
    experiment = traced.to_experiment(tmp_path / "q", head_idx=0, normalize=True)
    chosen = experiment.heat_map().heat_maps
    assert not torch.equal(chosen, traced.compute_global_heat_map().heat_maps)
    folder = experiment.save()
    assert torch.equal(GenerationExperiment.load(folder).heat_map().heat_maps, chosen)
    other = GenerationExperiment.load(folder, layer_idx=0).heat_map().heat_maps
    assert torch.equal(other, traced.compute_global_heat_map(layer_idx=0).heat_maps)
    for text in ('{"head_idx": "0"}', '{"step": 3}', "[0]", "{", "[" * 99_999, " " * 200_000):
        (folder / "maps.json").write_text(text)
        with pytest.raises(RecordingFormatError, match=r"maps\.json"):
            GenerationExperiment.load(folder)


def test_maps_that_no_choice_gives_are_not_saved(traced: trace, tmp_path: Path) -> None:
    experiment = traced.to_experiment(tmp_path / "q")
    maps = replace(experiment.heat_map(), heat_maps=experiment.heat_map().heat_maps * 2)
    with pytest.raises(SelectionError, match="differ from those that loading would make"):
        replace(experiment, global_heat_map=maps).save()
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize("name", ["prompt.txt", "output.png", "seed.txt", "maps.json"])
def test_files_of_ones_own_are_not_replaced(traced: trace, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(
        RecordingExistsError, match=rf"already holds {name}, which would be replaced"
    ):
        traced.to_experiment(tmp_path).save()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "mine")]


def test_a_seed_is_the_recordings(traced: trace, tmp_path: Path) -> None:
    for seed in (99, 1.5, True, -1):
        with pytest.raises(SelectionError, match="seed"):
            traced.to_experiment(tmp_path, seed=seed)  # type: ignore[arg-type]
    folder = traced.to_experiment(tmp_path / "run").save()
    (folder / "seed.txt").write_text("77")
    with pytest.raises(RecordingFormatError, match="holds 77, but the recording holds 5"):
        GenerationExperiment.load(folder)


@pytest.mark.parametrize("name", ["../../x", "..", "/x", "a/b", "a\\b", "", 5])
def test_an_experiment_is_written_below_its_path(traced: trace, tmp_path: Path, name: Any) -> None:
    for where in ("id", "subtype"):
        with pytest.raises((SelectionError, WrongKindError), match=where):
            traced.to_experiment(tmp_path, **{where: name})
    with pytest.raises((SelectionError, WrongKindError), match="subtype"):
        GenerationExperiment.load(tmp_path, name)


def test_names_and_paths_of_an_experiment_are_checked(traced: trace) -> None:
    with pytest.raises(UnknownOptionError, match="did you mean 'head_idx'"):
        traced.to_experiment("q", head=0)
    for path in ("", 5, None):
        with pytest.raises((SelectionError, WrongKindError), match="path"):
            traced.to_experiment(path)  # type: ignore[arg-type]
