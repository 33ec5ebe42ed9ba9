"""The concepts of one call: encoded, checked and kept for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Concepts, Layer
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.following import CallStreams
from daam_nb.tracing.concepts.keys import ConceptBuffers, check_keys
from daam_nb.tracing.concepts.streams import ConceptStream, StreamBuffers, StreamTarget
from daam_nb.tracing.concepts.text import ConceptText, concept_text
from daam_nb.tracing.models import Adapter, Branch, JointAdapter
from daam_nb.tracing.options import Options
from daam_nb.tracing.passes import Pass


class CallConcepts:
    """What a call's images attend to in concepts; nothing at all where none were asked for."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        self.adapter, self.options = adapter, options
        self.streams = CallStreams(adapter, options) if isinstance(adapter, JointAdapter) else None
        self._text: ConceptText | None = None
        self._buffers: tuple[ConceptBuffers, ...] = ()

    @property
    def are_kept(self) -> bool:
        """Whether any were asked for."""
        return self.options.concepts is not None

    @property
    def columns(self) -> tuple[int, ...]:
        """The key positions that are kept of each image."""
        return () if self._text is None else self._text.columns

    @property
    def columns_in_heads(self) -> tuple[int, ...]:
        """Those that are kept of every head."""
        return self.columns if self.streams is None else ()

    def encode(self, again: Callable[[], Any]) -> None:
        """Encode the attribution prompt as the call encodes its own."""
        if self.options.concepts is not None and self._text is None:
            self._text = concept_text(
                self.adapter, again, self.options.concepts, encoder=self.options.encoder
            )

    def check(self, layers: Sequence[Layer], text: Callable[[], Sequence[Tensor]]) -> None:
        """Raise an `UnsupportedPipelineError` unless the layers can read the concepts.

        Parameters
        ----------
        layers
            The layers to be kept.
        text
            Gives (key, channel) of each image's prompt, as the denoiser is given it.
        """
        if self.are_kept and self._text is None:
            raise UnsupportedPipelineError(
                f"{self.adapter.pipe_name} made its images without its own encode_prompt, by which "
                "the concepts would be encoded. Leave out concepts=."
            )
        if self.streams is not None:
            if self._text is not None:
                self.streams.settle(self._text, layers, text())
            return
        for layer in layers if self.are_kept else ():
            check_keys(layer.name, self.adapter.net.get_submodule(layer.name))

    def allocate(self, layers: Sequence[Layer], *, images: int, steps: int) -> None:
        """Make room for what is kept."""
        text, options = self._text, self.options
        if text is None:
            return
        if self.streams is not None:
            self.streams.allocate(text, images=images, steps=steps)
            return
        self._buffers = tuple(
            ConceptBuffers(
                text,
                Buffers(layers, text.columns, steps=steps, keep=options.keep, dtype=options.dtype),
            )
            for _ in range(images)
        )

    def buffers(self, branch: Branch, images: int) -> tuple[ConceptBuffers | None, ...]:
        """Where each image's are kept in a guidance pass: in the conditional one alone."""
        return self._buffers if branch == "conditional" and self._buffers else (None,) * images

    def stream_buffers(self, branch: Branch, images: int) -> tuple[StreamBuffers | None, ...]:
        """The same of a joint model."""
        if self.streams is None or branch != "conditional":
            return (None,) * images
        return self.streams.buffers(images)

    def nbytes(self, *, images: int, steps: int) -> int:
        """Bytes that are kept of all images, where they are not of single heads."""
        if self.streams is None or self._text is None:
            return 0
        return self.streams.nbytes(self._text, images=images, steps=steps)

    def stream_of(self, passing: Pass, targets: Sequence[StreamTarget]) -> ConceptStream:
        """The concepts in the pass of a joint model that is running."""
        assert self.streams is not None and self._text is not None
        return self.streams.stream_of(passing, self._text, targets)

    @torch.inference_mode(mode=False)
    def finished(self, image: int) -> Concepts | None:
        """One image's, as plain data."""
        if self.streams is not None:
            return self.streams.finished(image)
        return self._buffers[image].finished() if self._buffers else None

    def captured(self) -> tuple[str, ...]:
        """What the manifest says of them."""
        if self._text is None:
            return ()
        prompt, spans = self._text.prompt, self._text.spans
        listed = ", ".join(repr(prompt.text[a:b]) for a, b in spans)
        what = "attention to" if self.streams is None else "shares of the attention outputs of"
        return (
            f"{what} the concepts {listed} of the attribution prompt {prompt.text!r}, "
            f"{len(self.columns)} tokens, of the same layers and steps",
        )
