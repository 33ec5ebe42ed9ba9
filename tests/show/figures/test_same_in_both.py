"""One description: matplotlib and plotly show the same numbers, pixels, places and words."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.maps.heatmap import heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.show.figures import head_sheet, overlay, step_strip, token_bars, words_row
from daam_nb.show.figures.figure import Figure
from daam_nb.show.lettering import drawable
from tests.show.figures.drawn import (
    boxes_of_matplotlib,
    boxes_of_plotly,
    heats_of_matplotlib,
    heats_of_plotly,
    images_of_matplotlib,
    images_of_plotly,
    words_of_matplotlib,
    words_of_plotly,
)
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording(heads=(2, 3))
FIGURES: dict[str, Callable[[], Figure]] = {
    "overlay": lambda: overlay(RUN, "cat", threshold=0.4),
    "words_row": lambda: words_row(RUN),
    "words_row common": lambda: words_row(RUN, tiny_recording("a fox", seed=1), scale="common"),
    "step_strip": lambda: step_strip(RUN, "cat", bins=2),
    "head_sheet": lambda: head_sheet(RUN, "dog"),
}


@pytest.fixture(params=FIGURES.values(), ids=FIGURES.keys(), scope="module")
def figure(request: pytest.FixtureRequest) -> Figure:
    return request.param()


def test_maps_and_their_colors(figure: Figure) -> None:
    drawn, zoomed = heats_of_matplotlib(figure), heats_of_plotly(figure)
    shown = {f"heat-{i}": p.heat for i, p in enumerate(figure.panels) if p.heat is not None}
    assert shown
    assert set(drawn) == set(zoomed) == {*shown, "color-bar-0"}
    for gid, heat in shown.items():
        for values, low, high, opacity in (drawn[gid], zoomed[gid]):
            np.testing.assert_array_equal(values, heat.values)
            assert (low, high, opacity) == (heat.vmin, heat.vmax, heat.opacity)


def test_places(figure: Figure) -> None:
    drawn, zoomed = boxes_of_matplotlib(figure), boxes_of_plotly(figure)
    for gid, place in zoomed.items():
        assert place == pytest.approx(drawn[gid], abs=1e-3)
    height, width = figure.size
    for left, right, top, bottom in drawn.values():
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_images(figure: Figure) -> None:
    drawn, zoomed = images_of_matplotlib(figure), images_of_plotly(figure)
    held = [panel.image for panel in figure.panels if panel.image is not None]
    assert len(drawn) == len(zoomed) == len(held)
    for one, other, own in zip(drawn, zoomed, held, strict=True):
        np.testing.assert_array_equal(one, own)
        np.testing.assert_array_equal(other, own)


def test_words(figure: Figure) -> None:
    shown = [line.text for line in figure.sheet.lines]
    assert words_of_plotly(figure) == shown
    assert [artist.get_text() for artist in words_of_matplotlib(figure)] == [
        drawable(text) for text in shown
    ]


def test_both_use_the_same_256_colors() -> None:
    figure = overlay(RUN, "cat", colormap="cividis")
    trace = next(trace for trace in figure.to_plotly().data if trace.uid == "heat-0")
    (axes,) = figure.to_matplotlib().axes
    image = next(image for image in axes.images if image.get_gid() == "heat-0")
    expected = np.rint(image.cmap(np.linspace(0, 1, 256))[:, :3] * 255).astype(int)
    scale = [tuple(map(int, text[4:-1].split(","))) for _, text in trace.colorscale]
    np.testing.assert_array_equal(scale, expected)


def test_the_line_runs_at_the_same_value_in_both() -> None:
    figure = overlay(RUN, "cat", threshold=0.4)
    resized = heat_maps(RUN).word("cat").resize(figure.panels[0].heat.values.shape).values
    level = 0.4 * float(resized.max())
    lines = [trace for trace in figure.to_plotly().data if trace.type == "contour"]
    (axes,) = figure.to_matplotlib().axes
    sets = [c for c in axes.collections if (c.get_gid() or "").startswith("contour")]
    assert len(lines) == len(sets) == 2
    assert [line.contours.start for line in lines] == pytest.approx([level] * 2)
    assert [drawn.levels[0] for drawn in sets] == pytest.approx([level] * 2)


def test_bars() -> None:
    figure = token_bars(RUN, measure="mean")
    bars = [trace for trace in figure.to_plotly().data if trace.type == "bar"]
    (axes,) = figure.to_matplotlib().axes
    assert len(bars) == len(axes.patches) == len(figure.sheet.bars) == 7
    for trace, patch, bar in zip(bars, axes.patches, figure.sheet.bars, strict=True):
        assert trace.customdata[0] == bar.value
        assert trace.x[0] == pytest.approx(patch.get_width()) == pytest.approx(bar.box.width)
        assert trace.base[0] == pytest.approx(patch.get_x())
    longest = max(figure.sheet.bars, key=lambda bar: bar.value)
    for bar in figure.sheet.bars:
        assert bar.box.width / longest.box.width == pytest.approx(bar.value / longest.value)


def test_a_drawn_pixel_by_hand() -> None:
    values = torch.zeros(8, 8)
    values[:4, 4:] = 0.5  # upper right quarter
    word = WordHeatMap(values, "corner", image_size=(64, 64))
    image = Image.new("RGB", (64, 64), (200, 200, 200))
    image.paste((80, 80, 80), (0, 32, 64, 64))  # the lower half
    figure = overlay(image, word, opacity=0.25, width=200)
    box = figure.panels[0].box
    with Image.open(BytesIO(figure.to_png(scale=1))) as page:
        for x, y, below, end in (
            (0.9, 0.1, 200, (0.988362, 0.998364, 0.644924)),  # inferno's last color
            (0.1, 0.1, 200, (0.001462, 0.000466, 0.013866)),  # and its first
            (0.9, 0.9, 80, (0.001462, 0.000466, 0.013866)),
        ):
            drawn = page.getpixel((round(box.x + x * box.width), round(box.y + y * box.height)))
            by_hand = [0.75 * below + 0.25 * 255 * channel for channel in end]
            assert drawn == pytest.approx(by_hand, abs=1.5)


def test_plotly_counts_y_downwards() -> None:
    figure = overlay(RUN, "cat")
    height, width = figure.size
    drawn = figure.to_plotly()
    assert drawn.layout.yaxis.range == (height, 0)
    assert drawn.layout.xaxis.range == (0, width)
    assert drawn.layout.width == width
    assert drawn.layout.height - drawn.layout.margin.t == height  # one figure pixel is one pixel
    for trace in drawn.data:
        assert trace.dy > 0 and trace.dx > 0
