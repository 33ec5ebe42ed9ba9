"""A call of a pipeline while it runs: what anyone who follows it needs to know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.tracing import families


class RunningCall(ABC):
    """A running (or finished) call of a pipeline, told by hooks how far it is.

    Attributes
    ----------
    pipe, arguments
        What was called, and with what, by the names of its signature.
    encoded
        What ``encode_prompt`` returned; it counts until the call is `settled`.
    input_ids
        What the text encoder was given, on the CPU.
    step
        Completed calls of ``scheduler.step``.
    settled
        Whether the denoiser has started: everything that depends on the call is decided.
    changes
        The interventions that are open while it runs, in words, outermost first.
    """

    def __init__(self, pipe: Any, arguments: Mapping[str, Any]) -> None:
        self.pipe = pipe
        self.arguments = dict(arguments)
        self.encoded: families.Encoded | None = None
        self.input_ids: list[Tensor] = []
        self.step = 0
        self.settled = False
        self.changes: tuple[str, ...] = ()
        self._rows: tuple[Any, families.Rows] | None = None
        self._text: Tensor | None = None

    def on_input_ids(self, ids: Tensor) -> None:
        """The text encoder was given these tokens."""
        self.input_ids.append(ids.detach().cpu())

    def on_encode(self, result: Any) -> None:
        """``encode_prompt`` returned: embeddings, a row per picture."""
        given = (
            [t for t in result[:2] if isinstance(t, Tensor)] if isinstance(result, tuple) else []
        )
        if not self.settled and given:
            self.encoded = families.Encoded(given[0], given[1] if len(given) > 1 else None)

    @abstractmethod
    def begin_pass(self, unet: nn.Module, sample: Tensor, text: Tensor) -> None:
        """The denoiser starts."""

    @abstractmethod
    def end_pass(self) -> None:
        """The denoiser is done."""

    @abstractmethod
    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        """``scheduler.step`` returned: the loop is one step further."""

    def encoding(self, text: Tensor) -> families.Encoded:
        """The text embeddings that this call works with.

        Raises
        ------
        ShapeError
            Where the pipeline made its embeddings in a way that nobody saw.
        """
        if self.encoded is not None:
            return self.encoded
        given = self.arguments.get("prompt")
        if isinstance(given, str | list) and not hasattr(self.pipe, "encode_prompt"):
            each = int(self.arguments.get("num_images_per_prompt") or 1)
            pictures = each * (1 if isinstance(given, str) else len(given))
            return families.Encoded(text.new_full((pictures, *text.shape[1:]), torch.nan), None)
        raise ShapeError(
            f"{type(self.pipe).__name__} ran its denoiser without encode_prompt having returned "
            "text embeddings, so its batch rows cannot be told apart."
        )

    def announced_steps(self) -> int:
        """Steps that the loop will make, as far as the pipeline says."""
        announced = getattr(self.pipe, "_num_timesteps", None)
        if announced is None:
            announced = len(self.pipe.scheduler.timesteps)
        return int(announced)

    def told_apart(self, text: Tensor, encoded: families.Encoded) -> families.Rows:
        """Which row of a pass is which picture's; worked out again only where the text changed."""
        # Tensors of torch.inference_mode count no versions: compared anew in every pass.
        version = None if text.is_inference() else text._version
        key = (tuple(text.shape), text.data_ptr(), version)
        if self._rows is None or self._rows[0] != key or version is None:
            # The tensor is kept: while it lives, its address cannot be given to another one.
            self._rows = (key, families.text_rows(self.pipe, text, encoded))
            self._text = text
        return self._rows[1]
