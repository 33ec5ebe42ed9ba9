"""A change in every cell of a grid, as a text that a row of a table can hold, and back."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from daam_nb.errors import StudyError

Field = NDArray[np.float64]


def packed(field: Field) -> str:
    """Write (y, x) as text: ``"height x width:"`` and base64 of little-endian float32."""
    if field.ndim != 2:
        raise StudyError(f"A field must have the shape (y, x), not {field.shape}.")
    raw = np.ascontiguousarray(field, dtype="<f4").tobytes()
    return f"{field.shape[0]}x{field.shape[1]}:{base64.b64encode(raw).decode('ascii')}"


def unpacked(text: str) -> Field:
    """Read what `packed` wrote.

    Raises
    ------
    StudyError
        For any other text.
    """
    try:
        size, _, raw = text.partition(":")
        height, width = (int(side) for side in size.split("x"))
        values = np.frombuffer(base64.b64decode(raw, validate=True), dtype="<f4")
        return values.reshape(height, width).astype(np.float64)
    except (AttributeError, ValueError, binascii.Error) as error:
        raise StudyError(f"{text!r:.40} is not a packed field ({error}).") from None
