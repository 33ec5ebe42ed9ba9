"""`python -m training`: what its options are for."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from training import __main__ as command


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path | None]]:
    """The stages that would have run, each with what it would have started from."""
    stages: list[tuple[str, Path | None]] = []

    def note(stage: str, config: dict[str, Any], options: Namespace) -> None:
        stages.append((stage, options.start))

    monkeypatch.setattr(command, "run", note)
    return stages


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["training", *words, "--work", "work"])
    command.main()


@pytest.mark.parametrize("stage", ["vae", "diffusion", "joint"])
def test_three_stages_start_from_exported_weights(
    monkeypatch: pytest.MonkeyPatch, ran: list[tuple[str, Path | None]], stage: str
) -> None:
    call(monkeypatch, stage, "--start", "weights")
    assert ran == [(stage, Path("weights"))]


@pytest.mark.parametrize("stage", ["all", "judge", "export-joint", "score"])
def test_any_other_stage_refuses_to(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ran: list[tuple[str, Path | None]],
    stage: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, stage, "--start", "weights")
    assert stopped.value.code == 2 and not ran
    assert f"vae, diffusion and joint, one at a time, not for '{stage}'." in capsys.readouterr().err


def test_all_runs_every_stage_in_order(
    monkeypatch: pytest.MonkeyPatch, ran: list[tuple[str, Path | None]]
) -> None:
    call(monkeypatch, "all", "--short")
    assert ran == [(stage, None) for stage in command.STAGES]
