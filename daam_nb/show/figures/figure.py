"""The one kind of figure, of maps and of studies: shown, saved, drawn into other figures."""

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
    """A figure: what is on it and where, and the words that belong to it.

    As the last line of a notebook's cell it shows itself, unless it was drawn `on` another figure,
    which the notebook shows already.
    """

    is_drawn_on: bool = False

    @names_checked
    def on(self, target: Axes | MatplotlibFigure | SubFigure) -> Figure:
        """Draw into a matplotlib figure of your own, as ``seaborn.objects.Plot.on`` does.

        Nothing else of that figure changes: not its other axes, not its layout, not its settings.

        Parameters
        ----------
        target
            Axes take a figure of one panel, such as `overlay` and every chart, and its title: no
            caption and no color bar (`Figure.caption` holds the one,
            ``axes.figure.colorbar(axes.images[-1])`` draws the other). The axes of an image count
            the pixels of the image itself, (0, 0) in the middle of the first one. A matplotlib
            figure or subfigure takes any figure, whole: it is scaled to the room there is.

        Returns
        -------
        Figure
            This figure, which does not show itself once more.

        Raises
        ------
        SelectionError
            For axes, where there are several panels, and for polar or 3D axes.
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
            Of panels: its single axes span the figure in figure pixels; the image of panel i has
            the gid ``image-i``, the map ``heat-i`` and holds the map's own numbers. Of a chart:
            its first axes are those of the chart.
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
        """Draw a PNG that carries `metadata` as text.

        Parameters
        ----------
        scale
            Dots per figure pixel.
        """
        from daam_nb.show.figures.saving import png_bytes

        return png_bytes(self, scale=scale)

    @names_checked
    def save(self, path: str | Path, *, scale: float = 2.0) -> Path:
        """Write the figure; the suffix says how. Complete, or not at all.

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
            For any other suffix, or a scale that is no number above 0.
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
