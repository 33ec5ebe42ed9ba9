"""Measures of heads: each against numbers worked out here, and an order by likeness."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from daam_nb.errors import SelectionError, WrongKindError
from daam_nb.head_tables import HeadTable
from daam_nb.show.explorer.model.likeness import likeness_order
from daam_nb.show.explorer.model.measures import effect_shares, named, table_values
from daam_nb.show.explorer.model.subject import subject_of
from tests.show.explorer.opened import TEXT
from tests.tiny_recordings import tiny_recording, with_effects


def table(run: object, **columns: float) -> HeadTable:
    layers = run.layers  # type: ignore[attr-defined]
    rows = [
        {"layer": layer.name, "head": head, "relevant": head == 1, "concept": "animal", **columns}
        for layer in layers[:2]
        for head in range(layer.heads)
    ]
    return HeadTable("mine", {}, "by hand", tuple(rows))


def test_every_recording_has_the_measures_of_its_tiles_and_its_mask() -> None:
    of, _ = subject_of(tiny_recording(TEXT))
    assert [one.name for one in of.measures] == ["mean", "peak", "entropy", "overlap", "lift"]
    assert [one.name for one in of.measures if one.low_first] == ["entropy"]
    with pytest.raises(SelectionError, match=r"no measure 'iou'.*'mean', 'peak'"):
        named(of.measures, "iou")


def test_columns_of_a_head_table_are_measures() -> None:
    run = tiny_recording(TEXT, heads=(2, 3))
    known = table(run, iou=0.5, iou_low=0.4, ablated=math.nan)
    of, _ = subject_of(run, table=known)
    names = [one.name for one in of.measures][5:]
    assert names == ["table.relevant", "table.iou", "table.ablated"]
    assert table_values(known, of.layers, "table.iou") == [[0.5] * 2, [0.5] * 3, *_none(of, 2)]
    assert table_values(known, of.layers, "table.ablated") == _none(of, 0)
    assert table_values(known, of.layers, "table.relevant")[1] == [0.0, 1.0, 0.0]


def test_a_head_table_comes_from_a_file_or_is_left_out(tmp_path: object) -> None:
    run = tiny_recording(TEXT)
    path = table(run, iou=0.5).save(f"{tmp_path}/heads.csv")
    assert len(subject_of(run, table=path)[0].measures) == 7
    assert subject_of(run, table=False)[0].table is None
    assert subject_of(run)[0].table is None  # none is known of this model
    with pytest.raises(SelectionError, match="no table of heads"):
        subject_of(run, table=True)
    with pytest.raises(WrongKindError, match="head_table= is a HeadTable"):
        subject_of(run, table=3)  # type: ignore[arg-type]


def test_effect_shares_are_parts_of_the_effect_on_all_layers() -> None:
    run = tiny_recording(TEXT, steps=3, heads=(2, 3))
    run = with_effects(run)
    of, _ = subject_of(run)
    assert "effect_share" in [one.name for one in of.measures]
    effects = run.effects
    assert effects is not None
    number = next(n for n, e in enumerate(of.entries) if e.tokens in effects.words)
    word = effects.words.index(of.entries[number].tokens)
    whole = sum(
        float(effects.shares[layer.name][1:3, word].double().mean()) for layer in run.layers
    )
    found = effect_shares(run, of.entries[number], (1, 3), negative=False)
    for layer, shares in zip(run.layers, found, strict=True):
        parts = effects.by_head[layer.name][1:3, :, word].double().numpy()
        assert shares == pytest.approx((parts.mean((0, 2, 3)) / whole).tolist())
    other = next(entry for entry in of.entries if entry.tokens not in effects.words)
    assert effect_shares(run, other, (0, 1), negative=False) == _none(of, 0)


def test_like_maps_stand_together() -> None:
    generator = np.random.default_rng(0)
    places = generator.permutation(12)
    y, x = np.mgrid[:8, :8]
    maps = np.stack(
        [np.exp(-((y - 4) ** 2 + (x - 8 * place / 12) ** 2) / 3) for place in places]
    ).astype(np.float32)
    order = likeness_order([maps[:5], maps[5:]])
    along = [int(places[i]) for i in order]
    assert along in (list(range(12)), list(range(11, -1, -1)))
    assert order == likeness_order([maps[:5], maps[5:]])
    assert order[0] < order[-1]


def test_the_order_joins_what_is_most_alike_first() -> None:
    """By the definition of average linkage, worked out slowly."""
    generator = np.random.default_rng(1)
    maps = generator.random((7, 4, 4)).astype(np.float32)
    flat = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), (16, 16)).flatten(1)
    likeness = np.corrcoef(flat.numpy())
    clusters = [[i] for i in range(7)]
    joined = []
    while len(clusters) > 1:
        pairs = [(a, b) for a in range(len(clusters)) for b in range(a + 1, len(clusters))]
        a, b = max(pairs, key=lambda p: likeness[np.ix_(clusters[p[0]], clusters[p[1]])].mean())
        joined.append(sorted([*clusters[a], *clusters[b]]))
        clusters[a] = [*clusters[a], *clusters.pop(b)]
    order = likeness_order([maps])
    assert sorted(order) == list(range(7))
    for cluster in joined:  # each stands in one piece
        places = sorted(order.index(i) for i in cluster)
        assert places == list(range(places[0], places[0] + len(cluster)))


def test_an_order_of_few_or_of_maps_without_form() -> None:
    assert likeness_order([]) == []
    assert likeness_order([np.ones((1, 2, 2), np.float32)]) == [0]
    assert sorted(likeness_order([np.ones((4, 2, 2), np.float32)])) == [0, 1, 2, 3]


def _none(of: object, first: int) -> list[list[None]]:
    layers = of.layers  # type: ignore[attr-defined]
    return [[None] * layer.heads for layer in layers[first:]]
