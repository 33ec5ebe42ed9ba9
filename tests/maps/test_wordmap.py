import copy
import dataclasses
import gc
import re
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.maps import WordHeatMap, area, average, heat_maps
from daam_nb.recording import load
from daam_nb.show.figures import overlay
from tests.maps.naive import bicubic
from tests.tiny_recordings import IMAGE_SIZE, joint_layers, tiny_recording

DOG = heat_maps(tiny_recording()).word("dog")


def test_values_are_checked_and_brought_to_float32() -> None:
    for values in ([[0, 1], [2, 3]], np.arange(4.0).reshape(2, 2), torch.arange(4).view(2, 2)):
        made = WordHeatMap(values)  # type: ignore[arg-type]
        assert made.values.dtype == torch.float32
        assert made.values.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert made.size == (2, 2)


@pytest.mark.parametrize("values", [[1.0], [[[1.0]]], 1.0, torch.zeros(0, 3), torch.zeros(3, 0)])
def test_values_of_another_shape(values: Any) -> None:
    with pytest.raises(ShapeError, match=r"must have the shape \(y, x\), both at least 1, not \("):
        WordHeatMap(values)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e-6, float("-inf")])
def test_values_that_are_no_attention(bad: float) -> None:
    with pytest.raises(SelectionError, match="finite values >= 0; these go from"):
        WordHeatMap(torch.tensor([[0.5, bad]]))


def test_resize_equals_the_formula() -> None:
    made = DOG.resize((20, 31))
    expected = np.maximum(bicubic(DOG.values.double().numpy(), (20, 31)), 0)
    assert made.values.shape == (20, 31)
    assert np.abs(made.numpy() - expected).max() < 1e-6
    assert (made.label, made.span, made.origin) == (DOG.label, DOG.span, DOG.origin)


def test_resize_goes_to_the_image_by_default_and_stays_above_zero() -> None:
    assert DOG.resize().size == IMAGE_SIZE
    dot = torch.zeros(5, 5)
    dot[2, 2] = 1.0
    made, unclamped = WordHeatMap(dot).resize((20, 20)), bicubic(dot.numpy(), (20, 20))
    assert unclamped.min() < -0.05, "bicubic interpolation undershoots around a bright pixel"
    assert np.abs(made.numpy() - np.maximum(unclamped, 0)).max() < 1e-6
    assert made.values.min() == 0
    assert DOG.resize(DOG.size) is DOG


def test_resize_without_a_size_to_go_to() -> None:
    with pytest.raises(ShapeError, match=re.escape("not known for the map of 'x'. Name it: res")):
        WordHeatMap(torch.ones(2, 2), "x").resize()


@pytest.mark.parametrize(
    "size", [(0, 3), (3, -1), (3,), (1, 2, 3), 4, "ab", (2.0, 3), (None, 1), [True, 0]]
)
def test_sizes_that_cannot_be(size: Any) -> None:
    with pytest.raises(
        ShapeError, match=r"A size must be \(height, width\), two whole numbers >= 1"
    ):
        DOG.resize(size)
    with pytest.raises(ShapeError):
        WordHeatMap(torch.ones(2, 2), image_size=size)


def test_mask_by_hand() -> None:
    map_ = WordHeatMap([[0.0, 0.4], [0.39, 1.0]])  # type: ignore[arg-type]
    assert map_.mask(0.4).tolist() == [[False, True], [False, True]]
    assert map_.mask(1.0).tolist() == [[False, False], [False, True]]
    assert map_.mask(0.0).all()
    assert map_.mask(0).dtype == torch.bool


def test_masks_are_relative_to_the_maximum() -> None:
    assert torch.equal(WordHeatMap(DOG.values * 1e-6).mask(0.4), DOG.mask(0.4))


def test_masks_are_cut_after_resizing() -> None:
    at_image_size = DOG.mask(0.4, size=IMAGE_SIZE)
    resized = DOG.resize().values
    assert torch.equal(at_image_size, resized >= 0.4 * resized.max())
    enlarged = DOG.mask(0.4).repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert not torch.equal(at_image_size, enlarged)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_a_map_of_zeros_has_an_empty_mask(threshold: float) -> None:
    with pytest.warns(UserWarning, match="The map of 'nothing' is 0 everywhere"):
        mask = WordHeatMap(torch.zeros(2, 3), "nothing").mask(threshold)
    assert mask.tolist() == [[False] * 3] * 2


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), True, "0.4", None, [0.4], 1j])
def test_thresholds_that_cannot_be(threshold: Any) -> None:
    with pytest.raises(SelectionError, match="a number from 0 to 1, not "):
        DOG.mask(threshold)


def test_thresholds_may_be_numpys_or_torchs() -> None:
    expected = DOG.mask(0.5)
    for threshold in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5)):
        assert torch.equal(DOG.mask(threshold), expected)


positive = arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0, 1, width=32)
)


@settings(deadline=None)
@given(values=positive, low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_higher_threshold_never_adds_to_a_mask(
    values: np.ndarray, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    map_ = WordHeatMap(torch.from_numpy(values + np.float32(2**-20)))
    assert not (map_.mask(high) & ~map_.mask(low)).any()
    assert map_.mask(high).any(), "the maximum itself is always in"


@settings(deadline=None)
@given(values=positive)
def test_normalized(values: np.ndarray) -> None:
    made = WordHeatMap(torch.from_numpy(values)).normalized()
    assert made.values.max() in (0, 1)
    assert made.values.min() >= 0
    assert made.unit == "share of the map's maximum"


def test_numpy_is_a_copy() -> None:
    copied = DOG.numpy()
    copied[:] = 7
    assert DOG.values.max() < 7
    assert copied.dtype == np.float32


def test_repr_and_choice() -> None:
    by_hand = WordHeatMap(torch.full((2, 3), 0.25), "x")
    assert (
        repr(by_hand)
        == "<WordHeatMap 'x': 2x3, peak 0.25 (arbitrary units), derived: made by hand>"
    )
    assert DOG.choice == heat_maps(tiny_recording()).choice
    assert DOG.choice in repr(DOG)


def test_a_map_does_not_share_the_callers_memory() -> None:
    for values in (np.ones((2, 2), dtype=np.float32), torch.ones(2, 2)):
        made = WordHeatMap(values)  # type: ignore[arg-type]
        values[0] = float("nan")
        assert made.values.tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("size", [(10**6, 10**6), (True, True), (2, True), (2.0, 2), "ab", 5])
def test_sizes_that_no_image_has(size: Any) -> None:
    with pytest.raises(ShapeError, match=r"pixels that an image may have|A size must be"):
        DOG.resize(size)


def test_sparse_arrays_are_named() -> None:
    sparse = torch.eye(3).to_sparse()
    with pytest.raises(WrongKindError, match="to_dense"):
        WordHeatMap(sparse)
    with pytest.raises(ShapeError, match="to_dense"):
        area(sparse.bool())


# --- the image's proportions ----------------------------------------------------------------------


@pytest.mark.parametrize("image_size", [(96, 64), (512, 768), (64, 65 * 3)])
def test_an_image_of_other_proportions_than_the_grid_is_refused(image_size: Any) -> None:
    with pytest.raises(
        ShapeError, match=r"16 x 16 cells and its image .* which differ in aspect ratio"
    ):
        WordHeatMap(torch.ones(16, 16), "dog", image_size=image_size)


@pytest.mark.parametrize(
    ("grid", "image_size"),
    [((16, 16), (512, 512)), ((64, 96), (513, 770)), ((12, 13), (100, 104)), ((1, 1), (9, 900))],
)
def test_a_grid_that_rounds_its_image_to_whole_cells_is_right(grid: Any, image_size: Any) -> None:
    word_map = WordHeatMap(torch.ones(grid), "dog", image_size=image_size)
    assert word_map.resize().size == image_size
    assert word_map.resize((7, 70)).image_size == image_size  # and back again
    assert average([word_map], size=(7, 70)).image_size == image_size


# --- where a map comes from -----------------------------------------------------------------------


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_map_of_a_word_does_not_keep_its_recordings_arrays(on_disk: bool, tmp_path: Path) -> None:
    run = tiny_recording()
    if on_disk:
        run = load(run.save(tmp_path / "run"))
    maps = heat_maps(run)
    words = [maps.word("dog"), *maps.by_step("dog").values(), *maps.by_head("dog").values()]
    arrays = [weakref.ref(array) for array in (*run.attention.values(), run.latents, maps.values)]
    gone = [weakref.ref(run), weakref.ref(maps), *arrays]
    expected = run.prompt, run.facts
    del maps, run
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)
    for word in words:
        assert word.origin is not None
        assert (word.origin.prompt, word.origin.run.facts) == expected
        assert word.origin.run.image is not None
        assert heat_maps(tiny_recording()).word(word).tokens == word.tokens


# --- maps of one's own ----------------------------------------------------------------------------


def test_a_map_of_an_array_is_derived_and_says_so() -> None:
    by_hand = WordHeatMap(torch.ones(2, 2), "gradients", unit="gradient")
    assert by_hand.derived and by_hand.unit == "gradient"
    assert by_hand.choice == by_hand.resize((4, 4)).choice == "derived: made by hand"
    assert by_hand.normalized().derived and "derived" in by_hand._repr_html_()
    assert WordHeatMap(torch.ones(2, 2)).unit == "arbitrary units"


def test_a_map_of_a_recording_is_not_derived() -> None:
    maps = heat_maps(tiny_recording())
    words = [maps.word("dog"), maps.token(1), maps.start_of_text, *maps.words]
    words += [*maps.by_step("dog").values(), *maps.by_head("dog").values()]
    for word in [*words, *maps.normalized().words, *maps.shares().words, average(words)]:
        assert not (word.derived or word.resize().derived or word.normalized().derived)
        assert "derived" not in word.choice
        assert not copy.deepcopy(word).derived


def test_a_recorded_map_with_other_values_is_derived() -> None:
    own = dataclasses.replace(DOG, values=DOG.values * 2)
    assert own.derived
    assert own.choice == f"derived: changed by hand after {DOG.choice}"
    claimed = WordHeatMap(torch.ones(8, 12), "dog", averaged="mean of 100 maps: all layers")
    assert claimed.choice == "derived: mean of 100 maps: all layers"
    mean = average([DOG, own])
    assert mean.derived and mean.choice.startswith("derived: mean of 2 maps of 2 choices (")
    with pytest.raises(TypeError, match="_recorded"):
        WordHeatMap(torch.ones(2, 2), _recorded=True)  # type: ignore[call-arg]


def test_a_map_of_an_array_is_not_averaged_with_recorded_ones() -> None:
    with pytest.raises(SelectionError, match="different units"):
        average([DOG, WordHeatMap(torch.ones(8, 12), "dog")])


# --- the unit of joint attention ------------------------------------------------------------------


def test_joint_attention_has_a_unit_of_its_own() -> None:
    run = tiny_recording(layers=joint_layers())
    maps = heat_maps(run)
    unit = "attention probability over image and text"
    assert maps.unit == maps.word("dog").unit == unit
    assert heat_maps(run, reduction="sum").unit == f"{unit}, summed over steps"
    for text in (repr(maps), repr(maps.word("dog")), maps._repr_html_(), run._repr_html_()):
        assert unit in text
    assert "5 joint layers" in repr(run)
    assert unit in " ".join(line.text for line in overlay(run, "dog").sheet.lines)
    cross = repr(DOG) + repr(heat_maps(tiny_recording())) + repr(tiny_recording())
    assert "over image and text" not in cross and "joint" not in cross


def test_layers_of_both_kinds_of_attention_say_so() -> None:
    first, *others = joint_layers()
    layers = [dataclasses.replace(first, attention="cross"), *others]
    maps = heat_maps(tiny_recording(layers=layers))
    assert maps.unit == "attention probability, in part over image and text"
