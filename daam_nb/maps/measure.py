"""Numbers from maps: overlap of two words, spread and location of one.

Each takes a `WordHeatMap`, or a (y, x) array: a mask (bool; whole numbers that are 0 and 1, or 0
and 255; a PIL image of these), or a map (floats >= 0, finite). Label images, and soft masks as PIL
images, are refused, because they leave open which pixels are meant.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.maps.wordmap import WordHeatMap, read_threshold
from daam_nb.masks import are_labels, labels_message, read_array

MapLike = WordHeatMap | Tensor | Any  # or anything that torch.as_tensor takes


def iou(
    a: MapLike,
    b: MapLike,
    *,
    threshold: float | None = None,
    size: tuple[int, int] | None = None,
) -> float:
    """Intersection over union of two masks.

    Parameters
    ----------
    a, b
        Maps, which need a threshold, or masks, which take no threshold: bool, 0 and 1, or 0 and
        255, as arrays or PIL images of mode ``"1"`` or ``"L"``.
    threshold
        Share of each map's own maximum, 0 to 1 (eq. 7).
    size
        (height, width) to resize `WordHeatMap`s to before the threshold; by default their own.

    Returns
    -------
    float
        0 to 1; 0 if both masks are empty.

    Raises
    ------
    ShapeError
        If the two differ in shape (y, x).
    SelectionError
        If a map comes without a threshold, or has negative, NaN or infinite values; if an array
        holds labels, of which one has to be chosen (``labels == 3``).

    Examples
    --------
    >>> iou([[True, True], [False, False]], [[True, False], [True, False]])
    0.3333333333333333
    """
    first, second = _two_masks(a, b, threshold, size)
    return _ratio(first & second, first | second)


def iod(
    dependent: MapLike,
    head_word: MapLike,
    *,
    threshold: float | None = None,
    size: tuple[int, int] | None = None,
) -> float:
    """Intersection over the dependent's mask: how much of the dependent lies in its head word.

    Parameters, range and errors are those of `iou`; 0 if the dependent's mask is empty.

    References
    ----------
    Tang et al. 2023, section 4, https://aclanthology.org/2023.acl-long.310

    Examples
    --------
    >>> iod([[True, True], [False, False]], [[True, False], [True, True]])
    0.5
    """
    first, second = _two_masks(dependent, head_word, threshold, size)
    return _ratio(first & second, first)


def ioh(
    dependent: MapLike,
    head_word: MapLike,
    *,
    threshold: float | None = None,
    size: tuple[int, int] | None = None,
) -> float:
    """Intersection over the head word's mask: how much of the head word lies in its dependent.

    Parameters, range and errors are those of `iou`; 0 if the head word's mask is empty.

    References
    ----------
    Tang et al. 2023, section 4, https://aclanthology.org/2023.acl-long.310

    Examples
    --------
    >>> ioh([[True, True], [False, False]], [[True, False], [True, True]])
    0.3333333333333333
    """
    first, second = _two_masks(dependent, head_word, threshold, size)
    return _ratio(first & second, second)


def spill(
    dependent: MapLike,
    head_word: MapLike,
    *,
    threshold: float | None = None,
    size: tuple[int, int] | None = None,
) -> float:
    """Share of the dependent's mask outside its head word's: 1 - `iod`.

    Measures how far an adjective reaches beyond its noun. 0 to 1; 0 if the dependent's mask is
    empty, as nothing spills then. Parameters and errors are those of `iou`.

    Examples
    --------
    >>> spill([[True, True], [True, True]], [[True, False], [False, False]])
    0.75
    """
    first, second = _two_masks(dependent, head_word, threshold, size)
    return _ratio(first & ~second, first)


def intersection_over_area(a: MapLike, b: MapLike) -> float:
    """Sum of ``a * b`` over the sum of `a`: the mean of `b` weighted by `a`.

    Of masks it is `iod`. Of maps it has the unit of `b` and is not symmetric: the reference
    implementation's `compute_ioa`, without a threshold.

    Returns
    -------
    float
        >= 0; 0 if `a` is 0 everywhere.

    Examples
    --------
    >>> intersection_over_area([[1.0, 3.0]], [[0.5, 0.25]])
    0.3125
    """
    first, second = _same_shape(_values(a), _values(b))
    area = first.sum().item()
    return (first * second).sum().item() / area if area else 0.0


def soft_iou(a: MapLike, b: MapLike) -> float:
    """Overlap of two maps without a threshold: sum of minima over sum of maxima (Ruzicka).

    Each map is first divided by its sum, so that only its distribution counts. 0 to 1; 1 for maps
    that differ only by a factor, 0 if they are disjoint or either is 0 everywhere.

    Examples
    --------
    >>> soft_iou([[1.0, 1.0]], [[2.0, 0.0]])
    0.3333333333333333
    """
    first, second = _same_shape(_values(a), _values(b))
    sums = first.sum(), second.sum()
    if not all(sums):
        return 0.0
    first, second = first / sums[0], second / sums[1]
    return (torch.minimum(first, second).sum() / torch.maximum(first, second).sum()).item()


def entropy(a: MapLike) -> float:
    """Shannon entropy of the map as a distribution over its pixels, in bits.

    Returns
    -------
    float
        0 (all in one pixel) to log2(height * width) (the same everywhere); 0 for a map that is 0
        everywhere. It grows with the grid: compare only maps of equal size.

    Examples
    --------
    >>> entropy([[1.0, 1.0], [1.0, 1.0]])
    2.0
    """
    values = _values(a)
    total = values.sum()
    if not total:
        return 0.0
    share = values / total
    # + 0.0: the entropy of one pixel is 0.0, not -0.0
    return -torch.xlogy(share, share).sum().item() / math.log(2) + 0.0


def area(
    a: MapLike, *, threshold: float | None = None, size: tuple[int, int] | None = None
) -> float:
    """Share of the image that the mask covers, 0 to 1.

    Examples
    --------
    >>> area([[True, False], [False, False]])
    0.25
    """
    return _mask(a, threshold, size).double().mean().item()


def center_of_mass(a: MapLike) -> tuple[float, float]:
    """Center of mass of a map: the mean position, weighted by its values.

    Returns
    -------
    (float, float)
        (y, x), each 0 to 1 from the top left corner, pixels counted at their centers: (0.5, 0.5)
        is the middle of the image at any size. (nan, nan) for a map that is 0 everywhere.

    Examples
    --------
    >>> center_of_mass([[0.0, 0.0], [1.0, 1.0]])
    (0.75, 0.5)
    """
    values = _values(a)
    total = values.sum()
    if not total:
        return math.nan, math.nan
    height, width = values.shape
    ys = (torch.arange(height, dtype=torch.float64) + 0.5) / height
    xs = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    y, x = (values.sum(1) @ ys) / total, (values.sum(0) @ xs) / total
    return y.item(), x.item()


def peak(a: MapLike) -> tuple[float, float]:
    """Position of the map's maximum; of several, the first in reading order.

    Returns
    -------
    (float, float)
        (y, x) of the pixel's center, each 0 to 1 from the top left corner, as `center_of_mass`;
        (nan, nan) for a map that is 0 everywhere.

    Examples
    --------
    >>> peak([[0.0, 0.2], [0.7, 0.1]])
    (0.75, 0.25)
    """
    values = _values(a)
    if not values.any():
        return math.nan, math.nan
    height, width = values.shape
    y, x = divmod(int(values.argmax()), width)
    return (y + 0.5) / height, (x + 0.5) / width


def _two_masks(
    a: MapLike, b: MapLike, threshold: float | None, size: tuple[int, int] | None
) -> tuple[Tensor, Tensor]:
    return _same_shape(_mask(a, threshold, size), _mask(b, threshold, size))


def _mask(a: MapLike, threshold: float | None, size: tuple[int, int] | None) -> Tensor:
    if isinstance(a, WordHeatMap):
        if threshold is None:
            raise SelectionError(
                f"The map of {a.label!r} needs a threshold to become a mask: give one, as in "
                "threshold=0.4 (a share of the map's maximum)."
            )
        return a.mask(threshold, size=size)
    array = read_array(a)
    if array.dtype != torch.bool and threshold is None and _is_two_valued(array):
        array = array > 0
    if array.dtype != torch.bool:
        if are_labels(array):
            raise SelectionError(labels_message(array))
        return _mask(WordHeatMap(array, label="an array"), threshold, size)
    if threshold is not None:
        read_threshold(threshold)  # a mask beside a map takes none, but garbage is garbage
    if size is not None and array.shape != tuple(size):
        raise ShapeError(
            f"A mask of {_by(array)} cannot be resized to {size}. Resize the map it was made "
            f"from.{_turned(tuple(array.shape), tuple(size))}"
        )
    return array


def _is_two_valued(array: Tensor) -> bool:
    """Whether floats are 0 and 1, or 0 and 255, both of them: a mask in other clothes."""
    values = set(torch.unique(array).tolist())
    return values in ({0.0, 1.0}, {0.0, 255.0})


def _values(a: MapLike) -> Tensor:
    """(y, x), float64, finite and >= 0."""
    if not isinstance(a, WordHeatMap):
        a = WordHeatMap(read_array(a), label="an array")
    return a.values.double()


def _same_shape(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.shape != b.shape:
        raise ShapeError(
            f"The two are on different grids: {_by(a)} and {_by(b)}. Resize both to one "
            f"size: a.resize((height, width)), or size=(height, width) with a threshold."
            f"{_turned(tuple(a.shape), tuple(b.shape))}"
        )
    return a, b


def _turned(size: tuple[int, ...], other: tuple[int, ...]) -> str:
    """What to look for where two shapes differ in their order alone."""
    if size == other[::-1]:
        return (
            " Height and width of one may be exchanged: arrays are (height, width), PIL's sizes "
            "(width, height)."
        )
    return ""


def _by(a: Tensor) -> str:
    return " x ".join(str(side) for side in a.shape)


def _ratio(part: Tensor, whole: Tensor) -> float:
    count = int(whole.sum())
    return int(part.sum()) / count if count else 0.0
