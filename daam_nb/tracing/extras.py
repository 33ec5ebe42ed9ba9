"""Optional data that a call records besides its attention: effects, concepts, self-attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from daam_nb.prompt import Prompt
from daam_nb.recording import Layer
from daam_nb.tracing.concepts.call import CallConcepts
from daam_nb.tracing.concepts.text import check_concepts
from daam_nb.tracing.effects.call import CallEffects, check_effects
from daam_nb.tracing.models import Adapter, Branch, Embeddings
from daam_nb.tracing.options import Options
from daam_nb.tracing.passes import Beside
from daam_nb.tracing.self_attention.call import CallSelfAttention


class Extras:
    """The optional data of one call; possibly none."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        self.effects = CallEffects(adapter, options)
        self.concepts = CallConcepts(adapter, options)
        self.self_attention = CallSelfAttention(adapter, options)

    def encode(
        self, arguments: Mapping[str, Any], embeddings: Embeddings | None, again: Callable[[], Any]
    ) -> None:
        """``encode_prompt`` returned, before the call is settled: encode the additional texts."""
        if self.effects.are_kept and embeddings is not None:
            self.effects.encode(arguments, embeddings, again)
        self.concepts.encode(again)

    def check(
        self, layers: Sequence[Layer], prompts: Sequence[Prompt], text: Callable[[], list[Tensor]]
    ) -> None:
        """Raise an `UnsupportedPipelineError` if something cannot be recorded.

        Parameters
        ----------
        layers
            The layers to be kept.
        prompts
            The text of each image.
        text
            Returns (key, channel) of each, as given to the denoiser.
        """
        if self.effects.are_kept:
            self.effects.check(layers, prompts, text())
        self.concepts.check(layers, text)
        self.self_attention.settle(layers)

    def columns(self, images: int) -> list[tuple[int, ...]]:
        """Key positions that are kept of each image, in every head, beside the prompt's."""
        return [self.concepts.columns_in_heads] * images

    def nbytes(self, *, images: int, steps: int) -> int:
        """Bytes that are kept of all images beside tokens and words."""
        of_concepts = self.concepts.nbytes(images=images, steps=steps)
        return of_concepts + self.self_attention.nbytes(images=images, steps=steps)

    def allocate(self, layers: Sequence[Layer], *, images: int, steps: int) -> None:
        """Allocate the buffers."""
        self.effects.allocate(layers, steps=steps)
        self.concepts.allocate(layers, images=images, steps=steps)
        self.self_attention.allocate(images=images, steps=steps)

    def beside(self, branch: Branch, images: int) -> list[Beside]:
        """The buffers of each image in a guidance pass."""
        parts = (
            self.effects.buffers(branch, images),
            self.concepts.buffers(branch, images),
            self.concepts.stream_buffers(branch, images),
            self.self_attention.buffers(branch, images),
        )
        return [Beside(*of_image) for of_image in zip(*parts, strict=True)]

    def check_text(self, branch: Branch, step: int, text: Sequence[Tensor]) -> None:
        """Raise a `ShapeError` if a pass reads another text than that of the effects."""
        if any(self.effects.buffers(branch, len(text))):
            self.effects.check_text(step, text, branch)

    def finished(self, image: int, *, negative: bool) -> dict[str, Any]:
        """The data of one image, by the fields of its recording."""
        return {
            "effects": self.effects.finished("conditional", image),
            "negative_effects": self.effects.finished("unconditional", image) if negative else None,
            "concepts": self.concepts.finished(image),
            "self_attention": self.self_attention.finished(image),
        }

    def captured(self, image: int) -> tuple[str, ...]:
        """The entries of one image's manifest."""
        words = self.effects.words_of("conditional", image)
        effects = f"effects of {words} words on the outputs of the same layers and steps"
        return (
            *([effects] if words else ()),
            *self.concepts.captured(),
            *self.self_attention.captured(),
        )


def check_extras(adapter: Adapter, options: Options) -> None:
    """Raise an `UnsupportedPipelineError` for what a model family does not have.

    A `SelectionError` where it has no maps of the concepts that are asked for.
    """
    if options.effects is not False:
        check_effects(adapter)
    if options.concepts is not None:
        check_concepts(adapter, options.concepts)
