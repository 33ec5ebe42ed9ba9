"""The attention probabilities of one row against a softmax in float64, whole and in chunks."""

from __future__ import annotations

import pytest
import torch

from daam_nb.tracing import attention
from daam_nb.tracing.attention import probabilities

QUERY = torch.randn(4, 30, 8, generator=torch.Generator().manual_seed(0))
KEY = torch.randn(4, 7, 8, generator=torch.Generator().manual_seed(1))
MASK = torch.ones(1, 1, 7, dtype=torch.bool).index_fill_(2, torch.tensor([5]), False)
CHUNK = 4 * 4 * 7 * 11  # 11 of the 30 queries at once


def expected(mask: torch.Tensor | None) -> torch.Tensor:
    scores = QUERY.double() @ KEY.double().transpose(1, 2) * 0.3
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1).transpose(1, 2)


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("chunk", [CHUNK, attention.CHUNK_BYTES])
@pytest.mark.parametrize("columns", [None, [6, 2], [0, 1, 2, 3, 4, 5, 6], []])
def test_chosen_columns_of_a_softmax_over_all_keys(
    columns: list[int] | None,
    chunk: int,
    mask: torch.Tensor | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "CHUNK_BYTES", chunk)
    chosen = None if columns is None else torch.tensor(columns, dtype=torch.int64)
    before = QUERY.clone(), KEY.clone()
    result = probabilities(QUERY, KEY, chosen, mask=mask, scale=0.3)
    whole = expected(mask)
    wanted = whole if columns is None else whole[:, columns]
    assert result.shape == wanted.shape and result.dtype == torch.float32
    torch.testing.assert_close(result.double(), wanted, rtol=0, atol=1e-6)
    assert torch.equal(QUERY, before[0]) and torch.equal(KEY, before[1])


def test_keys_shared_by_groups_of_heads() -> None:
    grouped = probabilities(QUERY, KEY[:2], None, scale=0.3)
    again = probabilities(QUERY, KEY[[0, 0, 1, 1]], None, scale=0.3)
    assert torch.equal(grouped, again)


def test_no_queries_have_no_probabilities() -> None:
    assert probabilities(QUERY[:, :0], KEY, None, scale=0.3).shape == (4, 7, 0)
