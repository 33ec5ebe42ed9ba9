from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.studies.report.csv_cells import inert, original


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1",
        " =1", "＝1+1", "'=1", "''=1", "-a",
    ],
)  # fmt: skip
def test_no_cell_begins_a_formula(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert original(inert(text)) == text


@pytest.mark.parametrize(
    "text", ["anna", "", "-5", "+3.5", "-1e-05", "a=b", "'quoted'", "2-3", "—"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert inert(text) == text == original(text)


@given(st.text(alphabet="'=+-@ \t\r\nab1.＝", max_size=6) | st.text())
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    assert original(inert(text)) == text
