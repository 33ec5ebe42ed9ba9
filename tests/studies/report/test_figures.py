"""Figures of tables: what is drawn where, and what must not disturb."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from daam_nb.errors import SelectionError, StudyError
from daam_nb.show.figures import Figure
from daam_nb.studies.report.figures import COLORS, RARE, bars, curves


def table(**changes: Any) -> pd.DataFrame:
    made = {
        "relation": ["obj", "det", "<b>$x$_y"],
        "n": [400, 12, 350],
        "iou": [0.3, 0.1, 0.2],
        "iou_low": [0.28, math.nan, 0.1],
        "iou_high": [0.33, math.nan, 0.4],
        "rare": [False, True, False],
    }
    return pd.DataFrame({**made, **changes})


def test_bars_stand_for_the_means_and_rare_ones_are_gray() -> None:
    axes = bars(table(), label="relation", value="iou", percent=True).to_matplotlib().axes[0]
    assert [patch.get_width() for patch in axes.patches] == pytest.approx([30, 10, 20])
    colors = [to_hex(patch.get_facecolor()) for patch in axes.patches]
    assert colors == [COLORS[0], RARE, COLORS[0]]
    ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2][:2]
    np.testing.assert_allclose(ends, [[28, 33], [10, 40]])  # none without an interval
    assert [text.get_text() for text in axes.texts] == ["n = 400", "n = 12", "n = 350"]
    assert [text.get_text() for text in axes.get_yticklabels()][:2] == ["obj", "det"]


def test_groups_stand_side_by_side_in_colors_of_their_own() -> None:
    both = pd.concat([table(group="one"), table(group="two")])
    axes = bars(both, label="relation", value="iou", group="group").to_matplotlib().axes[0]
    places = [patch.get_y() + patch.get_height() / 2 for patch in axes.patches]
    assert places == pytest.approx([-0.2, 0.8, 1.8, 0.2, 1.2, 2.2])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]
    # Rare ones are gray in either group, with an edge that says which.
    fills, edges = ([to_hex(color(patch)) for patch in axes.patches] for color in (_fill, _edge))
    assert [fill == RARE for fill in fills] == [False, True, False] * 2
    assert edges == [COLORS[0]] * 3 + [COLORS[1]] * 3


def _fill(patch: Any) -> Any:
    return patch.get_facecolor()


def _edge(patch: Any) -> Any:
    return patch.get_edgecolor()


def test_a_title_begins_at_the_figures_edge_whatever_the_labels_take() -> None:
    long = table(relation=["a rather long name of a relation " * 2, "b", "c"])
    title = "Does the map say where the image changes, and where not?"
    figure = bars(long, label="relation", value="iou", title=title).to_matplotlib()
    figure.canvas.draw()
    drawn = figure._suptitle.get_window_extent()
    assert 0 <= drawn.x0 < 20
    assert drawn.x1 <= figure.bbox.width


def test_the_papers_numbers_are_marked() -> None:
    axes = (
        bars(table(), label="relation", value="iou", reference={"det": 0.5, "no": 1})
        .to_matplotlib()
        .axes[0]
    )
    (marker,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert (list(marker.get_xdata()), list(marker.get_ydata())) == ([0.5], [1])


def test_curves_and_what_does_not_depend_on_the_threshold() -> None:
    rows = [("DAAM", 0.5, 0.4), ("DAAM", 0.3, 0.6), ("whole", math.nan, 0.2)]
    made = pd.DataFrame(rows, columns=["method", "threshold", "iou"])
    made = made.assign(iou_low=made.iou - 0.1, iou_high=made.iou + 0.1)
    figure = curves(made, x="threshold", value="iou", by="method", points=[(0.4, 0.65, "paper")])
    axes = figure.to_matplotlib().axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["DAAM"].get_xydata(), [[0.3, 0.6], [0.5, 0.4]])
    assert set(lines["whole"].get_ydata()) == {0.2}
    assert [text.get_text() for text in axes.texts] == ["paper"]


def test_words_are_text_never_markup() -> None:
    figure = bars(
        table(), label="relation", value="iou", title="cost: $5_000$", caption="$\\frac$ {x}"
    )
    drawn = figure.to_matplotlib()
    drawn.canvas.draw()  # a formula would raise here
    assert figure._repr_mimebundle_()[0]["image/png"].startswith("iVBOR")


PRICE = "$5 _a_ for $6"  # matplotlib would set what stands between the signs as a formula


def _formulas(figure: Figure) -> list[str]:
    """Texts that matplotlib would parse as mathematics, of all that is drawn."""
    drawn = figure.to_matplotlib()
    drawn.canvas.draw()
    texts = [artist for artist in drawn.findobj(Text) if artist.get_text()]
    shown = [artist for artist in texts if "5 _a_ for" in artist.get_text().replace("\n", " ")]
    assert shown
    return [artist.get_text() for artist in shown if artist._preprocess_math(artist.get_text())[1]]


def test_names_with_dollar_signs_are_no_formulas() -> None:
    made = table(relation=[PRICE, "b", "c"], group=[PRICE, "b", PRICE])
    assert not _formulas(
        bars(made, label="relation", value="iou", group="group", title=PRICE, axis=PRICE)
    )
    lines = made.assign(x=[1.0, 2.0, math.nan])
    points = [(1.0, 0.2, PRICE)]
    assert not _formulas(
        curves(lines, x="x", value="iou", by="relation", points=points, x_axis=PRICE, caption=PRICE)
    )


def test_nothing_of_the_session_is_touched(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    bars(table(), label="relation", value="iou").save(tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_the_same_table_gives_the_same_file(tmp_path: Path, suffix: str) -> None:
    files = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for file in files:
        bars(table(), label="relation", value="iou", title="t").save(file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_size_in_pixels(tmp_path: Path) -> None:
    figure = bars(table(), label="relation", value="iou")
    file = figure.save(tmp_path / "a.png", scale=100 / 96)
    with Image.open(BytesIO(file.read_bytes())) as image:
        assert image.size == (640, round(100 / 96 * figure.size[0]))


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no column 'iod'; it has 'relation'"):
        bars(table(), label="relation", value="iod")
    with pytest.raises(StudyError, match="no row"):
        curves(table()[:0], x="n", value="iou", by="relation")
    with pytest.raises(SelectionError, match=r"cannot be saved as 'a\.gif'"):
        bars(table(), label="relation", value="iou").save(tmp_path / "a.gif")
