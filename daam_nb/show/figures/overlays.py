"""The map of one word over its image."""

from __future__ import annotations

from PIL import Image

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import check_length, check_text, kind_of, names_checked
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Word
from daam_nb.recording import Provenance, Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.colors import DEFAULT
from daam_nb.show.figures.belonging import check_own_run, same_pixels
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import Grid, Row, compose
from daam_nb.show.figures.panels import (
    Style,
    color_bar,
    drawing_notes,
    size_of,
    unit_of,
    word_panel,
)
from daam_nb.show.figures.provenance import credits
from daam_nb.show.pixels import OPACITY, peak_of

WIDEST = 20_000.0  # of an image on a page, in pixels


@names_checked
def overlay(
    image: Recording | Image.Image | None,
    word_map: WordHeatMap | str | Word | tuple[int, int],
    *,
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    gray: bool = True,
    title: str | None = None,
    width: float = 440.0,
) -> Figure:
    """Draw the map of a word over its image.

    Parameters
    ----------
    image
        The image, or the recording that holds it; None: a plain background.
    word_map
        The map; or, with a recording, a word of its prompt (or its (start, end) in characters),
        whose map is made with the defaults of `heat_maps`.
    opacity
        Opacity of the map over the image, in [0, 1], the same everywhere.
    threshold
        Share of the peak, in [0, 1], at which to draw the edge of the mask (eq. 7); None: no line.
    colormap
        One of `daam_nb.show.colors.SEQUENTIAL`, or another name of matplotlib's.
    gray
        Whether to show the image in gray, so that all color comes from the map.
    title
        Title above the image; None: the word.
    width
        Width of the image in the figure, in pixels at 96 per inch.

    Returns
    -------
    Figure

    Raises
    ------
    ShapeError
        If the aspect ratios of image and map differ.
    SelectionError
        For an opacity or threshold outside [0, 1], an unknown color map, a word without a
        recording, or a recording with the map of another run.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 6 and 7, https://aclanthology.org/2023.acl-long.310
    """
    style = Style(colormap, opacity, threshold, "common", gray)  # of one map: numbers on its bar
    check_length(width, "width", high=WIDEST)
    _check_image(image, word_map)
    if not isinstance(word_map, WordHeatMap):
        if not isinstance(image, Recording):
            raise SelectionError(
                f"The map of {word_map!r:.60} cannot be made from an image alone. Give the "
                f"recording instead of its image, or the map: "
                f"heat_maps(run).word({word_map!r:.60})."
            )
        if hasattr(word_map, "ndim"):
            raise WrongKindError(
                f"overlay() takes a word or its map, not {kind_of(word_map)}. An array becomes a "
                f"map by WordHeatMap(array, label='dog', image_size=(height, width))."
            )
        word_map = heat_maps(image).word(word_map)
    if isinstance(image, Recording):
        check_own_run(word_map, image, where="overlay()")
    background = image.image if isinstance(image, Recording) else image
    size = size_of(word_map, background, most=512)
    above = word_map.label if title is None else check_text(title, "title")
    panel = word_panel(word_map, background, size=size, style=style, title=above, note="")
    runs: list[Recording | Provenance] = [image] if isinstance(image, Recording) else []
    if not runs and word_map.origin is not None:
        runs = [word_map.origin.run]
    notes = drawing_notes(word_map, background, size, style)
    if runs and _is_exchanged(background, runs[0].image):
        notes.append("the image below is not the run’s own")
    caption, metadata = credits(runs, choice=word_map.choice, drawing=notes)
    metadata["word"] = word_map.label
    return compose(
        [Row((panel,))],
        grid=Grid(least=width, most=width, tallest=1.5 * width, columns=1),
        scale=color_bar(style, unit_of(word_map), peak_of(word_map)),
        caption=caption,
        metadata=metadata,
    )


def _is_exchanged(image: Image.Image | None, own: Image.Image | None) -> bool:
    """Whether an image of the run's own size has other pixels."""
    if image is None or own is None or image.size != own.size:
        return False
    return not same_pixels(image, own)


def _check_image(image: object, word_map: object) -> None:
    """Refuse what is neither an image nor the recording that holds it."""
    if image is None or isinstance(image, Recording | Image.Image):
        return
    if isinstance(image, WordHeatMap):
        raise WrongKindError(
            "overlay() takes the image first, or its recording, then the map: overlay(run, map)."
        )
    if isinstance(image, HeatMaps):
        raise WrongKindError(
            f"overlay() takes an image or its recording, not HeatMaps: overlay(maps.run, "
            f"{f'maps.word({word_map!r})' if isinstance(word_map, str) else 'map'})."
        )
    if hasattr(image, "shape"):
        raise WrongKindError(
            f"overlay() takes a PIL image or a recording, not {kind_of(image)}: "
            "PIL.Image.fromarray(array) makes one."
        )
    check_recording(image, where="overlay()")
