"""The image and the strip, as the browser gets them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.recording import Recording
from daam_nb.show.explorer.export.images import served_image, strip_of
from daam_nb.show.explorer.model.container import unpack
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import IMAGE_SIZE, tiny_recording


def with_image(height: int, width: int, *, noise: bool) -> Recording:
    run = tiny_recording(TEXT)
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(values if noise else values * 0 + 90)
    return replace(run, image=image, facts=replace(run.facts, image_size=(height, width)))


def test_small_images_are_sent_pixel_by_pixel() -> None:
    run = tiny_recording(TEXT)
    written, kind, changed = served_image(run)
    assert (kind, changed) == ("image/png", "")
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(written))), np.asarray(run.image)
    )


def test_large_images_are_sent_smaller_and_it_is_said() -> None:
    written, kind, changed = served_image(with_image(1536, 2048, noise=False))
    assert Image.open(io.BytesIO(written)).size == (1024, 768)
    assert (kind, changed) == ("image/png", "The image is sent at 768 × 1024 of 1536 × 2048.")
    written, kind, changed = served_image(with_image(680, 1020, noise=True))
    assert (kind, changed) == ("image/jpeg", "The image is sent as JPEG.")
    assert len(written) < 2**20
    explorer = opened(with_image(680, 1020, noise=True))
    assert unpack(explorer._images)[1][0][0] == {"name": "image", "type": "image/jpeg"}
    assert "The image is sent as JPEG." in explorer._facts["reduced"]


def frames(count: int) -> list[Image.Image]:
    """Images whose red tells which one they are."""
    height, width = IMAGE_SIZE
    return [Image.new("RGB", (width, height), (20 * n, 0, 0)) for n in range(count)]


@pytest.mark.parametrize("count", [10, 3])
def test_the_strip_holds_the_frame_of_each_step_kept(count: int) -> None:
    """Ten frames: those of nine steps and the result, as forming_images gives them."""
    run = tiny_recording(TEXT, steps=9, kept_steps=(2, 5, 8))
    written, facts = strip_of(run, frames(count))
    assert facts is not None
    assert (facts["count"], facts["places"]) == (3, [0, 1, 2])
    height, width = facts["size"]  # type: ignore[misc]
    assert (height, width) == (64, 96)
    sheet = np.asarray(Image.open(io.BytesIO(written)).convert("RGB"))
    for place, step in enumerate((2, 5, 8) if count == 10 else (0, 1, 2)):
        row, column = divmod(place, facts["columns"])  # type: ignore[call-overload]
        tile = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
        assert (tile[..., 0] == 20 * step).all()


def test_without_images_there_is_no_strip_and_it_is_said() -> None:
    explorer = opened()
    assert (len(unpack(explorer._images)[1]), explorer._facts["strip"]) == (1, None)
    assert any("forming_images(run, pipe)" in one for one in explorer._facts["left_out"])
    explorer = opened(tiny_recording(TEXT, latents=False))
    assert any("no latents were recorded" in one for one in explorer._facts["left_out"])


def test_images_that_do_not_fit_are_refused() -> None:
    run = tiny_recording(TEXT, steps=9, kept_steps=(2, 5, 8))
    with pytest.raises(ShapeError, match="There are 4 images; with 9 steps, 3 of them kept"):
        strip_of(run, frames(4))
    with pytest.raises(SelectionError, match="not ndarray"):
        strip_of(run, [np.zeros((4, 4))] * 3)  # type: ignore[list-item]


def test_a_thousand_steps_make_a_small_sheet() -> None:
    run = tiny_recording(TEXT, steps=1000, kept_steps=range(500))
    written, facts = strip_of(run, frames(12)[:1] * 500)
    assert facts is not None
    sheet = Image.open(io.BytesIO(written))
    assert sheet.width * sheet.height < 2**21
