"""The concepts of one call: encoded, checked and kept for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from daam_nb.errors import UnsupportedPipelineError
from daam_nb.recording import Concepts, Layer
from daam_nb.tracing.buffers import Buffers
from daam_nb.tracing.concepts.keys import ConceptBuffers, check_keys
from daam_nb.tracing.concepts.text import ConceptText, concept_text
from daam_nb.tracing.models import Adapter, Branch
from daam_nb.tracing.options import Options


class CallConcepts:
    """What a call's images attend to in concepts; nothing at all where none were asked for."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        self.adapter, self.options = adapter, options
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

    def encode(self, again: Callable[[], Any]) -> None:
        """Encode the attribution prompt as the call encodes its own."""
        if self.options.concepts is not None and self._text is None:
            self._text = concept_text(self.adapter, again, self.options.concepts)

    def check(self, layers: Sequence[Layer]) -> None:
        """Raise an `UnsupportedPipelineError` unless the layers can read the concepts."""
        if self.are_kept and self._text is None:
            raise UnsupportedPipelineError(
                f"{self.adapter.pipe_name} made its images without its own encode_prompt, by which "
                "the concepts would be encoded. Leave out concepts=."
            )
        for layer in layers if self.are_kept else ():
            check_keys(layer.name, self.adapter.net.get_submodule(layer.name))

    def allocate(self, layers: Sequence[Layer], *, images: int, steps: int) -> None:
        """Make room for what is kept."""
        text, options = self._text, self.options
        if text is None:
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

    @torch.inference_mode(mode=False)
    def finished(self, image: int) -> Concepts | None:
        """One image's, as plain data."""
        return self._buffers[image].finished() if self._buffers else None

    def captured(self) -> tuple[str, ...]:
        """What the manifest says of them."""
        if self._text is None:
            return ()
        prompt, spans = self._text.prompt, self._text.spans
        listed = ", ".join(repr(prompt.text[a:b]) for a, b in spans)
        return (
            f"attention to the concepts {listed} of the attribution prompt {prompt.text!r}, "
            f"{len(self.columns)} tokens, of the same layers and steps",
        )
