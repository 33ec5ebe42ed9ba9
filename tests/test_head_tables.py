"""Tables of heads: written and read, recognized by weights, taken by heads="relevant"."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import daam_nb as dnb
from daam_nb import head_tables
from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.head_tables import HeadTable, head_table, register_head_table
from tests.tiny_recordings import tiny_recording

WEIGHTS = {"unet": "0123456789abcdef", "vae": "fedcba9876543210"}
CHOSEN = "highest mean average precision on 9 words of 3 nouns in 5 images"


def run_of(weights: Any = WEIGHTS) -> Any:
    run = tiny_recording()
    batch = {**run.facts.batch, "weights": dict(weights)}
    return replace(run, facts=replace(run.facts, batch=batch))


def table_of(run: Any, relevant: Any = (0,), weights: Any = None, **more: Any) -> HeadTable:
    names = [(layer.name, head) for layer in run.layers for head in range(layer.heads)]
    rows = tuple(
        {
            "layer": layer, "head": head, "relevant": number in relevant,
            "concept": "pet" if number else "", "iou": number / 7, "effect": math.nan,
        }
        for number, (layer, head) in enumerate(names)
    )  # fmt: skip
    weights = {"unet": WEIGHTS["unet"]} if weights is None else weights
    return HeadTable(
        **{"model": "tiny", "weights": weights, "chosen": CHOSEN, "rows": rows, **more}
    )


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(head_tables, "_registered", [])
    yield


def test_a_table_comes_back(tmp_path: Path) -> None:
    table = table_of(run_of(), relevant=(0, 2))
    again = HeadTable.read(table.save(tmp_path / "heads.csv"))
    assert (again.model, dict(again.weights), again.chosen) == ("tiny", table.weights, CHOSEN)
    assert again.relevant == table.relevant and len(again.relevant) == 2
    for own, read in zip(table.rows, again.rows, strict=True):
        assert own.keys() == read.keys()
        assert math.isnan(read["effect"]) and read["iou"] == pytest.approx(own["iou"], rel=1e-5)
        assert all(own[name] == read[name] for name in ("layer", "head", "relevant", "concept"))
    frame = pd.read_csv(tmp_path / "heads.csv", comment="#")
    assert list(frame.columns[:3]) == ["layer", "head", "relevant"] and len(frame) == len(
        table.rows
    )


def test_relevant_heads_are_the_tables(tmp_path: Path) -> None:
    run = run_of()
    table = register_head_table(table_of(run, relevant=(1, 2)).save(tmp_path / "heads.csv"))
    maps = dnb.heat_maps(run, layers="all", heads="relevant")
    named = dnb.heat_maps(run, layers="all", heads=table.relevant)
    assert torch.equal(maps.values, named.values)
    assert maps.heads == named.heads == table.relevant
    assert f"2 relevant heads ({CHOSEN})" in maps.choice and CHOSEN not in named.choice
    assert f"({CHOSEN})" in maps[maps.prompt.words[-1]].origin.choice
    assert dnb.head_table(run) is table
    word = maps.prompt.read_words[0]
    (_, single), *_ = maps.by_head(word).items()
    assert CHOSEN not in single.origin.choice  # one head is no choice of relevant ones


def test_the_model_is_recognized_by_its_weights() -> None:
    run = run_of()
    register_head_table(table_of(run))
    other_vae = run_of({**WEIGHTS, "vae": "0" * 16})
    assert head_table(other_vae).model == "tiny"
    for weights in ({**WEIGHTS, "unet": "0" * 16}, {"vae": WEIGHTS["vae"]}, {}):
        with pytest.raises(SelectionError, match=r"no table of heads.*study atlas.*register"):
            dnb.heat_maps(run_of(weights), heads="relevant")


def test_the_last_one_of_a_model_counts() -> None:
    run = run_of()
    register_head_table(table_of(run, relevant=(0,)))
    later = register_head_table(table_of(run, relevant=(1,)))
    assert head_table(run) is later


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongKindError, match="takes a HeadTable or the path of its file, not"):
        register_head_table(3)  # type: ignore[arg-type]
    run = run_of()
    with pytest.raises(SelectionError, match=r"not state the weights.*heads=table.relevant"):
        register_head_table(table_of(run, weights={}))
    register_head_table(table_of(run, relevant=()))
    with pytest.raises(SelectionError, match="marks no head as relevant"):
        dnb.heat_maps(run, heads="relevant")
    with pytest.raises(WrongKindError, match=r"head_table\(\) takes a Recording"):
        head_table(3)  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="exactly one row for each head"):
        table_of(run, rows=(table_of(run).rows[0],) * 2)
    with pytest.raises(SelectionError, match=r"not a \(layer, head\) pair"):
        table_of(run, rows=({"layer": "a", "head": True, "relevant": True},))
    for relevant in ("False", 1, math.nan, None):
        with pytest.raises(
            SelectionError, match=r"relevant=.* for a, head 1; it must be True or False"
        ):
            table_of(run, rows=({"layer": "a", "head": 1, "relevant": relevant},))
    with pytest.raises(WrongKindError, match=r"frame\.to_dict\('records'\)"):
        table_of(run, rows=pd.DataFrame([{"layer": "a", "head": 1, "relevant": True}]))
    frame = pd.DataFrame([{"layer": "a", "head": 1, "relevant": True}])
    of_frame = table_of(run, rows=tuple(frame.to_dict("records")))
    assert of_frame.relevant == (("a", 1),) and type(of_frame.rows[0]["head"]) is int
    numpy_row = {"layer": "a", "head": np.int64(1), "relevant": np.bool_(False)}
    assert table_of(run, rows=(numpy_row,)).rows[0]["head"] == 1
    file = tmp_path / "t.csv"
    good = table_of(run).save(file).read_text()
    file.write_text(good[: good.rstrip("\n").rindex("\n") + 1])  # cut at the end of a row
    with pytest.raises(SelectionError, match=r"holds \d+ of its \d+ heads"):
        HeadTable.read(file)
    head, _, _ = good.partition("\n")
    for text in (
        "", "layer,head\n", f"{head}\nlayer,head\na,1\n", f"{head}\nlayer,head,relevant\na,x,1\n",
        f"{head}\nlayer,head,relevant\na,1,2\n", f"{head}\nlayer,head,relevant\na,1,1,5\n",
        f"{head}\nlayer,head,relevant\n", "# 3\nlayer,head,relevant\na,1,1\n",
    ):  # fmt: skip
        file.write_text(text)
        with pytest.raises(
            SelectionError, match=r"t\.csv is not a table of heads|exactly one row for each head"
        ):
            HeadTable.read(file)


def test_another_name_is_refused_as_before() -> None:
    with pytest.raises(SelectionError, match="heads must be a whole number"):
        dnb.heat_maps(run_of(), heads="relevent")  # type: ignore[arg-type]
