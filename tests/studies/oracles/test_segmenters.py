"""Supervised segmenters: the real classes of transformers, at a tiny size, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    ViTImageProcessor,
    pipeline,
)

from daam_nb.errors import StudyError
from daam_nb.studies.oracles.protocols import Segmenter
from daam_nb.studies.oracles.segmenters import (
    ClipSegSegmenter,
    PipelineSegmenter,
    SemanticSegmenter,
    plain_label,
)
from tests.pipelines import image as random_image
from tests.pipelines import seeded
from tests.tiny_tokenizers import clip_tokenizer

LABELS = {0: "cat", 1: "dog", 2: "tree-merged", 3: "hot_dog"}


@pytest.fixture(scope="module")
def mask2former() -> Any:
    with seeded(0):
        config = Mask2FormerConfig(
            backbone_config={
                "model_type": "swin",
                "image_size": 32,
                "embed_dim": 8,
                "depths": [1, 1, 1, 1],
                "num_heads": [1, 1, 1, 1],
                "window_size": 2,
                "out_features": ["stage1", "stage2", "stage3", "stage4"],
            },
            feature_size=32,
            mask_feature_size=32,
            hidden_dim=32,
            encoder_feedforward_dim=8,
            dim_feedforward=8,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=1,
            num_queries=4,
            id2label=LABELS,
        )
        return Mask2FormerForUniversalSegmentation(config).eval()


@pytest.fixture(scope="module")
def segformer() -> Any:
    with seeded(1):
        config = SegformerConfig(
            depths=[1, 1, 1, 1],
            hidden_sizes=[4, 4, 8, 8],
            num_attention_heads=[1, 1, 1, 1],
            decoder_hidden_size=8,
            id2label=LABELS,
        )
        return SegformerForSemanticSegmentation(config).eval()


@pytest.fixture(scope="module")
def clipseg() -> ClipSegSegmenter:
    tokenizer = clip_tokenizer()
    with seeded(2):
        config = CLIPSegConfig(
            text_config={
                "vocab_size": len(tokenizer),
                "hidden_size": 8,
                "intermediate_size": 8,
                "num_hidden_layers": 1,
                "num_attention_heads": 1,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                "pad_token_id": tokenizer.pad_token_id,
            },
            vision_config={
                "hidden_size": 8,
                "intermediate_size": 8,
                "num_hidden_layers": 2,
                "num_attention_heads": 1,
                "image_size": 32,
                "patch_size": 8,
            },
            projection_dim=8,
            extract_layers=[0, 1],
            reduce_dim=4,
            conditional_layer=0,
            decoder_num_attention_heads=1,
            decoder_intermediate_size=8,
        )
        model = CLIPSegForImageSegmentation(config).eval()
    processor = CLIPSegProcessor(
        image_processor=ViTImageProcessor(size={"height": 32, "width": 32}), tokenizer=tokenizer
    )
    return ClipSegSegmenter(model, processor)


@pytest.fixture(scope="module")
def mask2former_processor() -> Any:
    return Mask2FormerImageProcessor(size={"height": 64, "width": 64})


def test_mask2former_marks_what_its_labels_say(
    mask2former: Any, mask2former_processor: Any
) -> None:
    segmenter = SemanticSegmenter(mask2former, mask2former_processor)
    assert isinstance(segmenter, Segmenter)
    assert segmenter.name == "Mask2FormerForUniversalSegmentation"
    image = random_image((40, 60))
    masks = segmenter.masks(image, ["cat", "dogs", "tree", "hot dog", "zebra"])
    assert masks["zebra"] is None
    shown = [mask for mask in masks.values() if mask is not None]
    assert all(mask.shape == (40, 60) and mask.dtype == bool for mask in shown)
    assert (sum(mask.astype(int) for mask in shown) == 1).all()  # every pixel has one label


def test_the_semantic_labels_are_the_models_own(segformer: Any) -> None:
    processor = SegformerImageProcessor(size={"height": 32, "width": 32})
    image = random_image((40, 60))
    masks = SemanticSegmenter(segformer, processor).masks(image, ["cat", "dog", "tree", "hot dog"])
    with torch.no_grad():
        logits = segformer(**processor(images=image, return_tensors="pt")).logits
    large = torch.nn.functional.interpolate(logits, (40, 60), mode="bilinear", align_corners=False)
    labels = large[0].argmax(0).numpy()
    for number, noun in enumerate(masks):
        np.testing.assert_array_equal(masks[noun], labels == number)
    assert len({mask.sum() for mask in masks.values()}) > 1


def test_any_pipeline(segformer: Any) -> None:
    processor = SegformerImageProcessor(size={"height": 32, "width": 32})
    pipe = pipeline("image-segmentation", model=segformer, image_processor=processor)
    image = random_image((40, 60))
    segmenter = PipelineSegmenter(pipe, name="SegFormer", synonyms={"sausage": ["hot_dog"]})
    nouns = ["cat", "dog", "tree", "hot dog"]
    plain = SemanticSegmenter(segformer, processor).masks(image, nouns)
    found = segmenter.masks(image, [*nouns, "sausage", "zebra"])
    for noun in nouns:
        np.testing.assert_array_equal(found[noun], plain[noun])
    np.testing.assert_array_equal(found["sausage"], found["hot dog"])
    assert found["zebra"] is None


def test_panoptic_segments_of_one_label_are_one_mask() -> None:
    class Panoptic:
        class model:
            class config:
                id2label = LABELS
                _name_or_path = "some/model"

        def __call__(self, image: Any) -> list[dict[str, Any]]:
            left, right = np.zeros((2, 4, 6), dtype=np.uint8)
            left[:, :2], right[:, 4:] = 255, 255
            masks = [Image.fromarray(mask) for mask in (left, right)]
            return [{"label": "cat", "score": 1.0, "mask": mask} for mask in masks]

    segmenter = PipelineSegmenter(Panoptic())
    assert segmenter.name == "some/model"
    found = segmenter.masks(random_image((4, 6)), ["cats", "dog"])
    assert found["cats"] is not None and found["dog"] is not None
    np.testing.assert_array_equal(found["cats"].any(axis=0), [1, 1, 0, 0, 1, 1])
    assert not found["dog"].any()  # known, and not seen


@pytest.mark.parametrize("nouns", [["cat"], ["cat", "dog"]])
def test_clipseg_marks_any_noun(clipseg: ClipSegSegmenter, nouns: list[str]) -> None:
    image = random_image((40, 60))
    found = clipseg.masks(image, nouns)
    assert list(found) == nouns
    inputs = clipseg.processor(
        text=nouns, images=[image] * len(nouns), padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = clipseg.model(**inputs).logits.reshape(len(nouns), 1, 32, 32)
    large = torch.nn.functional.interpolate(logits, (40, 60), mode="bilinear")[:, 0]
    for mask, expected in zip(found.values(), large, strict=True):
        np.testing.assert_array_equal(mask, expected.numpy() >= 0)  # logit 0: one half


def test_clipsegs_threshold(clipseg: ClipSegSegmenter) -> None:
    image = random_image((40, 60))
    shares = []
    for threshold in (0.0, 0.5, 1.0):
        one = ClipSegSegmenter(clipseg.model, clipseg.processor, threshold=threshold)
        shares.append(one.masks(image, ["cat"])["cat"].mean())  # type: ignore[union-attr]
    assert shares[0] == 1.0 and shares[2] == 0.0
    assert clipseg.masks(image, []) == {}
    with pytest.raises(StudyError, match=r"from 0 to 1, not 1\.5"):
        ClipSegSegmenter(None, None, threshold=1.5)


def test_labels_as_people_write_them() -> None:
    assert [plain_label(x) for x in ("Tree-merged", "hot_dog", " cat ")] == [
        "tree",
        "hot dog",
        "cat",
    ]
