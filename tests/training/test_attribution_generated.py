"""Heat maps of generated images against a judge's masks, on the recording that ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import daam_nb as dnb
from daam_nb.menagerie.judge import LABELS
from daam_nb.studies.stats.intervals import SHARE, interval
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
    assert made["paper"] == {"miou": 1.0, "low": None, "high": None, "pointing": 1.0}
    assert 0 < made["recommended"]["miou"] < 1
    assert made["whole_image"] == pytest.approx(own.mean(), abs=1e-4)


def test_words_of_one_image_are_a_cluster(monkeypatch: Any) -> None:
    """Twelve images of two words each, of which the first six overlap by half."""
    ious = [0.5] * 12 + [1.0] * 12
    left = iter([value for value in ious for _ in "pr"])
    fruit = {"objects": [{"noun": "apple"}, {"noun": "banana"}]}
    monkeypatch.setattr(
        attribution_generated,
        "watched",
        lambda pipeline, indices: [(fruit, dnb.sample()) for _ in range(12)],
    )
    monkeypatch.setattr(attribution_generated, "heat_maps", lambda run, layers: None)
    monkeypatch.setattr(attribution_generated, "overlap", lambda *_: (next(left), True))

    class Both(OneMaskJudge):
        def counted(self, labels: np.ndarray) -> dict[str, int]:
            return {"apple": 1, "banana": 1}

    made = measure_generated(dnb.menagerie.card(), None, Both(np.ones((64, 64), bool)))
    clusters = [image for image in range(12) for _ in range(2)]
    known = interval(ious, clusters=clusters, bounds=SHARE)
    assert made["paper"] == {
        "miou": 0.75, "low": round(known.low, 4), "high": round(known.high, 4), "pointing": 1.0
    }  # fmt: skip
    assert (
        known.high - known.low
        > interval(ious, bounds=SHARE).high - interval(ious, bounds=SHARE).low
    )
