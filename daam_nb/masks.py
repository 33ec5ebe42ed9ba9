"""Masks given by the user: which arrays and images are accepted, and how to convert others.

A mask is true or false at each pixel. Segmenters and annotators write that in several ways; a label
image (0, 1, 2, ...) and a soft mask (0 to 1) look alike to a program and mean different things, so
nothing is guessed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from daam_nb.errors import DaamError, SelectionError, ShapeError
from daam_nb.kinds import kind_of

_FEW = 6  # values that an error lists


def read_array(a: Any, *, what: str = "A map or mask") -> Tensor:
    """Read a mask, or an array that may be one.

    Parameters
    ----------
    a
        (y, x): bool; whole numbers that are all 0 or 1, or all 0 or 255; a PIL image of mode
        ``"1"``, or of mode ``"L"`` with such values; or floats, which are a map.
    what
        Its name for the caller, in errors.

    Returns
    -------
    Tensor
        (y, x), bool for a mask, else of floats.

    Raises
    ------
    ShapeError
        If it is not a (y, x) array.
    SelectionError
        For integers other than 0 and 1 or 0 and 255, such as a label image; for a PIL image with
        colors or shades of gray; for a masked array with hidden pixels.
    """
    _refuse_hidden(a, what)
    mode = _pil_mode(a)
    if mode is not None and mode not in ("1", "L"):
        raise SelectionError(
            f"{what} is a PIL image of mode {mode!r}, and colors or transparency do not define "
            "which pixels are marked. Choose them: numpy.asarray(image)[..., 3] > 0 for an alpha "
            "channel, numpy.asarray(image) == label for labels, or an image of mode '1'."
        )
    copied = mode is not None or isinstance(a, np.ndarray)  # torch takes no strides below 0
    array = _tensor(np.array(a) if copied else a, what)
    if array.dtype == torch.bool or array.is_floating_point():
        return array
    if array.is_complex():
        raise ShapeError(f"{what} must hold real numbers, not {array.dtype}.")
    return _marked(array.long(), what)  # unsigned kinds of several bytes cannot be compared


def read_mask(a: Any, *, what: str = "A mask") -> Tensor:
    """Read a mask: as `read_array`, but of floats only 0 and 1, or 0 and 255.

    Returns
    -------
    Tensor
        (y, x), bool.

    Raises
    ------
    ShapeError, SelectionError
        As for `read_array`; also for other floats.

    Examples
    --------
    >>> read_mask([[0, 255], [255, 0]]).tolist()
    [[False, True], [True, False]]
    """
    array = read_array(a, what=what)
    return array if array.dtype == torch.bool else _marked(array, what)


def are_labels(array: Tensor) -> bool:
    """Whether floats are three or more integers above 1: labels rather than attention."""
    values = torch.unique(array.double())
    return len(values) > 2 and float(values.max()) >= 2 and bool((values == values.round()).all())


def labels_message(array: Tensor) -> str:
    """Write the text of an error about floats that are labels."""
    return _several("A map or mask", torch.unique(array.double()).tolist())


def _marked(array: Tensor, what: str) -> Tensor:
    values = torch.unique(array).tolist()
    if set(values) <= {0, 1} or set(values) <= {0, 255}:
        return array > 0
    raise SelectionError(_several(what, values))


def _several(what: str, values: list[float]) -> str:
    listed = ", ".join(f"{value:g}" for value in values[:_FEW])
    more = f" and {len(values) - _FEW} more" if len(values) > _FEW else ""
    whole = all(float(value).is_integer() for value in values)
    label = f"{values[-1]:g}" if whole and values else "label"
    return (
        f"{what} has the values {listed}{more}, which do not define which pixels are marked: a "
        "mask must be bool, 0 and 1, or 0 and 255. Choose one of several labels, labels == "
        f"{label}; threshold a soft mask, values >= 0.5; wrap a map of attention, "
        "WordHeatMap(values), and give threshold=."
    )


def _tensor(a: Any, what: str) -> Tensor:
    if callable(getattr(a, "mask", None)) and hasattr(a, "image_size"):
        raise ShapeError(
            f"{what} is a {type(a).__name__}, which holds continuous values and is not a mask. "
            "Choose the share of its maximum above which pixels are marked: .mask(0.4)."
        )
    try:
        # Arrays of pandas, xarray and others are what numpy makes of them.
        plain = a if isinstance(a, Tensor) or not hasattr(a, "__array__") else np.array(a)
        array = torch.as_tensor(plain, device="cpu")
    except DaamError:
        raise
    except (TypeError, ValueError, RuntimeError):
        raise ShapeError(
            f"{what} must be a WordHeatMap or a (y, x) array, not {kind_of(a)}."
        ) from None
    if array.layout != torch.strided:
        raise ShapeError(
            f"{what} must be a dense array (y, x), not {array.layout}: mask.to_dense()."
        )
    if array.ndim != 2 or not array.numel():
        raise ShapeError(
            f"{what} must have the shape (y, x), both at least 1, not {tuple(array.shape)}."
        )
    return array.detach()


def _pil_mode(a: Any) -> str | None:
    """The mode of a PIL image, None for anything else."""
    from PIL import Image

    return a.mode if isinstance(a, Image.Image) else None


def _refuse_hidden(a: Any, what: str) -> None:
    if isinstance(a, np.ma.MaskedArray) and np.ma.getmaskarray(a).any():
        raise SelectionError(
            f"{what} is a masked array that hides {int(np.ma.getmaskarray(a).sum())} of its "
            f"{a.size} pixels, and measures cannot leave out pixels. Fill them: array.filled(0)."
        )
