"""A drawing as a figure of matplotlib or of plotly, or as a page.

Only matplotlib's objects are used, never pyplot, so that the user's open figures and settings are
neither touched nor felt.
"""

from __future__ import annotations

import contextlib
import html
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from daam_nb.errors import MissingExtraError
from daam_nb.show.figures import chart_matplotlib, chart_plotly, sheet_matplotlib, sheet_plotly
from daam_nb.show.figures.chart import LETTERS, PIXELS_PER_INCH, Chart
from daam_nb.show.figures.description import PAPER, Drawing, Sheet
from daam_nb.show.lettering import families, plain

if TYPE_CHECKING:
    import plotly.graph_objects
    from matplotlib.figure import Figure as MatplotlibFigure


@contextlib.contextmanager
def default_settings() -> Iterator[None]:
    """Matplotlib's own settings with our letters inside the block; the user's afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        fonts: Any = {"font.family": list(families()), "font.size": LETTERS}
        matplotlib.rcParams.update(fonts)
        yield


def to_matplotlib(
    drawing: Drawing, *, scale: float = 1.0, interpolation: str = "hanning"
) -> MatplotlibFigure:
    """Draw with matplotlib; a chart is to be rendered within `default_settings`.

    Parameters
    ----------
    scale
        Dots per figure pixel.
    interpolation
        How pixels of images and maps become dots; ``"none"`` leaves it to the reader of a
        vector file.
    """
    if isinstance(drawing.content, Sheet):
        return _sheet_figure(drawing.content, scale, interpolation)
    with default_settings():
        return _chart_figure(drawing, drawing.content, scale)


def to_plotly(drawing: Drawing) -> plotly.graph_objects.Figure:
    """Draw with plotly.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise MissingExtraError("plotly", "widgets", "Figure.to_plotly()") from None
    if isinstance(drawing.content, Sheet):
        traces, layout = sheet_plotly.parts(drawing.content)
    else:
        traces, layout = chart_plotly.parts(drawing, drawing.content)
    return go.Figure(data=traces, layout=layout)


def page(drawing: Drawing, *, title: str, facts: Mapping[str, str]) -> str:
    """Draw a whole HTML page, plotly's library inside, with the facts in its head."""
    body = to_plotly(drawing).to_html(
        full_html=False, include_plotlyjs=True, include_mathjax=False, div_id="figure"
    )
    facts_in_head = "\n".join(
        f'<meta name="{html.escape(key)}" content="{html.escape(text)}">'
        for key, text in facts.items()
    )
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n{facts_in_head}\n'
        f"<title>{html.escape(title)}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _sheet_figure(sheet: Sheet, scale: float, interpolation: str) -> MatplotlibFigure:
    from matplotlib.figure import Figure as MatplotlibFigure

    height, width = sheet.size
    figure = MatplotlibFigure(
        figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH),
        dpi=PIXELS_PER_INCH * scale,
        facecolor=PAPER,
        edgecolor="none",
        frameon=True,
    )
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), frameon=False)
    sheet_matplotlib.paint(axes, sheet, interpolation=interpolation)
    return figure


def _chart_figure(drawing: Drawing, chart: Chart, scale: float) -> MatplotlibFigure:
    from matplotlib.figure import Figure as MatplotlibFigure

    width = chart.inches[1]
    figure = MatplotlibFigure(
        figsize=chart.inches[::-1], dpi=PIXELS_PER_INCH * scale, layout="constrained"
    )
    chart_matplotlib.paint(figure.add_subplot(), chart)
    if drawing.title:
        # Over the whole figure: over the axes alone, wide labels would push it out.
        text = _wrapped(drawing.title, width * 11.5)
        figure.suptitle(text, x=0.01, ha="left", fontsize=LETTERS + 1.5, fontweight="bold")
    if drawing.caption:
        text = _wrapped(" ".join(drawing.caption), width * 16.5)
        figure.supxlabel(text, x=0.01, ha="left", fontsize=LETTERS - 1.5, color="#666666")
    return figure


def _wrapped(text: str, columns: float) -> str:
    lines = textwrap.wrap(plain(text), max(20, round(columns)))
    return "\n".join(map(chart_matplotlib.escaped, lines))
