"""The map of one word, its mask (Tang et al. 2023, eq. 7), and its resizing to image pixels."""

from __future__ import annotations

import copy as copying
import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import check_text, kind_of, real_number, whole_number
from daam_nb.maps.origin import Origin
from daam_nb.maps.threshold import mask_of
from daam_nb.recording.layers import PROBABILITY
from daam_nb.recording.xarrays import import_xarray
from daam_nb.storage.images import MAX_PIXELS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ARBITRARY = "arbitrary units"
MADE_BY_HAND = "made by hand"


@dataclass(frozen=True, eq=False)
class WordHeatMap:
    """Heat map of one word or token: how much each image location attends to it.

    The maps of `HeatMaps` hold recorded attention. A map made from an array, also by
    ``dataclasses.replace`` of a recorded one, is `derived`, and is labeled so wherever it is drawn.

    Attributes
    ----------
    values
        (y, x), float32, finite, >= 0, on the latent grid; anything array-like is accepted, and
        copied: later writes to the array do not reach the map.
    label
        The word as it stands in the prompt, or a token's piece.
    span
        Its characters in the prompt's text, half-open; None if it has none (start of text).
    tokens
        The key positions averaged.
    origin
        The run and the selection behind it; None for a map made by hand or averaged.
    image_size
        (height, width) of the image in pixels, if known; its aspect ratio is the grid's.
    unit
        Name of the quantity, for a color bar: ``"attention probability"``, in joint attention
        ``"attention probability over image and text"``; ``"arbitrary units"`` by default.
    averaged
        How many maps were averaged, and with which selections they were made; empty if it is not a
        mean.

    Raises
    ------
    ShapeError
        If `values` is empty, not two-dimensional, or of another aspect ratio than `image_size`.
    SelectionError
        If `values` has negative, NaN or infinite numbers.
    """

    values: Tensor
    label: str = ""
    span: tuple[int, int] | None = None
    tokens: tuple[int, ...] = ()
    origin: Origin | None = None
    image_size: tuple[int, int] | None = None
    unit: str = ARBITRARY
    averaged: str = ""
    # No argument, so that neither a user nor dataclasses.replace can claim it for other values.
    _recorded: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _read_values(self.values))
        check_text(self.label, "The label of a map")
        _check_source(self.span, self.tokens, self.origin)
        check_text(self.unit, "The unit of a map")
        check_text(self.averaged, "What a map is the mean of")
        if self.image_size is not None:
            object.__setattr__(self, "image_size", read_size(self.image_size))
            _check_proportions(self.size, self.image_size, self.label)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of `values`."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def choice(self) -> str:
        """Layers, steps, heads and reduction in one line; it marks a `derived` map as such."""
        selection = self.selection
        return f"derived: {selection}" if self.derived else selection

    @property
    def selection(self) -> str:
        """As `choice`, without the mark of a derived map."""
        source = self.averaged if self.origin is None else self.origin.choice
        if self.derived and self.origin is not None:
            return f"changed by hand after {source}"
        return source or MADE_BY_HAND

    @property
    def derived(self) -> bool:
        """Whether the values are other than recorded attention: an array made by hand."""
        return not self._recorded

    def resize(self, size: tuple[int, int] | None = None) -> WordHeatMap:
        """Resize the map to image pixels: bicubic, then clamped at 0.

        Parameters
        ----------
        size
            (height, width) in pixels, by default `image_size`; PIL's `size` is the other way
            round.

        Returns
        -------
        WordHeatMap
            The same map with `values` of shape `size`, float32, >= 0, in the same unit. Bicubic
            interpolation overshoots: its maximum can be a little above the grid's.

        Raises
        ------
        ShapeError
            If the size is not a pair of integers >= 1, is larger than any image, or is neither
            given nor known.

        References
        ----------
        Tang et al. 2023, "What the DAAM", eq. 6, https://aclanthology.org/2023.acl-long.310
        """
        if size is None and self.image_size is None:
            raise ShapeError(
                f"The image's size is not known for the map of {self.label!r}. "
                f"Name it: resize((height, width))."
            )
        target = read_size(size if size is not None else self.image_size)
        if self.image_size and target == self.image_size[::-1] != self.image_size:
            warnings.warn(
                f"The map of {self.label!r} is resized to {target[0]} x {target[1]}, but its image "
                f"is {self.image_size[0]} x {self.image_size[1]} (height x width). PIL's size is "
                "the other way round.",
                stacklevel=2,
            )
        if target == self.size:
            return self
        if target[0] * target[1] > MAX_PIXELS:
            raise ShapeError(
                f"A map of {target[0]} x {target[1]} would exceed the {MAX_PIXELS} pixels that an "
                "image may have. Give the image's size."
            )
        raised = functional.interpolate(
            self.values[None, None], size=target, mode="bicubic", align_corners=False
        )
        return self._with(values=_checked_values(raised[0, 0].clamp_(min=0)))

    def mask(self, threshold: float, *, size: tuple[int, int] | None = None) -> Tensor:
        """Mask the locations where the map reaches a share of its own maximum.

        Parameters
        ----------
        threshold
            Share of the map's maximum, 0 to 1; the paper's best for segmentation is 0.4. 0 marks
            every location.
        size
            (height, width) to resize to **before** the threshold, as the paper does with the image
            size; by default the map's own grid.

        Returns
        -------
        Tensor
            (height, width), bool: values >= threshold * maximum. The mask of a map that is 0
            everywhere is empty at any threshold, with a warning.

        Raises
        ------
        SelectionError
            If the threshold is not a number from 0 to 1.

        References
        ----------
        Tang et al. 2023, "What the DAAM", eq. 7, https://aclanthology.org/2023.acl-long.310
        """
        share = read_threshold(threshold)
        values = self.values if size is None else self.resize(size).values
        if not values.any():
            warnings.warn(
                f"The map of {self.label!r} is 0 everywhere, so its mask is empty.", stacklevel=2
            )
        return mask_of(values, share)

    def normalized(self) -> WordHeatMap:
        """Divide by the maximum, so that values lie in [0, 1]; an all-zero map stays zero."""
        peak = self.values.max()
        values = self.values / peak if peak > 0 else self.values
        return self._with(values=values.clone(), unit="share of the map's maximum")

    def numpy(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a writable copy of the values as a numpy array, (y, x), float32."""
        return self.values.numpy(force=True).copy()

    def to_xarray(self) -> Any:
        """Return the map as an `xarray.DataArray` with dims (y, x).

        Coordinates: `y` and `x`, the row and column of its grid. Attributes: label, choice, unit.

        Raises
        ------
        MissingExtraError
            If xarray is not installed.
        """
        xarray = import_xarray("WordHeatMap.to_xarray()")
        return xarray.DataArray(
            self.numpy(),
            dims=("y", "x"),
            coords={"y": range(self.size[0]), "x": range(self.size[1])},
            name="heat_map",
            attrs={"label": self.label, "choice": self.choice, "units": self.unit},
        )

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """What ``numpy.asarray(word_map)`` gives: `values`, (y, x), float32."""
        return array_of(self.values, dtype, copy)

    def __repr__(self) -> str:
        height, width = self.size
        unit = "" if self.unit == PROBABILITY else f" ({self.unit})"
        return (
            f"<WordHeatMap {self.label!r}: {height}x{width}, peak {self.values.max():.3g}{unit}, "
            f"{self.choice}>"
        )

    def _repr_html_(self) -> str:
        from daam_nb.maps.table import table_of_words

        unit = "" if self.unit == PROBABILITY else f"{self.unit}; "
        return table_of_words((self,), caption=f"{unit}{self.choice}")

    def _with(self, **values: Any) -> WordHeatMap:
        """A copy with other, checked, values of its fields; as much recorded as this one."""
        changed = copying.copy(self)
        for name, value in values.items():
            object.__setattr__(changed, name, value)
        return changed


def of_recording(word_map: WordHeatMap) -> WordHeatMap:
    """Mark a map as recorded attention: for code that made its values from a recording."""
    return word_map._with(_recorded=True)


def array_of(values: Tensor, dtype: npt.DTypeLike | None, copy: bool | None) -> npt.NDArray[Any]:
    """Return a map's values as numpy's ``__array__`` protocol asks for them.

    Parameters
    ----------
    values
        Of any shape, on the CPU.
    dtype
        Dtype of the array; None: that of the values.
    copy
        True: always a copy. None: only if the dtype needs one; an array that shares the map's
        values is read-only. False: never, or a `ValueError`.
    """
    import numpy as np

    shared = values.numpy()
    array = shared if dtype is None else shared.astype(dtype, copy=False)
    if array is shared and copy:
        return shared.copy()
    if array is not shared and copy is False:
        raise ValueError(
            f"The values are {shared.dtype}; converting them to {np.dtype(dtype)} makes a copy."
        )
    if array is shared:
        array = shared[...]  # a view of its own: the flag is the array's, not the memory's
        array.flags.writeable = False
    return array


def _check_source(span: object, tokens: object, origin: object) -> None:
    """Raise a `WrongKindError` unless these can be a map's span, key positions and `Origin`."""
    if span is not None and not (_are_whole(span) and len(span) == 2):  # type: ignore[arg-type]
        raise WrongKindError(
            f"The span of a map must be (start, end) or None, not {kind_of(span)}."
        )
    if not _are_whole(tokens):
        raise WrongKindError(f"The tokens of a map must be key positions, not {kind_of(tokens)}.")
    if origin is not None and not isinstance(origin, Origin):
        raise WrongKindError(
            "The origin of a map must be an Origin, as maps of HeatMaps have, or None, not "
            f"{kind_of(origin)}."
        )


def _check_proportions(size: tuple[int, int], image_size: tuple[int, int], label: str) -> None:
    """Refuse an image that no grid of square cells, rounded to whole ones, can lie over."""
    # The side of a cell in pixels lies between image / (cells + 1) and image / (cells - 1).
    lowest = max(side / (cells + 1) for side, cells in zip(image_size, size, strict=True))
    highest = min(
        side / (cells - 1) if cells > 1 else math.inf
        for side, cells in zip(image_size, size, strict=True)
    )
    if lowest >= highest:
        raise ShapeError(
            f"The map of {label!r} has {size[0]} x {size[1]} cells and its image {image_size[0]} x "
            f"{image_size[1]} pixels (height x width), which differ in aspect ratio. PIL's size is "
            "the other way round: image_size=(image.height, image.width). If the cells are not "
            "square, resize the array to the image's size first."
        )


def _are_whole(numbers: object) -> bool:
    return isinstance(numbers, tuple | list) and all(
        isinstance(number, int) and not isinstance(number, bool) for number in numbers
    )


def _read_values(values: Any) -> Tensor:
    """What may be a map, as float32 on the CPU; raises a `WrongKindError` for what is no array."""
    if isinstance(values, WordHeatMap):
        raise WrongKindError(f"The values of a map must be an array (y, x), not a map: {values!r}.")
    try:
        tensor = torch.as_tensor(values, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError):
        raise WrongKindError(
            f"The values of a map must be an array (y, x) of numbers, not {kind_of(values)}."
        ) from None
    if tensor.is_complex():
        raise WrongKindError("The values of a map must be real numbers; these are complex.")
    if tensor.layout != torch.strided:
        raise WrongKindError(
            f"The values of a map must be a dense array (y, x), not {tensor.layout}: "
            "values.to_dense()."
        )
    # Checked once and copied: nobody else may write into it.
    return _checked_values(tensor.to(torch.float32, copy=True))


def _checked_values(values: Tensor) -> Tensor:
    """Refuse what is no map: another shape than (y, x), or not finite and >= 0."""
    if values.ndim != 2 or not values.numel():
        raise ShapeError(
            f"A heat map must have the shape (y, x), both at least 1, not {tuple(values.shape)}."
        )
    low, high = (end.item() for end in torch.aminmax(values))
    if not (low >= 0 and high < math.inf):  # False for NaN, too
        raise SelectionError(
            f"A heat map must hold finite values >= 0; these go from {low} to {high}. Clamp them, "
            "or look for NaN in their source."
        )
    return values


def read_size(size: object) -> tuple[int, int]:
    """Check a (height, width) of integers >= 1."""
    try:
        height, width = (whole_number(side, "side") for side in size)  # type: ignore[attr-defined]
    except (TypeError, ValueError):  # of which a SelectionError is one
        height = width = 0
    if height < 1 or width < 1:
        raise ShapeError(
            f"A size must be (height, width), two whole numbers >= 1, not {size!r}. For a PIL "
            "image: (image.height, image.width)."
        )
    return height, width


def read_threshold(threshold: object) -> float:
    """Check a share from 0 to 1."""
    value = real_number(threshold)
    if not 0 <= value <= 1:
        raise SelectionError(
            "A threshold must be a share of the map's maximum, a number from 0 to 1, not "
            f"{threshold!r}. The paper's best for segmentation is 0.4."
        )
    return value
