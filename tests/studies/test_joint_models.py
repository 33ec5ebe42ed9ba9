"""Which studies run on a model with joint attention, and which refuse it before they draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daam_nb import menagerie
from daam_nb.errors import UnsupportedPipelineError
from daam_nb.menagerie.judge import Judge
from daam_nb.studies import run_study

CALL: dict[str, Any] = {"num_inference_steps": 6, "max_sequence_length": 32, "progress": False}
CAPTIONS = ["a red cat next to a dog"]


@pytest.fixture(scope="module")
def pipe() -> Any:
    made = menagerie.load(architecture="joint")
    made.set_progress_bar_config(disable=True)
    return made


def test_attribution(pipe: Any, tmp_path: Path) -> None:
    found = run_study("attribution", pipe, into=tmp_path, captions=CAPTIONS, judge=Judge(), **CALL)
    iou = found.observations.iou.dropna()
    assert len(iou) > 0 and iou.between(0, 1).all()


def test_visuosyntax(pipe: Any, tmp_path: Path) -> None:
    found = run_study("visuosyntax", pipe, into=tmp_path, captions=CAPTIONS, **CALL)
    iou = found.observations.iou.dropna()
    assert len(iou) > 0 and iou.between(0, 1).all()


def test_cohyponyms(pipe: Any, tmp_path: Path) -> None:
    found = run_study(
        "cohyponyms",
        pipe,
        into=tmp_path,
        nouns=menagerie.CLASSES,
        judge=Judge(),
        images=3,
        **CALL,
    )
    assert len(found.observations) > 0 and "joint layers" in found.facts["layers: paper"]


@pytest.mark.parametrize(
    ("study", "given"),
    [
        ("faithfulness", {"captions": CAPTIONS, "judge": None}),
        ("adjectives", {"nouns": ["cat"], "adjectives": ["red", "blue"], "images": 2}),
    ],
)
def test_what_changes_attention_is_refused_before_anything_is_drawn(
    study: str, given: dict[str, Any], pipe: Any, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedPipelineError, match="StableDiffusion3Pipeline"):
        run_study(study, pipe, into=tmp_path, **given, **CALL)
    assert not list(tmp_path.rglob("*.png"))
