"""Bars of the tokens through which each word acts: its own, later words, end of text, padding."""

from __future__ import annotations

from collections.abc import Sequence

from daam_nb.errors import SelectionError
from daam_nb.kinds import names_checked
from daam_nb.maps.finding import WordChoice
from daam_nb.maps.heatmap import HeatMaps, heat_maps
from daam_nb.maps.methods.carriers import END, LATER, OWN, PADDING, Carriers
from daam_nb.recording import Recording
from daam_nb.recording.kinds import check_recording
from daam_nb.show.figures.chart import Axis, Chart, HorizontalBar, Key, Legend, Mark
from daam_nb.show.figures.figure import Figure
from daam_nb.show.figures.provenance import credits
from daam_nb.show.figures.word_rows import several_words

COLORS = {OWN: "#b63655", LATER: "#d98e04", END: "#2f6f9f", PADDING: "#a6a6a6"}
EARLIER = "#7a4fa3"
THICKNESS = 0.7


@names_checked
def carrier_bars(
    maps: Recording | HeatMaps, *, words: WordChoice | Sequence[WordChoice] | None = None
) -> Figure:
    """Draw through which tokens each word acts (`HeatMaps.carriers`), one bar per word.

    Parameters
    ----------
    maps
        Heat maps, whose layers and steps are used, or a recording with effects
        (``generate(..., effects=True)``).
    words
        The words, in this order, or one word; None: every word whose effect was recorded.

    Returns
    -------
    Figure

    Raises
    ------
    NotKeptError
        If the recording holds no effects, or not those of a word.
    SelectionError
        If heads are chosen.
    """
    if not isinstance(maps, HeatMaps):
        check_recording(maps, where="carrier_bars()")
    chosen = maps if isinstance(maps, HeatMaps) else heat_maps(maps, kind="effect")
    effect = heat_maps(
        chosen.run,
        kind="effect",
        layers=chosen.layers,
        steps=chosen.steps,
        heads=chosen.heads,
        negative=chosen.negative,
    )
    texts = list(effect) if words is None else several_words(words)
    every = [effect.carriers(text) for text in texts]
    if not every:
        raise SelectionError("The recording holds the effect of no word, so there is no bar.")
    caption, metadata = credits(
        [chosen.run],
        choice=effect.choice,
        drawing=["shares of each word's effect over the whole image, all heads together"],
    )
    return Figure(_chart(every), "Through which tokens each word acts", caption, metadata)


def _chart(every: Sequence[Carriers]) -> Chart:
    marks: list[Mark] = []
    names = list(dict.fromkeys(name for carriers in every for name in carriers.groups))
    for row, carriers in enumerate(every):
        shares = {name: 100 * max(0.0, share) for name, share in carriers.groups.items()}
        end = sum(shares.values())
        # The longest first: each shorter bar covers the beginning of the one before it.
        for name in reversed(names):
            label = f"{carriers.label}: {name} {shares.get(name, 0.0):.0f} %"
            color = COLORS.get(name, EARLIER)
            marks.append(HorizontalBar(row, end, THICKNESS, color, name=label))
            end -= shares.get(name, 0.0)
    return Chart(
        tuple(marks),
        inches=(1.3 + 0.32 * len(every), 6.4),
        x=Axis("% of the word's effect", limits=(0, 100)),
        y=Axis(
            ticks=tuple((row, carriers.label) for row, carriers in enumerate(every)),
            limits=(len(every) - 0.5, -0.5),
        ),
        legend=Legend(tuple(Key(name, COLORS.get(name, EARLIER)) for name in names), place="above"),
    )
