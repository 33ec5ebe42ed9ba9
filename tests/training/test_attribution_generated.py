"""Heat maps of generated pictures against a judge's masks, on the recording that ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import daam_nb as dnb
from daam_nb.menagerie.judge import LABELS
from training import attribution_generated
from training.attribution_generated import measure_generated, overlap

APPLE = LABELS.index("apple")


class OneMaskJudge:
    """Sees an apple where it is told, nothing else."""

    def __init__(self, mask: np.ndarray) -> None:
        self._labels = np.where(mask, APPLE, 0)

    def labels(self, image: Any) -> np.ndarray:
        assert image.size == (64, 64)
        return self._labels

    def counted(self, labels: np.ndarray) -> dict[str, int]:
        return {"apple": int((labels == APPLE).sum())}


@pytest.fixture(scope="module")
def run() -> Any:
    return dnb.sample()


def test_a_mask_that_is_the_maps_own_overlaps_wholly(run: Any) -> None:
    maps = dnb.heat_maps(run)
    own = maps.word("apple").mask(0.4, size=(64, 64)).numpy()
    assert overlap(maps, "apple", own) == (1.0, True)
    iou, hit = overlap(maps, "apple", ~own)
    assert iou == 0.0 and not hit


def test_only_what_the_judge_sees_is_scored(run: Any, monkeypatch: Any) -> None:
    entry = {"objects": [{"noun": "apple"}, {"noun": "banana"}]}
    monkeypatch.setattr(
        attribution_generated, "watched", lambda pipeline, indices: [(entry, run), (entry, run)]
    )
    own = dnb.heat_maps(run).word("apple").mask(0.4, size=(64, 64)).numpy()
    judge: Any = OneMaskJudge(own)
    made = measure_generated(dnb.menagerie.card(), None, judge)
    assert (made["pictures"], made["words"], made["named"]) == (2, 2, 4)
    assert made["paper"] == {"miou": 1.0, "low": 1.0, "high": 1.0, "pointing": 1.0}
    assert 0 < made["recommended"]["miou"] < 1
    assert made["whole_image"] == pytest.approx(own.mean(), abs=1e-4)
