"""Blended pixels, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.show.colors import color, palette
from daam_nb.show.pixels import drawn_size, overlay_image, rgb

# Inferno's ends as published: https://bids.github.io/colormap/
FIRST, LAST = (0.001462, 0.000466, 0.013866), (0.988362, 0.998364, 0.644924)


def ramp(image_size: tuple[int, int] | None = (2, 4)) -> WordHeatMap:
    """0 in the upper row, the peak 0.5 in the lower."""
    return WordHeatMap(torch.tensor([[0.0] * 4, [0.5] * 4]), "cat", image_size=image_size)


def test_a_pixel_by_hand() -> None:
    orange = (200, 100, 0)
    image = Image.new("RGB", (4, 2), orange)
    mixed = np.asarray(overlay_image(image, ramp(), opacity=0.25, gray=False))
    for row, end in ((0, FIRST), (1, LAST)):
        by_hand = [round(0.75 * p + 0.25 * 255 * c) for p, c in zip(orange, end, strict=True)]
        assert mixed[row].tolist() == [by_hand] * 4


def test_the_image_is_gray_below_the_map() -> None:
    image = Image.new("RGB", (4, 2), (200, 100, 0))
    mixed = np.asarray(overlay_image(image, ramp(), opacity=0.25))
    luma = round(0.299 * 200 + 0.587 * 100)
    assert mixed[1, 0].tolist() == [round(0.75 * luma + 0.25 * 255 * c) for c in LAST]


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_the_ends_of_opacity(opacity: float) -> None:
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10)
    mixed = np.asarray(overlay_image(image, ramp(), opacity=opacity, gray=False))
    if opacity == 0:
        np.testing.assert_array_equal(mixed, np.asarray(image))
    else:
        assert mixed[0, 0].tolist() == [round(255 * c) for c in FIRST]


def test_rows_are_y_and_the_size_is_height_width() -> None:
    values = torch.zeros(2, 4)
    values[0, 3] = 1.0  # upper right
    image = Image.new("RGB", (4, 2), "black")
    mixed = overlay_image(image, WordHeatMap(values, "cat", image_size=(2, 4)), size=(20, 40))
    assert mixed.size == (40, 20)
    bright = np.asarray(mixed).sum(2)
    y, x = np.unravel_index(bright.argmax(), bright.shape)
    assert y < 10 and x >= 30


def test_an_empty_map_gets_the_first_color_and_no_line() -> None:
    nothing = WordHeatMap(torch.zeros(2, 4), "cat", image_size=(2, 4))
    image = Image.new("RGB", (4, 2), "black")
    mixed = np.asarray(overlay_image(image, nothing, opacity=1.0, threshold=0.4))
    assert np.unique(mixed.reshape(-1, 3), axis=0).tolist() == [[round(255 * c) for c in FIRST]]


def test_the_line_is_the_inner_edge_of_the_mask() -> None:
    values = torch.zeros(6, 6)
    values[2:, 1:5] = 1.0  # reaches the lower border, which is no edge
    word = WordHeatMap(values, "cat", image_size=(6, 6))
    mixed = overlay_image(Image.new("RGB", (6, 6), "black"), word, opacity=0.5, threshold=0.5)
    white = (np.asarray(mixed) == 255).all(2)
    expected = np.zeros((6, 6), dtype=bool)
    expected[2, 1:5] = expected[2:, 1] = expected[2:, 4] = True
    np.testing.assert_array_equal(white, expected)


def test_what_is_transparent_stands_on_white() -> None:
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert (rgb(clear) == 255).all()


def test_other_modes_are_read() -> None:
    assert rgb(Image.new("L", (2, 3), 7)).tolist() == [[[7, 7, 7]] * 2] * 3
    assert rgb(Image.new("1", (2, 3), 1)).min() == 255


def test_small_images_grow_by_a_whole_factor_and_large_ones_shrink() -> None:
    assert drawn_size((64, 64), most=512) == (256, 256)
    assert drawn_size((64, 96), most=512) == (192, 288)
    assert drawn_size((1024, 576), most=512) == (512, 288)
    assert drawn_size((300, 200), most=512) == (300, 200)
    assert drawn_size((64, 64), most=128) == (128, 128)
    assert drawn_size((2000, 1), most=500) == (500, 1)


def test_values_become_matplotlibs_colors() -> None:
    import matplotlib
    from matplotlib.colors import Normalize

    values = np.random.default_rng(0).uniform(-0.2, 1.4, (9, 9)).astype(np.float32)
    expected = matplotlib.colormaps["magma"](Normalize(0.0, 1.0)(values))[..., :3]
    np.testing.assert_allclose(color(values, name="magma", vmin=0.0, vmax=1.0), expected)


def test_a_shared_palette_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        palette("inferno")[0, 0] = 1.0


def test_a_cropped_image_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"image is 64 x 64 .* 'cat' belongs to one of 64 x 96"):
        overlay_image(Image.new("RGB", (64, 64)), ramp(image_size=(64, 96)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"opacity": 1.5}, r"opacity=1.5 is not between 0"),
        ({"opacity": float("nan")}, r"opacity=nan is not between 0"),
        ({"threshold": -0.1}, r"threshold=-0.1 .* relative to the largest"),
        ({"colormap": "rainbows"}, r"no color map 'rainbows'\. .* 'inferno'"),
    ],
)
def test_choices_out_of_range_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(SelectionError, match=text):
        overlay_image(Image.new("RGB", (4, 2)), ramp(), **options)


@pytest.mark.parametrize(("mode", "dtype"), [("I;16", "uint16"), ("I", "int32"), ("F", "float32")])
def test_images_of_numbers_are_not_cut_at_255(mode: str, dtype: str) -> None:
    image = Image.fromarray(np.full((2, 4), 30_000, dtype=dtype))
    assert image.mode == mode
    with pytest.raises(WrongKindError, match=f"mode '{mode}' holds numbers"):
        overlay_image(image, ramp())
    with pytest.raises(WrongKindError, match=f"mode '{mode}' holds numbers"):
        rgb(image)
