"""Rows by content: what is an encoder's row, what is one with a weight, and what is nobody's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daam_nb.tracing.encodings import Window
from daam_nb.tracing.recognition import recognize

START, END, CHANNELS = 0, 1, 48
TEMPLATE = {START, END}


def window(*ids: int, seed: int = 0, length: int = 8, dtype: torch.dtype = torch.float32) -> Window:
    """States that depend on all numbers up to their own, as a causal encoder's do."""
    padded = (START, *ids, *[END] * (length - 1 - len(ids)))
    rows = []
    for position in range(length):
        generator = torch.Generator().manual_seed(hash((seed, *padded[: position + 1])) % 2**31)
        rows.append(torch.randn(CHANNELS, generator=generator))
    return Window(padded, torch.stack(rows).to(dtype))


RED_CAT, DOG, EMPTY = window(2, 3), window(4), window()
ALL = [RED_CAT, DOG, EMPTY]


def read(rows: Tensor, windows: list[Window] | None = None) -> tuple[int | None, ...]:
    return recognize(rows, ALL if windows is None else windows, TEMPLATE).ids


def test_an_encoders_rows_in_any_order() -> None:
    assert read(RED_CAT.states) == RED_CAT.ids
    order = [3, 0, 2, 1, 7]
    assert read(RED_CAT.states[order]) == tuple(RED_CAT.ids[i] for i in order)
    joined = torch.cat([DOG.states[:2], RED_CAT.states[1:4]])
    assert read(joined) == (START, 4, 2, 3, END)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("factor", [0.1, 0.9, 1.4, -1.0, 30.0])
def test_rows_with_weights(dtype: torch.dtype, factor: float) -> None:
    towards = EMPTY.states + factor * (RED_CAT.states - EMPTY.states)
    times = factor * RED_CAT.states
    for rows in (towards, times):
        weighted = RED_CAT.states.clone()
        weighted[2] = rows[2]
        for some in (rows, weighted):
            halves = [Window(w.ids, w.states.to(dtype)) for w in ALL]
            assert read(some.to(dtype), halves) == RED_CAT.ids


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_mixtures_of_two_texts(dtype: torch.dtype, share: float) -> None:
    mixed = share * RED_CAT.states + (1 - share) * DOG.states
    halves = [Window(w.ids, w.states.to(dtype)) for w in ALL]
    ids = read(mixed.to(dtype), halves)
    assert ids[0] == START  # the same in both
    assert ids[1:4] == (None, None, None)


def test_nothing_and_noise() -> None:
    rows = RED_CAT.states.clone()
    rows[2] = 0
    assert read(rows) == (START, 2, None, *RED_CAT.ids[3:])
    rows[2] = torch.nan
    assert read(rows)[2] is None
    rows[2] = torch.inf
    assert read(rows)[2] is None
    assert read(torch.zeros(8, CHANNELS)) == (None,) * 8
    assert read(torch.randn(8, CHANNELS)) == (None,) * 8
    assert read(RED_CAT.states[:, :40]) == (None,) * 8  # another width
    assert read(RED_CAT.states, []) == (None,) * 8
    assert read(RED_CAT.states + 0.01 * torch.randn(8, CHANNELS)) == (None,) * 8


def test_the_empty_texts_row_is_not_the_words() -> None:
    rows = RED_CAT.states.clone()
    rows[2] = EMPTY.states[2]
    assert read(rows)[2] == END
    rows[2] = 0.7 * EMPTY.states[2]
    assert read(rows)[2] != 3


def test_two_texts_that_fit_alike_name_what_they_agree_on() -> None:
    twin = Window((START, 2, 9, *RED_CAT.ids[3:]), RED_CAT.states)
    assert read(RED_CAT.states, [RED_CAT, twin]) == (START, 2, None, *RED_CAT.ids[3:])
    assert read(1.5 * RED_CAT.states, [RED_CAT, twin]) == (START, 2, None, *RED_CAT.ids[3:])


def test_so_many_readings_that_they_could_make_anything() -> None:
    """Of one text under 48 masks, any row is a combination: it proves nothing."""
    many = [Window(RED_CAT.ids, window(2, 3, seed=seed).states) for seed in range(CHANNELS)]
    assert read(torch.randn(8, CHANNELS), many) == (None,) * 8
