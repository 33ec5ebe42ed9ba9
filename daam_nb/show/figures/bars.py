"""Bars of how much attention each token takes, including start and end of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from daam_nb.errors import SelectionError
from daam_nb.kinds import check_choice, check_flag, names_checked
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.prompt import Prompt
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.figures.chart import Axis, Chart, HorizontalBar, Mark, Note
from daam_nb.show.figures.description import GRAY, INK, Bar, Box, Line, Sheet
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.layout import (
    CAPTION,
    HEADING,
    LEADING,
    MARGIN,
    MIN_WIDTH,
    place_caption,
)
from daam_nb.show.figures.panels import number
from daam_nb.show.figures.provenance import credits
from daam_nb.show.lettering import plain, wrap
from daam_nb.show.lettering import width as text_width

Measure = Literal["share", "mean", "peak"]
Name = tuple[str, bool]  # and whether it is a special token

TEXT_COLOR = "#b63655"  # of the family of the maps' colors
SPECIAL_COLOR = "#a6a6a6"
MAX_ROWS = 28  # bars below each other before a new column begins
ROW, THICK, LETTERS = 19.0, 12.0, 12.0
LONGEST_LABEL = 170.0
BAR_ROOM, VALUE_ROOM = 240.0, 52.0


@names_checked
def token_bars(
    maps: Recording | HeatMaps, *, measure: Measure = "share", special: bool = True
) -> Figure:
    """Draw how much attention each token takes, as bars.

    Parameters
    ----------
    maps
        Heat maps, or a recording, whose maps are made with the defaults of `heat_maps`.
    measure
        ``"share"``: share of the attention of all tokens shown, so that the bars add up to 100 %.
        ``"mean"``: the mean of the token's map. ``"peak"``: its largest value.
    special
        Whether start and end of text are shown. In models with CLIP they take most of the
        attention.

    Returns
    -------
    Figure

    Raises
    ------
    SelectionError
        For an unknown measure, or if there is no token to show; for ``"share"`` of maps that are no
        longer attention (`normalized`, `shares`), whose sums are meaningless.
    """
    check_choice(measure, "measure", ("share", "mean", "peak"))
    check_flag(special, "special")
    if not isinstance(maps, HeatMaps):
        check_recording(maps, where="token_bars()")
    source = maps if isinstance(maps, HeatMaps) else heat_maps(maps)
    if source.kind not in {"attention", "share"}:
        raise SelectionError(
            f"token_bars() shows attention to tokens, and maps of the kind {source.kind!r} are of "
            "words: carrier_bars() shows through which tokens a word acts. Or give heat_maps(run)."
        )
    if measure == "share" and (source.kind != "attention" or source.scale):
        raise SelectionError(
            f"These maps are scaled ({source.unit}), so that their sums are no shares of the "
            f"attention. Give the maps they were made of, heat_maps(run), or choose measure='mean' "
            f"or 'peak'."
        )
    names, values, rest = _measured(source, measure, special)
    caption, metadata = credits([source.run], choice=source.choice, drawing=[rest])
    columns = _Columns.of(names)
    inner = max(MIN_WIDTH, columns.inner)
    lines: list[Line] = []
    top = MARGIN
    for text in wrap(_heading(source, measure), inner, HEADING, most=2, bold=True):
        lines.append(Line(text, MARGIN, top + HEADING * LEADING / 2, HEADING, bold=True))
        top += HEADING * LEADING
    texts = [f"{100 * value:.1f} %" if measure == "share" else number(value) for value in values]
    measured = list(zip(names, values, texts, strict=True))
    bars = _place_bars(lines, measured, columns, top + 6)
    bottom = top + 6 + columns.rows * ROW
    place_caption(lines, caption, x=MARGIN, y=bottom + 8, room=inner)
    height = max(line.y + line.size * LEADING / 2 for line in lines) + MARGIN
    sheet = Sheet(
        size=(math.ceil(height), math.ceil(inner + 2 * MARGIN)),
        lines=tuple(lines),
        bars=tuple(bars),
        chart=_chart(measured, measure),
    )
    return Figure(sheet, _heading(source, measure), caption, {**metadata, "measure": measure})


@dataclass(frozen=True)
class _Columns:
    """Bars below each other, in so many columns beside each other."""

    count: int
    rows: int
    label: float
    bar: float

    @classmethod
    def of(cls, names: Sequence[Name]) -> _Columns:
        count = math.ceil(len(names) / MAX_ROWS)
        longest = max(text_width(plain(name), LETTERS) for name, _ in names)
        return cls(
            count=count,
            rows=math.ceil(len(names) / count),
            label=min(LONGEST_LABEL, longest + 1),
            bar=BAR_ROOM if count > 1 else 1.5 * BAR_ROOM,
        )

    @property
    def pitch(self) -> float:
        """From one column's left edge to the next one's."""
        return self.label + 8 + self.bar + VALUE_ROOM + 14

    @property
    def inner(self) -> float:
        """Width of all columns."""
        return self.count * self.pitch - 14


def _place_bars(
    lines: list[Line],
    measured: Sequence[tuple[Name, float, str]],
    columns: _Columns,
    top: float,
) -> list[Bar]:
    """Append names and numbers to the lines; the bars between them."""
    bars = []
    largest = _largest(measured)
    for position, ((name, special), value, text) in enumerate(measured):
        edge = MARGIN + (position // columns.rows) * columns.pitch + columns.label
        middle = top + (position % columns.rows + 0.5) * ROW
        label = wrap(name, columns.label, LETTERS, most=1)[0]
        lines.append(Line(label, edge, middle, LETTERS, "right", color=GRAY if special else INK))
        box = Box(edge + 8, middle - THICK / 2, columns.bar * value / largest, THICK)
        bars.append(Bar(name, value, box, SPECIAL_COLOR if special else TEXT_COLOR))
        lines.append(Line(text, box.x + box.width + 5, middle, CAPTION, color=GRAY))
    return bars


def _chart(measured: Sequence[tuple[Name, float, str]], measure: Measure) -> Chart:
    """The same bars below each other, for somebody else's axes."""
    factor = 100.0 if measure == "share" else 1.0
    largest = _largest(measured)
    bars: list[Mark] = []
    notes: list[Mark] = []
    for row, ((name, special), value, text) in enumerate(measured):
        color = SPECIAL_COLOR if special else TEXT_COLOR
        bars.append(HorizontalBar(row, factor * value, THICK / ROW, color, name=name))
        notes.append(Note(text, factor * value, row, (4, 0), LETTERS - 4, GRAY, "center"))
    return Chart(
        (*bars, *notes),
        x=Axis("%" if measure == "share" else measure, limits=(0, 1.15 * factor * largest)),
        y=Axis(
            ticks=tuple((row, name) for row, ((name, _), _, _) in enumerate(measured)),
            limits=(len(measured) - 0.5, -0.5),
        ),
    )


def _largest(measured: Sequence[tuple[Name, float, str]]) -> float:
    return max(value for _, value, _ in measured) or 1.0


def _measured(
    maps: HeatMaps, measure: Measure, special: bool
) -> tuple[list[Name], list[float], str]:
    """Names (and whether special) and values of the tokens shown, and what about the others."""
    prompt = maps.prompt
    columns_shown = [
        column
        for column in prompt.text_columns
        if column in maps.columns and (special or prompt.tokens[column].span is not None)
    ]
    if not columns_shown:
        raise SelectionError(
            f"There is no token to show: the recording holds none of the tokens of "
            f"{prompt.text!r}" + ("." if special else ", or only special ones; use special=True.")
        )
    rows = maps.values[[maps.columns.index(column) for column in columns_shown]]  # (token, y, x)
    means = [float(value) for value in rows.mean((1, 2))]
    names = [_name(prompt, column) for column in columns_shown]
    if measure == "peak":
        return names, [float(value) for value in rows.amax((1, 2))], ""
    if measure == "mean":
        return names, means, ""
    total = sum(means)
    rest = ""
    if not maps.scale and maps.reduction == "mean":
        rest = f"the tokens shown take {100 * total:.0f} % of all attention"
    return names, [value / total if total > 0 else 0.0 for value in means], rest


def _name(prompt: Prompt, column: int) -> Name:
    token = prompt.tokens[column]
    if token.span is not None:
        return prompt.text[slice(*token.span)], False
    if column == prompt.start_of_text:
        return "start of text", True
    return ("end of text" if column == prompt.end_of_text else token.piece), True


def _heading(maps: HeatMaps, measure: Measure) -> str:
    if measure == "share":
        return "Share of each token in the attention of the tokens shown"
    what = "Mean" if measure == "mean" else "Peak"
    return f"{what} of each token’s map: {maps.unit}, mean over heads and layers"
