"""What is taken away of an explorer: figures, tables, hand-outs, the still of a saved notebook."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.show.explorer.export.animation import Moving, Progress, write_animation
from daam_nb.show.explorer.export.figure import figure_of
from daam_nb.show.explorer.export.frame import Rows, frame_of
from daam_nb.show.explorer.export.handout import MAX_BYTES, write
from daam_nb.show.explorer.export.png import Drawn, write_png
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.export.still import Still

if TYPE_CHECKING:
    from daam_nb.show.figures.figure import Figure


class Exports:
    """The files that an explorer writes of what it shows."""

    _still: Still | None = None

    @property
    @abstractmethod
    def look(self) -> Look:
        """What is shown now, without the widget: what figures and hand-outs are made of."""

    @abstractmethod
    def ask_for_parse(self) -> None:
        """Parse the prompt, unless that was tried before."""

    def still_png(self) -> bytes | None:
        """What is shown now as a small PNG, which a notebook keeps beside the widget.

        None where it cannot be drawn.
        """
        if self._still is None:
            self._still = Still()
        return self._still.png_of(self.look)

    def to_figure(self) -> Figure:
        """Draw the current selection: the word over the image, or the two words side by side."""
        figure: Figure = figure_of(self.look)
        return figure

    def to_png(self, path: str | Path, *, what: Drawn = "figure", overwrite: bool = False) -> Path:
        """Write a PNG of the current selection.

        Parameters
        ----------
        path
            The file; its folder must exist.
        what
            ``"figure"``: with title, caption and color bar. ``"overlay"``: the map over the
            image in the image's pixels. ``"mask"``, ``"mask_b"``: eq. 7 at the threshold,
            white on black, in the image's pixels.
        overwrite
            Replace a file that is there.

        Raises
        ------
        RecordingExistsError
            Where the file exists and `overwrite` is false.
        """
        return write_png(self.look, path, what=what, overwrite=overwrite)

    def to_animation(
        self,
        path: str | Path,
        *,
        what: Moving = "overlay",
        frames: int | None = None,
        duration: int | None = None,
        progress: Progress | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the chosen steps as moving images, each step's own map with its own peak.

        Parameters
        ----------
        path
            Ending in ``.gif``, ``.webp``, ``.apng`` or ``.webm``, a video, which needs the extra
            ``video``; or in ``.zip`` for its frames as PNGs. Its folder must exist.
        what
            ``"overlay"``: the map over the forming image, where `explore` was given `images=`, else
            over the final one. ``"image"``: the forming image. ``"side_by_side"``: both.
        frames
            How many steps at most, evenly, with the first and the last; None: all that are chosen.
        duration
            Milliseconds of a frame; None: `interval`. The last one stays five times as long.
        progress
            Called with (frames that are drawn, frames in all) after each.
        overwrite
            Replace a file that is there.

        Raises
        ------
        RecordingExistsError
            Where the file exists and `overwrite` is false.
        MissingExtraError
            For a video where PyAV is not installed.
        SelectionError
            For another suffix, a recording of one step or of their sum, or forming images that were
            not given.
        """
        return write_animation(
            self.look,
            path,
            what=what,
            frames=frames,
            duration=duration,
            progress=progress,
            overwrite=overwrite,
        )

    def to_frame(self, by: Rows = "word") -> Any:
        """Return the numbers of the current selection as a `pandas.DataFrame`.

        Parameters
        ----------
        by
            ``"word"``: a row per word, under the layers, head and steps chosen. ``"step"``: the
            word at each step alone. ``"head"``: the word in every head of every layer.

        Raises
        ------
        MissingExtraError
            Where pandas is not installed.
        """
        return frame_of(self.look, by)

    def to_html(
        self,
        path: str | Path,
        *,
        embed: Any = (),
        overwrite: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> Path:
        """Write a hand-out: one file that is explored in any browser, without kernel or network.

        Parameters
        ----------
        path
            The file; its folder must exist.
        embed
            (layer number or name, head) that must be in it, before the others.
        overwrite
            Replace a file that is there.
        max_bytes
            The file stays below; what had no room is warned of, and the page says it at its top.

        Raises
        ------
        RecordingExistsError
            Where the file exists and `overwrite` is false.
        SelectionError
            Where the maps of all words are more than a page can hold, as of a grid of 1024 x 1024
            with 200 heads and a long prompt, or each token would stand for many words.
        """
        self.ask_for_parse()
        return write(self.look, path, embed=embed, overwrite=overwrite, max_bytes=max_bytes)
