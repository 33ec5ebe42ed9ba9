"""Kinds of map by step, by head and at a place, against `heat_maps` and against plain numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps import heat_maps
from daam_nb.maps.methods import Choice, MapKind, register_map_kind, registry
from daam_nb.recording import Recording, load
from daam_nb.show.explorer.model.agreement import preview_distance
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.ranking import bars, inside, words_in
from daam_nb.show.explorer.model.selection import (
    Selected,
    arguments,
    check,
    heads_of,
    number_of,
    word_map,
)
from daam_nb.show.explorer.model.stacks import preview, stack_of, step_maps
from daam_nb.show.explorer.model.subject import Subject, subject_of
from daam_nb.show.explorer.model.tiles import tiles_of
from daam_nb.show.explorer.model.views.attention import area_weights
from tests.show.explorer.opened import selections, several_heads
from tests.tiny_recordings import joint_layers, tiny_recording, with_effects, with_gradients

TEXT = "a red fox in the snow"
RUN = with_effects(tiny_recording(TEXT, steps=5, heads=(2, 3)), ((2,), (3,), (2, 3), (6,)))
KINDS = ("attention", "share", "effect")
REGION = ((0.1, 0.2), (0.1, 0.8), (0.7, 0.8), (0.7, 0.2))


class Latest(MapKind):
    """The attention of a word in the last of the chosen steps and layers, the mean over heads."""

    name = "latest"
    unit = "attention probability of one step"

    def word_map(self, choice: Choice, tokens: tuple[int, ...]) -> Tensor:
        step = choice.run.steps.index(choice.steps[-1])
        columns = [choice.run.columns.index(token) for token in tokens]
        heads = [head for layer, head in choice.pairs if layer == choice.layers[-1]]
        native = choice.run.attention[choice.layers[-1].name][step][heads][:, columns]
        values = native.float().mean((0, 1))[None, None]
        return torch.nn.functional.interpolate(values, size=choice.grid)[0, 0]


class Whole(Latest):
    """One that knows no single heads, and says so or not."""

    name = "whole"

    def word_map(self, choice: Choice, tokens: tuple[int, ...]) -> Tensor:
        if choice.heads is not None:
            raise SelectionError("Heads are not told apart.")
        return super().word_map(choice, tokens)


class Undivided(Whole):
    name = "undivided"
    of_heads: ClassVar[bool] = False


@pytest.fixture(autouse=True)
def own_kinds() -> Iterator[None]:
    """Kinds of this file's own, forgotten afterwards."""
    registry.map_kinds()
    before = dict(registry._kinds)
    for kind in (Latest(), Whole(), Undivided()):
        register_map_kind(kind)
    yield
    registry._kinds.clear()
    registry._kinds.update(before)


def subject(kind: str, run: Recording = RUN, **options: Any) -> Subject:
    return subject_of(run, kind=kind, recommended="up", **options)[0]


def other_recordings(kind: str) -> dict[str, tuple[Recording, bool]]:
    """Recordings of other sorts, and whether the negative prompt's words are meant."""
    effects = ((2,), (3,))
    summed = tiny_recording(TEXT, kept="sum", steps=4)
    gaps = tiny_recording(TEXT, steps=9, kept_steps=(1, 4, 5, 8))
    joint = tiny_recording(TEXT, layers=joint_layers())
    runs = {"summed": summed, "gaps": gaps, "joint": joint}
    several = {name: (with_effects(run, effects), False) for name, run in runs.items()}
    unconditional = with_effects(tiny_recording("a dog", negative="a bad cat"), effects)
    mirrored = replace(unconditional, negative_effects=unconditional.effects)
    return several | {"negative": (mirrored, True)}


@pytest.mark.parametrize("kind", [*KINDS, "latest", "undivided"])
def test_exact_maps_are_those_of_heat_maps(kind: str) -> None:
    of = subject(kind)
    for selected in selections(of, 60):
        entry, shown = of.entries[selected.word], word_map(of, selected)
        maps = heat_maps(RUN, **arguments(of, selected))
        assert maps.kind == kind
        expected = maps.token(entry.tokens) if entry.span is None else maps.word(entry.span)
        assert torch.equal(shown.values, expected.values)
        assert (shown.unit, shown.label, shown.derived) == (expected.unit, entry.text, False)


@pytest.mark.parametrize("kind", [*KINDS, "latest", "undivided"])
def test_each_step_of_a_stack_is_the_map_of_that_step(kind: str) -> None:
    of = subject(kind)
    for selected in selections(of, 25, seed=1):
        maps = step_maps(of, selected)
        assert maps.dtype == np.float32 and maps.shape == (5, *of.grid)
        for place, values in enumerate(maps):
            exact = word_map(of, replace(selected, steps=(place, place + 1))).values.numpy()
            np.testing.assert_allclose(values, exact, atol=3e-6 * max(exact.max(), 1e-6), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", ["summed", "gaps", "joint", "negative"])
def test_other_recordings_are_shown_too(kind: str, sort: str) -> None:
    run, negative = other_recordings(kind)[sort]
    of, choice = subject_of(run, kind=kind, negative=negative)
    selected = next(selections(of, 1))
    whole = replace(selected, choice=choice, layer=-1, head=-1, steps=(0, of.step_count))
    maps = heat_maps(run, **arguments(of, whole))
    exact = maps.word(of.entries[whole.word].span or "red").values.numpy()  # type: ignore[arg-type]
    stack = step_maps(of, whole)
    if of.step_count == 1:
        np.testing.assert_allclose(stack[0], exact, rtol=2e-5, atol=1e-7)
    assert np.abs(preview(stack_of(of, whole), 0, of.step_count) - exact).max() < 0.4 * exact.max()
    assert [maps.shape[1:] for maps in tiles_of(of, whole.word, whole.steps).maps] == [
        layer.size for layer in of.layers
    ]


def test_tiles_of_effects_are_the_heads_parts_as_shares_of_the_layers_output() -> None:
    of = subject("effect")
    effects = RUN.effects
    assert effects is not None
    tiles = tiles_of(of, 2, (1, 4))  # "fox"
    for layer, maps in zip(RUN.layers, tiles.maps, strict=True):
        parts = effects.by_head[layer.name].double().numpy()[1:4, :, 1].mean(0)
        assert (parts < 0).any()  # made up so: they are drawn as 0
        np.testing.assert_allclose(maps, np.maximum(parts, 0), rtol=1e-5)


def test_tiles_of_shares_are_one_attention_by_another_in_each_head() -> None:
    tiles = tiles_of(subject("share"), 2, (1, 4))
    for layer, maps in zip(RUN.layers, tiles.maps, strict=True):
        attention = RUN.attention[layer.name].double().numpy()[1:4].mean(0)  # (head, token, y, x)
        np.testing.assert_allclose(maps, attention[:, 3] / attention[:, 1:7].sum(1), rtol=1e-5)


def test_tiles_of_a_kind_of_ones_own_are_its_maps_of_one_head() -> None:
    run = tiny_recording(TEXT, steps=2)
    of = subject("latest", run)
    for layer, maps in zip(run.layers, tiles_of(of, 2, (0, 2)).maps, strict=True):
        expected = run.attention[layer.name][1, :, 3].float().numpy()
        np.testing.assert_allclose(maps, expected, rtol=1e-5)


def test_a_kind_that_tells_no_heads_apart_shows_each_layer_as_one() -> None:
    of = subject("undivided")
    assert [layer.heads for layer in of.layers] == [1] * len(RUN.layers)
    assert [maps.shape[0] for maps in tiles_of(of, 2, (0, 5)).maps] == [1] * len(RUN.layers)
    selected = replace(next(selections(of, 1)), layer=1, head=0)
    assert arguments(of, selected)["heads"] is None


@pytest.mark.parametrize("kept", ["steps", "sum"])
def test_gradients_are_one_tile_of_the_whole_network(kept: Any, tmp_path: Path) -> None:
    run = with_gradients(tiny_recording(TEXT, steps=5, kept=kept), ((2,), (3,), (2, 3)))
    assert run.gradients is not None
    of, choice = subject_of(run, kind="gradient")
    engine = Engine(of)
    assert (choice, dict(of.choices)) == ("all", {"all": (0,)})
    assert of.choice_notes == {"all": "the whole network"} and of.labels == ("the whole network",)
    assert [(layer.size, layer.heads) for layer in of.layers] == [(of.grid, 1)]
    phrase = number_of(of, (2, 9))
    places = (1, 4) if kept == "steps" else (0, 1)
    for layer, head in ((-1, -1), (0, -1), (0, 0)):
        start = next(selections(of, 1))
        selected = replace(start, word=phrase, choice="all", layer=layer, head=head, steps=places)
        maps = heat_maps(run, **arguments(of, selected))
        steps = run.gradients.shares[slice(*places) if kept == "steps" else slice(None), 2]
        expected = steps.double().mean(0).float()
        assert torch.equal(maps["red fox"].values, expected)
        assert torch.equal(word_map(of, selected).values, expected)
        np.testing.assert_allclose(engine.tiles(selected).maps[0][0], expected, rtol=1e-6)
        stack = step_maps(of, selected)
        np.testing.assert_allclose(stack[slice(*places)].mean(0), expected, rtol=1e-5)
    before = engine.exact(selected).values
    run.gradients.shares[..., :3] *= 0.5
    assert not torch.equal(engine.exact(selected).values, before)
    with pytest.raises(SelectionError, match="Leave out layers="):
        subject_of(run, kind="gradient", layers="up")
    with pytest.raises(NotKeptError, match="add_gradients"):
        subject_of(tiny_recording(TEXT), kind="gradient")


@pytest.mark.parametrize("kind", [*KINDS, "latest"])
def test_several_heads_are_those_of_heat_maps(kind: str) -> None:
    of = subject(kind)
    for selected in several_heads(of, 40):
        entry, chosen = of.entries[selected.word], heads_of(of, selected)
        assert chosen.heads is not None
        pairs = [
            (layer.name, head)
            for layer, heads in zip(chosen.layers, chosen.heads, strict=True)
            for head in heads
        ]
        steps = RUN.steps[slice(*selected.steps)]
        maps = heat_maps(RUN, kind=kind, layers="all", steps=steps, heads=pairs)
        expected = maps.token(entry.tokens) if entry.span is None else maps.word(entry.span)
        assert torch.equal(word_map(of, selected).values, expected.values)
        again = heat_maps(RUN, **arguments(of, selected))
        assert set(again.pairs) == set(maps.pairs)


@pytest.mark.parametrize("kind", [*KINDS, "latest"])
def test_several_heads_by_step_at_a_place_and_in_a_region(kind: str) -> None:
    of = subject(kind)
    engine = Engine(of)
    cells = torch.from_numpy(inside(REGION, of.grid))
    for selected in several_heads(of, 12, seed=4):
        for place, values in enumerate(step_maps(of, selected)):
            exact = word_map(of, replace(selected, steps=(place, place + 1))).values.numpy()
            np.testing.assert_allclose(values, exact, atol=3e-6 * max(exact.max(), 1e-6), rtol=1e-5)
        for row in engine.words_at(selected, 0.4, 0.6, special=False):
            exact_values = word_map(of, replace(selected, word=row.word)).values
            assert row.value == pytest.approx(float(exact_values[3, 7]), rel=1e-4, abs=1e-9)
        in_region = bars(of, selected, REGION)
        assert [number for number, _ in in_region.by_layer] == [
            of.layers.index(layer) for layer in heads_of(of, selected).layers
        ]
        if kind != "attention":  # of which the cells of the layers are averaged
            by_step = [float(values[cells].mean()) for values in step_maps(of, selected)]
            assert in_region.by_step == pytest.approx(by_step, rel=1e-4, abs=1e-9)


def test_bars_of_attention_are_the_layers_own_cells_of_the_heads_chosen() -> None:
    of = subject("attention")
    selected = Selected(2, "all", -1, ((1, 0), (1, 2), (4, 1)), (1, 4))
    region = torch.from_numpy(inside(REGION, of.grid)).float()
    parts = {}
    for number, head in ((1, 0), (1, 2), (4, 1)):
        layer = of.layers[number]
        weights = area_weights(region, layer.size)
        maps = RUN.attention[layer.name][:, head, 3].double().numpy()  # (step, y, x)
        parts[number, head] = (maps * weights).sum((1, 2)) / weights.sum()
    in_region = bars(of, selected, REGION)
    expected = np.mean(list(parts.values()), 0)
    np.testing.assert_allclose(in_region.by_step, expected, rtol=1e-5)
    of_layers = dict(in_region.by_layer)
    of_first = (parts[1, 0] + parts[1, 2])[1:4].mean() / 2
    assert of_layers == pytest.approx({1: of_first, 4: parts[4, 1][1:4].mean()}, rel=1e-5)


def test_a_kind_without_heads_refuses_several() -> None:
    of = subject("undivided")
    for heads in ((0, 1), ((0, 0), (1, 0))):
        with pytest.raises(SelectionError, match="'undivided' are not made of single heads"):
            check(of, Selected(2, "all", -1, heads, (0, 1)))


def test_a_kind_that_cannot_be_explored_is_told_what_it_takes() -> None:
    with pytest.raises(SelectionError, match=r"'whole' cannot be explored.*Heads are not told.*"
                                             r"of_heads = False"):  # fmt: skip
        subject_of(RUN, kind="whole")


@pytest.mark.parametrize("kind", [*KINDS, "latest", "undivided"])
def test_words_at_a_place_and_in_a_region_have_the_values_of_the_exact_maps(kind: str) -> None:
    of = subject(kind)
    engine = Engine(of)
    cells = torch.from_numpy(inside(REGION, of.grid))
    for selected in selections(of, 8, seed=2):
        ranked = engine.words_at(selected, 0.4, 0.6, special=False)
        assert {of.entries[row.word].text for row in ranked} == {
            entry.text
            for entry in of.entries  # "red fox" is "red" and "fox", which are ranked
            if entry.kept and not entry.special and entry.kind != "phrase"
        }
        for row in ranked:
            exact = word_map(of, replace(selected, word=row.word)).values
            assert row.value == pytest.approx(float(exact[3, 7]), rel=1e-4, abs=1e-9)
        for row in words_in(of, engine.every_map(selected, special=False), REGION):
            exact = word_map(of, replace(selected, word=row.word)).values
            assert row.value == pytest.approx(float(exact[cells].mean()), rel=1e-5)


@pytest.mark.parametrize("kind", ["share", "effect", "latest"])
def test_bars_are_means_of_the_exact_maps_of_one_step_and_of_one_layer(kind: str) -> None:
    of = subject(kind)
    cells = torch.from_numpy(inside(REGION, of.grid))
    for selected in selections(of, 5, seed=3):
        drawn = bars(of, selected, REGION)
        for place, value in enumerate(drawn.by_step):
            exact = word_map(of, replace(selected, steps=(place, place + 1))).values
            assert value == pytest.approx(float(exact[cells].mean()), rel=1e-4, abs=1e-8)
        for number, value in drawn.by_layer:
            exact = word_map(of, replace(selected, layer=number)).values
            assert value == pytest.approx(float(exact[cells].mean()), rel=1e-4, abs=1e-8)


def test_words_have_effects_where_they_were_recorded_whatever_attention_was() -> None:
    narrow = with_effects(tiny_recording(TEXT, tokens=(3,)), ((2,), (3,), (2, 3)))
    of = subject("effect", narrow)
    kept = [(entry.text, entry.kind) for entry in of.entries if entry.kept]
    assert kept == [("red", "word"), ("fox", "word"), ("red fox", "phrase")]
    phrase = number_of(of, (2, 9))
    assert of.entries[phrase].text == "red fox" and not of.entries[phrase].special
    selected = replace(next(selections(of, 1)), word=phrase)
    maps = heat_maps(narrow, **arguments(of, selected))
    assert torch.equal(word_map(of, selected).values, maps["red fox"].values)
    with pytest.raises(SelectionError, match="'snow' stands in the prompt and its effect was not"):
        number_of(of, "snow")


def test_a_recording_without_what_a_kind_needs_says_how_to_record_it() -> None:
    with pytest.raises(NotKeptError, match="effects=True"):
        subject_of(tiny_recording(TEXT), kind="effect")
    with pytest.raises(NotKeptError, match="key positions"):
        subject_of(tiny_recording(TEXT, tokens=(1, 3)), kind="share")
    with pytest.raises(SelectionError, match="kind='effects' is not a kind of map"):
        subject_of(tiny_recording(TEXT), kind="effects")


@pytest.mark.parametrize("kind", ["share", "effect"])
def test_what_was_written_into_is_shown(kind: str) -> None:
    run = with_effects(tiny_recording(TEXT, steps=2), ((2,), (3,)))
    of = subject(kind, run)
    engine, selected = Engine(of), replace(next(selections(of, 1)), word=2, steps=(0, 2))
    before = engine.exact(selected), engine.stack(selected), engine.tiles(selected)
    assert run.effects is not None
    for arrays in (run.attention, run.effects.shares, run.effects.by_head):
        for array in arrays.values():
            array[:, ..., : array.shape[-1] // 2] *= 0.5
            if array.ndim == 5:
                array[:, :, 3 if arrays is run.attention else 1] *= 0.5
    after = engine.exact(selected), engine.stack(selected), engine.tiles(selected)
    assert not torch.equal(before[0].values, after[0].values)
    assert not np.array_equal(before[1].values, after[1].values)
    assert not np.array_equal(before[2].maps[0], after[2].maps[0])


def test_effects_of_a_loaded_recording_are_shown_without_reading_its_attention(
    tmp_path: Path,
) -> None:
    run = load(RUN.save(tmp_path / "run"))
    of = subject("effect", run)
    engine, selected = Engine(of), next(selections(of, 1))
    engine.exact(selected), engine.stack(selected), engine.tiles(selected)
    engine.words_at(selected, 0.5, 0.5, special=False)
    assert run.attention.are_read() == set()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_how_far_previews_are_from_exact_maps_is_told_of_every_kind(kind: str) -> None:
    distance = preview_distance(RUN, ranges=5, kind=kind)
    assert distance.maps == 6 * sum(
        entry.kept and not entry.special for entry in subject(kind).entries
    )
    assert distance.mean < 0.1
