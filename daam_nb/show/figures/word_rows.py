"""Images beside the maps of their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.kinds import kind_of, names_checked
from daam_nb.maps.finding import WordChoice
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.colors import DEFAULT
from daam_nb.show.conditions import seed_in_words
from daam_nb.show.figures.belonging import check_one_choice, check_own_run
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import Grid, Row, compose
from daam_nb.show.figures.panels import (
    RowScaleChoice,
    Style,
    color_bar,
    drawing_notes,
    image_panel,
    size_of,
    unit_of,
    with_common_scale,
    word_panel,
)
from daam_nb.show.figures.provenance import credits
from daam_nb.show.pixels import OPACITY, drawn_size

Shown = Recording | HeatMaps


@names_checked
def words_row(
    *shown: Shown,
    words: WordChoice | Sequence[WordChoice] | None = None,
    scale: RowScaleChoice = "own",
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    gray: bool = True,
) -> Figure:
    """Draw each image beside the maps of its words, one row per image.

    The layout of Tang et al. 2023, Fig. 1. A row that is too long goes on below.

    Parameters
    ----------
    shown
        Recordings, whose maps are made with the defaults of `heat_maps`, or `HeatMaps`.
    words
        The words, in this order, or one word; None: every word that the model read. A map of the
        row's run is drawn unchanged, with its own selection.
    scale
        ``"own"``: the colors of each map range from 0 to its own peak, which is printed below it;
        ``"common"``: one scale for all maps of the figure; ``"row"``: one for each row, so that its
        words can be compared if sizes of maps can be (docs/maps.md); ``"spread"``: from each map's
        own minimum to its peak, which magnifies faint differences.
    opacity, threshold, colormap, gray
        As for `overlay`.

    Returns
    -------
    Figure

    Raises
    ------
    SelectionError
        If there is nothing to show, a choice cannot be read, a map belongs to another run, or the
        maps of one row have different selections.
    WordNotFoundError, AmbiguousWordError, TruncatedWordError
        As for `HeatMaps.word`, for `words`.
    """
    style = Style(colormap, opacity, threshold, scale, gray, by_row=True)
    chosen = None if words is None else several_words(words)
    every = [_Words.of(item, chosen) for item in shown]
    count = sum(1 + len(item.maps) for item in every)
    most = 320 if count <= 10 else 224 if count <= 30 else 128  # keeps web pages small
    kinds = len({item.source.kind for item in every}) > 1
    rows = [_row(item, style, most, header=len(every) > 1, kind=kinds) for item in every]
    if not any(row.panels for row in rows):
        raise SelectionError(
            "There is nothing to show: no image and no word. Give a recording, or HeatMaps, "
            "whose prompt has words."
        )
    units = _units(every, style)
    highest = 0.0
    if style.scale == "common":
        rows, highest = _common(rows)
    if style.scale == "row":
        rows = [_common([row])[0][0] for row in rows]
    caption, metadata = credits(
        [item.source.run for item in every],
        choice="; ".join(dict.fromkeys(item.choice for item in every)),
        drawing=_notes(every, style, most),
    )
    bar = color_bar(style, units, highest) if units else None
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


def several_words(words: Any) -> list[WordChoice]:
    """Return one word or several as a list; a text is one word, and so is a span of characters."""
    span = isinstance(words, tuple) and len(words) == 2 and all(type(end) is int for end in words)
    if isinstance(words, str | Word | WordHeatMap) or span:
        return [words]
    if not isinstance(words, Iterable) or getattr(words, "ndim", None) == 0:
        raise WrongKindError(f"words= takes words of the prompt, not {kind_of(words)}.")
    several = list(words)
    if not several:
        raise SelectionError("The choice of words is empty. Name one, or leave words=None for all.")
    return several


def _row(item: _Words, style: Style, most: int, *, header: bool, kind: bool) -> Row:
    run = item.source.run
    panels = []
    if run.image is not None:
        own = (run.image.height, run.image.width)
        panels.append(image_panel(run.image, drawn_size(own, most=most)))
    for word_map in item.maps:
        size = size_of(word_map, run.image, most=most)
        panels.append(word_panel(word_map, run.image, size=size, style=style, title=word_map.label))
    of_kind = f" · {item.source.kind}" if kind else ""
    seed = f" · seed {seed_in_words(run)}" if seed_in_words(run) else ""
    title = f"“{item.source.prompt.text}”{seed}{of_kind}"
    return Row(tuple(panels), header=title if header else "")


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
