"""The recording that ships with the package; `python -m scripts.make_sample` makes it anew."""

from __future__ import annotations

import torch

import daam_nb
from daam_nb.menagerie.model import card
from daam_nb.recording.loading import SAMPLE


def test_it_is_small_and_names_nobody_s_folders() -> None:
    files = list(SAMPLE.iterdir())
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) < 700_000
    said = (SAMPLE / "recording.json").read_text("utf-8")
    for folder in ("/home", "/root", "/Users", "/work", "/tmp", ":\\\\"):
        assert folder not in said


def test_it_was_made_with_the_shipped_model() -> None:
    assert daam_nb.sample().facts.model == card().model_id, "python -m scripts.make_sample"


def test_it_holds_everything_a_recording_can_be_asked_for() -> None:
    run = daam_nb.sample()
    assert [word.text for word in run.words] == [
        "a",
        "banana",
        "and",
        "an",
        "apple",
        "on",
        "the",
        "grass",
    ]
    assert (run.kept, run.steps) == ("steps", tuple(range(run.facts.num_steps)))
    assert {layer.stage for layer in run.layers} == {"down", "mid", "up"}
    assert run.image is not None and run.latents is not None
    for layer in run.layers:
        whole = run.at(layer).float().sum(dim=2)
        assert bool(torch.all(whole <= 1.01)), "all tokens together are more than certain"
        # Where padding took all, nothing is left for the text.
        assert float(whole.min()) >= 0 and float(whole.mean()) > 0.01


def test_maps_can_be_tried_on_it() -> None:
    maps = daam_nb.heat_maps(daam_nb.sample())
    banana, apple = maps.word("banana"), maps.word("apple")
    assert banana.values.shape == apple.values.shape == daam_nb.sample().facts.latent_size
    assert 0 <= daam_nb.iou(banana, apple, threshold=0.4) <= 1
