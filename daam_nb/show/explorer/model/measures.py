"""One number for each head of each layer: what the atlas is colored and sorted by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from daam_nb.errors import SelectionError
from daam_nb.head_tables import HeadTable
from daam_nb.maps.methods import map_kind
from daam_nb.recording import Layer, Recording
from daam_nb.show.explorer.model.entries import Entry, clean
from daam_nb.show.explorer.model.views.effect import EffectView

Values = list[list[float | None]]  # by layer and head; None: not known
EFFECT_SHARE, TABLE = "effect_share", "table."
_INTERVAL = ("_low", "_high")
_NO_MEASURES = ("layer", "head")


@dataclass(frozen=True)
class Measure:
    """What is known of every head as a number.

    Attributes
    ----------
    name
        As `tile_measure` and `tile_sort` take it.
    label
        What people read.
    about
        What it is, in a few words.
    of
        What it depends on: ``"tile"``, the word and the steps, and it comes with the tiles;
        ``"mask"``, the mask or the region that is drawn, too; ``"word"``, the word and the steps;
        ``"model"``, nothing that is chosen.
    low_first
        Whether the lowest are the most telling.
    """

    name: str
    label: str
    about: str
    of: Literal["tile", "mask", "word", "model"]
    low_first: bool = False

    def for_page(self) -> dict[str, Any]:
        """What the page knows of it: plain data."""
        return {
            "name": self.name,
            "label": self.label,
            "about": self.about,
            "of": self.of,
            "low_first": self.low_first,
        }


def measures_of(
    run: Recording, *, kind: str, unit: str, of_heads: bool, negative: bool, table: HeadTable | None
) -> tuple[Measure, ...]:
    """The measures that there are of a recording's heads."""
    own = (
        Measure("mean", "mean", f"mean over the cells: {unit}", "tile"),
        Measure("peak", "peak", f"the largest value: {unit}", "tile"),
        Measure(
            "entropy",
            "entropy",
            "how spread out it is: 0 in one cell, 1 the same everywhere",
            "tile",
            low_first=True,
        ),
        Measure("overlap", "overlap", "share of it inside the mask, or the region drawn", "mask"),
        Measure(
            "lift",
            "lift",
            "overlap over what chance gives, the mask's share of the image: 1 is chance",
            "mask",
        ),
    )
    effects = run.negative_effects if negative else run.effects
    shares = (
        Measure(EFFECT_SHARE, "effect share", "the head's part of the word's effect", "word"),
    )
    with_effects = shares if effects is not None and kind != "effect" and of_heads else ()
    of_table = _columns(table) if table is not None and of_heads else ()
    return (*own, *with_effects, *of_table)


def _columns(table: HeadTable) -> tuple[Measure, ...]:
    names = dict.fromkeys(name for row in table.rows for name in row)
    return tuple(
        Measure(
            f"{TABLE}{name}",
            f"table: {clean(name.replace('_', ' '))}",
            f"{clean(name.replace('_', ' '))}, of {clean(table.model)}'s table of heads",
            "model",
        )
        for name in names
        if name not in _NO_MEASURES
        and not name.endswith(_INTERVAL)
        and any(isinstance(row.get(name), int | float) for row in table.rows)
    )


def table_values(table: HeadTable, layers: tuple[Layer, ...], name: str) -> Values:
    """A column of a model's table of heads; None where it has no number of a head."""
    column = name.removeprefix(TABLE)
    known = {(row["layer"], row["head"]): row.get(column) for row in table.rows}
    return [
        [_number(known.get((layer.name, head))) for head in range(layer.heads)] for layer in layers
    ]


def effect_shares(
    run: Recording, entry: Entry, steps: tuple[int, int], *, negative: bool
) -> Values:
    """Each head's part of a word's effect, as a share of its effect on all layers together.

    The part, and a layer's effect, are means over steps and the layer's locations: the column
    ``effect_of_all`` of a head atlas has the same of many words. It is below 0 where a head works
    against the others. None of a word whose effect was not recorded.
    """
    view = EffectView(run, map_kind("effect"), negative)
    effects, layers = view.source.effects, view.by_head.layers
    if entry.tokens not in effects.words:
        return [[None] * layer.heads for layer in layers]
    word = effects.words.index(entry.tokens)
    places = slice(None) if view.summed else slice(*steps)
    parts = [
        effects.by_head[layer.name][places, :, word].double().mean((0, 2, 3)) for layer in layers
    ]
    total = sum(float(effects.shares[layer.name][places, word].double().mean()) for layer in layers)
    return [[one / total if total > 0 else None for one in of_layer.tolist()] for of_layer in parts]


def named(measures: tuple[Measure, ...], name: str) -> Measure:
    """The measure of a name.

    Raises
    ------
    SelectionError
        Where a recording has none of that name.
    """
    by_name: Mapping[str, Measure] = {measure.name: measure for measure in measures}
    if name not in by_name:
        raise SelectionError(
            f"There is no measure {name!r:.60} of this recording's heads. There are "
            f"{', '.join(map(repr, by_name))}."
        )
    return by_name[name]


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)
