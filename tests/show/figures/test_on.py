"""Figures inside somebody else's matplotlib figure."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.show.figures import Figure, overlay, token_bars, words_row
from daam_nb.studies.report.figures import bars
from tests.tiny_recordings import tiny_recording

RUN = tiny_recording()
TABLE = pd.DataFrame(
    {"noun": ["cat", "$dog$"], "n": [3, 4], "iou": [0.5, 0.4], "iou_low": 0.1, "iou_high": 0.9}
)


def chart() -> Figure:
    return bars(TABLE, label="noun", value="iou", title="How well", caption="Measured.")


def test_a_map_is_drawn_in_the_pixels_of_its_image() -> None:
    own, other = MatplotlibFigure().subplots(1, 2)
    other.plot([1, 2])
    before = (other.get_xlim(), other.get_ylim(), other.get_position().bounds)
    drawn = overlay(RUN, "cat", threshold=0.4).on(own)
    assert isinstance(drawn, Figure)
    assert RUN.image is not None
    width, height = RUN.image.size
    assert own.get_xlim() == (-0.5, width - 0.5)
    assert own.get_ylim() == (height - 0.5, -0.5)
    assert own.get_title() == "cat"
    heat = own.images[-1]
    np.testing.assert_array_equal(heat.get_array(), drawn.panels[0].heat.values)  # type: ignore[union-attr]
    assert (other.get_xlim(), other.get_ylim(), other.get_position().bounds) == before
    assert len(own.figure.axes) == 2


def test_charts_and_bars_of_tokens_are_drawn_on_axes() -> None:
    first, second = MatplotlibFigure().subplots(1, 2)
    chart().on(first)
    assert [patch.get_width() for patch in first.patches] == [0.5, 0.4]
    assert first.get_title() == "How well"
    figure = token_bars(RUN, measure="mean")
    figure.on(second)
    assert [patch.get_width() for patch in second.patches] == [
        bar.value for bar in figure.sheet.bars
    ]


def test_several_panels_take_a_figure_or_a_part_of_one() -> None:
    whole = MatplotlibFigure(figsize=(8, 4))
    left, right = whole.subfigures(1, 2)
    words_row(RUN).on(left)
    chart().on(right)
    whole.canvas.draw()
    (page,), (axes,) = left.axes, right.axes
    assert len(page.images) == len(words_row(RUN).panels) * 2  # image, maps over it, color bar
    tight = axes.get_tightbbox()
    assert tight is not None
    assert tight.x0 >= right.bbox.x0
    assert tight.x1 <= right.bbox.x1 + 1
    assert whole.get_layout_engine() is None


@pytest.mark.parametrize("make", [chart, lambda: overlay(RUN, "cat")], ids=["chart", "map"])
def test_nothing_of_the_session_is_touched_and_it_shows_once(make) -> None:  # type: ignore[no-untyped-def]
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    figure = make()
    drawn = figure.on(MatplotlibFigure().add_subplot())
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []
    assert set(drawn._repr_mimebundle_()[0]) == {"text/plain"}
    assert "image/png" in figure._repr_mimebundle_()[0]


def test_what_it_cannot_be_drawn_on() -> None:
    axes = MatplotlibFigure().subplots(1, 2)
    with pytest.raises(SelectionError, match=r"hold one panel, and this figure has \d.*subfig"):
        words_row(RUN).on(axes[0])
    with pytest.raises(WrongKindError, match=r"plt\.subplots\(1, 2\) take one: on\(axes\[0\]\)"):
        chart().on(axes)
    polar = MatplotlibFigure().add_subplot(projection="polar")
    with pytest.raises(SelectionError, match="these are polar"):
        chart().on(polar)


def test_a_chart_is_the_same_in_plotly() -> None:
    figure = chart()
    drawn = figure.to_plotly()
    assert [trace.x[0] for trace in drawn.data if trace.type == "bar"] == [0.5, 0.4]
    assert list(drawn.layout.yaxis.ticktext) == ["cat", "&#36;dog&#36;"]
    assert (drawn.layout.width, drawn.layout.height) == (figure.size[1], figure.size[0] + 26)


def test_a_chart_feels_no_settings_of_the_user() -> None:
    plain = chart().to_png()
    with matplotlib.rc_context({"axes.facecolor": "black", "text.color": "red", "font.size": 20}):
        assert chart().to_png() == plain
