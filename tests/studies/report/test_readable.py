"""Mean and interval in one cell."""

from __future__ import annotations

import math

import pandas as pd

from daam_nb.studies.report.readable import readable


def test_means_that_are_known_well_badly_and_not_at_all() -> None:
    table = pd.DataFrame(
        {
            "kind": ["a", "b", "c"],
            "iou": [0.12345, 0.5, math.nan],
            "iou_low": [0.1, math.nan, math.nan],
            "iou_high": [0.2, math.nan, math.nan],
            "rare": [False, True, True],
        }
    )
    made = readable(table, {"iou": "mIoU"})
    assert list(made.columns) == ["kind", "mIoU", "rare"]
    assert made.mIoU.tolist() == ["0.123 [0.100, 0.200]", "0.500", ""]


def test_how_many_values_a_mean_has_where_the_row_has_others() -> None:
    table = pd.DataFrame(
        {"n": [9], "iod": [0.5], "iod_low": [0.4], "iod_high": [0.6], "iod_n": [3]}
    )
    made = readable(table, {"iod": "mIoD"})
    assert made.to_dict("records") == [{"n": 9, "mIoD": "0.500 [0.400, 0.600]", "n, mIoD": 3}]
