"""The judge: its file, its doubt, and how well the shipped one sees scenes that are new to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from daam_nb.errors import MissingModelError
from daam_nb.menagerie import NOUNS, scene
from daam_nb.menagerie.judge import FILE, LABELS, Doubt, Judge, build_judge, settled

ZEBRA, CAR = LABELS.index("zebra"), LABELS.index("car")
PLAIN = Doubt(confidence=0.5, share=0.0, least=24)

shipped = pytest.mark.skipif(not FILE.exists(), reason="the judge is not in this checkout")


def chances_of(labels: np.ndarray, strength: float = 9.0) -> torch.Tensor:
    """Probabilities (1, label, y, x): the softmax of `strength` for the given labels, else 0."""
    wanted = torch.nn.functional.one_hot(torch.from_numpy(labels), len(LABELS))
    return (strength * wanted.permute(2, 0, 1)[None].float()).softmax(dim=1)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    state = {k: v.half() for k, v in build_judge().state_dict().items()}
    save_file(state, file, metadata={"doubt": json.dumps({"confidence": 0.01, "least": 5})})
    return file


def test_labels_are_the_background_and_every_noun() -> None:
    assert list(LABELS) == ["background", *(noun.name for noun in NOUNS)]
    assert Judge.names == LABELS


def test_absent_weights_are_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="python -m training judge"):
        Judge(tmp_path / "judge.safetensors")


def test_doubt_comes_from_the_file_unless_it_is_given(untrained: Path) -> None:
    assert Judge(untrained).doubt == Doubt(confidence=0.01, share=0.3, least=5)
    assert Judge(untrained, doubt=PLAIN).doubt == PLAIN


def test_many_images_are_labeled_as_one_by_one(untrained: Path) -> None:
    judge = Judge(untrained)
    images = [scene(i).image for i in range(3)]
    together = judge.label_maps(images)
    assert together.shape == (3, 64, 64) and together.dtype == np.int64
    assert len(np.unique(together)) > 1
    for image, labels in zip(images, together, strict=True):
        # Sums in another order may tip a pixel between two labels.
        assert (judge.labels(image) == labels).mean() > 0.999
    found = judge.present(images[0])
    counts = {LABELS[i]: int((together[0] == i).sum()) for i in range(1, len(LABELS))}
    assert found == {noun: n for noun, n in counts.items() if n >= 5}
    noun = next(iter(found))
    assert judge.mask(images[0], noun).sum() == found[noun]


def test_the_four_places_to_start_halving_are_averaged(untrained: Path) -> None:
    judge = Judge(untrained)
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        chances = judge._chances(image)
        # At an inner pixel: its probability in the image moved up and left by 0 or 1 pixel.
        moved = [image.roll((-y, -x), (2, 3)) for y in (0, 1) for x in (0, 1)]
        each = [judge._network(one).softmax(1) for one in moved]
    at = [p[0, :, 31 - k // 2, 40 - k % 2] for k, p in enumerate(each)]
    # The rim is repeated there and wraps around here: the mid network's view differs a little.
    assert torch.allclose(chances[0, :, 31, 40], torch.stack(at).mean(0), atol=2e-3)
    assert torch.allclose(chances.sum(1), torch.ones(1, 64, 64), atol=1e-5)


def test_an_image_with_alpha_or_a_palette_is_seen_as_its_colors(untrained: Path) -> None:
    judge, image = Judge(untrained), scene(3).image
    assert np.array_equal(judge.labels(image.convert("RGBA")), judge.labels(image))


def test_an_image_is_looked_at_once_and_another_anew(
    untrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, other = Judge(untrained), Judge(untrained)
    looked: list[int] = []
    real = judge._chances
    monkeypatch.setattr(judge, "_chances", lambda batch: looked.append(len(batch)) or real(batch))
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    first, second = (Image.fromarray(pixels) for pixels in noise)
    expected = [other.label_maps([image])[0] for image in (first, second)]
    judge.labels(first)[:] = 7  # the caller's own
    for image, labels in ((first, expected[0]), (second, expected[1]), (first, expected[0])):
        assert (judge.labels(image) == labels).all()
        judge.present(image)
        judge.mask(image, "cat")
    assert looked == [1, 1, 1]
    first.putpixel((3, 3), (1, 2, 3))  # the same object with another content
    judge.labels(first)
    judge.doubt = Doubt(confidence=1.0)
    judge.labels(first)
    assert looked == [1] * 5


def test_what_is_no_noun_has_no_mask(untrained: Path) -> None:
    with pytest.raises(KeyError):
        Judge(untrained).mask(Image.new("RGB", (64, 64)), "spoon")


def test_a_region_that_is_unlikely_on_average_is_background() -> None:
    labels = np.zeros((64, 64), dtype=np.int64)
    labels[:8, :8] = ZEBRA
    # A zebra of logit 1 against 27 others of logit 0 has probability e / (e + 27) = 0.091.
    weak = chances_of(labels, strength=1.0)
    assert settled(weak, Doubt(confidence=0.1, share=0.0)).sum() == 0
    assert np.array_equal(settled(weak, Doubt(confidence=0.09, share=0.0))[0], labels)
    # Where half of it is sure, the mean counts, and no pixel is lost.
    mixed = weak.clone()
    mixed[:, :, :4] = chances_of(labels)[:, :, :4]  # probability 0.9967 there
    assert np.array_equal(settled(mixed, Doubt(confidence=0.54, share=0.0))[0], labels)
    assert settled(mixed, Doubt(confidence=0.55, share=0.0)).sum() == 0


def test_a_doubtful_region_takes_no_other_with_it() -> None:
    labels = np.zeros((64, 64), dtype=np.int64)
    labels[:8, :8], labels[40:48, 40:48] = ZEBRA, ZEBRA
    mixed = chances_of(labels)
    mixed[:, :, :20] = chances_of(labels, strength=1.0)[:, :, :20]
    made = settled(mixed, Doubt(confidence=0.5, share=0.0))[0]
    assert (made[40:48, 40:48] == ZEBRA).all() and made[:20].sum() == 0


def test_a_small_part_of_a_region_takes_its_name_and_a_region_of_its_own_keeps_it() -> None:
    labels = np.zeros((64, 64), dtype=np.int64)
    labels[10:20, 10:20] = ZEBRA
    labels[10:12, 18:20] = CAR  # 4 of 100 pixels, inside
    labels[40:42, 40:42] = CAR  # as many, apart
    labels[20, 20] = CAR  # touches the region by a corner only, hence apart
    made = settled(chances_of(labels), Doubt(confidence=0.5, share=0.3))[0]
    assert (made[10:20, 10:20] == ZEBRA).all()
    assert (made[40:42, 40:42] == CAR).all() and made[20, 20] == CAR
    assert (made > 0).sum() == (labels > 0).sum()
    untouched = settled(chances_of(labels), PLAIN)[0]
    assert np.array_equal(untouched, labels)


def test_two_large_neighbors_both_keep_their_names() -> None:
    labels = np.zeros((64, 64), dtype=np.int64)
    labels[10:20, 10:20] = ZEBRA
    labels[10:20, 20:26] = CAR
    made = settled(chances_of(labels), Doubt(confidence=0.5, share=0.3))[0]
    assert np.array_equal(made, labels)


@shipped
def test_the_shipped_judge_sees_scenes_it_was_not_trained_on() -> None:
    judge = Judge()
    held = [scene(1000 + i, ("test", "unseen")[i % 2]) for i in range(60)]
    found = judge.label_maps([one.image for one in held])
    right, shown = 0, 0
    for one, labels in zip(held, found, strict=True):
        exact = np.zeros((64, 64), dtype=np.int64)
        for thing, mask in zip(one.objects, one.masks, strict=True):
            exact[mask] = LABELS.index(thing.noun)
        right += int((labels == exact)[exact > 0].sum())
        shown += int((exact > 0).sum())
    assert right / shown > 0.9
    assert FILE.stat().st_size < 1_500_000


@shipped
def test_the_shipped_file_is_the_one_its_accuracy_was_measured_of() -> None:
    facts = json.loads(FILE.with_suffix(".json").read_text())
    assert facts["sha256"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert Doubt(**facts["accuracy"]["doubt"]) == Judge().doubt
