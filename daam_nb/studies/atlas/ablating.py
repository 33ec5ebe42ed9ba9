"""The network's prediction without each of its heads, on the image's own latents.

The image is drawn again. At a few of its steps the denoiser is called once more, on the same
latents and text, with the prompt's row repeated: in each copy the output of one head is zero,
before the layer's output projection. In joint attention this is the head's output for image and
text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from daam_nb.errors import StudyError, UnsupportedPipelineError
from daam_nb.recording import Recording
from daam_nb.studies.atlas.measuring import pairs_of
from daam_nb.studies.atlas.relevance import ConceptWords, Queries
from daam_nb.studies.corpus.generation import quiet
from daam_nb.studies.redraw.redrawing import difference, drawn_again
from daam_nb.tracing.models import Adapter, adapter_of
from daam_nb.tracing.models.rows import of_row

Field = NDArray[np.float64]
Pair = tuple[str, int]

ROWS = 32
"""Copies of the prompt's row in one call of the denoiser."""

_ROUNDING = 2e-3
"""A batch rounds otherwise than a row by itself: of the prediction's norm, float16 included."""

_SHADES = 4 / 255


@dataclass
class HeadCauses:
    """Effects of ablating each head, and the concept that each attends to most.

    Attributes
    ----------
    changes
        (layer, head) -> (y, x): norm over channels of the change of the network's prediction for
        the prompt, divided by the mean over locations of the prediction's own norm; mean over the
        steps examined.
    concepts
        (layer, head) -> at each of these steps the concept that it attends to most; empty if not
        requested.
    """

    changes: dict[Pair, Field] = field(default_factory=dict)
    concepts: dict[Pair, list[str]] = field(default_factory=dict)


def steps_looked_at(passes: int, num_steps: int) -> tuple[int, ...]:
    """Choose evenly spread steps: the middle of each of as many parts of the loop."""
    spread = {int((part + 0.5) * num_steps / passes) for part in range(passes)}
    return tuple(sorted(spread))


def check_ablatable(pipe: Any) -> Adapter:
    """Return the adapter of a pipeline whose heads can be ablated one by one.

    Raises
    ------
    UnsupportedPipelineError
        If a layer has no output projection of its own for its heads.
    """
    adapter = adapter_of(pipe)
    for name, module in adapter.modules():
        if not projections(module):
            raise UnsupportedPipelineError(
                f"{name} of {adapter.pipe_name} has no output projection of its own, so its heads "
                "cannot be ablated one by one. Leave that out: causes=False."
            )
    return adapter


def projections(module: nn.Module) -> list[nn.Module]:
    """The projections of an attention module's heads: of the image, and of the text."""
    to_out: Any = getattr(module, "to_out", None)
    first = to_out[0] if isinstance(to_out, nn.ModuleList | nn.Sequential) and len(to_out) else None
    to_add_out = getattr(module, "to_add_out", None)
    return [each for each in (first, to_add_out) if first is not None and each is not None]


def head_causes(
    pipe: Any,
    recording: Recording,
    *,
    passes: int,
    concepts: ConceptWords | None = None,
    key: str = "",
) -> HeadCauses:
    """Draw an image again, and ablate each head at some of its steps.

    Parameters
    ----------
    pipe
        The pipeline that made the recording.
    recording
        The image.
    passes
        Number of steps examined.
    concepts
        The concepts for each head's relevance; None: it is not measured.
    key
        The image's key, which seeds the draw of the concepts' words.

    Raises
    ------
    StudyError
        If the pipeline does not reproduce the recorded image, or a repeated row's prediction
        differs from the row's own.
    """
    adapter = check_ablatable(pipe)
    steps = steps_looked_at(passes, recording.facts.num_steps)
    watch = _Watch(adapter, recording, steps, concepts, key)
    with watch.watched(), quiet(pipe):
        image = drawn_again(pipe, recording)
    changed = 0.0 if recording.image is None else difference(recording.image, image).max()
    if changed > _SHADES:
        raise StudyError(
            f"This pipeline does not reproduce the recorded image of {recording.prompt.text!r}: "
            f"pixels differ by up to {255 * changed:.0f} of 255. Give the pipeline that made the "
            "recording, or leave this out: causes=False."
        )
    if watch.looked != len(steps):
        raise StudyError(
            f"{adapter.pipe_name} ran {watch.looked} of the {len(steps)} steps to be examined. "
            "Leave this out: causes=False."
        )
    return watch.result()


class _Watch:
    """Waits for the chosen steps of a call, and runs the denoiser again there."""

    def __init__(
        self,
        adapter: Adapter,
        recording: Recording,
        steps: Sequence[int],
        concepts: ConceptWords | None,
        key: str,
    ) -> None:
        self._adapter, self._steps = adapter, frozenset(steps)
        self._latent_size = recording.facts.latent_size
        self._pairs = pairs_of(recording.layers)
        self._modules = {name: module for name, module in adapter.modules()}
        self._queries = None if concepts is None else Queries(self._modules, concepts, key)
        self._sums: dict[Pair, Field] = {}
        self._step, self._ran = 0, 0
        self.looked = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the denoiser while open."""
        with contextlib.ExitStack() as stack:
            if self._queries is not None:
                stack.enter_context(self._queries.watched())
            handle = self._adapter.net.register_forward_hook(self._after, with_kwargs=True)
            stack.callback(handle.remove)
            yield

    def result(self) -> HeadCauses:
        changes = {pair: total / self.looked for pair, total in self._sums.items()}
        return HeadCauses(changes, {} if self._queries is None else self._queries.chosen)

    def _after(self, module: Any, args: Any, kwargs: Any, output: Any) -> None:
        values = prediction(output)
        row = self._row(len(values))
        if row is None:
            return
        step, self._step = self._step, self._step + 1
        if step not in self._steps:
            return
        self.looked += 1
        if self._queries is not None:
            self._queries.ask(row, step)
        own = self._norms(values[row : row + 1], 0.0)[0]
        scale = float(own.mean())
        repeat = partial(of_row, row=row, rows=len(values))
        with self._silent():
            for first in range(0, len(self._pairs), ROWS - 1):
                pairs = self._pairs[first : first + ROWS - 1]
                call = repeat(args, count=len(pairs) + 1), repeat(kwargs, count=len(pairs) + 1)
                with without_heads(self._modules, [None, *pairs]), torch.no_grad():
                    predictions = prediction(module.forward(*call[0], **call[1]))
                self._check(self._norms(predictions[:1], values[row : row + 1])[0], scale)
                changes = self._norms(predictions[1:], predictions[:1])
                for pair, change in zip(pairs, changes, strict=True):
                    self._sums[pair] = self._sums.get(pair, 0.0) + change / scale

    def _silent(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext() if self._queries is None else self._queries.silent()

    def _row(self, rows: int) -> int | None:
        """The prompt's row in a pass of one image; None if the pass has none."""
        adapter = self._adapter
        if adapter.separate_passes and rows == 1:
            ran, self._ran = self._ran, (self._ran + 1) % len(adapter.separate_passes)
            return 0 if adapter.lone_block(ran) == "p" else None
        order = adapter.batch_orders.get(rows, "")
        if "p" not in order:
            raise StudyError(
                f"The denoiser returned {rows} rows for one image, and it is unknown which is the "
                "prompt's. Leave this out: causes=False."
            )
        return order.index("p")

    def _norms(self, predictions: Tensor, before: Tensor | float) -> Field:
        """(row, y, x): norm over channels of the difference."""
        frames = self._adapter.latents(predictions.float() - before, self._latent_size)
        norms: Field = frames.norm(dim=1).double().cpu().numpy()
        return norms

    def _check(self, apart: Field, scale: float) -> None:
        if float(apart.mean()) > _ROUNDING * scale:
            raise StudyError(
                f"The prediction of a row of {self._adapter.pipe_name} differs outside its batch "
                f"(by {float(apart.mean()) / scale:.1%}), so its heads cannot be ablated in copies "
                "of it. Leave this out: causes=False."
            )


def prediction(output: Any) -> Tensor:
    """The denoiser's prediction, from its output."""
    values: Tensor = output[0] if isinstance(output, tuple) else output.sample
    return values


@contextlib.contextmanager
def without_heads(modules: Mapping[str, nn.Module], rows: Sequence[Pair | None]) -> Iterator[None]:
    """Set one head's output, or none, to zero in each row of the denoiser's batch, while open.

    Parameters
    ----------
    modules
        Attention module by its dotted name.
    rows
        (layer, head) of each row; None: the row is not changed.
    """
    handles = []
    try:
        for name, module in modules.items():
            places = [
                (row, pair[1])
                for row, pair in enumerate(rows)
                if pair is not None and pair[0] == name
            ]
            for each in projections(module) if places else ():
                heads = int(module.heads)  # type: ignore[arg-type]
                hook: Callable[..., Any] = partial(_zeroed, places=places, heads=heads)
                handles.append(each.register_forward_pre_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _zeroed(
    module: nn.Module, inputs: Any, *, places: Sequence[tuple[int, int]], heads: int
) -> Any:
    hidden = inputs[0].clone()  # (row, n, head and channel)
    width = hidden.shape[-1] // heads
    for row, head in places:
        hidden[row, ..., head * width : (head + 1) * width] = 0
    return hidden, *inputs[1:]
