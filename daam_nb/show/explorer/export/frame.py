"""The numbers of an explorer's selection as a table."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any, Literal

from daam_nb.errors import MissingExtraError
from daam_nb.kinds import check_choice
from daam_nb.maps.measure import area, center_of_mass, entropy, iou
from daam_nb.maps.threshold import mask_of
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.show.explorer.export.snapshot import Look
from daam_nb.show.explorer.model.selection import (
    entry_map,
    maps_of,
    selection_in_words,
    word_map,
)
from daam_nb.show.explorer.model.tiles import overlaps

Rows = Literal["word", "step", "head"]


def frame_of(look: Look, by: Rows) -> Any:
    """Make the table of `Explorer.to_frame`.

    Raises
    ------
    MissingExtraError
        Where pandas is not installed.
    """
    tables = {"word": _by_word, "step": _by_step, "head": _by_head}
    check_choice(by, "by", tables)
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "studies", "to_frame()") from None
    frame = pd.DataFrame(tables[by](look))
    subject = look.subject
    frame.attrs = {
        "prompt": subject.prompt.text,
        "model": subject.run.facts.model,
        "seed": subject.run.facts.seed,
        "conditions": " ".join(look.facts["conditions"]),
        "word": subject.entries[look["word"]].text,
        "choice": selection_in_words(subject, look.selected),
        "kind": subject.kind.name,
        "unit": subject.view.unit,
        "threshold": look["threshold"],
    }
    return frame


def _by_word(look: Look) -> list[dict[str, Any]]:
    subject, threshold = look.subject, look["threshold"]
    maps = maps_of(subject, look.selected)
    own = look.engine.mask(look.selected, threshold)
    rows = []
    for number, entry in enumerate(subject.entries):
        if not entry.kept:
            continue
        heat_map = entry_map(subject, maps, number)
        start, end = entry.span if entry.span is not None else (None, None)
        rows.append(
            {
                "number": number,
                "word": entry.text,
                "kind": entry.kind,
                "start": start,
                "end": end,
                "tokens": entry.tokens,
                **_numbers(heat_map, threshold),
                "iou": iou(mask_of(heat_map.values, threshold), own),
            }
        )
    return rows


def _by_step(look: Look) -> list[dict[str, Any]]:
    subject, rows = look.subject, []
    for place in range(subject.step_count):
        heat_map = word_map(subject, replace(look.selected, steps=(place, place + 1)))
        step = None if subject.summed else subject.run.steps[place]
        timestep = None if step is None else subject.run.timesteps[step]
        rows.append({"step": step, "timestep": timestep, **_numbers(heat_map, look["threshold"])})
    return rows


def _by_head(look: Look) -> list[dict[str, Any]]:
    tiles = look.engine.tiles(look.selected)
    mask = look.engine.mask(look.selected, look["threshold"])
    inside, chance = overlaps(tiles, mask), float(mask.double().mean())
    return [
        {
            "number": number,
            "layer": layer.name,
            "stage": layer.stage,
            "height": layer.size[0],
            "width": layer.size[1],
            "head": head,
            "mean": tiles.mean[number][head],
            "peak": tiles.peak[number][head],
            "entropy": tiles.entropy[number][head],
            "overlap": inside[number][head],
            "lift": inside[number][head] / chance if chance > 0 else math.nan,
        }
        for number, layer in enumerate(look.subject.layers)
        for head in range(layer.heads)
    ]


def _numbers(heat_map: WordHeatMap, threshold: float) -> dict[str, float]:
    y, x = center_of_mass(heat_map)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty mask has the area 0, which is what is said
        covered = area(heat_map, threshold=threshold)
    return {
        "mean": float(heat_map.values.mean()),
        "peak": float(heat_map.values.max()),
        "entropy": entropy(heat_map),
        "area": covered,
        "center_y": y,
        "center_x": x,
    }
