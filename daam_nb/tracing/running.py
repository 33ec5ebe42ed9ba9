"""A running call of a pipeline, with the state that its observers need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.recording import Layer
from daam_nb.tracing.encodings import EncoderMemory
from daam_nb.tracing.inputs import Comparisons, Original, other_text
from daam_nb.tracing.models import (
    Adapter,
    BatchRows,
    DenoiserInputs,
    Embeddings,
    batch_rows,
)
from daam_nb.tracing.models.answers import Texts


class RunningCall(ABC):
    """A running (or finished) call of a pipeline, updated by hooks.

    Attributes
    ----------
    pipe, arguments
        The called pipeline, and its arguments by the names of its signature.
    adapter
        The adapter of its model family.
    embeddings
        The result of ``encode_prompt``; used until the call is `settled`.
    memory
        Inputs and outputs of the text encoders since the block was opened.
    given_text, given_sample
        Text and latents of the running pass, as given to the denoiser.
    comparisons
        Comparisons of its layers' inputs with the denoiser's.
    ran
        Runs of the denoiser since the last completed step.
    step
        Completed calls of ``scheduler.step``.
    settled
        Whether the denoiser has started: everything that depends on the call is decided.
    changes
        The interventions that are open while it runs, in words, outermost first.
    scheduler
        The pipeline's scheduler when the call began.
    defaults
        `arguments`, with the signature's defaults for those that were not given.
    disturbances
        Calls on the same scheduler that another thread began meanwhile.
    inner_calls
        Calls on the same scheduler that this thread began within this one, in words.
    timesteps_set
        What the scheduler's ``timesteps`` was at the first step; None before it.
    """

    def __init__(self, adapter: Adapter, arguments: Mapping[str, Any]) -> None:
        self.adapter, self.pipe = adapter, adapter.pipe
        # Lists are copied: pipelines write into those that they are given.
        self.arguments: dict[str, Any] = {
            name: list(value) if type(value) is list else value for name, value in arguments.items()
        }
        self.embeddings: Embeddings | None = None
        self.memory = EncoderMemory()
        self.step = 0
        self.ran = 0
        self.settled = False
        self.changes: tuple[str, ...] = ()
        self.scheduler = self.pipe.scheduler
        self.defaults: Mapping[str, Any] = self.arguments
        self.disturbances: list[str] = []
        self.inner_calls: list[str] = []
        self.timesteps_set: Any = None
        self._rows: tuple[Any, BatchRows] | None = None
        self._order: dict[tuple[int, int], BatchRows] = {}
        self._text: Texts | None = None
        self.given_text: Original | None = None
        self.given_sample: Original | None = None
        self.comparisons = Comparisons()

    def on_encode(self, result: Any, again: Callable[[], Any]) -> None:
        """``encode_prompt`` returned embeddings, a row per image; `again` runs it once more."""
        if not self.settled:
            self.embeddings = self.adapter.embeddings(result, self.embeddings)

    def note_inputs(self, inputs: DenoiserInputs) -> None:
        """Note the denoiser's inputs."""
        text = inputs.text
        self.given_text = Original.of(text) if isinstance(text, Tensor) else None
        self.given_sample = Original.of(inputs.sample)

    def on_layer_text(self, layer: str, text: Any) -> None:
        """A layer of cross-attention is given this text: it must be the denoiser's."""
        if isinstance(text, Tensor) and self.given_text is not None:
            self.comparisons.add(self.given_text, text, other_text(layer, self.step))

    def on_entrance(self, sample: Any) -> None:
        """The denoiser's first module is given these latents: they must be the denoiser's."""
        if isinstance(sample, Tensor) and self.given_sample is not None:
            self.comparisons.add(
                self.given_sample,
                sample,
                f"The {self.adapter.component} computed with other latents than it was given in "
                f"step {self.step}: something in between changes or flips them, as a hook or its "
                "own forward can, so its attention does not fit the image. Change the latents in "
                "the call instead (callback_on_step_end).",
            )

    @abstractmethod
    def followed(self, name: str) -> Layer | None:
        """The layer of a name, if it is kept or changed in the running pass."""

    @abstractmethod
    def begin_pass(self, net: nn.Module, arguments: Mapping[str, Any]) -> None:
        """The denoiser starts, with these arguments by the names of its signature."""

    @abstractmethod
    def end_pass(self) -> None:
        """The denoiser is done."""

    @abstractmethod
    def on_step(self, timestep: Any, sample: Any, result: Any) -> None:
        """``scheduler.step`` returned: the loop is one step further."""

    def on_decode(self, latents: Any) -> None:  # noqa: B027 - not everyone who follows minds
        """The VAE was given these latents."""

    def check_scheduler(self) -> None:
        """Raise an `UnsupportedPipelineError` if it was replaced since the call began."""
        present = self.pipe.scheduler
        if present is not self.scheduler:
            raise UnsupportedPipelineError(
                "The pipeline's scheduler was replaced within the call, after step "
                f"{self.step - 1}: {type(present).__name__} now, {type(self.scheduler).__name__} "
                "before. Its steps are not recorded. Replace it before the call."
            )

    def encoding(self, text: Texts) -> Embeddings:
        """The text embeddings that this call works with.

        Raises
        ------
        ShapeError
            If the pipeline made its embeddings in a way that nobody saw.
        """
        if self.embeddings is not None:
            return self.embeddings
        prompt = self.arguments.get("prompt")
        if isinstance(prompt, str | list) and not hasattr(self.pipe, "encode_prompt"):
            each = int(self.arguments.get("num_images_per_prompt") or 1)
            images = each * (1 if isinstance(prompt, str) else len(prompt))
            return Embeddings((torch.full_like(text[0], torch.nan),) * images, None)
        raise ShapeError(
            f"{type(self.pipe).__name__} ran its denoiser before encode_prompt had returned text "
            "embeddings, so its batch rows cannot be told apart."
        )

    def announced_steps(self) -> int:
        """Steps that the loop will make, as far as the pipeline says."""
        announced = getattr(self.pipe, "_num_timesteps", None)
        if announced is None:
            announced = len(self.pipe.scheduler.timesteps)
        return int(announced)

    def batch_rows(self, text: Texts, embeddings: Embeddings) -> BatchRows:
        """Which row of a pass is which image's; worked out again only where the text changed.

        Raises
        ------
        ShapeError
            If they cannot be told, or prompt and negative prompt changed places within the call:
            the pipeline goes on to subtract the same rows, whatever text they hold.
        """
        rows = self._batch_rows(text, embeddings)
        first = self._order.setdefault((len(text), self.ran), rows)
        then, now = (first.conditional, first.unconditional), (rows.conditional, rows.unconditional)
        if then != now and then == now[::-1]:
            raise ShapeError(
                f"The prompt and the negative prompt changed places in step {self.step}: the rows "
                "that hold the prompt now are those that the pipeline takes for the negative "
                "prompt, whose prediction it subtracts. Do not change their order in prompt_embeds."
            )
        return rows

    def _batch_rows(self, text: Texts, embeddings: Embeddings) -> BatchRows:
        lone = "p" if embeddings.unconditional is None else self.adapter.lone_block(self.ran)
        if not isinstance(text, Tensor) or text.is_inference():
            # Lists, and tensors of torch.inference_mode, count no versions: compared in every pass.
            return batch_rows(self.adapter, text, embeddings, lone=lone)
        key = (tuple(text.shape), text.data_ptr(), text._version, lone)
        if self._rows is None or self._rows[0] != key:
            # The tensor is kept: while it lives, its address cannot be given to another one.
            self._rows = (key, batch_rows(self.adapter, text, embeddings, lone=lone))
            self._text = text
        return self._rows[1]
