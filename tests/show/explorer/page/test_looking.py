"""Where a place of the image looks, from the explorer: the numbers of `self_attention_map`."""

from __future__ import annotations

import numpy as np
import pytest

import daam_nb as dnb
from daam_nb.errors import NotKeptError, SelectionError
from daam_nb.recording.self_attention import KeptSelf
from tests.tiny_recordings import tiny_recording, with_self_attention


@pytest.mark.parametrize(("kept", "steps"), [("sum", None), ("steps", (1, 2))])
def test_a_place_looks_where_the_recording_says(
    kept: KeptSelf, steps: tuple[int, ...] | None
) -> None:
    run = with_self_attention(tiny_recording(steps=4), kept)
    explorer = dnb.explore(run, parser=False, steps=slice(1, 3))
    expected = dnb.self_attention_map(run, (0.3, 0.7), steps=steps).values.numpy()
    np.testing.assert_array_equal(explorer.looks_from(0.3, 0.7).values.numpy(), expected)
    elsewhere = explorer.looks_from(0.9, 0.1).values.numpy()
    assert not np.array_equal(elsewhere, expected)


def test_what_was_not_recorded_is_said_with_the_way_to_record_it() -> None:
    explorer = dnb.explore(tiny_recording(steps=2), parser=False)
    with pytest.raises(NotKeptError, match="self_attention=True"):
        explorer.looks_from(0.5, 0.5)


def test_a_place_outside_of_the_image_is_refused() -> None:
    explorer = dnb.explore(with_self_attention(tiny_recording(steps=2)), parser=False)
    with pytest.raises(SelectionError, match="from 0 to 1"):
        explorer.looks_from(1.5, 0.5)
