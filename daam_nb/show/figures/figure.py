"""`Figure`, of maps and of studies: displayed, saved, or drawn into other figures."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.kinds import names_checked
from daam_nb.show.figures.description import Drawing, Sheet

if TYPE_CHECKING:
    import plotly.graph_objects
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.figure import SubFigure


@dataclass(frozen=True, eq=False, repr=False)
class Figure(Drawing):
    """A figure: its content, layout, title and caption.

    As the last line of a notebook cell it is displayed, unless it was drawn `on` another figure,
    which the notebook displays already.
    """

    is_drawn_on: bool = False

    @names_checked
    def on(self, target: Axes | MatplotlibFigure | SubFigure) -> Figure:
        """Draw into a matplotlib figure of your own, as ``seaborn.objects.Plot.on`` does.

        Nothing else of that figure changes: not its other axes, not its layout, not its settings.

        Parameters
        ----------
        target
            Axes accept a figure with one panel, such as `overlay` and every chart, and show its
            title, but no caption and no color bar (`Figure.caption` holds the caption,
            ``axes.figure.colorbar(axes.images[-1])`` draws the color bar). The axes of an image are
            in pixels of the image itself, with (0, 0) at the center of the first pixel. A
            matplotlib figure or subfigure accepts any figure, which is scaled to fit.

        Returns
        -------
        Figure
            This figure, which is not displayed a second time.

        Raises
        ------
        SelectionError
            For axes, if there are several panels or the axes are polar or 3D.
        WrongKindError
            For anything else.

        Examples
        --------
        ::

            figure, (left, right) = plt.subplots(1, 2)
            overlay(run, "cat").on(left)
            overlay(run, "dog").on(right)
        """
        from daam_nb.show.figures.drawn_on import draw_on

        draw_on(self, target)
        return replace(self, is_drawn_on=True)

    def to_matplotlib(self) -> MatplotlibFigure:
        """Draw with matplotlib, without pyplot and without touching its settings.

        Returns
        -------
        matplotlib.figure.Figure
            With panels, its single axes span the figure in figure pixels; the image of panel i has
            the gid ``image-i``, and its map ``heat-i``, with the map's own values. With a chart,
            its first axes are the chart's.
        """
        from daam_nb.show.figures.rendering import to_matplotlib

        return to_matplotlib(self)

    def to_plotly(self) -> plotly.graph_objects.Figure:
        """Draw with plotly, for zooming and for reading values under the mouse.

        Raises
        ------
        MissingExtraError
            If plotly is not installed; it comes with the extra ``widgets``.
        """
        from daam_nb.show.figures.rendering import to_plotly

        return to_plotly(self)

    @names_checked
    def to_png(self, *, scale: float = 2.0) -> bytes:
        """Draw a PNG with `metadata` as text chunks.

        Parameters
        ----------
        scale
            Dots per figure pixel.
        """
        from daam_nb.show.figures.saving import png_bytes

        return png_bytes(self, scale=scale)

    @names_checked
    def save(self, path: str | Path, *, scale: float = 2.0) -> Path:
        """Write the figure to a file, in the format of its suffix; completely, or not at all.

        Parameters
        ----------
        path
            Ending in ``.png``, ``.svg``, ``.pdf`` or ``.html`` (plotly's library included, so that
            the page needs no internet). An existing file is replaced.
        scale
            Dots per figure pixel of a PNG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SelectionError
            For any other suffix, or a scale that is not a number above 0.
        MissingExtraError
            For ``.html`` without plotly; it comes with the extra ``widgets``.
        """
        from daam_nb.show.figures.saving import save

        return save(self, path, scale=scale)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        from daam_nb.show.figures.saving import small_png

        if self.is_drawn_on:
            return {"text/plain": repr(self)}, {}
        encoded = base64.b64encode(small_png(self)).decode("ascii")
        bundle = {"image/png": encoded, "text/plain": repr(self)}
        if not isinstance(self.content, Sheet):
            return bundle, {}
        height, width = self.size
        return bundle, {"image/png": {"width": round(width), "height": round(height)}}

    def __repr__(self) -> str:
        height, width = self.size
        size = f"{round(width)} x {round(height)}"
        if not isinstance(self.content, Sheet):
            return f"<Figure: chart, {size}, title {self.title!r}>"
        bars = self.content.bars
        content = f"{len(self.panels)} panels" if self.panels else f"{len(bars)} bars"
        prompt = self.metadata.get("prompt", "")
        short = prompt if len(prompt) <= 60 else prompt[:59] + "…"
        return f"<Figure: {content}, {size}, prompt {short!r}>"
