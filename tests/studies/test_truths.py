"""Who says where objects are: a judge, annotated folders, COCO's annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import StudyError
from daam_nb.studies.protocols import Judge, Truth
from daam_nb.studies.truths import (
    COCO_80,
    CocoTruth,
    FolderTruth,
    JudgeTruth,
    forms,
    singulars,
)
from tests.studies.toy import ToyJudge
from tests.tiny_recordings import IMAGE_SIZE, tiny_recording

HEIGHT, WIDTH = IMAGE_SIZE


def test_a_judge_masks_the_nouns_that_the_prompt_names() -> None:
    assert isinstance(ToyJudge(), Judge)
    truth = JudgeTruth(ToyJudge(0), {"animal": ("cat", "dog")})
    assert isinstance(truth, Truth)
    run = tiny_recording("a dog and an animal beside cats")
    found = truth.targets({}, run)
    assert [(t.noun, t.words[0].text, t.closed) for t in found] == [
        ("dog", "dog", True), ("animal", "animal", False), ("cat", "cats", True),
    ]  # fmt: skip
    labels = ToyJudge(0).labels(run.image)
    np.testing.assert_array_equal(found[0].mask, labels == 2)
    np.testing.assert_array_equal(found[1].mask, labels > 0)
    np.testing.assert_array_equal(found[2].mask, labels == 1)


def test_what_the_picture_does_not_show_has_no_mask() -> None:
    run = tiny_recording("a dog and a cat and an animal")
    truth = JudgeTruth(ToyJudge(999), {"animal": ("cat", "dog")})
    masks = {target.noun: target.mask for target in truth.targets({}, run)}
    assert masks["dog"] is None
    assert masks["cat"] is not None and masks["animal"] is not None
    assert truth.targets({}, tiny_recording("a catamaran")) == []


def test_a_recording_without_a_picture_cannot_be_judged() -> None:
    with pytest.raises(StudyError, match="holds no picture, so there is nothing to judge"):
        JudgeTruth(ToyJudge()).targets({}, tiny_recording("a cat", image=False))


def folder(root: Path, *, prompt: str = "a cat and a zebu", seed: int = 3) -> Path:
    """One picture in COCO-Gen's format."""
    place = root / "17"
    place.mkdir(parents=True)
    (place / "prompt.txt").write_text(prompt + "\n")
    (place / "seed.txt").write_text(f"{seed}\n")
    for word, box in (("cat", (0, 0, 8, 4)), ("zebu", (8, 4, 16, 8))):
        picture = Image.new("RGBA", (WIDTH // 2, HEIGHT // 2), (255, 0, 0, 0))
        picture.paste((0, 0, 255, 255), box)
        picture.save(place / f"{word}.gt.png")
    return place


def test_annotated_folders(tmp_path: Path) -> None:
    folder(tmp_path)
    truth = FolderTruth(tmp_path)
    (caption,) = truth.captions()
    assert (caption.text, caption.facts["seed"]) == ("a cat and a zebu", 3)
    cat, zebu = truth.targets({"seed": 3}, tiny_recording("a cat and a zebu"))
    assert (cat.closed, zebu.closed) == (True, False)  # a zebu is none of COCO's classes
    assert cat.mask is not None and cat.mask.shape == IMAGE_SIZE
    assert cat.mask[:8, :16].all() and cat.mask.sum() == 8 * 16  # twice as large as annotated
    assert zebu.mask is not None and zebu.mask[8:16, 16:32].all()


def test_an_empty_annotation_is_an_object_that_is_not_there(tmp_path: Path) -> None:
    place = folder(tmp_path)
    Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0)).save(place / "cat.gt.png")
    cat, _ = FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a cat and a zebu"))
    assert cat.mask is None


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    place = folder(tmp_path)
    truth, run = FolderTruth(tmp_path), tiny_recording("a cat and a zebu")
    with pytest.raises(
        StudyError, match="no folder of the prompt 'a cat and a zebu' and the seed 4"
    ):
        truth.targets({"seed": 4}, run)
    Image.new("RGB", (WIDTH, HEIGHT)).save(place / "cat.gt.png")
    with pytest.raises(StudyError, match="has no alpha channel"):
        truth.targets({"seed": 3}, run)
    Image.new("RGBA", (HEIGHT, WIDTH), (0, 0, 0, 255)).save(place / "cat.gt.png")
    with pytest.raises(StudyError, match="their proportions differ"):
        truth.targets({"seed": 3}, run)
    (place / "cat.gt.png").rename(place / "emu.gt.png")
    with pytest.raises(StudyError, match="masks 'emu', which is not in the prompt"):
        truth.targets({"seed": 3}, run)
    with pytest.raises(StudyError, match="holds no folder with prompt"):
        FolderTruth(tmp_path / "17").targets({"seed": 3}, run)
    (place / "seed.txt").write_text("many")
    with pytest.raises(StudyError, match="no readable seed"):
        FolderTruth(tmp_path).captions()


def annotations(path: Path) -> Path:
    square = [0, 0, 10, 0, 10, 10, 0, 10]
    document: dict[str, Any] = {
        "images": [{"id": 5, "height": HEIGHT, "width": WIDTH}],
        "categories": [
            {"id": 1, "name": "cat"}, {"id": 2, "name": "person"}, {"id": 3, "name": "dog"}
        ],
        "annotations": [
            {"image_id": 5, "category_id": 1, "segmentation": [square]},
            {"image_id": 5, "category_id": 1, "segmentation": [[x + 20 for x in square]]},
            {
                "image_id": 5, "category_id": 2,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, 64, HEIGHT * WIDTH - 64]},
            },
        ],
    }  # fmt: skip
    path.write_text(json.dumps(document))
    return path


def test_coco_annotations(tmp_path: Path) -> None:
    truth = CocoTruth(annotations(tmp_path / "i.json"), words={"person": ("man", "woman")})
    run = tiny_recording("a woman with cats and a dog")
    woman, cats, dog = truth.targets({"image_id": 5}, run)
    assert (woman.noun, woman.words[0].text) == ("person", "woman")
    assert woman.mask is not None and woman.mask[:, 0].all() and woman.mask.sum() == 64
    assert cats.mask is not None and cats.mask.sum() == 200  # two instances, one mask
    assert dog.mask is None


def test_coco_annotations_that_do_not_fit(tmp_path: Path) -> None:
    truth = CocoTruth(annotations(tmp_path / "i.json"))
    with pytest.raises(StudyError, match=r"'image_id' is 6, and .* has no image of that id"):
        truth.targets({"image_id": 6}, tiny_recording())
    with pytest.raises(StudyError, match=r"cocodataset\.org/#download"):
        CocoTruth(tmp_path / "no.json").targets({}, tiny_recording())
    (tmp_path / "x.json").write_text('{"images": 3}')
    with pytest.raises(StudyError, match="no instances file of COCO"):
        CocoTruth(tmp_path / "x.json").targets({}, tiny_recording())


def test_there_are_80_classes() -> None:
    assert len(COCO_80) == len(set(COCO_80)) == 80
    assert {"traffic light", "hair drier", "zebra"} <= set(COCO_80)


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("cat", "cats"), ("bus", "buses"), ("strawberry", "strawberries"), ("toy", "toys"),
     ("knife", "knives"), ("bench", "benches"), ("giraffe", "giraffes"), ("roof", "roofs")],
)  # fmt: skip
def test_plurals(noun: str, plural: str) -> None:
    assert plural in forms(noun)
    assert noun in singulars(plural)
