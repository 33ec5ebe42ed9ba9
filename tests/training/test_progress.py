"""The schedule, the checkpoints and the way workers share weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from training.loop import Shared
from training.progress import Clock, learning_rate_factor, load_checkpoint, save_atomically


def test_learning_rate_warms_up_stays_and_decays() -> None:
    def factor(progress: float, step: int) -> float:
        return learning_rate_factor(progress, step, warm_up_steps=10, decay_from=0.6)

    assert factor(0.0, 0) == pytest.approx(0.1)
    assert factor(0.01, 4) == pytest.approx(0.5)
    assert factor(0.3, 500) == factor(0.6, 900) == 1.0
    assert factor(0.8, 1200) == pytest.approx(1 - 0.99 / 2)
    assert factor(1.0, 1500) == pytest.approx(0.01)


def test_the_clock_goes_on_where_an_earlier_process_stopped() -> None:
    clock = Clock(1.0, spent=1800.0)
    assert clock.progress == pytest.approx(0.5, abs=1e-3)
    assert Clock(0.1, spent=1800.0).progress == 1.0


def test_a_checkpoint_comes_back_and_a_torn_one_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "vae.pt"
    assert load_checkpoint(path) is None
    save_atomically({"step": 3, "model": {"w": torch.ones(2)}}, path)
    path.with_suffix(".partial").write_bytes(b"torn by a kill")
    state = load_checkpoint(path)
    assert state is not None and state["step"] == 3
    assert torch.equal(state["model"]["w"], torch.ones(2))


def test_two_workers_meet_in_the_middle(tmp_path: Path) -> None:
    leader, helper = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    nn.init.zeros_(leader.weight)
    nn.init.ones_(helper.weight)
    first = Shared(tmp_path, "job", leader, leader=True, workers=2)
    second = Shared(tmp_path, "job", helper, leader=False, workers=2)
    assert torch.equal(helper.weight, torch.zeros(1, 2))
    with torch.no_grad():
        leader.weight += torch.tensor([[1.0, 0.0]])
        helper.weight += torch.tensor([[1.0, 4.0]])
    first.exchange(2)
    second.exchange(2)
    first.exchange(0)
    # Each adds half of its own change: the mean of both.
    expected = torch.tensor([[1.0, 2.0]])
    assert torch.equal(leader.weight, expected) and torch.equal(helper.weight, expected)
    assert first.notes[1] == 4
