"""A look at a run that goes on, from its checkpoint alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from daam_nb.menagerie.judge import FILE
from training.diffusion import build_parts
from training.glance import glance
from training.progress import save_atomically
from training.tokenizer import write_tokenizer
from training.vae import build_vae

CONFIG = tomllib.loads((Path(__file__).parents[2] / "training" / "short.toml").read_text())


def checkpoint(work: Path) -> None:
    """An untrained model as a run leaves it."""
    tokenizer = write_tokenizer(work / "tokenizer", length=CONFIG["text"]["length"])
    build_vae(CONFIG["vae"]).save_pretrained(work / "vae")
    modules = build_parts(CONFIG, tokenizer)
    save_atomically({"average": modules.state_dict()}, work / "diffusion.pt")


def test_an_untrained_model_shows_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    checkpoint(tmp_path)
    seen = glance(CONFIG, tmp_path, judge_file=FILE, count=3)
    # Of no image with both objects nothing is known about their places.
    assert seen["single"] == seen["both"] == 0 and seen["relation"] is None
    assert '"relation": null' in capsys.readouterr().out


def test_without_a_checkpoint_it_says_what_to_run(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer", length=32)
    build_vae(CONFIG["vae"]).save_pretrained(tmp_path / "vae")
    with pytest.raises(FileNotFoundError, match="Run the stage `diffusion` first"):
        glance(CONFIG, tmp_path, judge_file=FILE, count=1)
