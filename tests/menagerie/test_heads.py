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


def test_the_shipped_joint_model_has_relevant_heads() -> None:
    pipe = dnb.menagerie.load(architecture="joint")
    pipe.set_progress_bar_config(disable=True)
    run = dnb.generate(pipe, "a red apple on the grass", seed=0, num_inference_steps=1)
    table = dnb.head_table(run)
    assert table.model == dnb.menagerie.card(architecture="joint").model_id
    assert len(table.relevant) == 16 and len(table.rows) == 36
    assert dnb.heat_maps(run, heads="relevant").heads == table.relevant


@pytest.mark.parametrize(("name", "folder"), [("unet", "atlas"), ("joint", "joint/atlas")])
def test_it_is_the_page_of_results(name: str, folder: str) -> None:
    table = HeadTable.read(SHIPPED / f"{name}.csv")
    page = ROOT / "docs/results" / folder / "table-1.csv"
    with page.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(table.rows)
    for shown, row in zip(rows, table.rows, strict=True):
        assert int(shown["head"]) == row["head"]
        for heading, column in (("average precision", "average_precision"), ("ablated", "ablated")):
            assert float(shown[heading]) == pytest.approx(row[column], rel=1e-4)
    # Concepts have no keys in joint attention, so that there is no relevance.
    assert all(math.isfinite(row["relevance"]) is (name == "unet") for row in table.rows)
