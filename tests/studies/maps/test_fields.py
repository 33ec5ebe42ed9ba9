"""A change in every cell as a text, and back."""

from __future__ import annotations

import numpy as np
import pytest

from daam_nb.errors import StudyError
from daam_nb.studies.maps.fields import packed, unpacked


def test_a_field_in_a_row_comes_back() -> None:
    field = np.array([[0.0, 0.25, 1e-7], [3.0, 2.5, 1 / 3]])
    text = packed(field)
    assert text.startswith("2x3:") and text.isascii()
    assert np.array_equal(unpacked(text), field.astype(np.float32))
    for wrong in ("", "2x3", "2x2:" + text[4:], "2x3:?", None):
        with pytest.raises(StudyError, match="is not a packed field"):
            unpacked(wrong)  # type: ignore[arg-type]
