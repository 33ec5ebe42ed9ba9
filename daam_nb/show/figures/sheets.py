"""The map of one word by step and by head: a strip of steps, a sheet of layers and heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from daam_nb.errors import SelectionError
from daam_nb.kinds import names_checked, number_between
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.recording import Layer, LayerChoice, Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.selection import HeadChoice, StepChoice, in_words
from daam_nb.show.colors import DEFAULT
from daam_nb.show.figures.belonging import check_strip
from daam_nb.show.figures.description import Heat, Panel
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import Grid, Row, compose
from daam_nb.show.figures.panels import (
    ScaleChoice,
    Style,
    cells,
    color_bar,
    colors_note,
    drawing_notes,
    image_panel,
    peak_note,
    size_of,
    value_note,
    with_common_scale,
    word_panel,
)
from daam_nb.show.figures.provenance import credits
from daam_nb.show.pixels import OPACITY


@names_checked
def step_strip(
    run: Recording,
    word: str | WordHeatMap | tuple[int, int],
    *,
    kind: str = "attention",
    occurrence: int | None = None,
    bins: int | None = 8,
    steps: StepChoice = None,
    layers: LayerChoice = "paper",
    heads: HeadChoice = None,
    scale: ScaleChoice = "common",
    opacity: float = OPACITY,
    threshold: float | None = None,
    colormap: str = DEFAULT,
    gray: bool = True,
) -> Figure:
    """Draw how the map of a word develops over the steps.

    Parameters
    ----------
    run
        A recording that keeps its steps.
    word
        A word or phrase of the prompt, its (start, end) in characters, or its map of this run with
        this selection.
    kind
        What the maps show, as in `heat_maps`.
    occurrence
        Which one (0-based) if the prompt contains it several times.
    bins
        Number of panels, each the mean over consecutive steps; None: one per step. They are labeled
        with their first and last step, counted from 0, and timestep.
    steps, layers, heads
        As for `heat_maps`.
    scale
        ``"common"``: one scale for all panels; ``"own"``: from 0 to each panel's peak;
        ``"spread"``: from each panel's minimum to its peak.
    opacity, threshold, colormap, gray
        As for `overlay`.

    Returns
    -------
    Figure

    Raises
    ------
    NotKeptError
        If the recording holds only the sum over its steps, or lacks the chosen steps.
    SelectionError
        If `bins` is less than 1, another choice cannot be read, or a map belongs to another run or
        selection.
    """
    check_recording(run, where="step_strip()", order="step_strip(run, word)", other=word)
    style = Style(colormap, opacity, threshold, scale, gray)
    maps = heat_maps(run, kind=kind, layers=layers, steps=steps, heads=heads)
    check_strip(word, maps, parts=False, where="step_strip()")
    whole = maps.word(word, occurrence=occurrence)
    size = size_of(whole, run.image, most=320)
    panels = [] if run.image is None else [image_panel(run.image, size, note="image\n ")]
    for group in _groups(maps.steps, bins):
        of_group = heat_maps(run, kind=kind, layers=maps.layers, steps=group, heads=maps.heads)
        part = of_group.word(whole)
        first, last = run.timesteps[group[0]], run.timesteps[group[-1]]
        times = f"t {first:.0f}" if len(group) == 1 else f"t {first:.0f}–{last:.0f}"
        panel = word_panel(
            part,
            run.image,
            size=size,
            style=style,
            title=_steps(group),
            note=f"{times}\n{peak_note(part, style)}",
        )
        panels.append(panel)
    highest = 0.0
    if scale == "common":
        panels, highest = with_common_scale(panels)
    notes = drawing_notes(whole, run.image, size, style)
    caption, metadata = credits([run], choice=f"{maps.choice}, of each panel alone", drawing=notes)
    return compose(
        [Row(tuple(panels))],
        grid=Grid(),
        heading=f"“{whole.label}”, step by step",
        scale=color_bar(style, f"{whole.unit}, {_mean_over(maps, 'the panel’s steps')}", highest),
        caption=caption,
        metadata={**metadata, "word": whole.label},
    )


@names_checked
def head_sheet(
    run: Recording,
    word: str | WordHeatMap | tuple[int, int],
    *,
    kind: str = "attention",
    occurrence: int | None = None,
    steps: StepChoice = None,
    layers: LayerChoice = "all",
    scale: ScaleChoice = "common",
    colormap: str = DEFAULT,
) -> Figure:
    """Draw the map of a word for every head of every layer.

    One row per layer, one tile per head, at the layer's own resolution, without interpolation.

    Parameters
    ----------
    run
        A recording.
    word
        A word or phrase of the prompt, its (start, end) in characters, or its map of this run with
        this selection.
    kind
        What the maps show, as for `heat_maps`. For effects, a tile is the head's part of the
        change, clamped at 0.
    occurrence
        Which one (0-based) if the prompt contains it several times.
    steps, layers
        As for `heat_maps`; the maps are the mean over the steps.
    scale
        ``"common"``: one scale for all tiles; ``"own"``: from 0 to each tile's peak, which is
        printed below it; ``"spread"``: from each tile's minimum to its peak.
    colormap
        As for `overlay`.

    Returns
    -------
    Figure
        Rows are shorter for layers with fewer heads.

    Raises
    ------
    SelectionError
        If a choice cannot be read, or a map belongs to another run or selection.
    """
    check_recording(run, where="head_sheet()", order="head_sheet(run, word)", other=word)
    style = Style(colormap, 1.0, None, scale)
    maps = heat_maps(run, kind=kind, layers=layers, steps=steps)
    check_strip(word, maps, parts=True, where="head_sheet()")
    whole = maps.word(word, occurrence=occurrence)
    names = _short_names(maps.layers)
    rows = [
        Row(_tiles(maps, layer, whole, style), label=(name, _about(layer)))
        for layer, name in zip(maps.layers, names, strict=True)
    ]
    highest = 0.0
    if scale == "common":
        panels, highest = with_common_scale([panel for row in rows for panel in row.panels])
        left = iter(panels)
        rows = [Row(tuple(next(left) for _ in row.panels), label=row.label) for row in rows]
    heads = max(layer.heads for layer in maps.layers)
    least = 18.0 if scale == "common" else 48.0  # room for the numbers below
    caption, metadata = credits(
        [run],
        choice=maps.choice,
        drawing=[
            colors_note(style),
            "each tile is one head at its layer’s own resolution, not interpolated",
        ],
    )
    return compose(
        rows,
        grid=Grid(least=least, most=56.0, tallest=84.0, columns=heads, gap=4.0),
        heading=f"“{whole.label}” in each layer and head",
        scale=color_bar(style, f"{whole.unit}, mean over steps", highest),
        caption=caption,
        metadata={**metadata, "word": whole.label},
        column_titles=["head 0", *map(str, range(1, heads))] if heads > 1 else ["head 0"],
    )


def _mean_over(maps: HeatMaps, steps: str) -> str:
    """What a panel's numbers are the mean over; of effects, heads are added up."""
    return (
        f"mean over {steps} and layers"
        if maps.kind == "effect"
        else f"mean over {steps}, heads and layers"
    )


def _groups(steps: tuple[int, ...], bins: int | None) -> list[tuple[int, ...]]:
    """Cut the steps into runs whose lengths differ by one at most."""
    if bins is not None:
        try:
            bins = number_between(bins, "bins", low=1)
        except SelectionError:
            raise SelectionError(
                f"bins={bins!r} makes no panel. Use a whole number >= 1, or None for each step."
            ) from None
    count = len(steps) if bins is None else min(bins, len(steps))
    return [tuple(int(step) for step in part) for part in np.array_split(steps, count)]


def _steps(group: tuple[int, ...]) -> str:
    """Name the steps of a panel, all of them and no others; ends inclusive."""
    if len(group) == 1:
        return f"step {group[0]}"
    stride = group[1] - group[0]
    if len(group) > 2 and stride > 1 and group == tuple(range(group[0], group[-1] + 1, stride)):
        return f"steps {group[0]}–{group[-1]} by {stride}"
    return f"steps {in_words(group).replace('-', '–')}"


def _tiles(maps: HeatMaps, layer: Layer, word: WordHeatMap, style: Style) -> tuple[Panel, ...]:
    panels = []
    for head, tile in enumerate(maps.in_heads(word, layer)):
        values = np.asarray(tile.numpy(), dtype=np.float32)
        low = float(values.min()) if style.scale == "spread" else 0.0
        peak = float(values.max())
        panels.append(
            Panel(
                name=f"{layer.name}, head {head}",
                heat=Heat(values, low, peak, style.colormap),
                note=_tile_note(low, peak, style),
                aspect=layer.size[1] / layer.size[0],
            )
        )
    return tuple(panels)


def _tile_note(low: float, peak: float, style: Style) -> str:
    """Write the ends of a tile's own colors, below each other as tiles are narrow."""
    return "" if style.scale == "common" else value_note(low, peak, style).replace("–", "–\n")


def _short_names(layers: Sequence[Layer]) -> list[str]:
    """Leave out what all names end in; a lone layer keeps its name."""
    parts = [layer.name.split(".") for layer in layers]
    shared = 0
    while (
        len(parts) > 1
        and all(len(name) > shared + 1 for name in parts)
        and (len({name[-1 - shared] for name in parts}) == 1)
    ):
        shared += 1
    return [".".join(name[: len(name) - shared]) for name in parts]


def _about(layer: Layer) -> str:
    return f"{layer.stage} · {cells(layer.size)}"
