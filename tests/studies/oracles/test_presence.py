"""Who says what an image shows: a judge, detectors of transformers, people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from daam_nb.errors import StudyError, WrongKindError
from daam_nb.studies.corpus.generation import Run
from daam_nb.studies.oracles.presence import (
    DetectorPresence,
    JudgePresence,
    Presence,
    RatedPresence,
    Seen,
    who_looks,
)
from tests.tiny_recordings import tiny_recording


def run(*, image: bool = True) -> Run:
    recording = tiny_recording("a cat and a dog", image=image)
    return Run("one", {"prompt": "a cat and a dog", "seed": 3}, recording)


class CatJudge:
    """Sees a cat in everything."""

    names = ("background", "cat", "dog")

    def labels(self, image: Image.Image) -> Any:
        return np.ones(image.size[::-1], dtype=np.int64)

    def mask(self, image: Image.Image, noun: str) -> Any:
        return self.labels(image) == self.names.index(noun)

    def present(self, image: Image.Image) -> dict[str, int]:
        return {"cat": image.width * image.height}


def test_a_judge() -> None:
    look = JudgePresence(CatJudge())
    assert isinstance(look, Presence)
    assert look(run(), "cat", "dog") == Seen(0.0, 1.0, True, False)
    assert look(run(), "cat", "cat") == Seen(1.0, 2.0, True, True)
    with pytest.raises(StudyError, match="does not know 'oven'; it knows cat, dog"):
        look(run(), "cat", "oven")
    with pytest.raises(StudyError, match="holds no image"):
        look(run(image=False), "cat", "dog")


def detector(threshold_of: dict[str, float]) -> Any:
    """A real detection pipeline of transformers, tiny, with random weights."""
    from transformers import (
        ObjectDetectionPipeline,
        YolosConfig,
        YolosForObjectDetection,
        YolosImageProcessor,
    )

    torch.manual_seed(0)
    config = YolosConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[32, 32],
        patch_size=8,
        num_detection_tokens=6,
        id2label={0: "Cat", 1: "dog", 2: "tv"},
        label2id={"Cat": 0, "dog": 1, "tv": 2},
    )
    model = YolosForObjectDetection(config).eval()
    with torch.no_grad():  # the last layer's bias alone decides: cat, cat, cat ...
        last = model.class_labels_classifier.layers[-1]
        last.weight.zero_()
        last.bias.copy_(torch.tensor([threshold_of.get(n, -9.0) for n in ("cat", "dog", "tv", "")]))
    processor = YolosImageProcessor(size={"height": 32, "width": 32})
    return ObjectDetectionPipeline(model=model, image_processor=processor)


def test_a_detector_of_transformers() -> None:
    found = DetectorPresence(detector({"cat": 5.0}), threshold=0.5, name="tiny")
    assert isinstance(found, Presence)
    assert found.name == "tiny, score >= 0.5"
    assert found(run(), "cat", "dog") == Seen(0.0, 1.0, True, False)
    unsure = DetectorPresence(detector({"cat": 0.0, "dog": 0.0, "": 0.0}), threshold=0.5)
    assert unsure(run(), "cat", "dog") == Seen(0.0, 0.0, False, False)
    with pytest.raises(StudyError, match="has no label 'television'; it has cat, dog, tv"):
        found(run(), "cat", "television")
    synonyms = DetectorPresence(detector({"tv": 5.0}), synonyms={"television": "tv"})
    assert synonyms(run(), "cat", "television") == Seen(0.0, 1.0, False, True)


class ZeroShot:
    """As transformers' zero-shot detection pipeline is called."""

    task = "zero-shot-object-detection"

    def __call__(self, image: Image.Image, *, candidate_labels: list[str]) -> list[dict[str, Any]]:
        scores = {"cat": 0.9, "dog": 0.2}
        return [{"label": label, "score": scores[label]} for label in candidate_labels]


def test_a_detector_that_is_asked_by_name() -> None:
    assert DetectorPresence(ZeroShot(), threshold=0.3)(run(), "cat", "dog").first is True
    assert DetectorPresence(ZeroShot(), threshold=0.3)(run(), "cat", "dog").second is False
    assert DetectorPresence(ZeroShot(), threshold=0.1)(run(), "cat", "dog").both == 1.0


def ratings(*answers: str, seed: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {"prompt": "a cat and a dog", "seed": seed, "answer": answers, "rater": range(len(answers))}
    )


def test_people(tmp_path: Path) -> None:
    table = ratings("both", "one", "both", "neither")
    table.to_csv(tmp_path / "ratings.csv", index=False)
    for source in (table, tmp_path / "ratings.csv"):
        seen = RatedPresence(source)(run(), "cat", "dog")
        assert seen == Seen(0.5, 1.25, None, None)
    assert RatedPresence(ratings("both", seed=4))(run(), "cat", "dog") is None


def test_ratings_that_are_none() -> None:
    with pytest.raises(StudyError, match="'two' is not an answer; use 'neither', 'one', 'both'"):
        RatedPresence(ratings("two"))
    with pytest.raises(StudyError, match="no column 'answer'; they have prompt, seed"):
        RatedPresence(ratings("both").drop(columns=["answer", "rater"]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": 50}, r"threshold=50 is not between 0 and 1\. Divide a percentage"),
        ({"threshold": float("nan")}, "threshold=nan is not between 0 and 1"),
        ({"synonyms": {"television": "tb"}}, "takes no label 'tb'. It takes cat, dog, tv"),
        ({"synonyms": [("a", "b")]}, "synonyms= must map nouns to the detector's name"),
    ],
)
def test_options_of_a_detector_that_are_none(options: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        DetectorPresence(detector({}), **options)


def test_a_misspelt_noun_among_the_synonyms() -> None:
    looking = DetectorPresence(ZeroShot(), synonyms={"carr": "cat"})
    with pytest.raises(StudyError, match="has 'carr', but the noun is 'car'"):
        looking(run(), "car", "dog")


def test_files_of_ratings_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    for path in (tmp_path / "missing.csv", tmp_path, tmp_path / "empty.csv"):
        with pytest.raises(StudyError, match="cannot be read as a CSV file"):
            RatedPresence(path)
    with pytest.raises(WrongKindError, match="ratings must be a path"):
        RatedPresence(None)  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="hold no answer"):
        RatedPresence(ratings())
    for column, value in (("prompt", ""), ("seed", None)):
        with pytest.raises(StudyError, match="Row 1 of the answers has the prompt"):
            RatedPresence(ratings("both").assign(**{column: [value]}))
    blanks = ratings("both").assign(prompt=" a cat and a dog ")
    assert RatedPresence(blanks)(run(), "cat", "dog") == Seen(1.0, 2.0)


def test_nobody_looks() -> None:
    for nobody in (None, "people", JudgePresence, object()):
        with pytest.raises(WrongKindError, match="presence= must be a judge"):
            who_looks(nobody)
