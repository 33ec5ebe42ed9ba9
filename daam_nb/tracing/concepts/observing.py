"""Between a joint block's two hooks: its own attention is seen, and the concepts attend beside it.

Every block up to the last one that is kept is followed, kept or not: each hands the stream on to
the next.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from daam_nb.errors import ShapeError
from daam_nb.tracing import taps
from daam_nb.tracing.concepts.following import CallStreams
from daam_nb.tracing.concepts.streams import ConceptStream, StreamTarget, TextProof
from daam_nb.tracing.edits import NOTHING, Changed, KernelCall

if TYPE_CHECKING:
    from daam_nb.tracing.calls import WatchedCall


class BlockObserver:
    """Leads the concepts of one pass through one block."""

    def __init__(
        self,
        call: WatchedCall,
        streams: CallStreams,
        name: str,
        *,
        stream: ConceptStream,
        arguments: dict[str, Any],
    ) -> None:
        self.call, self.stream, self.arguments = call, stream, arguments
        self.layer, self.block = layer, block = streams.followed[name]
        self.is_kept = layer.name in call.kept_layers
        self.is_seen = False
        self.proof: TextProof | None = None
        if not streams.is_proved(layer):
            row = stream.rows[0]
            layout = stream.adapter.layout(layer, stream.inputs, row)
            self.proof = TextProof(block, arguments, row, layout)

    @torch.no_grad()
    def see(self, call: KernelCall, result: Tensor, changed: Changed = NOTHING) -> None:
        """The block's first attention is that of text and image; later ones are others."""
        if self.is_seen or self.call.failure is not None:
            return
        self.is_seen = True
        try:
            self._check(call)
            with _beside(self.block.block):
                if self.proof is not None:
                    self.proof.see(call, result)
                self.stream.attend(
                    self.layer, self.block, self.arguments, call, result, is_kept=self.is_kept
                )
        except Exception as error:  # the image goes on; raised when the trace closes
            self.call.fail(error)

    def see_projection(self, linear: nn.Module, projected: Any, output: Any) -> None:
        """A projection was called: nothing to be taken."""

    def see_bare(self, linear: nn.Module, output: Any) -> None:
        """What a projection returned: nothing to be taken."""

    @torch.no_grad()
    def done(self, output: Any) -> None:
        """The block returned."""
        if self.call.failure is not None:
            return
        if not self.is_seen:
            raise ShapeError(
                f"{self.layer.name} ran, and its attention was not seen, so the concepts could not "
                "attend beside it: something skips it, as a cache between steps does. Turn it off, "
                "or leave out concepts=."
            )
        if self.proof is not None:
            self.proof.see_output(output)
            for differs in self.proof.differs:
                self.call.comparisons.note(
                    differs,
                    f"{self.layer.name} makes of the prompt's text something else than the parts "
                    "of its block make of it one by one, so what it would make of the concepts is "
                    "not known: a hook, or a forward of its own, changes it. Take that off, or "
                    "leave out concepts=.",
                )

    def _check(self, kernel: KernelCall) -> None:
        rows, heads = self.stream.inputs.rows, self.layer.heads
        layout = self.stream.adapter.layout(self.layer, self.stream.inputs, self.stream.rows[0])
        expected = (rows, heads, layout.queries, layout.keys)
        seen = (*kernel.query.shape[:2], kernel.query.shape[-2], kernel.key.shape[-2])
        if kernel.flat or kernel.value is None or kernel.mask is not None or seen != expected:
            raise ShapeError(
                f"{self.layer.name}: attention of {seen} (batch, head, queries, keys) was seen "
                f"where {expected} without a mask was expected, so the concepts could not attend "
                f"beside it. Use a processor of diffusers ({self.call.adapter.way_out}), or leave "
                "out concepts=."
            )


@contextlib.contextmanager
def _beside(block: nn.Module) -> Any:
    """What is computed on our account: unwatched, and without touching the random state."""
    dropout = torch.random.fork_rng() if block.training else contextlib.nullcontext()
    with taps.unwatched(), dropout:
        yield


def observe(
    call: WatchedCall, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """From now until `unobserve`, the attention computed in this thread is that block's."""
    concepts, passing = call.extras.concepts, call.passing
    streams = concepts.streams
    if call.failure is not None or passing is None or streams is None:
        return
    targets = [
        StreamTarget(target.row, target.beside.streams, target.step_index)
        for target in passing.targets
        if target.beside.streams is not None
    ]
    if not targets or name not in streams.followed:
        return
    try:
        bound = inspect.signature(type(module).forward).bind_partial(module, *args, **kwargs)
        stream = concepts.stream_of(passing, targets)
        observer = BlockObserver(call, streams, name, stream=stream, arguments=bound.arguments)
        taps.running.observers.append(observer)
    except Exception as error:  # the image goes on; raised when the trace closes
        call.fail(error)


def unobserve(call: WatchedCall, name: str | None = None, output: Any = None) -> None:
    """Stop following a call (or one of its blocks, which returned its `output`)."""
    for observer in tuple(taps.running.observers):
        if not isinstance(observer, BlockObserver) or observer.call is not call:
            continue
        if name is None or observer.layer.name == name:
            taps.running.observers.remove(observer)
            if name is not None:
                try:
                    observer.done(output)
                except Exception as error:
                    call.fail(error)
