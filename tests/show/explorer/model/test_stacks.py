"""The preview is what its definition says, and what rests is `heat_maps`' own map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from daam_nb.maps import heat_maps
from daam_nb.recording import Kept, Recording
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.selection import Selected, layers_of, word_map
from daam_nb.show.explorer.model.stacks import exact_bytes, preview, quantized, stack_of, step_maps
from daam_nb.show.explorer.model.subject import Subject, subject_of
from tests.show.explorer.opened import TEXT, selections
from tests.tiny_recordings import tiny_recording


def subject(run: Recording | None = None) -> Subject:
    run = run or tiny_recording(TEXT, steps=6, heads=(2, 3), kept_steps=(0, 2, 3, 5))
    return subject_of(run, recommended="up")[0]


def by_hand(run: Recording, selected: Selected, of: Subject) -> np.ndarray:
    """The preview's definition, written out with torch's own interpolation: (step, y, x)."""
    token_maps = []
    for token in of.entries[selected.word].tokens:
        column = run.columns.index(token)
        raised = []
        for layer in layers_of(of, selected):
            maps = run.attention[layer.name][:, :, column].float()  # (step, head, y, x)
            if selected.head >= 0:
                maps = maps[:, [selected.head]]
            maps = functional.interpolate(maps, size=of.served, mode="bicubic")
            raised.append(maps.clamp(min=0))
        token_maps.append(torch.cat(raised, 1).mean(1))
    return torch.stack(token_maps).mean(0).numpy()


def test_step_maps_follow_the_definition() -> None:
    of = subject()
    for selected in selections(of, 40):
        expected = by_hand(of.run, selected, of)
        np.testing.assert_allclose(step_maps(of, selected), expected, atol=2e-7)


def test_each_step_of_a_stack_is_the_exact_map_of_that_step_alone() -> None:
    of = subject()
    for selected in selections(of, 20, seed=1):
        made = step_maps(of, selected)
        for place in range(of.step_count):
            alone = word_map(of, replace(selected, steps=(place, place + 1))).values.numpy()
            np.testing.assert_allclose(made[place], alone, atol=2e-7)


def test_preview_is_within_half_a_level_of_the_mean_of_the_steps() -> None:
    of = subject()
    for selected in selections(of, 60, seed=2):
        made, (lo, hi) = step_maps(of, selected), selected.steps
        shown = preview(stack_of(of, selected), lo, hi)
        mean = made[lo:hi].mean(0)
        assert shown.shape == of.served
        largest_half_level = made[lo:hi].max((1, 2)).mean() / 510
        assert np.abs(shown - mean).max() <= largest_half_level * 1.001
        assert np.abs(shown - mean).max() <= made[lo:hi].max() / 255


def test_the_settled_map_is_that_of_heat_maps() -> None:
    """Within 1/255 of the peak, says the plan; it is the same float32."""
    of = subject()
    for selected in selections(of, 80, seed=3):
        entry = of.entries[selected.word]
        steps = of.run.steps[slice(*selected.steps)]
        maps = heat_maps(
            of.run,
            layers=list(layers_of(of, selected)),
            steps=steps,
            heads=None if selected.head < 0 else selected.head,
        )
        values = maps.token(entry.tokens[0]) if entry.special else maps.word(entry.span)
        sent = Engine(of).exact(selected).values
        assert torch.equal(sent, values.values)
        read = np.frombuffer(exact_bytes(sent), dtype="<f4").reshape(of.grid)
        np.testing.assert_array_equal(read, values.values.numpy())


@pytest.mark.parametrize("kept", ["sum", "replay"])
def test_recordings_of_every_kind(kept: Kept) -> None:
    run = tiny_recording(TEXT, steps=4, kept=kept)
    of = subject(run)
    assert of.step_count == (1 if kept == "sum" else 4)
    for selected in selections(of, 10):
        made = step_maps(of, selected)
        assert made.shape == (of.step_count, *of.served)
        if kept == "sum":  # the mean over its steps, as `heat_maps` gives it
            exact = heat_maps(run, layers=list(layers_of(of, selected)), heads=_head(selected))
            entry = of.entries[selected.word]
            word = exact.token(entry.tokens[0]) if entry.special else exact.word(entry.span)
            np.testing.assert_allclose(made[0], word.values.numpy(), atol=2e-7)


def _head(selected: Selected) -> int | None:
    return None if selected.head < 0 else selected.head


def test_the_negative_prompts_words() -> None:
    run = tiny_recording(TEXT, negative="blurry ugly", steps=3)
    of = subject_of(run, negative=True)[0]
    assert [one.text for one in of.entries if one.kind == "word"] == ["blurry", "ugly"]
    selected = Selected(1, "paper", -1, -1, (0, 2))
    expected = heat_maps(run, negative=True, steps=(0, 1)).word("ugly").values
    assert torch.equal(word_map(of, selected).values, expected)
    np.testing.assert_allclose(
        step_maps(of, selected)[1],
        heat_maps(run, negative=True, steps=1).word("ugly").values.numpy(),
        atol=2e-7,
    )


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_eight_bits_hold_a_map_within_half_a_level(seed: int, peak: float, steps: int) -> None:
    values = np.random.default_rng(seed).random((steps, 3, 4)).astype(np.float32) * np.float32(peak)
    levels, scales = quantized(values)
    assert levels.dtype == np.uint8
    assert (levels.max((1, 2)) == 255).all()
    back = levels * np.asarray(scales, dtype=np.float32)[:, None, None]
    assert (np.abs(back - values).max((1, 2)) <= values.max((1, 2)) / 509).all()


def test_a_map_that_is_zero_everywhere_stays_zero() -> None:
    levels, scales = quantized(np.zeros((2, 3, 4), dtype=np.float32))
    assert not levels.any()
    assert scales == (0.0, 0.0)


def test_keys_are_written_as_javascript_writes_them() -> None:
    selected = Selected(3, "paper", -1, 2, (0, 7))
    assert selected.stack_key == '[3,"paper",-1,2]'
    assert selected.key == '[3,"paper",-1,2,0,7]'
