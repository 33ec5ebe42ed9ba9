"""Layers and which of their heads a map is made of, as the explorer's views are asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daam_nb.recording import Layer


@dataclass(frozen=True)
class LayersAndHeads:
    """Layers of a recording, and the heads that are chosen in each.

    Attributes
    ----------
    layers
        In the order of the network.
    heads
        Of each layer the numbers of its heads, ascending, at least one; None: all heads of all
        layers.
    """

    layers: tuple[Layer, ...]
    heads: tuple[tuple[int, ...], ...] | None = None

    @property
    def by_layer(self) -> tuple[LayersAndHeads, ...]:
        """Each layer alone, with its heads."""
        if self.heads is None:
            return tuple(LayersAndHeads((layer,)) for layer in self.layers)
        return tuple(
            LayersAndHeads((layer,), (heads,))
            for layer, heads in zip(self.layers, self.heads, strict=True)
        )

    @property
    def indexed(self) -> Iterator[tuple[Layer, slice | list[int]]]:
        """Each layer, and what its axis of heads is indexed with; the axis stays."""
        if self.heads is None:
            yield from ((layer, slice(None)) for layer in self.layers)
            return
        for layer, heads in zip(self.layers, self.heads, strict=True):
            first, last = heads[0], heads[-1]
            in_a_row = last - first + 1 == len(heads)  # a slice copies nothing
            yield layer, slice(first, last + 1) if in_a_row else list(heads)

    @property
    def argument(self) -> Any:
        """The heads as `heat_maps` takes them beside these layers."""
        if self.heads is None:
            return None
        if len(set(self.heads)) > 1:
            return [
                (layer.name, head)
                for layer, heads in zip(self.layers, self.heads, strict=True)
                for head in heads
            ]
        (numbers,) = set(self.heads)
        return numbers[0] if len(numbers) == 1 else list(numbers)
