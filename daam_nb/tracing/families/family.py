"""What a model family answers, and the plain data it answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from daam_nb.errors import SelectionError
from daam_nb.recording import Layer

Half = Literal["positive", "negative"]

Remark = tuple[str, str]
"""What is not recorded, and why."""


@dataclass(frozen=True)
class Encoded:
    """The text embeddings a call works with, a row per picture: (picture, key, channel)."""

    positive: Tensor
    negative: Tensor | None


@dataclass(frozen=True)
class Rows:
    """Batch rows of one denoiser pass.

    Attributes
    ----------
    positive, negative
        Row of each picture's conditional and unconditional half; empty where the pass has none.
    skipped
        Blocks of the batch that are neither (PAG's perturbed pass, for example).
    by_content
        Whether the embeddings themselves said so, or the order that this family uses.
    again
        The rows of those blocks: (half, rows) with ``"positive"`` or ``"negative"``.
    others
        Blocks of another text, which is neither.
    """

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    skipped: tuple[str, ...] = ()
    by_content: bool = True
    again: tuple[tuple[Half, tuple[int, ...]], ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Given:
    """What the denoiser is given in one pass.

    Attributes
    ----------
    sample
        Latents, a batch row first.
    text
        (row, key, channel): the text embeddings.
    latent_size
        (height, width) of the latents.
    extra
        Positions of the image's sequence that are not the image but other pictures, behind it.
    aside
        Where the pass is not one of those that are recorded: what it is, and why.
    """

    sample: Tensor
    text: Tensor
    latent_size: tuple[int, int]
    extra: int = 0
    aside: Remark | None = None


@dataclass(frozen=True)
class Seats:
    """Where image and text stand among the queries and keys of one layer.

    Attributes
    ----------
    queries, keys
        How many there are.
    image
        The queries that are cells of the image, row by row.
    text
        Key position of the first column of the text.
    """

    queries: int
    keys: int
    image: slice
    text: int


@dataclass(frozen=True)
class Reading:
    """The key columns that one text encoder makes, and what names them.

    Attributes
    ----------
    name
        As in ``trace(..., encoder=)``.
    tokenizer, encoder
        Of the pipeline; None where it has none.
    part
        The pipeline's name of that tokenizer.
    first, columns
        Position of its first column in the text embeddings, and how many there are.
    prompt, negative
        Arguments of the call that hold its text; the first that is given counts.
    windows
        Whether more columns than the tokenizer's limit are several windows of it.
    beside
        Encoder and tokenizer of a second text encoder that shares the columns, its channels behind
        those of the first.
    """

    name: str
    tokenizer: Any
    encoder: nn.Module | None
    first: int
    columns: int
    part: str = "tokenizer"
    prompt: tuple[str, ...] = ("prompt",)
    negative: tuple[str, ...] = ("negative_prompt",)
    windows: bool = True
    beside: tuple[nn.Module, Any] | None = None


class Family(ABC):
    """What is the same for all models of one architecture.

    Attributes
    ----------
    part
        The pipeline's name of its denoiser.
    joint
        Whether text and image are keys of one attention.
    way_out
        How to get processors that can be watched, for messages.
    """

    part: ClassVar[str]
    joint: ClassVar[bool] = False
    way_out: ClassVar[str]

    @abstractmethod
    def check(self, pipe: Any, net: nn.Module) -> None:
        """Raise an `UnsupportedPipelineError` unless this pipeline is read exactly."""

    @abstractmethod
    def attention_modules(self, net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
        """Every watched module with its dotted name, in the order of the forward pass."""

    @abstractmethod
    def layers(self, net: nn.Module, latent_size: tuple[int, int]) -> tuple[Layer, ...]:
        """The layers of the denoiser for latents of (height, width), before it has run."""

    @abstractmethod
    def given(self, arguments: Mapping[str, Any]) -> Given | None:
        """Read the arguments of one pass; None where they hold no text."""

    @abstractmethod
    def seats(self, layer: Layer, columns: int, extra: int) -> Seats:
        """Where the image, the text's `columns` and `extra` positions stand in a layer."""

    @abstractmethod
    def readings(self, pipe: Any) -> dict[str, str]:
        """Names that ``encoder=`` takes, the default first, each with what its columns are."""

    @abstractmethod
    def reading(self, pipe: Any, name: str, columns: int) -> Reading:
        """The part of a text of so many `columns` that one of `readings` made."""

    def chosen_reading(self, pipe: Any, name: str | None) -> str:
        """Check a choice of text encoder.

        Raises
        ------
        SelectionError
            Where the pipeline has no such text columns.
        """
        known = self.readings(pipe)
        if name is None:
            return next(iter(known))
        if not isinstance(name, str) or name not in known:
            choices = "; ".join(f"{known_name!r}: {what}" for known_name, what in known.items())
            raise SelectionError(
                f"encoder={name!r} names no text columns of this {type(pipe).__name__}. "
                f"There are {choices}."
            )
        return name

    def why_empty(self, reading: Reading, arguments: Mapping[str, Any]) -> str:
        """Why no text stands behind these columns in this call; nothing where there is one."""
        return ""

    def encoders(self, pipe: Any) -> list[nn.Module]:
        """The text encoders that name columns."""
        readings = (self.reading(pipe, name, 0) for name in self.readings(pipe))
        return [reading.encoder for reading in readings if reading.encoder is not None]

    def text_encoders(self, pipe: Any) -> list[nn.Module]:
        """All text encoders that make key columns; words can be hidden in them."""
        readings = [self.reading(pipe, name, 0) for name in self.readings(pipe)]
        beside = [reading.beside[0] for reading in readings if reading.beside is not None]
        return [*self.encoders(pipe), *beside]

    def encoded(self, result: Any, before: Encoded | None) -> Encoded | None:
        """The text embeddings after ``encode_prompt`` returned `result`."""
        first = result[:2] if isinstance(result, tuple) else ()
        tensors = [t for t in first if isinstance(t, Tensor)]
        if not tensors:
            return before
        return Encoded(tensors[0], tensors[1] if len(tensors) > 1 else None)

    def alone(self, ran: int) -> str:
        """What a pass of one block is where its text does not say: ``"p"`` or ``"n"``.

        Parameters
        ----------
        ran
            Passes before it in the same step.
        """
        return "p"

    def latents(self, frames: Tensor, latent_size: tuple[int, int]) -> Tensor:
        """Bring the latents of several steps to (step, channel, y, x)."""
        return frames

    def guided(self, encoded: Encoded, rows: Rows) -> bool:
        """Whether a call whose first pass has these rows runs on a negative prompt, too."""
        return bool(rows.negative)

    def guidance(self, pipe: Any, arguments: Mapping[str, Any]) -> float | None:
        """Scale of classifier-free guidance of a guided call."""
        scale = getattr(pipe, "guidance_scale", arguments.get("guidance_scale"))
        return None if scale is None else float(scale)

    def entrance(self, net: nn.Module) -> nn.Module | None:
        """The module that is to be given the very latents that the denoiser is given, if any."""
        return None

    def hands_text_on(self, net: nn.Module) -> bool:
        """Whether every layer is to be given the very text that the denoiser is given."""
        return False

    def remarks(
        self,
        pipe: Any,
        net: nn.Module,
        reading: Reading,
        arguments: Mapping[str, Any],
        *,
        negative: bool = False,
    ) -> Sequence[Remark]:
        """What of the text's attention a recording of this call does not hold.

        With `negative` it holds that to the negative prompt, too.
        """
        why = "both text encoders share the key columns; columns are named by"
        return [
            (f"the words of {second}, {text!r}", f"{why} {first}")
            for first, second, text in other_texts(arguments, "_2", negative=negative)
        ]


def other_texts(
    arguments: Mapping[str, Any], suffix: str, *, negative: bool
) -> Iterator[tuple[str, str, Any]]:
    """Texts of another encoder that are not those of the first: (first, other) names, the text.

    As diffusers does, an empty one counts as the first.
    """
    for first in ("prompt", "negative_prompt") if negative else ("prompt",):
        text = arguments.get(first + suffix)
        if text and text != arguments.get(first):
            yield first, first + suffix, text


def second_encoder(pipe: Any, *names: str) -> tuple[nn.Module, Any] | None:
    """Encoder and tokenizer of these names of a pipeline, where it has both."""
    encoder, tokenizer = (getattr(pipe, name, None) for name in names)
    if isinstance(encoder, nn.Module) and tokenizer is not None:
        return encoder, tokenizer
    return None


def named(pipe: Any, *names: str) -> Any:
    """The first of a pipeline's parts of these names that there is."""
    return next((part for name in names if (part := getattr(pipe, name, None)) is not None), None)
