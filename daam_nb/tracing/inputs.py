"""Check that a layer's projections read only the text that the layer was given.

Between a layer's arguments and its queries, keys and values are the user's hooks and processor. A
hook that replaces the text there, or permutes its columns, would give every column a wrong name. So
the projections' inputs are compared with the denoiser's. Usually they are the same tensor, which
costs nothing; otherwise the comparison stays on the device and is read after the call, without
waiting for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.recording import Layer
from daam_nb.tracing import taps
from daam_nb.tracing.models import Adapter

_OF_IMAGE = ("to_q", "to_k", "to_v", "to_qkv")
_OF_TEXT = ("to_k", "to_v", "to_kv")
_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj", "to_added_qkv")


@dataclass(frozen=True, eq=False)
class Original:
    """A tensor's earlier state, as far as it can be checked without a copy."""

    tensor: Tensor
    version: int | None

    @classmethod
    def of(cls, tensor: Tensor) -> Original:
        """The tensor's present state; ``torch.inference_mode`` has no version counter."""
        return cls(tensor, None if tensor.is_inference() else tensor._version)

    def differs(self, other: Tensor) -> Tensor | bool:
        """Whether another tensor holds other values; if compared, a tensor on the device."""
        changed = self.version is not None and self.tensor._version != self.version
        if changed or other is self.tensor:
            return changed
        if other.shape != self.tensor.shape:
            return True
        own = self.tensor.to(other)
        return ((own != other) & ~(own.isnan() & other.isnan())).any()


class Comparisons:
    """The comparisons of a call, and their results after it."""

    def __init__(self) -> None:
        self._all: list[tuple[str, Tensor | bool]] = []

    @torch.no_grad()
    def add(self, original: Original, other: Tensor, complaint: str) -> None:
        """Compare two tensors; `complaint` is the error message if they differ."""
        differs = original.differs(other)
        if differs is not False:
            self._all.append((complaint, differs))

    def note(self, differs: Tensor, complaint: str) -> None:
        """Add the result of an external comparison: a bool tensor."""
        self._all.append((complaint, differs))

    def check(self) -> None:
        """Raise a `ShapeError` with the first complaint that is true."""
        for complaint, differs in self._all:
            if bool(differs):
                raise ShapeError(complaint)


class Following(Protocol):
    """What a reader needs to know about its call."""

    adapter: Adapter
    comparisons: Comparisons
    step: int


class LayerReader:
    """Between a layer's two hooks: compares the inputs of its projections.

    Parameters
    ----------
    call
        The call it belongs to.
    layer, module
        The layer and its module.
    image
        Its first argument.
    text
        The text that it must read; None if text and image come in one sequence.
    """

    def __init__(
        self, call: Following, layer: Layer, module: nn.Module, image: Any, text: Original | None
    ) -> None:
        self.call, self.layer, self.module = call, layer.name, module
        joint = layer.attention == "joint"
        self.read = False
        self._text = text
        self._image = Original.of(image) if _is_plain(module, image) else None
        self._of_text = (_ADDED if joint else _OF_TEXT) if text is not None else ()
        self._of_image = [name for name in _OF_IMAGE if name not in self._of_text]
        if text is not None and not joint:
            self._of_image = ["to_q"]

    def projections(self) -> list[nn.Module]:
        """The layer's present projections that are watched."""
        return [linear for linear, _ in self._named()]

    def _named(self) -> list[tuple[nn.Module, bool]]:
        return [
            (linear, of_text)
            for names, of_text in ((self._of_text, True), (self._of_image, False))
            for name in names
            if isinstance(linear := getattr(self.module, name, None), nn.Module)
        ]

    @torch.no_grad()
    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """A projection was called with this input; `output` is None before its hooks have run."""
        for known, of_text in self._named():
            if known is not linear or not isinstance(projected, Tensor):
                continue
            original = self._normed() if of_text else self._image
            self.read = self.read or of_text or self._text is None
            if original is not None:
                self.call.comparisons.add(original, projected, self._complaint(of_text=of_text))

    def _normed(self) -> Original | None:
        if self._text is None or getattr(self.module, "norm_cross", None) is None:
            return self._text
        normed: Callable[..., Tensor] = self.module.norm_encoder_hidden_states  # type: ignore[assignment]
        return Original.of(normed(self._text.tensor))

    def _complaint(self, *, of_text: bool) -> str:
        if of_text:
            return other_text(self.layer, self.call.step)
        return (
            f"{self.layer} computed its attention from something other than its input in step "
            f"{self.call.step}: its processor ({self._processor().__name__}) or a hook changes or "
            "reorders it before the layer's own projections, so which cell of the image a query "
            f"belongs to is unknown. Use a processor of diffusers: {self.call.adapter.way_out}"
        )

    def _processor(self) -> type:
        return type(self.module.get_processor())  # type: ignore[operator]

    def why_unread(self) -> str:
        """Explain why it is unknown which text the layer has read."""
        processor = self._processor()
        if self.read or processor.__module__.split(".")[0] == "diffusers":
            return ""
        return (
            f"{self.layer}: which text was read there is unknown, because its processor "
            f"{processor.__name__} does not hand it to the layer's own projections. Use a "
            f"processor of diffusers: {self.call.adapter.way_out}"
        )


def other_text(layer: str, step: int) -> str:
    """The error message for a layer that reads other text than the denoiser was given."""
    return (
        f"{layer} was given other text than the denoiser itself in step {step}: something in "
        "between replaces or reorders it, as a hook or an attention processor can, so its columns "
        "cannot be named. Replace the embeddings of the call instead."
    )


def _is_plain(module: nn.Module, image: Any) -> bool:
    """Whether a layer projects its first argument unchanged."""
    changes = (getattr(module, name, None) for name in ("group_norm", "spatial_norm"))
    return isinstance(image, Tensor) and image.ndim == 3 and not any(c is not None for c in changes)


def follow(holder: object, reader: LayerReader) -> None:
    """From now until `unfollow`, projections called in this thread are compared."""
    taps.hold_projections(holder, reader.projections())
    taps.running.readers.append(reader)


def unfollow(call: Following, layer: str | None = None) -> LayerReader | None:
    """Stop comparing for a call (or one layer of it); the reader of that layer."""
    last = None
    for reader in tuple(taps.running.readers):
        if not isinstance(reader, LayerReader) or reader.call is not call:
            continue
        if layer is None or reader.layer == layer:
            taps.running.readers.remove(reader)
            last = reader
    return last
