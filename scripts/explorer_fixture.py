"""Write js/test/fixture.json: a real explorer's state, and numbers computed in Python beside it.

    python -m scripts.explorer_fixture [--to FILE]

The front end is developed and its arithmetic tested on this file, without a kernel: the state is
the sample recording's, `expected` holds what Python makes of it.
"""

from __future__ import annotations

import argparse
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import daam_nb
from daam_nb.maps import iod, ioh, iou
from daam_nb.maps.threshold import mask_of
from daam_nb.show.colors import palette
from daam_nb.show.explorer.controls import CHOICES
from daam_nb.show.explorer.model.container import pack, unpack
from daam_nb.show.explorer.model.facts import COLORMAPS
from daam_nb.show.explorer.model.ranking import background, in_region, inside
from daam_nb.show.explorer.model.stacks import preview
from daam_nb.show.explorer.page.widget import Explorer

TARGET = Path(__file__).parent.parent / "js" / "test" / "fixture.json"
RUN = "fixture"  # explorers have names by chance, and the file is to stay the same
POLYGON = ((0.1, 0.2), (0.8, 0.3), (0.6, 0.9), (0.3, 0.7))


def fixture() -> dict[str, Any]:
    """Open the explorer of the sample, compare two words, choose some steps, and write it down."""
    explorer = daam_nb.explore(daam_nb.sample(), parser=False)
    words = [n for n, entry in enumerate(explorer.words) if entry.kept and not entry.special]
    steps = slice(1, -1)
    explorer.choose(word=words[1], word_b=words[-1], steps=steps)
    return {
        "made_by": "python scripts/explorer_fixture.py",
        "traits": {name: explorer.get_state(name)[name] for name in CHOICES},
        "numbers": {name: getattr(explorer, name) for name in ("iou", "iod", "ioh", "peak")},
        "status": explorer.status,
        "_facts": {**explorer._facts, "run": RUN},
        "_first": coded(pack({"run": RUN}, unpack(explorer._first)[1])),
        "_images": coded(pack({"run": RUN}, unpack(explorer._images)[1])),
        "palettes": {name: coded(np.rint(palette(name) * 255).astype("u1")) for name in COLORMAPS},
        "expected": expected(explorer),
    }


def expected(explorer: Explorer) -> dict[str, Any]:
    """What Python makes of the state: previews, masks, overlaps, a region's cells."""
    engine, threshold = explorer.engine, explorer.threshold
    stack = engine.stack(explorer.selected)
    count = len(stack.scales)
    ranges = [(0, count), (0, 1), (count - 1, count), explorer.selected.steps]
    exact = engine.exact(explorer.selected).values
    masks = {share: engine.mask(explorer.selected, share) for share in (0.0, 0.2, 0.4, 0.9, 1.0)}
    a = preview(stack, 0, count)
    b = preview(engine.stack(explorer._selected_b), 0, count)
    mask_a, mask_b = (mask_of(torch.from_numpy(values), threshold) for values in (a, b))
    return {
        "previews": [
            {"steps": list(steps), "values": coded(preview(stack, *steps).astype("<f4"))}
            for steps in ranges
        ],
        "exact_peak": float(exact.max()),
        "masks": [
            {"threshold": share, "mask": coded(mask.numpy().astype("u1")), "area": int(mask.sum())}
            for share, mask in masks.items()
        ],
        "preview_overlap": {
            "threshold": threshold,
            "iou": iou(mask_a, mask_b),
            "iod": iod(mask_b, mask_a),
            "ioh": ioh(mask_b, mask_a),
        },
        "region": {
            "polygon": POLYGON,
            "cells": coded(inside(POLYGON, explorer.subject.grid).astype("u1")),
        },
        "ranking": ranking(explorer),
        "pixel": {
            "y": 0.4,
            "x": 0.6,
            "rows": [
                {"word": row.word, "value": row.value, "share": row.share, "lift": row.lift}
                for row in explorer.words_at(0.4, 0.6)
            ],
        },
    }


def ranking(explorer: Explorer) -> dict[str, Any]:
    """Lifts and what chance gives, of the maps that a page without a kernel makes itself."""
    engine, selected = explorer.engine, explorer.selected
    words = [n for n, entry in enumerate(explorer.words) if entry.kept and not entry.special]
    stacks = {word: engine.stack(replace(selected, word=word)) for word in words[:4]}
    maps = {
        word: torch.from_numpy(preview(stack, 0, len(stack.scales)).astype("<f4"))
        for word, stack in stacks.items()
    }
    of_cells = background(maps)
    cells = inside(POLYGON, explorer.subject.served)
    values, of_region = in_region(maps, cells)
    return {
        "maps": {word: coded(values.numpy()) for word, values in maps.items()},
        "shape": explorer.subject.served,
        "whole": of_cells.shares,
        "chance": of_cells.chance,
        "region": {"values": values, "chance": of_region.chance},
    }


def coded(data: Any) -> str:
    """Bytes or an array as base64."""
    raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    return base64.b64encode(raw).decode("ascii")


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=TARGET, metavar="FILE")
    path = parser.parse_args().to
    text = json.dumps(fixture(), indent=1, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path}: {len(text.encode()) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
