"""The effects of one call's words: encoded, checked and kept for each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from daam_nb.errors import ShapeError, UnsupportedPipelineError
from daam_nb.prompt import Prompt
from daam_nb.recording import Effects, Layer
from daam_nb.tracing import texts
from daam_nb.tracing.effects.change import check_layer
from daam_nb.tracing.effects.hidden import HiddenWords, check_alike, hidden_words
from daam_nb.tracing.effects.watching import EffectBuffers
from daam_nb.tracing.models import Adapter, Branch, Embeddings
from daam_nb.tracing.options import Options


class CallEffects:
    """The effects of hiding words in one call; empty if not requested."""

    def __init__(self, adapter: Adapter, options: Options) -> None:
        self.adapter, self.options = adapter, options
        self._hidden: dict[Branch, tuple[HiddenWords, ...]] = {}
        self._buffers: dict[Branch, tuple[EffectBuffers | None, ...]] = {}
        self._text: dict[Branch, tuple[Tensor, ...]] = {}

    @property
    def are_kept(self) -> bool:
        """Whether they were requested."""
        return self.options.effects is not False

    @property
    def words(self) -> int:
        """Words of all images and of both guidance passes."""
        return sum(len(image.words) for images in self._hidden.values() for image in images)

    def encode(
        self, arguments: Mapping[str, Any], embeddings: Embeddings, again: Callable[[], Any]
    ) -> None:
        """Encode the call's texts again, once for each word, with the word hidden."""
        self._hidden = {}
        stream, options = self.adapter.stream(), self.options
        branches: tuple[Branch, ...] = (
            ("conditional", "unconditional") if options.negative else ("conditional",)
        )
        for branch in branches:
            rows = getattr(embeddings, branch)
            if not rows:
                continue
            told = texts.told(arguments, stream, branch, None, images=len(rows))
            said = [of_image.text for of_image in told if isinstance(of_image.text, str)]
            if len(said) == len(rows):
                self._hidden[branch] = hidden_words(
                    self.adapter,
                    again,
                    said,
                    branch=branch,
                    original=rows,
                    words_of=options.effect_words,
                )
        options.check_effect_words([image.prompt for h in self._hidden.values() for image in h])

    def check(
        self, layers: Sequence[Layer], prompts: Sequence[Prompt], text: Sequence[Tensor]
    ) -> None:
        """Raise unless these layers are linear in the text, and the text is the call's own.

        Parameters
        ----------
        layers
            The layers to be kept.
        prompts
            The text of each image, as the encoder read it.
        text
            (key, channel) of each, as given to the denoiser.

        Raises
        ------
        UnsupportedPipelineError
            With the reason.
        """
        hidden = self._hidden.get("conditional", ())
        if [_ids(of_image.prompt) for of_image in hidden] != [_ids(prompt) for prompt in prompts]:
            raise UnsupportedPipelineError(
                f"The text read by the {self.adapter.component} was not encoded from prompt= by "
                f"{self.adapter.pipe_name} within this call, so no word can be hidden in it and "
                "there are no effect maps. Give the text as prompt=, or leave out effects=."
            )
        check_alike(self.adapter, [of_image.embeddings for of_image in hidden], text)
        for layer in layers:
            check_layer(layer.name, self.adapter.net.get_submodule(layer.name))

    def check_text(self, step: int, text: Sequence[Tensor], branch: Branch) -> None:
        """Raise a `ShapeError` if a pass reads other embeddings than the first one.

        Parameters
        ----------
        step
            Of the loop.
        text
            (key, channel) of each image, as given to the denoiser.
        branch
            The branch of the text.
        """
        first = self._text.setdefault(branch, tuple(row.detach().clone() for row in text))
        if any(
            not torch.equal(now, before.to(now)) for now, before in zip(text, first, strict=True)
        ):
            raise ShapeError(
                f"The text embeddings were changed in step {step}, but effects are measured for "
                "the text that the call encoded. Leave the embeddings as they are, or leave out "
                "effects=."
            )

    def allocate(self, layers: Sequence[Layer], *, steps: int) -> None:
        """Allocate the buffers."""
        keep, dtype = self.options.keep, self.options.dtype
        self._buffers = {
            branch: tuple(
                EffectBuffers(of_image, layers, steps=steps, keep=keep, dtype=dtype)
                if of_image.words
                else None
                for of_image in images
            )
            for branch, images in self._hidden.items()
        }

    def buffers(self, branch: Branch, images: int) -> tuple[EffectBuffers | None, ...]:
        """The buffers of each image's effects in a guidance pass."""
        return self._buffers.get(branch, (None,) * images)

    def hidden(self, branch: Branch, image: int) -> HiddenWords | None:
        """Changes of one image's text embeddings by hiding words."""
        images = self._hidden.get(branch, ())
        return images[image] if image < len(images) else None

    def words_of(self, branch: Branch, image: int) -> int:
        """Words of one image whose effects are kept."""
        hidden = self.hidden(branch, image)
        return 0 if hidden is None else len(hidden.words)

    @torch.inference_mode(mode=False)
    def finished(self, branch: Branch, image: int) -> Effects | None:
        """The effects of one image, as plain data."""
        images = self._buffers.get(branch, ())
        of_image = images[image] if image < len(images) else None
        return None if of_image is None else of_image.finished()


def check_effects(adapter: Adapter) -> None:
    """Raise an `UnsupportedPipelineError` if a model family has no effect maps."""
    if adapter.attention == "cross" and adapter.hands_text_on:
        return
    why = (
        "its image and text share one attention, where a word also changes the image's keys"
        if adapter.attention == "joint"
        else "its layers read something that is computed from the text embeddings"
    )
    raise UnsupportedPipelineError(
        f"There are no effect maps of {adapter.pipe_name}: {why}. Leave out effects=."
    )


def _ids(prompt: Prompt) -> list[int]:
    return [token.id for token in prompt.tokens]
