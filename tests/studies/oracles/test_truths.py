"""Who says where objects are: a judge, annotated folders, COCO's annotations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import DaamError, StudyError
from daam_nb.recording import Recording
from daam_nb.studies import run_study
from daam_nb.studies.corpus.fingerprints import content_of
from daam_nb.studies.oracles.protocols import Judge, Target, Truth, targets_of
from daam_nb.studies.oracles.same_image import is_same_image
from daam_nb.studies.oracles.truths import COCO_80, CocoTruth, FolderTruth, JudgeTruth
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


def test_what_the_image_does_not_show_has_no_mask() -> None:
    run = tiny_recording("a dog and a cat and an animal")
    truth = JudgeTruth(ToyJudge(999), {"animal": ("cat", "dog")})
    masks = {target.noun: target.mask for target in truth.targets({}, run)}
    assert masks["dog"] is None
    assert masks["cat"] is not None and masks["animal"] is not None
    assert truth.targets({}, tiny_recording("a catamaran")) == []


def test_a_recording_without_an_image_cannot_be_judged() -> None:
    with pytest.raises(StudyError, match="holds no image, so there is nothing to judge"):
        JudgeTruth(ToyJudge()).targets({}, tiny_recording("a cat", image=False))


def folder(root: Path, *, prompt: str = "a cat and a zebu", seed: int = 3) -> Path:
    """One image in COCO-Gen's format."""
    path = root / "17"
    path.mkdir(parents=True)
    (path / "prompt.txt").write_text(prompt + "\n")
    (path / "seed.txt").write_text(f"{seed}\n")
    for word, box in (("cat", (0, 0, 8, 4)), ("zebu", (8, 4, 16, 8))):
        image = Image.new("RGBA", (WIDTH // 2, HEIGHT // 2), (255, 0, 0, 0))
        image.paste((0, 0, 255, 255), box)
        image.save(path / f"{word}.gt.png")
    return path


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
    path = folder(tmp_path)
    Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0)).save(path / "cat.gt.png")
    cat, _ = FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a cat and a zebu"))
    assert cat.mask is None


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    path = folder(tmp_path)
    truth, run = FolderTruth(tmp_path), tiny_recording("a cat and a zebu")
    with pytest.raises(
        StudyError, match="no folder of the prompt 'a cat and a zebu' and the seed 4"
    ):
        truth.targets({"seed": 4}, run)
    Image.new("RGB", (WIDTH, HEIGHT)).save(path / "cat.gt.png")
    with pytest.raises(StudyError, match="has no alpha channel"):
        truth.targets({"seed": 3}, run)
    Image.new("RGBA", (HEIGHT, WIDTH), (0, 0, 0, 255)).save(path / "cat.gt.png")
    with pytest.raises(StudyError, match="their aspect ratios differ"):
        truth.targets({"seed": 3}, run)
    (path / "cat.gt.png").rename(path / "emu.gt.png")
    with pytest.raises(StudyError, match="masks 'emu', which is not in the prompt"):
        truth.targets({"seed": 3}, run)
    with pytest.raises(StudyError, match="holds no folder with prompt"):
        FolderTruth(tmp_path / "17").targets({"seed": 3}, run)
    (path / "seed.txt").write_text("many")
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
    words = {"person": ("man", "woman")}
    truth = CocoTruth(annotations(tmp_path / "i.json"), words=words, of_these_images=True)
    run = tiny_recording("a woman with cats and a dog")
    woman, cats, dog = truth.targets({"image_id": 5}, run)
    assert (woman.noun, woman.words[0].text) == ("person", "woman")
    assert woman.mask is not None and woman.mask[:, 0].all() and woman.mask.sum() == 64
    assert cats.mask is not None and cats.mask.sum() == 200  # two instances, one mask
    assert dog.mask is None


def test_one_word_for_a_category_is_not_its_letters(tmp_path: Path) -> None:
    """The letters "m", "a" and "n" were words for a person: the "a" of the prompt was one."""
    words: Any = {"person": "man"}
    truth = CocoTruth(annotations(tmp_path / "i.json"), words=words, of_these_images=True)
    (target,) = truth.targets({"image_id": 5}, tiny_recording("a man"))
    assert [word.text for word in target.words] == ["man"]


def test_coco_annotations_that_do_not_fit(tmp_path: Path) -> None:
    truth = CocoTruth(annotations(tmp_path / "i.json"), of_these_images=True)
    with pytest.raises(StudyError, match=r"'image_id' is 6, but .* has no image with that id"):
        truth.targets({"image_id": 6}, tiny_recording())
    with pytest.raises(StudyError, match=r"cocodataset\.org/#download"):
        CocoTruth(tmp_path / "no.json", of_these_images=True).targets({}, tiny_recording())
    (tmp_path / "x.json").write_text('{"images": 3}')
    with pytest.raises(StudyError, match="not an instances file of COCO"):
        CocoTruth(tmp_path / "x.json", of_these_images=True).targets({}, tiny_recording())


def test_there_are_80_classes() -> None:
    assert len(COCO_80) == len(set(COCO_80)) == 80
    assert {"traffic light", "hair drier", "zebra"} <= set(COCO_80)


# --- masks of other images ----------------------------------------------------------------------


def test_masks_of_photographs_are_not_taken_for_drawn_images(tmp_path: Path) -> None:
    """Of a caption's drawn image the photograph's masks say nothing: refused at birth."""
    with pytest.raises(StudyError) as caught:
        CocoTruth(annotations(tmp_path / "i.json"))
    said = str(caught.value)
    assert "are of photographs" in said
    for way_out in ("JudgeTruth", "FolderTruth", "of_these_images=True", "photographs=..."):
        assert way_out in said
    with pytest.raises(StudyError, match="Give only one of them"):
        CocoTruth(tmp_path, photographs=tmp_path, of_these_images=True)


def test_photographs_are_known_by_their_content(tmp_path: Path) -> None:
    run = tiny_recording("a cat")
    document = json.loads(annotations(tmp_path / "i.json").read_text())
    document["images"][0]["file_name"] = "5.jpg"
    (tmp_path / "i.json").write_text(json.dumps(document))
    truth = CocoTruth(tmp_path / "i.json", photographs=tmp_path)
    with pytest.raises(StudyError, match=r"no photograph .*5\.jpg to compare .*photographs=\.\.\."):
        truth.targets({"image_id": 5}, run)
    assert run.image is not None
    run.image.resize((2 * WIDTH, 2 * HEIGHT)).save(tmp_path / "5.jpg", quality=90)
    (cat,) = truth.targets({"image_id": 5}, run)
    assert cat.mask is not None and cat.mask.sum() == 200
    declared = CocoTruth(tmp_path / "i.json", of_these_images=True)
    assert content_of(truth) == content_of(declared)  # 40,000 photographs are not read for it
    other = tiny_recording("a cat", seed=1)
    Image.effect_noise((WIDTH, HEIGHT), 80).save(tmp_path / "5.jpg")
    with pytest.raises(StudyError, match=r"is not the photograph 5\.jpg.*JudgeTruth.*FolderTruth"):
        truth.targets({"image_id": 5}, other)


def looked_at(photograph: Image.Image, name: str = "5.jpg") -> Recording:
    """A look at a photograph, resized to the tiny recording's proportions."""
    size = {"look_size": [photograph.height, photograph.width]}
    run = tiny_recording("a cat", image=False)
    facts = replace(run.facts, batch={**run.facts.batch, "look": "a look", "look_file": name})
    if (photograph.height, photograph.width) != IMAGE_SIZE:
        facts = replace(facts, batch={**facts.batch, **size})
    image = photograph.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return replace(run, image=image, facts=facts)


def test_looks_at_photographs_are_known_by_their_files(tmp_path: Path) -> None:
    """Also where they were resized to other proportions; another file's masks are not theirs."""
    high = (3 * HEIGHT, 2 * WIDTH)
    counts = [0, high[0] * WIDTH, high[0] * WIDTH]  # the left half, column by column
    mask = {"size": list(high), "counts": counts}
    document = {
        "images": [{"id": 5, "height": high[0], "width": high[1], "file_name": "5.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 5, "category_id": 1, "segmentation": mask}],
    }
    (tmp_path / "i.json").write_text(json.dumps(document))
    noise = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    photograph = Image.fromarray(noise).resize(high[::-1], Image.Resampling.NEAREST)
    photograph.save(tmp_path / "5.jpg", quality=95)
    truth = CocoTruth(tmp_path / "i.json", photographs=tmp_path)
    (cat,) = truth.targets({}, looked_at(photograph))
    assert cat.mask is not None and cat.mask.shape == IMAGE_SIZE
    assert cat.mask[:, : WIDTH // 2].all() and not cat.mask[:, WIDTH // 2 :].any()
    with pytest.raises(StudyError, match=r"has no image with that id.*daam_nb\.look"):
        truth.targets({}, looked_at(photograph, "6.jpg"))
    with pytest.raises(StudyError, match="is not the photograph"):
        truth.targets({}, looked_at(photograph.transpose(Image.Transpose.ROTATE_180)))
    drawn = replace(looked_at(photograph), facts=tiny_recording("a cat").facts)
    with pytest.raises(StudyError, match=r"image_id.* is None"):
        truth.targets({}, drawn)
    with pytest.raises(StudyError, match="is not the photograph"):
        truth.targets({"image_id": 5}, drawn)  # of other proportions and no look


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda path: (path / "dog.gt.jpg").write_bytes(b""), "would be ignored"),
        (lambda path: (path / "cat.gt.png").write_bytes(b"junk"), "cannot be read as an image"),
        (lambda path: None, ""),
    ],
)
def test_truths_are_read_before_anything_is_drawn(tmp_path: Path, break_it: Any, said: str) -> None:
    """The pipeline of this test is none: to draw with it would be another error."""
    path = folder(tmp_path / "truth")
    break_it(path)
    truth: Truth = FolderTruth(tmp_path / "truth")
    if not said:
        truth, said = (
            CocoTruth(annotations(tmp_path / "i.json"), photographs=tmp_path),
            "the given pipeline",
        )
    with pytest.raises(StudyError, match=said):
        run_study("attribution", object(), into=tmp_path / "study", captions=["a cat"], truth=truth)
    assert not (tmp_path / "study").exists()


def test_categories_and_groups_that_nothing_uses_are_refused(tmp_path: Path) -> None:
    truth = CocoTruth(
        annotations(tmp_path / "i.json"), words={"persn": ("man",)}, of_these_images=True
    )
    with pytest.raises(StudyError, match="takes no category 'persn'; did you mean 'person'"):
        truth.targets({"image_id": 5}, tiny_recording("a man"))
    with pytest.raises(StudyError, match="takes no noun 'cart'; did you mean 'cat'"):
        JudgeTruth(ToyJudge(), {"animal": ("cart", "dog")})


def test_a_folder_of_another_models_image(tmp_path: Path) -> None:
    path = folder(tmp_path)
    run = tiny_recording("a cat and a zebu")
    assert run.image is not None
    run.image.save(path / "output.png")
    assert len(FolderTruth(tmp_path).targets({"seed": 3}, run)) == 2
    Image.effect_noise((WIDTH, HEIGHT), 80).save(path / "output.png")
    with pytest.raises(StudyError, match=r"image is not .*output.png.* although prompt and seed"):
        FolderTruth(tmp_path).targets({"seed": 3}, run)
    with pytest.raises(StudyError, match="holds no image"):
        FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a cat and a zebu", image=False))


def drawn(center: int, *, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """A dark disc on white, as the shipped model draws."""
    y, x = np.mgrid[: size[1], : size[0]]
    disc = (x - center) ** 2 + (y - 30) ** 2 < 64
    return Image.fromarray(np.where(disc, 40, 250).astype(np.uint8))


def test_same_images() -> None:
    assert is_same_image(drawn(20), drawn(20).convert("RGB").resize((256, 256)))
    noisy = np.asarray(drawn(20)).astype(int) + np.random.default_rng(0).integers(-8, 9, (64, 64))
    assert is_same_image(drawn(20), Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
    assert not is_same_image(drawn(20), drawn(44))  # most of it is white in both
    assert not is_same_image(drawn(20), Image.new("L", (64, 64), 250))
    assert not is_same_image(drawn(20), drawn(20, size=(64, 48)))
    assert is_same_image(Image.new("L", (8, 8), 7), Image.new("RGB", (16, 16), (7, 7, 8)))


# --- names of nouns and of files ------------------------------------------------------------------


def test_a_hot_dog_is_no_dog(tmp_path: Path) -> None:
    """One target each, and of a hot dog none for a judge that knows dogs alone."""
    assert JudgeTruth(ToyJudge(0)).targets({}, tiny_recording("a hot dog")) == []
    (dog,) = JudgeTruth(ToyJudge(0)).targets({}, tiny_recording("a hot dog and a dog"))
    assert [word.span for word in dog.words] == [(16, 19)]
    document = json.loads(annotations(tmp_path / "i.json").read_text())
    document["categories"].append({"id": 4, "name": "hot dog"})
    (tmp_path / "i.json").write_text(json.dumps(document))
    truth = CocoTruth(tmp_path / "i.json", of_these_images=True)
    run = tiny_recording("two hot-dogs and a dog")
    assert [(t.noun, t.words[0].text) for t in truth.targets({"image_id": 5}, run)] == [
        ("hot dog", "hot-dogs"), ("dog", "dog"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "noun", "closed"),
    [("Cat.gt.png", "cat", True), ("CAT.GT.PNG", "cat", True), (" cat .gt.png", "cat", True),
     ("cats.gt.png", "cat", True), ("Cafe\u0301.gt.png", "caf\u00e9", False)],
)  # fmt: skip
def test_names_of_masks_as_people_write_them(
    tmp_path: Path, name: str, noun: str, closed: bool
) -> None:
    path = folder(tmp_path, prompt="a CAT and a caf\u00e9")
    (path / "zebu.gt.png").unlink()
    (path / "cat.gt.png").rename(path / name)
    (target,) = FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a CAT and a caf\u00e9"))
    assert (target.noun, target.closed, len(target.words)) == (noun, closed, 1)


def test_names_of_several_words(tmp_path: Path) -> None:
    path = folder(tmp_path, prompt="a hot dog on a dining table")
    (path / "cat.gt.png").rename(path / "Hot_Dog.gt.png")
    (path / "zebu.gt.png").rename(path / "dining  table.gt.png")
    run = tiny_recording("a hot dog on a dining table")
    assert [(t.noun, t.closed) for t in FolderTruth(tmp_path).targets({"seed": 3}, run)] == [
        ("hot dog", True), ("dining table", True),
    ]  # fmt: skip
    (path / "Hot_Dog.gt.png").rename(path / "dog.gt.png")
    with pytest.raises(StudyError, match=r"not in the prompt .* but as a part of something else"):
        FolderTruth(tmp_path).targets({"seed": 3}, run)


def test_masks_that_would_be_passed_over_are_named(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "notes.md").write_text("drawn by Anna")
    (path / ".DS_Store").write_text("")
    (path / "cat.daam.pred.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"notes\.md: it is not a known file"):
        assert len(FolderTruth(tmp_path).captions()) == 1
    (path / "notes.md").unlink()
    (path / "dog.gt.jpg").write_bytes(b"")
    with pytest.raises(StudyError, match=r"dog\.gt\.jpg would be ignored: .*<word>\.gt\.png"):
        FolderTruth(tmp_path).captions()
    (path / "dog.gt.jpg").unlink()
    (path / "cats.gt.png").write_bytes((path / "cat.gt.png").read_bytes())
    with pytest.raises(StudyError, match=r"masks 'cat' more than once: cat\.gt\.png, cats"):
        FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a cat and a zebu"))
    (path / "cats.gt.png").rename(path / "Cat.gt.png")
    with pytest.raises(StudyError, match="masks 'cat' more than once"):
        FolderTruth(tmp_path).captions()
    (path / "Cat.gt.png").unlink()
    (path / "prompt.txt").rename(tmp_path / "prompt.txt")
    with pytest.raises(StudyError, match=r"holds masks, but no prompt\.txt"):
        FolderTruth(tmp_path).captions()


def test_a_mask_that_cannot_be_read_is_our_own_error(tmp_path: Path) -> None:
    path = folder(tmp_path)
    whole = (path / "cat.gt.png").read_bytes()
    for junk in (b"", b"no image", whole[:60]):
        (path / "cat.gt.png").write_bytes(junk)
        with pytest.raises(StudyError, match=r"cat\.gt\.png cannot be read as an image"):
            FolderTruth(tmp_path).targets({"seed": 3}, tiny_recording("a cat and a zebu"))


def test_two_folders_of_one_image(tmp_path: Path) -> None:
    path = folder(tmp_path)
    path.rename(tmp_path / "18")
    folder(tmp_path)
    with pytest.raises(StudyError, match=r"17 and .*18 have the same prompt and seed"):
        FolderTruth(tmp_path).captions()


def test_a_mask_in_colors_is_not_the_whole_image(tmp_path: Path) -> None:
    """White on black without transparency: its alpha channel is 255 everywhere."""
    path = folder(tmp_path)
    run = tiny_recording("a cat and a zebu")
    mask = Image.new("L", (WIDTH, HEIGHT))
    mask.paste(255, (0, 0, 16, 8))
    mask.convert("RGBA").save(path / "cat.gt.png")
    with pytest.raises(StudyError, match="opaque everywhere, so its mask would be the whole"):
        FolderTruth(tmp_path).targets({"seed": 3}, run)
    mask.save(path / "cat.gt.png")  # black and white says it
    cat, _ = FolderTruth(tmp_path).targets({"seed": 3}, run)
    assert cat.mask is not None and cat.mask[:8, :16].all() and cat.mask.sum() == 8 * 16
    mask.resize((WIDTH, HEIGHT), Image.Resampling.BOX).point(lambda v: v // 2).save(
        path / "cat.gt.png"
    )
    with pytest.raises(DaamError, match="do not define which pixels"):
        FolderTruth(tmp_path).targets({"seed": 3}, run)
    Image.new("RGBA", (WIDTH, HEIGHT), (9, 9, 9, 255)).save(path / "cat.gt.png")
    cat, _ = FolderTruth(tmp_path).targets({"seed": 3}, run)
    assert cat.mask is not None and cat.mask.all()


# --- truths that other people write ---------------------------------------------------------------


class Written:
    """A truth of one's own, with some mask."""

    name = "mine"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def targets(self, facts: Any, run: Any) -> list[Target]:
        return [Target("cat", run.prompt.occurrences("cat"), self.mask)]


def test_masks_of_other_peoples_truths_are_checked() -> None:
    run = tiny_recording("a cat")
    (target,) = targets_of(Written(np.ones(IMAGE_SIZE, dtype=np.uint8) * 255), {}, run)
    assert target.mask is not None and target.mask.dtype == bool and target.mask.all()
    labels = np.arange(HEIGHT * WIDTH).reshape(IMAGE_SIZE) % 6
    with pytest.raises(DaamError, match="The mask of 'cat' has the values 0, 1, 2, 3, 4, 5,"):
        targets_of(Written(labels), {}, run)
    with pytest.raises(StudyError, match="aspect ratios differ"):
        targets_of(Written(np.ones(IMAGE_SIZE[::-1], dtype=bool)), {}, run)
