"""What is taken away: figures, masks, tables."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daam_nb.errors import (
    MissingExtraError,
    RecordingExistsError,
    SelectionError,
    WrongKindError,
)
from daam_nb.maps import entropy, heat_maps, iou
from daam_nb.show.explorer.export.png import mask_name, png_of
from daam_nb.show.explorer.page.widget import Explorer
from tests.show.explorer.opened import TEXT, opened
from tests.tiny_recordings import IMAGE_SIZE, tiny_recording


@pytest.fixture
def explorer() -> Explorer:
    return opened(word="fox", steps=slice(1, 4), threshold=0.5)


def test_a_figure_of_the_selection(explorer: Explorer) -> None:
    figure = explorer.to_figure()
    assert figure.metadata["word"] == "fox"
    assert "steps 1-3 of 5" in " ".join(figure.caption)
    assert "0.5 of the peak" in " ".join(figure.caption)
    explorer.choose(contour=False, layer=0, head=1)
    caption = " ".join(explorer.to_figure().caption)
    assert "head 1" in caption
    assert "of the peak" not in caption


def test_two_words_stand_side_by_side(explorer: Explorer) -> None:
    explorer.word_b = "start of text" if False else explorer.number_of("snow")
    names = [panel.name for panel in explorer.to_figure().panels]
    assert {"fox", "snow"} <= set(names)
    special = next(n for n, one in enumerate(explorer.words) if one.kind == "start")
    explorer.word_b = special
    assert "start of text" in [panel.name for panel in explorer.to_figure().panels]


def test_the_mask_is_that_of_eq_7_at_the_images_size(explorer: Explorer) -> None:
    word = heat_maps(explorer.run, steps=(1, 2, 3)).word("fox")
    expected = word.mask(0.5, size=IMAGE_SIZE)
    drawn = np.asarray(Image.open(io.BytesIO(png_of(explorer.look, "mask"))))
    np.testing.assert_array_equal(drawn, expected.numpy() * 255)
    explorer.word_b = "snow"
    other = heat_maps(explorer.run, steps=(1, 2, 3)).word("snow").mask(0.5, size=IMAGE_SIZE)
    drawn = np.asarray(Image.open(io.BytesIO(png_of(explorer.look, "mask_b"))))
    np.testing.assert_array_equal(drawn, other.numpy() * 255)


def test_png_files_are_whole_and_replace_only_when_told(explorer: Explorer, tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    assert explorer.to_png(path) == path
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        explorer.to_png(path)
    explorer.to_png(path, what="overlay", overwrite=True)
    assert Image.open(path).size == (IMAGE_SIZE[1], IMAGE_SIZE[0])
    with pytest.raises(SelectionError, match=r"to end in '.png'"):
        explorer.to_png(tmp_path / "fox.jpg")
    with pytest.raises(FileNotFoundError):
        explorer.to_png(tmp_path / "nowhere" / "fox.png")
    assert [one.name for one in tmp_path.iterdir()] == ["fox.png"]


def test_no_image_no_overlay() -> None:
    explorer = opened(tiny_recording(TEXT, image=False))
    with pytest.raises(SelectionError, match="what='mask' or 'figure'"):
        png_of(explorer.look, "overlay")
    assert png_of(explorer.look, "mask")[:4] == b"\x89PNG"
    assert png_of(explorer.look, "figure")[:4] == b"\x89PNG"


@pytest.mark.parametrize("text", ["../x y", "<b>", "🦊", "שועל", "a" * 99])
def test_names_of_files_hold_letters_and_digits_alone(text: str) -> None:
    name = mask_name(text)
    assert name.endswith("-mask.png")
    assert len(name) < 75
    assert not set(name) & set("/\\<>: \0")


def test_a_row_per_word(explorer: Explorer) -> None:
    frame = explorer.to_frame()
    maps = heat_maps(explorer.run, steps=(1, 2, 3))
    assert list(frame.word[:6]) == TEXT.split()
    assert frame.attrs["prompt"] == TEXT
    assert frame.attrs["word"] == "fox"
    row = frame[frame.word == "snow"].iloc[0]
    snow, fox = maps.word("snow"), maps.word("fox")
    assert row["peak"] == pytest.approx(float(snow.values.max()))
    assert row["mean"] == pytest.approx(float(snow.values.mean()))
    assert row["entropy"] == pytest.approx(entropy(snow))
    assert row["iou"] == pytest.approx(iou(snow, fox, threshold=0.5))
    assert frame[frame.word == "fox"].iloc[0]["iou"] == 1.0


def test_a_row_per_step_and_per_head(explorer: Explorer) -> None:
    frame = explorer.to_frame("step")
    assert list(frame.step) == [0, 1, 2, 3, 4]
    alone = heat_maps(explorer.run, steps=3).word("fox")
    assert frame.peak[3] == pytest.approx(float(alone.values.max()))
    frame = explorer.to_frame("head")
    assert len(frame) == 10
    layer = explorer.run.layers[1]
    raw = explorer.run.at(layer, head=1, word="fox")[1:4].mean(0)
    row = frame[(frame.layer == layer.name) & (frame["head"] == 1)].iloc[0]
    assert row["peak"] == pytest.approx(float(raw.max()), rel=1e-4)
    with pytest.raises(SelectionError, match="by='moon' is not known"):
        explorer.to_frame("moon")  # type: ignore[arg-type]


def test_a_table_of_a_sum() -> None:
    frame = opened(tiny_recording(TEXT, kept="sum")).to_frame("step")
    assert len(frame) == 1
    assert frame.step[0] is None


def test_without_pandas_the_extra_is_named(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"daam_nb\[studies\]"):
        explorer.to_frame()


@pytest.mark.parametrize("name", ["to_png", "to_html"])
@pytest.mark.parametrize("overwrite", ["no", 1, None])
def test_a_file_is_replaced_for_true_alone(tmp_path: Path, name: str, overwrite: object) -> None:
    file = tmp_path / f"mine.{name[3:]}"
    file.write_text("mine")
    with pytest.raises(WrongKindError, match="overwrite= must be True or False"):
        getattr(opened(), name)(file, overwrite=overwrite)
    assert file.read_text() == "mine"
