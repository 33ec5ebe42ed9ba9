"""Effect maps against their definition in plain numpy, from arrays that were made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.maps import heat_maps, limit_cache
from daam_nb.maps.cache import CACHE, DEFAULT_LIMIT
from daam_nb.recording import Kept, Layer, Recording, altered, load, sealed
from daam_nb.show.figures import head_sheet, step_strip
from tests.maps.naive import bicubic
from tests.tiny_recordings import tiny_recording, with_effects

STEPS = 6


def effective(*, dtype: torch.dtype = torch.float32, kept: Kept = "steps") -> Recording:
    """A tiny recording with made-up effects of "cat" and "dog"."""
    return with_effects(tiny_recording("a cat and a dog", steps=STEPS, kept=kept), dtype=dtype)


def naive_effect(
    run: Recording,
    word: int,
    *,
    layers: Sequence[Layer],
    steps: Sequence[int],
    heads: Sequence[int] | None = None,
    reduction: str = "mean",
) -> np.ndarray:
    """(y, x): the definition, layer by layer."""
    effects = run.effects
    assert effects is not None
    raised = []
    for layer in layers:
        places = [0] if run.kept == "sum" else [run.steps.index(step) for step in steps]
        if heads is None:
            of_steps = [effects.shares[layer.name][i, word].double().numpy() for i in places]
        else:
            parts = effects.by_head[layer.name].double().numpy()
            of_steps = [parts[i, list(heads), word].sum(0) for i in places]
        reduced = sum(of_steps) / (len(steps) if reduction == "mean" else 1)
        raised.append(np.maximum(bicubic(reduced, run.facts.latent_size), 0))
    return np.mean(raised, axis=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"layers": "all"},
        {"layers": "up", "steps": slice(2, 5)},
        {"steps": [0, 3, 5], "reduction": "sum"},
        {"heads": 1},
        {"heads": [0, 1], "steps": 4, "layers": "all"},
    ],
    ids=str,
)
def test_maps_equal_the_definition(dtype: torch.dtype, choice: dict[str, Any]) -> None:
    run = effective(dtype=dtype)
    maps = heat_maps(run, kind="effect", **choice)
    heads = choice.get("heads")
    for word, text in enumerate(("cat", "dog")):
        expected = naive_effect(
            run,
            word,
            layers=maps.layers,
            steps=maps.steps,
            heads=[heads] if isinstance(heads, int) else heads,
            reduction=choice.get("reduction", "mean"),
        )
        assert np.abs(maps[text].values.numpy() - expected).max() <= 1e-6 * expected.max()


def test_single_heads_by_name_and_each_head_alone() -> None:
    run = effective()
    layer, other = run.layers[0], run.layers[-1]
    maps = heat_maps(run, kind="effect", layers="all", heads=[(layer.name, 1), (other.name, 0)])
    alone = [
        naive_effect(run, 0, layers=[la], steps=run.steps, heads=[head])
        for la, head in ((layer, 1), (other, 0))
    ]
    expected = sum(alone) / len(maps.layers)
    assert np.allclose(maps["cat"].values.numpy(), expected, atol=1e-6)
    each = heat_maps(run, kind="effect", layers="all").by_head("cat")
    assert np.allclose(each[layer.name, 1].values.numpy(), alone[0], atol=1e-6)
    assert np.allclose(each[other.name, 0].values.numpy(), alone[1], atol=1e-6)


def test_by_step_is_each_step() -> None:
    run = effective()
    for step, word_map in heat_maps(run, kind="effect").by_step("dog").items():
        expected = heat_maps(run, kind="effect", steps=step)["dog"].values
        assert torch.equal(word_map.values, expected)


def test_without_room_in_the_cache_the_maps_are_the_same() -> None:
    expected = heat_maps(effective(), kind="effect", steps=[1, 2])["cat"].values
    limit_cache(0)
    try:
        assert CACHE.nbytes == 0
        got = heat_maps(effective(), kind="effect", steps=[1, 2])["cat"].values
    finally:
        limit_cache(DEFAULT_LIMIT)
    assert torch.allclose(got, expected, rtol=1e-5, atol=1e-7)


def test_attention_beside_them_stays_what_it_is() -> None:
    """One cache for both: neither takes the other's sums."""
    run = effective()
    plain = tiny_recording("a cat and a dog", steps=STEPS)
    for steps in (None, [1, 2]):
        effect = heat_maps(run, kind="effect", steps=steps)["cat"].values
        attention = heat_maps(run, steps=steps)["cat"].values
        assert torch.equal(attention, heat_maps(plain, steps=steps)["cat"].values)
        assert torch.equal(effect, heat_maps(run, kind="effect", steps=steps)["cat"].values)
        assert not torch.allclose(effect, attention)


def test_written_into_they_are_worked_out_anew() -> None:
    run = effective()
    before = heat_maps(run, kind="effect", steps=[1, 2])["cat"].values
    for array in run.effects.shares.values():
        array.mul_(2)
    after = heat_maps(run, kind="effect", steps=[1, 2])["cat"].values
    assert torch.allclose(after, 2 * before)


def test_what_they_are_and_which_words_there_are() -> None:
    maps = heat_maps(effective(), kind="effect")
    assert [word.text for word in maps] == ["cat", "dog"]
    assert "dog" in maps and "a" not in maps
    assert maps.unit == "change of the layers' outputs, as a share of them"
    assert maps["cat"].unit == maps.unit and maps.unit in maps.choice
    assert maps.normalized()["cat"].values.max() == 1
    assert "effects of" not in repr(maps)


def test_what_was_not_recorded_is_refused_with_the_way_out() -> None:
    with pytest.raises(NotKeptError, match=r"generate\(..., effects=True\)"):
        heat_maps(tiny_recording(), kind="effect")
    maps = heat_maps(effective(), kind="effect")
    with pytest.raises(NotKeptError, match=r"'and'.*was not recorded.*'cat', 'dog'"):
        maps["and"]
    with pytest.raises(NotKeptError, match="of words, not of tokens"):
        _ = maps.values
    with pytest.raises(NotKeptError, match="of words, not of tokens"):
        maps.token(2)
    with pytest.raises(NotKeptError, match="negative"):
        heat_maps(effective(), kind="effect", negative=True)
    with pytest.raises(SelectionError, match="no shares"):
        maps.shares()
    with pytest.raises(SelectionError, match="'attention', 'share', 'effect'"):
        heat_maps(effective(), kind="effects")


def test_a_sum_gives_its_mean_and_no_single_step() -> None:
    run = effective(kept="sum")
    maps = heat_maps(run, kind="effect", layers="all")
    expected = naive_effect(run, 1, layers=maps.layers, steps=run.steps)
    assert np.abs(maps["dog"].values.numpy() - expected).max() <= 1e-6 * expected.max()
    with pytest.raises(NotKeptError, match="single step"):
        maps.by_step("dog")


def test_a_loaded_recording_gives_the_same_maps(tmp_path: Any) -> None:
    run = effective(dtype=torch.float16)
    loaded = load(run.save(tmp_path / "run"))
    for choice in ({}, {"steps": [0, 2]}, {"heads": 1}):
        got = heat_maps(loaded, kind="effect", **choice)["cat"].values
        assert torch.equal(got, heat_maps(run, kind="effect", **choice)["cat"].values)


def test_parts_that_do_not_fit_are_refused() -> None:
    run = effective()
    effects = run.effects
    name = run.layers[0].name
    with pytest.raises(SelectionError, match="once"):
        replace(effects, words=((2,), (2,)))
    with pytest.raises(SelectionError, match="at least one"):
        replace(effects, words=())
    cut = {**effects.shares, name: effects.shares[name][:-1]}
    with pytest.raises(Exception, match="shares of"):
        replace(run, effects=replace(effects, shares=cut))
    lacking = {key: array for key, array in effects.outputs.items() if key != name}
    with pytest.raises(Exception, match="outputs"):
        replace(run, effects=replace(effects, outputs=lacking))
    with pytest.raises(SelectionError, match="key position 99"):
        replace(run, effects=replace(effects, words=((2,), (99,))))


def test_carriers_divide_the_effect_among_tokens() -> None:
    run = effective()
    effects = run.effects
    assert effects is not None
    maps = heat_maps(run, kind="effect", layers="all", steps=[1, 2, 4])
    expected = np.zeros(len(run.prompt.tokens))
    for layer in run.layers:
        of_steps = effects.by_token[layer.name][[1, 2, 4], 0].double().numpy().sum(0)
        expected += of_steps / (layer.size[0] * layer.size[1])
    expected /= expected.sum()
    carriers = maps.carriers("cat")
    assert np.allclose(carriers.by_token.numpy(), expected, atol=1e-6)
    # Start, a, cat, and, a, dog, end of text, five of padding.
    assert carriers.groups["own tokens"] == pytest.approx(expected[2], abs=1e-6)
    assert carriers.groups["later words"] == pytest.approx(expected[3:6].sum(), abs=1e-6)
    assert carriers.groups["end of text"] == pytest.approx(expected[6], abs=1e-6)
    assert carriers.groups["padding"] == pytest.approx(expected[7:].sum(), abs=1e-6)
    assert sum(carriers.groups.values()) == pytest.approx(1)
    assert "own tokens" in repr(carriers)
    attention = heat_maps(run, layers="all", steps=[1, 2, 4]).carriers("cat")
    assert torch.equal(attention.by_token, carriers.by_token), "whatever kind of map they are of"


def test_carriers_of_heads_or_of_nothing_are_refused() -> None:
    run = effective()
    with pytest.raises(SelectionError, match="all heads of a layer together"):
        heat_maps(run, kind="effect", heads=1).carriers("cat")
    with pytest.raises(NotKeptError, match="was not recorded"):
        heat_maps(run).carriers("and")
    with pytest.raises(NotKeptError, match="holds no effects"):
        heat_maps(tiny_recording()).carriers("cat")
    effects = run.effects
    assert effects is not None
    nothing = {name: torch.zeros_like(array) for name, array in effects.by_token.items()}
    with pytest.raises(NotKeptError, match="changes nothing"):
        heat_maps(replace(run, effects=replace(effects, by_token=nothing))).carriers("cat")


def test_in_heads_is_each_heads_part_at_the_layers_own_resolution() -> None:
    run = effective()
    effects = run.effects
    assert effects is not None
    layer = run.layers[1]
    maps = heat_maps(run, kind="effect", layers="all", steps=[0, 2])
    parts = effects.by_head[layer.name][[0, 2], :, 1].double().mean(0).clamp(min=0)
    assert torch.allclose(maps.in_heads("dog", layer).double(), parts, rtol=1e-5)
    attention = heat_maps(run, layers="all", steps=[0, 2])
    column = run.columns.index(5)
    expected = run.attention[layer.name][[0, 2], :, column].float().mean(0)
    assert torch.allclose(attention.in_heads("dog", layer.name), expected, rtol=1e-5)
    with pytest.raises(SelectionError, match="not one of the"):
        heat_maps(run, kind="effect", layers="up").in_heads("dog", "mid_block")
    with pytest.raises(SelectionError, match="Shares cannot"):
        heat_maps(run, kind="share", layers="all").in_heads("dog", layer)


def test_figures_of_one_word_take_a_kind() -> None:
    run = effective()
    sheet = head_sheet(run, "cat", kind="effect")
    tiles = [panel.heat.values for panel in sheet.panels if panel.heat is not None]
    expected = heat_maps(run, kind="effect", layers="all").in_heads("cat", run.layers[0])
    np.testing.assert_allclose(tiles[0], expected[0].numpy(), rtol=1e-6)
    strip = step_strip(run, "cat", kind="effect", bins=2)
    drawn = [panel.heat.values for panel in strip.panels if panel.heat is not None]
    size = drawn[0].shape
    part = heat_maps(run, kind="effect", steps=[0, 1, 2])["cat"].resize(size).numpy()
    np.testing.assert_allclose(drawn[0], part, rtol=1e-6)
    assert any("share of them" in sentence for sentence in strip.caption)


def test_a_phrase_is_among_the_words_where_it_was_recorded() -> None:
    run = with_effects(tiny_recording("a cat and a dog"), words=((2, 3), (5,)))
    maps = heat_maps(run, kind="effect")
    assert [word.text for word in maps] == ["cat and", "dog"]
    assert [word_map.label for word_map in maps.words] == ["cat and", "dog"]
    assert torch.equal(maps["cat and"].values, maps.words[0].values)
    with pytest.raises(NotKeptError) as caught:
        maps["cat"]
    assert "phrase" not in str(caught.value)
    with pytest.raises(NotKeptError, match="What a phrase does"):
        maps["and a"]
    with pytest.raises(NotKeptError, match="has no words"):
        heat_maps(tiny_recording(""), kind="effect")


def test_what_is_no_number_is_not_nothing() -> None:
    run = effective()
    effects = run.effects
    assert effects is not None
    effects.by_token[run.layers[0].name][0, 0, 2] = float("nan")
    with pytest.raises(NotKeptError, match="not a number"):
        heat_maps(run, kind="effect").carriers("cat")


def test_effects_that_were_left_out_or_exchanged_are_named_so() -> None:
    run = sealed(effective())
    effects = run.effects
    assert effects is not None
    assert altered(replace(run, effects=None)) == ()
    swapped = replace(effects, words=effects.words[::-1])
    assert altered(replace(run, effects=swapped)) == ("effects/names",)


def test_effects_of_tokens_that_are_no_stretch_of_the_text_have_no_map() -> None:
    """As a stranger's file may hold them: of "cat" and "dog" without what stands between."""
    run = with_effects(tiny_recording("a cat and a dog", steps=STEPS), ((2,), (2, 5)))
    maps = heat_maps(run, kind="effect")
    assert [word.text for word in maps] == ["cat"]
    assert maps["cat"].values.max() > 0
    with pytest.raises(
        NotKeptError, match="was not recorded; this recording holds those of 'cat', "
    ):
        maps["cat and a dog"]
