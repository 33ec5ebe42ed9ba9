"""One panel of a figure: an image, or the map of a word over it, and its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from daam_nb.kinds import check_choice, check_flag
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.recording.layers import PROBABILITY
from daam_nb.show.colors import palette
from daam_nb.show.figures.description import Heat, Panel
from daam_nb.show.figures.layout import Scale
from daam_nb.show.lettering import NO_BREAK
from daam_nb.show.pixels import (
    checked_opacity,
    checked_threshold,
    contour_level,
    drawn_size,
    peak_of,
    resized,
    rgb,
    same_shape,
)

ScaleChoice = Literal["own", "common", "spread"]
RowScaleChoice = ScaleChoice | Literal["row"]
ENDS = {
    "own": ("0", "each map’s own peak"),
    "common": ("0", "the highest peak"),
    "row": ("0", "the highest peak of the row"),
    "spread": ("each map’s own minimum", "its peak, which magnifies faint differences"),
}


@dataclass(frozen=True)
class Style:
    """The coloring of maps, checked at construction.

    Attributes
    ----------
    colormap
        Name of a color map.
    opacity
        Of the map over the image, in [0, 1].
    threshold
        Where a line is drawn, as a share of each map's peak; None: no line.
    scale
        ``"own"``: the colors of each map run from 0 to its own peak; ``"common"``: from 0 to the
        highest peak of all; ``"row"``: to that of the row; ``"spread"``: from each map's own
        minimum to its peak, which shows faint differences, and makes the flattest map look as
        uneven as any other.
    gray
        Whether images below maps lose their color.
    by_row
        Whether the figure has rows that can have a scale each.
    """

    colormap: str
    opacity: float
    threshold: float | None
    scale: RowScaleChoice
    gray: bool = True
    by_row: bool = False

    def __post_init__(self) -> None:
        palette(self.colormap)
        checked_opacity(self.opacity)
        checked_threshold(self.threshold)
        check_flag(self.gray, "gray")
        check_choice(
            self.scale,
            "scale",
            ENDS if self.by_row else [name for name in ENDS if name != "row"],
            more="Each map's colors run from 0 to its own peak, on one scale for all, or spread "
            "from its minimum to its peak.",
        )


def number(value: float) -> str:
    """Write a number for people: three digits."""
    return f"{value:.3g}"


def lowest(word_map: WordHeatMap, style: Style) -> float:
    """Return the value at which the colors of a map begin."""
    return float(word_map.values.min()) if style.scale == "spread" else 0.0


def value_note(low: float, peak: float, style: Style) -> str:
    """Write the ends of a map's own colors, without words."""
    return f"{number(low)}–{number(peak)}" if style.scale == "spread" else number(peak)


def peak_note(word_map: WordHeatMap, style: Style) -> str:
    """Write a map's peak, and its minimum where the colors begin there."""
    text = value_note(lowest(word_map, style), peak_of(word_map), style)
    return text if style.scale == "spread" else f"peak {text}"


def cells(size: tuple[int, int]) -> str:
    """Write a size for people: height × width, on one line."""
    return f"{size[0]}{NO_BREAK}×{NO_BREAK}{size[1]}"


def image_panel(image: Image.Image, size: tuple[int, int], *, note: str = "image") -> Panel:
    """Show an image as it is."""
    return Panel(
        name="image",
        image=rgb(image, size),
        note=note,
        aspect=image.width / image.height,
        own_size=(image.height, image.width),
    )


def word_panel(
    word_map: WordHeatMap,
    image: Image.Image | None,
    *,
    size: tuple[int, int],
    style: Style,
    title: str,
    note: str | None = None,
) -> Panel:
    """Draw the map of a word over its image, or over nothing; its colors end at its own peak.

    Parameters
    ----------
    size
        (height, width) at which both are drawn.
    note
        Below it; None: the map's peak.
    """
    if image is not None:
        same_shape(image, word_map)
    values = resized(word_map, size)
    heat = Heat(
        values=values,
        vmin=lowest(word_map, style),
        vmax=peak_of(word_map),
        colormap=style.colormap,
        opacity=style.opacity if image is not None else 1.0,
        contour=contour_level(values, style.threshold),
    )
    return Panel(
        name=title,
        image=None if image is None else rgb(image, size, gray=style.gray),
        heat=heat,
        title=title,
        note=peak_note(word_map, style) if note is None else note,
        aspect=size[1] / size[0],
        own_size=own_size(word_map, image),
    )


def with_common_scale(panels: Sequence[Panel]) -> tuple[list[Panel], float]:
    """Let the colors of all maps run to the highest of their ends; also that value."""
    highest = max((panel.heat.vmax for panel in panels if panel.heat is not None), default=0.0)
    made_panels = [
        panel if panel.heat is None else replace(panel, heat=replace(panel.heat, vmax=highest))
        for panel in panels
    ]
    return made_panels, highest


def size_of(word_map: WordHeatMap, image: Image.Image | None, *, most: int) -> tuple[int, int]:
    """(height, width) at which a map and its image are drawn."""
    return drawn_size(own_size(word_map, image), most=most)


def own_size(word_map: WordHeatMap, image: Image.Image | None) -> tuple[int, int]:
    """(height, width) of the image below a map, in its own pixels."""
    if image is not None:
        return image.height, image.width
    return word_map.image_size or word_map.size


def color_bar(style: Style, unit: str, highest: float) -> Scale:
    """Explain the colors: 0 to the peak, and in which unit."""
    if style.scale == "spread":
        return Scale(style.colormap, ((0, "minimum"), (1, "peak of each map")), unit)
    if style.scale == "own":
        return Scale(style.colormap, ((0, "0"), (1, "peak of each map")), unit)
    if style.scale == "row":
        return Scale(style.colormap, ((0, "0"), (1, "highest peak of the row")), unit)
    ticks = ((0, "0"), (0.5, number(highest / 2)), (1, number(highest)))
    return Scale(style.colormap, ticks, unit)


def unit_of(word_map: WordHeatMap) -> str:
    """Describe the quantity and what it is averaged over."""
    unit = f"{word_map.unit}, derived" if word_map.derived else word_map.unit
    if not unit.startswith(PROBABILITY) or word_map.origin is None:
        return unit
    if "summed over steps" in unit:
        return f"{unit}, mean over heads and layers"
    return f"{unit}, mean over steps, heads and layers"


def colors_note(style: Style) -> str:
    """Describe the range of the colors."""
    first, last = ENDS[style.scale]
    return f"colors run from {first} to {last}"


def _grids(word_map: WordHeatMap) -> str:
    """From which grid a map was brought to the image, and by which way."""
    own = word_map.size if word_map.origin is None else word_map.origin.size
    by_way_of = "" if own == word_map.size else f" by way of {cells(word_map.size)}"
    return f"maps bicubic from {cells(own)}{by_way_of}"


def drawing_notes(
    word_map: WordHeatMap, image: Image.Image | None, size: tuple[int, int], style: Style
) -> list[str]:
    """Describe how the values were drawn."""
    notes = [
        colors_note(style),
        _grids(word_map),
    ]
    if image is None:
        notes.append("no image is held, so maps stand on a plain background")
    else:
        gray = " in gray" if style.gray else ""
        notes.append(f"over the image{gray} at opacity {style.opacity:g}")
        factor = size[0] / image.height
        if factor > 1:
            notes.append(f"image enlarged {factor:g}× (Lanczos)")
        elif factor < 1:
            notes.append(f"both drawn at {cells(size)}")
    if style.threshold is not None:
        notes.append(f"white line at {style.threshold:g} of the peak (eq. 7)")
    return notes
