"""Heat maps in, figure out: a word over its picture, and all words of a prompt side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import check_length, check_text, kind_of, names_checked
from daam_nb.maps.finding import WordChoice
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.bars import token_bars
from daam_nb.show.belonging import check_one_choice, check_own_run, same_pixels
from daam_nb.show.colours import DEFAULT
from daam_nb.show.description import Figure
from daam_nb.show.layout import Grid, Row, compose
from daam_nb.show.panels import (
    ScaleChoice,
    Style,
    colour_bar,
    drawing_notes,
    picture_panel,
    size_of,
    unit_of,
    with_common_scale,
    word_panel,
)
from daam_nb.show.pixels import OPACITY, drawn_size, overlay_image, peak_of
from daam_nb.show.provenance import credits
from daam_nb.show.sheets import head_sheet, step_strip

__all__ = [
    "Figure",
    "head_sheet",
    "overlay",
    "overlay_image",
    "step_strip",
    "token_bars",
    "words_row",
]

Shown = Recording | HeatMaps
WIDEST = 20_000.0  # of a picture on a page, in pixels


@names_checked
def overlay(
    image: Recording | Image.Image | None,
    word_map: WordHeatMap | str | Word | tuple[int, int],
    *,
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    grey: bool = True,
    title: str | None = None,
    width: float = 440.0,
) -> Figure:
    """Lay the map of a word over its picture.

    Parameters
    ----------
    image
        The picture, or the recording that holds it; None: a plain background.
    word_map
        The map; or, with a recording, a word of its prompt (or its (start, end) in characters),
        whose map is then made by the defaults of `heat_maps`.
    opacity
        Of the map over the picture, in [0, 1], the same everywhere.
    threshold
        Draw the edge of the mask at this share of the peak (eq. 7); None: no line.
    colormap
        One of `daam_nb.show.colours.SEQUENTIAL`, or another name of matplotlib's.
    grey
        Show the picture below the map in grey, so that every colour is the map's.
    title
        Above the picture; None: the word.
    width
        Of the picture on the page, in pixels at 96 to the inch.

    Returns
    -------
    Figure

    Raises
    ------
    ShapeError
        Where the proportions of picture and map differ.
    SelectionError
        For an opacity or threshold outside of [0, 1], an unknown colour map, a word without
        a recording, or a recording with the map of another run.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 6 and 7, https://aclanthology.org/2023.acl-long.310
    """
    style = Style(colormap, opacity, threshold, "common", grey)  # of one map: numbers on its bar
    check_length(width, "width", high=WIDEST)
    _check_picture(image, word_map)
    if not isinstance(word_map, WordHeatMap):
        if not isinstance(image, Recording):
            raise SelectionError(
                f"The map of {word_map!r} cannot be made from a picture alone. Give the recording "
                f"instead of its picture, or the map: heat_maps(run).word({word_map!r})."
            )
        word_map = heat_maps(image).word(word_map)
    if isinstance(image, Recording):
        check_own_run(word_map, image, where="overlay()")
    picture = image.image if isinstance(image, Recording) else image
    size = size_of(word_map, picture, most=512)
    above = word_map.label if title is None else check_text(title, "title")
    panel = word_panel(word_map, picture, size=size, style=style, title=above, note="")
    runs = [image] if isinstance(image, Recording) else []
    if not runs and word_map.maps is not None:
        runs = [word_map.maps.run]
    notes = drawing_notes(word_map, picture, size, style)
    if runs and _is_exchanged(picture, runs[0].image):
        notes.append("the picture below is not the run’s own")
    caption, metadata = credits(runs, choice=word_map.choice, drawing=notes)
    metadata["word"] = word_map.label
    return compose(
        [Row((panel,))],
        grid=Grid(least=width, most=width, tallest=1.5 * width, columns=1),
        scale=colour_bar(style, unit_of(word_map), peak_of(word_map)),
        caption=caption,
        metadata=metadata,
    )


@names_checked
def words_row(
    *shown: Shown,
    words: WordChoice | Sequence[WordChoice] | None = None,
    scale: ScaleChoice = "own",
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    grey: bool = True,
) -> Figure:
    """Put each picture beside the maps of all its words, one row per picture.

    The layout of Tang et al. 2023, Fig. 1. A row that is too long goes on below.

    Parameters
    ----------
    shown
        Recordings, whose maps are then made by the defaults of `heat_maps`, or `HeatMaps`.
    words
        Which words, in this order, or one; None: every word that the model read. A map of the row's
        run is drawn as it is, under its own choice.
    scale
        ``"own"``: the colours of each map run from 0 to its own peak, which is printed below it;
        ``"common"``: one scale for all maps of the figure; ``"spread"``: from each map's own
        minimum to its peak, which magnifies faint differences.
    opacity, threshold, colormap, grey
        As in `overlay`.

    Returns
    -------
    Figure

    Raises
    ------
    SelectionError
        Where there is nothing to show, a choice cannot be read, a map is of another run, or the
        maps of one row are of several choices.
    WordNotFoundError, AmbiguousWordError, TruncatedWordError
        As `HeatMaps.word`, for `words`.
    """
    style = Style(colormap, opacity, threshold, scale, grey)
    chosen = None if words is None else _several(words)
    every = [_Words.of(item, chosen) for item in shown]
    count = sum(1 + len(item.maps) for item in every)
    most = 320 if count <= 10 else 224 if count <= 30 else 128  # keeps web pages small
    rows = [_row(item, style, most, header=len(every) > 1) for item in every]
    if not any(row.panels for row in rows):
        raise SelectionError(
            "There is nothing to show: no picture and no word. Give a recording, or HeatMaps, "
            "whose prompt has words."
        )
    units = _units(every, style)
    highest = 0.0
    if style.scale == "common":
        rows, highest = _common(rows)
    caption, metadata = credits(
        [item.source.run for item in every],
        choice="; ".join(dict.fromkeys(item.choice for item in every)),
        drawing=_notes(every, style, most),
    )
    bar = colour_bar(style, units, highest) if units else None
    return compose(rows, grid=Grid(), scale=bar, caption=caption, metadata=metadata)


@dataclass(frozen=True)
class _Words:
    """The maps of one row."""

    source: HeatMaps
    maps: tuple[WordHeatMap, ...]

    @classmethod
    def of(cls, item: Shown, words: Sequence[WordChoice] | None) -> _Words:
        if isinstance(item, list | tuple):
            raise SelectionError(
                f"words_row() shows recordings and HeatMaps, not {kind_of(item)}. Give several one "
                f"by one: words_row(*runs)."
            )
        if not isinstance(item, HeatMaps):
            check_recording(item, where="words_row()")
        source = item if isinstance(item, HeatMaps) else heat_maps(item)
        if words is None:
            return cls(source, source.words)
        chosen = tuple(_map_of(source, word) for word in words)
        check_one_choice(chosen, where="words_row()")
        return cls(source, chosen)

    @property
    def choice(self) -> str:
        """What the maps drawn depend on; a map that was given has its own."""
        return self.maps[0].choice if self.maps else self.source.choice


def _map_of(source: HeatMaps, word: WordChoice) -> WordHeatMap:
    """The map of a word of this row's prompt; a map is drawn as it is."""
    own = source.word(word)
    if not isinstance(word, WordHeatMap):
        return own
    check_own_run(word, source.run, where="words_row()")
    return word


def _is_exchanged(picture: Image.Image | None, own: Image.Image | None) -> bool:
    """Whether a picture of the run's own size has other pixels."""
    if picture is None or own is None or picture.size != own.size:
        return False
    return not same_pixels(picture, own)


def _several(words: Any) -> list[WordChoice]:
    """One word or several as a list; a text is one word, and so is a span of characters."""
    span = isinstance(words, tuple) and len(words) == 2 and all(type(end) is int for end in words)
    if isinstance(words, str | Word | WordHeatMap) or span:
        return [words]
    if not isinstance(words, Iterable) or getattr(words, "ndim", None) == 0:
        raise WrongKindError(f"words= takes words of the prompt, not {kind_of(words)}.")
    several = list(words)
    if not several:
        raise SelectionError("The choice of words is empty. Name one, or leave words=None for all.")
    return several


def _check_picture(image: object, word_map: object) -> None:
    """Refuse what is neither a picture nor the recording that holds it."""
    if image is None or isinstance(image, Recording | Image.Image):
        return
    if isinstance(image, WordHeatMap):
        raise WrongKindError(
            "overlay() takes the picture first, or its recording, then the map: overlay(run, map)."
        )
    if isinstance(image, HeatMaps):
        raise WrongKindError(
            f"overlay() takes a picture or its recording, not HeatMaps: overlay(maps.run, "
            f"{f'maps.word({word_map!r})' if isinstance(word_map, str) else 'map'})."
        )
    if hasattr(image, "shape"):
        raise WrongKindError(
            f"overlay() takes a PIL image or a recording, not {kind_of(image)}: "
            "PIL.Image.fromarray(array) makes one."
        )
    check_recording(image, where="overlay()")


def _row(item: _Words, style: Style, most: int, *, header: bool) -> Row:
    run = item.source.run
    panels = []
    if run.image is not None:
        own = (run.image.height, run.image.width)
        panels.append(picture_panel(run.image, drawn_size(own, most=most)))
    for word_map in item.maps:
        size = size_of(word_map, run.image, most=most)
        panels.append(word_panel(word_map, run.image, size=size, style=style, title=word_map.label))
    seed = f" · seed {run.facts.seed}" if run.facts.seed is not None else ""
    return Row(tuple(panels), header=f"“{item.source.prompt.text}”{seed}" if header else "")


def _units(every: Sequence[_Words], style: Style) -> str:
    """What the numbers are; one unit where all share a scale."""
    units = list(dict.fromkeys(unit_of(item.maps[0]) for item in every if item.maps))
    if style.scale == "common" and len(units) > 1:
        raise SelectionError(
            f"Maps in different units cannot share one scale: {'; '.join(units)}. Use scale='own', "
            f"or make all of them alike."
        )
    return "; ".join(units)


def _notes(every: Sequence[_Words], style: Style, most: int) -> list[str]:
    """How the maps were drawn, each way once."""
    notes: dict[str, None] = {}
    for item in every:
        image = item.source.run.image
        for word_map in item.maps[:1]:
            size = size_of(word_map, image, most=most)
            notes.update(dict.fromkeys(drawing_notes(word_map, image, size, style)))
    return list(notes)


def _common(rows: Sequence[Row]) -> tuple[list[Row], float]:
    panels, highest = with_common_scale([panel for row in rows for panel in row.panels])
    left = iter(panels)
    return [
        Row(tuple(next(left) for _ in row.panels), row.header, row.label) for row in rows
    ], highest
