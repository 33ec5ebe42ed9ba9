"""Inputs and outputs of the text encoders while a trace is open: the memory that names columns.

Every run of an observed encoder is remembered row by row: the token ids it read and a copy of the
states it returned, so that later changes of the embeddings do not reach the memory. It is bounded:
beyond `LIMIT` bytes the oldest rows are dropped, though never those of a running call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

LIMIT = 256 * 2**20
"""Bytes of remembered states."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """One text that an encoder read.

    Attributes
    ----------
    encoder
        Which.
    ids
        The token ids it was given, one per column.
    last
        (column, channel): its output.
    hidden
        (layer, column, channel): its hidden states, if it was called for those, too.
    asked
        Whether daam_nb encoded it again, so that last digits may differ.
    """

    encoder: nn.Module
    ids: tuple[int, ...]
    last: Tensor
    hidden: Tensor | None = None
    asked: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of its states."""
        return self.last.nbytes + (0 if self.hidden is None else self.hidden.nbytes)

    def same(self, other: Encoding) -> bool:
        """Whether the other one adds nothing new."""
        return (
            self.encoder is other.encoder
            and self.ids == other.ids
            and torch.equal(self.last, other.last)
            and (self.hidden is None) == (other.hidden is None)
        )


class EncoderMemory:
    """Memory of what text encoders read, newest last.

    Attributes
    ----------
    encodings
        One for each text.
    let_go
        Number of encodings dropped because there were too many.
    running
        Running calls of the pipeline; until they are over, nothing is dropped.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.encodings: list[Encoding] = []
        self.let_go = 0
        self.running = 0
        self._limit = limit

    def add(self, encoder: nn.Module, ids: Any, output: Any, *, asked: bool = False) -> None:
        """Remember a run of an encoder: its ``input_ids`` (row, column) and what it returned."""
        if not isinstance(ids, Tensor) or ids.ndim != 2:
            return
        states, hidden = _states(output, tuple(ids.shape))
        if states is None:
            return
        for row, numbers in enumerate(ids.tolist()):
            of_row = None if hidden is None else hidden[:, row].clone()
            encoding = Encoding(encoder, tuple(numbers), states[row].clone(), of_row, asked)
            if not any(encoding.same(other) for other in self.encodings):
                self.encodings.append(encoding)
        self._trim()

    def of(self, encoder: nn.Module) -> list[Encoding]:
        """What one encoder read, newest first."""
        return [e for e in reversed(self.encodings) if e.encoder is encoder]

    def clear(self) -> None:
        """Forget everything when the block is closed."""
        self.encodings.clear()

    def hold(self) -> None:
        """A call begins."""
        self.running += 1

    def release(self) -> None:
        """A call is over."""
        self.running = max(0, self.running - 1)
        self._trim()

    def _trim(self) -> None:
        total = sum(encoding.nbytes for encoding in self.encodings)
        while not self.running and total > self._limit and len(self.encodings) > 1:
            total -= self.encodings.pop(0).nbytes
            self.let_go += 1


def _states(output: Any, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Copy the states of every column in an encoder's output, and those of its hidden layers."""
    values = list(output.values()) if isinstance(output, Mapping) else output
    if isinstance(values, Tensor):
        values = [values]
    last, hidden = None, None
    for value in values if isinstance(values, list | tuple) else []:
        if _of_columns(value, shape):
            last = value if last is None else last
        elif isinstance(value, list | tuple) and value and hidden is None:
            layers = [layer for layer in value if _of_columns(layer, shape)]
            hidden = torch.stack(layers) if len(layers) == len(value) else None
    copied = [t if t is None else t.detach().to("cpu", copy=True) for t in (last, hidden)]
    return copied[0], copied[1]


def _of_columns(value: Any, shape: tuple[int, ...]) -> bool:
    return (
        isinstance(value, Tensor)
        and value.ndim == 3
        and value.is_floating_point()
        and tuple(value.shape[:2]) == shape
    )


@dataclass(frozen=True, eq=False)
class Window:
    """Some token ids, and the states that an encoder made from them in one layer.

    Attributes
    ----------
    ids
        One per column.
    states
        (column, channel).
    asked
        As of `Encoding`.
    """

    ids: tuple[int, ...]
    states: Tensor
    asked: bool = False


def readings_of(encodings: list[Encoding]) -> Iterator[list[Window]]:
    """The windows layer by layer: the last first, then hidden ones, plain and normalized.

    Pipelines take the last hidden state, an earlier one (Stable Diffusion XL), or an earlier one
    through the encoder's final norm (``clip_skip``).
    """
    if encodings:
        yield [Window(e.ids, e.last, e.asked) for e in encodings]
    deep = [(e, e.hidden) for e in encodings if e.hidden is not None]
    depth = max((len(hidden) for _, hidden in deep), default=0)
    # The last but one is by far the most frequent.
    order = sorted(range(1, depth + 1), key=lambda back: (back != 2, back))
    for normed in (False, True):
        for back in order:
            windows = []
            for encoding, hidden in deep:
                norm = _final_norm(encoding.encoder) if normed else None
                if back > len(hidden) or (normed and norm is None):
                    continue
                states = hidden[-back]
                windows.append(
                    Window(encoding.ids, _normed(norm, states) if norm else states, encoding.asked)
                )
            if windows:
                yield windows


def _final_norm(encoder: nn.Module) -> nn.Module | None:
    inner = getattr(encoder, "_orig_mod", encoder)
    inner = getattr(inner, "text_model", inner)
    norm = getattr(inner, "final_layer_norm", None)
    return norm if isinstance(norm, nn.Module) else None


@torch.no_grad()
def _normed(norm: nn.Module, states: Tensor) -> Tensor:
    device = next((p.device for p in norm.parameters() if p.device.type != "meta"), states.device)
    result: Tensor = norm(states.to(device))
    return result.cpu()
