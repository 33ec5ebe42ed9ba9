"""`SelfAttention`: attention of the image's cells to each other, beside a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from daam_nb.errors import SelectionError, ShapeError
from daam_nb.recording.extra import Extra
from daam_nb.recording.layers import Layer, Layers
from daam_nb.recording.limits import MAX_LAYERS, check_count

if TYPE_CHECKING:
    from torch import Tensor

KeptSelf = Literal["sum", "steps"]
MAX_SIDE = 32
"""Cells of a side of the largest layers that are kept: an array grows with its fourth power."""


@dataclass(frozen=True, eq=False)
class SelfAttention(Extra):
    """Attention of each image cell to the image's cells, averaged over heads, by layer.

    Attributes
    ----------
    layers
        The layers, of at most 32 x 32 cells: those of self-attention in a UNet (``attn1``), and of
        joint attention if a transformer has no others.
    probabilities
        Layer name -> (step, query cell, key cell), cells row by row: attention probability in the
        conditional pass, averaged over heads. The sum over key cells is 1 in self-attention, and
        less in joint attention, where the rest goes to the text.
    kept
        ``"sum"``: the sum over the recording's steps, float32, with a step axis of length 1.
        ``"steps"``: each step separately.

    Raises
    ------
    SelectionError, ShapeError
        At construction, if the parts do not fit together.

    Notes
    -----
    Only the mean over heads is kept: it suffices to refine a map, and a single layer of 32 x 32
    cells has a million values per step and head.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("probabilities",)
    TITLE: ClassVar[str] = "The self-attention"

    layers: tuple[Layer, ...]
    probabilities: Mapping[str, Tensor]
    kept: KeptSelf = "sum"

    def __post_init__(self) -> None:
        if self.kept not in get_args(KeptSelf):
            raise SelectionError(
                f"Self-attention must be kept as 'sum' or 'steps', not {self.kept!r}."
            )
        names = [layer.name for layer in self.layers]
        check_count(names, "layers of self-attention", MAX_LAYERS)
        if not names or len(set(names)) < len(names):
            raise ShapeError("Self-attention must be of at least one layer, each listed once.")
        for layer in self.layers:
            if layer.attention == "cross" or not small(layer):
                raise ShapeError(
                    f"{layer.name!r} of {layer.size[0]} x {layer.size[1]} cells holds no "
                    f"self-attention of at most {MAX_SIDE} x {MAX_SIDE}."
                )
        object.__setattr__(self, "layers", Layers(self.layers))

    def facts(self) -> dict[str, Any]:
        """Labels of the arrays, as plain data."""
        return {"kept": self.kept, "layers": [asdict(layer) for layer in self.layers]}

    @staticmethod
    def bounds(most: float) -> dict[str, tuple[float, float]]:
        """Range of the values, given that a probability (or a sum of them) is at most `most`."""
        return {"probabilities": (0.0, most)}

    def check(self, *, steps: int) -> None:
        """Raise `ShapeError` unless the arrays fit a recording with this number of steps."""
        rows = 1 if self.kept == "sum" else steps
        self.check_arrays(
            {
                layer.name: {"probabilities": (rows, cells(layer), cells(layer))}
                for layer in self.layers
            }
        )


def cells(layer: Layer) -> int:
    """Number of image cells in a layer."""
    return layer.size[0] * layer.size[1]


def small(layer: Layer) -> bool:
    """Whether a layer has few enough cells for its self-attention to be kept."""
    return cells(layer) <= MAX_SIDE**2
