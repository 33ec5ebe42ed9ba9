"""Eq. 7, by hand."""

from __future__ import annotations

import torch

from daam_nb.maps.threshold import mask_level, mask_of


def test_each_map_is_cut_at_a_share_of_its_own_maximum() -> None:
    values = torch.tensor([[[0.0, 2.0], [1.0, 5.0]], [[0.2, 0.1], [0.4, 0.3]]])
    torch.testing.assert_close(mask_level(values, 0.4).flatten(), torch.tensor([2.0, 0.16]))
    assert mask_of(values, 0.4).tolist() == [
        [[False, True], [False, True]],
        [[True, False], [True, True]],
    ]


def test_a_map_of_zeros_is_marked_nowhere_and_threshold_0_is_everywhere() -> None:
    values = torch.tensor([[[0.0, 0.0]], [[0.0, 1.0]]])
    assert mask_of(values, 0.0).tolist() == [[[False, False]], [[True, True]]]
