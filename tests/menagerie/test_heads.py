"""The table of the shipped model's heads is of the model that ships, and is what the atlas gave."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

import daam_nb as dnb
from daam_nb.head_tables import SHIPPED, HeadTable

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_model_has_relevant_heads() -> None:
    pipe = dnb.menagerie.load()
    pipe.set_progress_bar_config(disable=True)
    run = dnb.generate(pipe, "a red apple on the grass", seed=0, num_inference_steps=1)
    table = dnb.head_table(run)
    assert table.model == dnb.menagerie.card().model_id
    assert [(row["layer"], row["head"]) for row in table.rows] == [
        (layer.name, head) for layer in run.layers for head in range(layer.heads)
    ]
    maps = dnb.heat_maps(run, heads="relevant")
    assert maps.heads == table.relevant
    assert f"{len(table.relevant)} relevant heads (highest mean average precision on" in maps.choice


def test_it_is_the_page_of_results() -> None:
    table = HeadTable.read(SHIPPED / "unet.csv")
    page = ROOT / "docs/results/atlas/table-1.csv"
    with page.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(table.rows)
    for shown, row in zip(rows, table.rows, strict=True):
        assert int(shown["head"]) == row["head"]
        for heading, name in (("average precision", "average_precision"), ("ablated", "ablated")):
            assert float(shown[heading]) == pytest.approx(row[name], rel=1e-4)
    assert all(math.isfinite(row["relevance"]) for row in table.rows)
